"""The loss curves of one run."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from lacbed_gan.base.files import replacing
from lacbed_gan.images.colours import LINE_COLOURS

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
