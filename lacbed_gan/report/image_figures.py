"""Figures of images: best, median and worst cases, and one crystal at all thicknesses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lacbed_gan.base.files import replacing
from lacbed_gan.images.colours import COLOUR_MAP, DIFFERENCE_MAP
from lacbed_gan.report.collect import nm
from lacbed_gan.report.predicted import Case
from lacbed_gan.report.publication import COLUMN, PAGE, SCREEN_DPI, new_figure, published

NAMES = {"forward": ("ρ", "LACBED"), "inverse": ("LACBED", "ρ")}


@published
def cases_figure(cases: dict[str, Case], direction: str) -> Figure:
    """Input, prediction, truth and p(i, j) of a few cases, one row each, as figures 5 and 6 of arXiv 2503.02852.

    Args:
        cases: by what they are: best, median, worst.
    """
    figure = new_figure(PAGE, 41 * len(cases) + 8)
    grid = figure.subplots(len(cases), 4, squeeze=False)
    for axes, (name, case) in zip(grid, cases.items(), strict=True):
        _images(figure, axes, case, "right")
        axes[0].set_ylabel(f"{name}\n{_short(case.formula)}\n{case.space_group}")
        axes[1].set_xlabel(f"MSE {case.mse:.3g}   R {case.r:.4f}")
    for axes, title in zip(grid[0], _titles(direction), strict=True):
        axes.set_title(title)
    return figure


@published
def save_samples(cases: dict[str, Case], direction: str, path: Path) -> None:
    """A PNG of `cases_figure`."""
    with replacing(path) as file:
        cases_figure(cases, direction).savefig(file, format="png", dpi=SCREEN_DPI)


@published
def series_figure(cases: dict[float, Case], direction: str) -> Figure:
    """Input, prediction, truth and p(i, j) of one crystal, a column a thickness, as figure 7 of arXiv 2503.02852.

    Args:
        cases: by thickness in nm.
    """
    narrow = len(cases) <= 2
    width = COLUMN if narrow else PAGE
    figure = new_figure(width, 4 * (width - 8) / len(cases) + 28)
    grid = figure.subplots(4, len(cases), squeeze=False)
    for axes, (thickness, case) in zip(grid.T, cases.items(), strict=True):
        _images(figure, axes, case, "bottom")
        axes[0].set_title(f"{nm(thickness)} nm")
        axes[1].set_xlabel(f"MSE {case.mse:.3g}\nR {case.r:.4f}")
    for axes, title in zip(grid[:, 0], _titles(direction), strict=True):
        axes.set_ylabel(title)
    return figure


def _images(figure: Figure, axes: np.ndarray, case: Case, bar_at: str) -> None:
    for axis, image in zip(axes, (case.input, case.prediction, case.target), strict=False):
        axis.imshow(image, cmap=COLOUR_MAP, vmin=0, vmax=1, origin="lower")
    difference = (case.prediction - case.target) ** 2
    image = axes[3].imshow(difference, cmap=DIFFERENCE_MAP, vmin=0, vmax=difference.max() or 1.0, origin="lower")
    # full numbers at the ticks: a common factor above a bar would move it out of line with the others
    look = {"location": bar_at, "shrink": 0.9, "aspect": 14, "ticks": MaxNLocator(3), "format": "{x:.3g}"}
    bar = figure.colorbar(image, ax=axes[3], **look)
    bar.outline.set_linewidth(0.4)
    for axis in axes:
        axis.set(xticks=[], yticks=[])


def _titles(direction: str) -> tuple[str, ...]:
    source, result = NAMES[direction]
    return f"input: {source}", f"prediction: {result}", f"truth: {result}", "squared difference p(i, j)"


def _short(text: str, length: int = 24) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
