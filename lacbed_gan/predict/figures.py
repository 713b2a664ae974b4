"""Figures of predictions for a user's own crystals and patterns, with axes in 1/Å and Å."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from lacbed_gan.base.files import replacing
from lacbed_gan.images.colours import COLOUR_MAP, DIFFERENCE_MAP
from lacbed_gan.predict.frame import Frame, pattern_frame, potential_frame

if TYPE_CHECKING:
    from lacbed_gan.predict.exact import Exact
    from lacbed_gan.predict.prediction import PatternPrediction, PotentialPrediction

DPI = 110


@matplotlib.rc_context({"font.size": 8, "axes.titlesize": 9})
def save_patterns_figure(
    prediction: PatternPrediction, a: float | None, title: str, path: Path, exact: Exact | None = None
) -> None:
    """Predicted patterns, a column a thickness; below them the exact ones and the squared difference, where given.

    Args:
        a: cell edge in Å; None for axes in units of the net.
    """
    rows = 1 if exact is None else 3
    frame = pattern_frame(prediction.recipe, prediction.pattern.shape[-1], a)
    if a is None:
        frame = replace(frame, unit="b₁, b₂", axes=("κ₁", "κ₂"))
    figure, grid = _grid(rows, len(prediction.thickness))
    figure.suptitle(title, parse_math=False)
    for column, thickness in enumerate(prediction.thickness):
        _draw(grid[0, column], prediction.pattern[column], frame)
        grid[0, column].set_title(f"{thickness:g} nm")
        if exact is not None:
            _draw(grid[1, column], exact.pattern[column], frame)
            grid[1, column].set_title(f"R {exact.r[column]:.4f}, MSE {exact.mse[column]:.3g}")
            difference = (prediction.pattern[column] - exact.pattern[column]) ** 2
            image = _draw(grid[2, column], difference, frame, DIFFERENCE_MAP)
            place = grid[2, column].inset_axes((0.0, -0.3, 1.0, 0.06))
            bar = figure.colorbar(image, cax=place, orientation="horizontal")
            bar.ax.locator_params(nbins=4)
        grid[-1, column].set_xlabel(f"{frame.axes[0]} ({frame.unit})")
    for axes, name in zip(grid[:, 0], ("network", "exact", "squared difference"), strict=False):
        axes.set_ylabel(f"{name}\n{frame.axes[1]} ({frame.unit})")
    with replacing(path) as file:
        figure.savefig(file, dpi=DPI, format="png")


@matplotlib.rc_context({"font.size": 8, "axes.titlesize": 9})
def save_potential_figure(prediction: PotentialPrediction, a: float | None, title: str, path: Path) -> None:
    """The prepared patterns and the predicted ρ side by side.

    Args:
        a: cell edge in Å; without it axes are in reciprocal lattice units and fractions of the cell.
    """
    recipe, size = prediction.recipe, prediction.potential.shape[-1]
    pattern, potential = pattern_frame(recipe, size, a), potential_frame(recipe, size, a)
    figure, ((*grid,),) = _grid(1, len(prediction.thickness) + 1)
    figure.suptitle(title, parse_math=False)
    residual = "" if prediction.check is None else f", 1 − R of its pattern {prediction.check.residual:.2g}"
    images = [
        (image, pattern, f"prepared pattern, {thickness:g} nm")
        for image, thickness in zip(prediction.pattern, prediction.thickness, strict=True)
    ]
    for axes, (image, frame, name) in zip(
        grid, [*images, (prediction.potential, potential, f"predicted ρ{residual}")], strict=True
    ):
        _draw(axes, image, frame)
        x, y = (f"{axis} ({frame.unit})" for axis in frame.axes)
        axes.set(title=name, xlabel=x, ylabel=y)
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


def _draw(axes: Axes, image: np.ndarray, frame: Frame, colour_map: str = COLOUR_MAP) -> AxesImage:
    """Draw an image over the coordinates of its pixels, row 0 on top."""
    first, last = frame.extent
    top = 1.0 if colour_map == COLOUR_MAP else float(image.max()) or 1.0
    return axes.imshow(image, cmap=colour_map, vmin=0, vmax=top, extent=(first, last, last, first))
