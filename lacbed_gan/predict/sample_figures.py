"""The figure of samples: mean and deviation of ρ, some of the samples, and what they say of the strongest |U_hk|."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lacbed_gan.base.files import replacing
from lacbed_gan.images.colours import COLOUR_MAP, DIFFERENCE_MAP
from lacbed_gan.predict.frame import Frame, potential_frame
from lacbed_gan.predict.samples import PotentialSamples

DPI = 110
SHOWN = 4  # samples
REFLECTIONS = 12


@matplotlib.rc_context({"font.size": 8, "axes.titlesize": 9})
def save_samples_figure(samples: PotentialSamples, a: float | None, title: str, path: Path) -> None:
    """Mean, deviation and intervals above, the samples of the largest weights below.

    Args:
        a: cell edge in Å; without it axes are in fractions of the cell.
    """
    frame = potential_frame(samples.prediction.recipe, samples.images.shape[-1], a)
    figure = Figure(figsize=(10.4, 5.6), layout="constrained")
    figure.suptitle(f"{title}: {len(samples.images)} samples of ρ", parse_math=False)
    grid = figure.add_gridspec(2, SHOWN)
    _image(figure.add_subplot(grid[0, 0]), samples.mean, frame, "mean of ρ", COLOUR_MAP, 1.0)
    deviation = samples.deviation
    _image(
        figure.add_subplot(grid[0, 1]), deviation, frame, f"deviation, white {deviation.max():.2g} of the range",
        DIFFERENCE_MAP, float(deviation.max()) or 1.0,
    )  # fmt: skip
    _intervals(figure.add_subplot(grid[0, 2:]), samples)
    order = np.argsort(-samples.weights, kind="stable")[:SHOWN]
    for column, number in enumerate(order):
        name = f"sample {number + 1}"
        if samples.residual is not None:
            name += f", weight {samples.weights[number]:.2g}"
        _image(figure.add_subplot(grid[1, column]), samples.images[number], frame, name, COLOUR_MAP, 1.0)
    with replacing(path) as file:
        figure.savefig(file, dpi=DPI, format="png")


def _image(axes: Axes, image: np.ndarray, frame: Frame, title: str, colour_map: str, top: float) -> None:
    first, last = frame.extent
    axes.imshow(image, cmap=colour_map, vmin=0, vmax=top, extent=(first, last, last, first))
    x, y = (f"{axis} ({frame.unit})" for axis in frame.axes)
    axes.set(title=title, xlabel=x, ylabel=y)


def _intervals(axes: Axes, samples: PotentialSamples) -> None:
    """Median and central 50, 80 and 95 % intervals of the strongest |U_hk| of h ≥ 0."""
    rows = [row for row in samples.table() if row["h"] >= 0][:REFLECTIONS]
    place = np.arange(len(rows))
    for low, high, thickness in ((2.5, 97.5, 1.5), (10, 90, 4), (25, 75, 8)):
        bounds = [[row[f"size_{q:g}"] for row in rows] for q in (low, high)]
        axes.vlines(place, *bounds, color="tab:blue", linewidth=thickness, alpha=0.5)
    axes.plot(place, [row["size_50"] for row in rows], "k_", markersize=9)
    axes.set_xticks(place, [f"{row['h']:.0f} {row['k']:.0f}" for row in rows], rotation=60)
    unit = "1/Å²" if samples.span is not None else "of the range of ρ"
    axes.set(title="median and 50, 80, 95 % intervals", xlabel="h k", ylabel=f"|U_hk| ({unit})", ylim=(0, None))
