"""Pictures of one run: loss curves, and samples of what it predicts."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from lacbed_gan.base.files import replacing
from lacbed_gan.images.colours import COLOUR_MAP, DIFFERENCE_MAP, LINE_COLOURS

matplotlib.use("Agg")


def save_loss_curves(rows: list[dict[str, float]], path: Path, title: str) -> None:
    """Train and test MSE above, the loss terms of G and D below, against epoch.

    Args:
        rows: one dict an epoch, as metrics.csv has them.
    """
    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    measures, losses = figure.subplots(2, 1, sharex=True)
    losses.set_prop_cycle(color=LINE_COLOURS)
    epoch = [row["epoch"] + 1 for row in rows]
    for name, style in (("train/mse", "--"), ("test/mse", "-")):
        colour = LINE_COLOURS[name == "train/mse"]
        measures.plot(epoch, [row.get(name, np.nan) for row in rows], style, color=colour, label=name)
    measures.set(ylabel="mean squared error", yscale="log", title=title)
    terms = sorted({name for row in rows for name in row if name.startswith("train/loss_")})
    for name in terms:
        losses.plot(epoch, [row.get(name, np.nan) for row in rows], label=name.removeprefix("train/loss_"))
    losses.set(xlabel="epoch", ylabel="weighted loss term", yscale="log")
    for axes in (measures, losses):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    with replacing(path) as file:
        figure.savefig(file, dpi=100, format="png")


def save_samples(
    images: dict[str, np.ndarray], labels: list[str], errors: list[tuple[float, float]], path: Path, direction: str
) -> None:
    """Input, prediction, truth and squared difference of a few crystals, one row each.

    Args:
        images: "input", "prediction", "target" (B, H, W) in [0, 1].
        labels: B names of crystals.
        errors: B pairs (MSE, R).
    """
    names = {"forward": ("potential ρ", "LACBED"), "inverse": ("LACBED", "potential ρ")}[direction]
    titles = (f"input: {names[0]}", f"prediction: {names[1]}", f"truth: {names[1]}", "squared difference")
    count = len(labels)
    figure = Figure(figsize=(9.6, 2.45 * count + 0.3), layout="constrained")
    grid = figure.subplots(count, 4, squeeze=False)
    difference = (images["prediction"] - images["target"]) ** 2
    for row, axes in enumerate(grid):
        for axis, image in zip(
            axes, (images["input"][row], images["prediction"][row], images["target"][row]), strict=False
        ):
            axis.imshow(image, cmap=COLOUR_MAP, vmin=0, vmax=1, origin="lower")
        image = axes[3].imshow(difference[row], cmap=DIFFERENCE_MAP, vmin=0, origin="lower")
        figure.colorbar(image, ax=axes[3], shrink=0.85)
        axes[0].set_ylabel(labels[row], fontsize="small", parse_math=False)
        axes[1].set_xlabel(f"MSE {errors[row][0]:.4f}   R {errors[row][1]:.3f}", fontsize="small")
        for axis in axes:
            axis.set(xticks=[], yticks=[])
    for axis, title in zip(grid[0], titles, strict=True):
        axis.set_title(title, fontsize="medium")
    with replacing(path) as file:
        figure.savefig(file, dpi=100, format="png")
