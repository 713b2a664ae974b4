"""Figures of predictions for a user's own crystals and patterns, with axes in 1/Å and Å."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lacbed_gan.base.files import replacing
from lacbed_gan.diffraction.constants import HALF_WIDTH
from lacbed_gan.report.figures import COLOUR_MAP, DIFFERENCE_MAP

if TYPE_CHECKING:
    from lacbed_gan.predict.predictor import PatternPrediction, PotentialPrediction

DPI = 110


@matplotlib.rc_context({"font.size": 8, "axes.titlesize": 9})
def save_patterns_figure(
    found: PatternPrediction,
    a: float,
    title: str,
    path: Path,
    exact: np.ndarray | None = None,
    errors: list[tuple[float, float]] | None = None,
) -> None:
    """Predicted patterns, a column a thickness; below them the exact ones and the squared difference, where given.

    Args:
        a: cell edge in Å.
        exact: (T, H, W) in [0, 1].
        errors: T pairs (MSE, R).
    """
    rows = 1 if exact is None else 3
    count = len(found.thickness)
    figure, grid = _grid(rows, count)
    figure.suptitle(title, parse_math=False)
    for column, thickness in enumerate(found.thickness):
        _pattern(grid[0, column], found.pattern[column], a)
        grid[0, column].set_title(f"{thickness:g} nm")
        if exact is not None:
            _pattern(grid[1, column], exact[column], a)
            difference = (found.pattern[column] - exact[column]) ** 2
            shown = _pattern(grid[2, column], difference, a, DIFFERENCE_MAP)
            bar = figure.colorbar(
                shown, cax=grid[2, column].inset_axes((0.0, -0.3, 1.0, 0.06)), orientation="horizontal"
            )
            bar.ax.locator_params(nbins=4)
            mse, r = errors[column]
            grid[1, column].set_title(f"R {r:.4f}, MSE {mse:.3g}")
        grid[-1, column].set_xlabel("k_x (1/Å)")
    for axes, name in zip(grid[:, 0], ("network", "exact", "squared difference"), strict=False):
        axes.set_ylabel(f"{name}\nk_y (1/Å)")
    with replacing(path) as file:
        figure.savefig(file, dpi=DPI, format="png")


@matplotlib.rc_context({"font.size": 8, "axes.titlesize": 9})
def save_potential_figure(found: PotentialPrediction, a: float | None, title: str, path: Path) -> None:
    """The prepared patterns and the predicted ρ side by side.

    Args:
        a: cell edge in Å; without it axes are in reciprocal lattice units and fractions of the cell.
    """
    count = len(found.thickness)
    figure, ((*grid,),) = _grid(1, count + 1)
    figure.suptitle(title, parse_math=False)
    unit = "1/a" if a is None else "1/Å"
    for axes, pattern, thickness in zip(grid, found.pattern, found.thickness, strict=False):
        _pattern(axes, pattern, a or 1.0)
        axes.set(title=f"prepared pattern, {thickness:g} nm", xlabel=f"k_x ({unit})", ylabel=f"k_y ({unit})")
    edge, unit = (1.0, "a") if a is None else (a, "Å")
    grid[-1].imshow(found.potential, cmap=COLOUR_MAP, vmin=0, vmax=1, origin="lower", extent=(0, edge, 0, edge))
    residual = "" if found.check is None else f", 1 − R of its pattern {found.check.residual:.2g}"
    grid[-1].set(title=f"predicted ρ{residual}", xlabel=f"x ({unit})", ylabel=f"y ({unit})")
    with replacing(path) as file:
        figure.savefig(file, dpi=DPI, format="png")


def _grid(rows: int, columns: int) -> tuple[Figure, np.ndarray]:
    """Square axes with room for labels; laid out by hand, which takes half the time of an automatic layout."""
    edge, gap, left, bottom, top = 2.3, 0.55, 0.75, 0.5, 0.6  # inches
    below = bottom + (0.5 if rows > 1 else 0.0)  # the bars of the difference
    width = left + columns * edge + (columns - 1) * gap + 0.2
    height = below + rows * edge + (rows - 1) * gap + top
    figure = Figure(figsize=(width, height))
    place = {"left": left / width, "right": 1 - 0.2 / width, "bottom": below / height, "top": 1 - top / height}
    space = {"wspace": gap / edge, "hspace": gap / edge}
    return figure, figure.subplots(rows, columns, squeeze=False, gridspec_kw=place | space)


def _pattern(axes: Axes, image: np.ndarray, a: float, colour_map: str = COLOUR_MAP):
    """Draw a pattern over k in 1/Å."""
    edge = HALF_WIDTH / a
    top = 1.0 if colour_map == COLOUR_MAP else float(image.max()) or 1.0
    return axes.imshow(image, cmap=colour_map, vmin=0, vmax=top, origin="lower", extent=(-edge, edge, -edge, edge))
