"""Measured and calculated patterns side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PAIRS = 5  # in a row
SHOWN = 6  # calculated reflections of a series in the picture without measured ones


def _show(axes: Any, image: NDArray[np.float64], title: str) -> None:
    axes.imshow(image, cmap="gray", origin="lower")
    axes.set_title(title, fontsize=7, pad=2)


def draw_comparison(
    path: Path,
    formula: str,
    hkl: Sequence[tuple[int, int, int]],
    measured: NDArray[np.float64],
    calculated: NDArray[np.float64],
    r: NDArray[np.float64],
) -> None:
    """Pairs of images (R, H, W), measured on the left, each scaled by itself; rows of a picture are k_y, rising."""
    rows = math.ceil(len(hkl) / PAIRS)
    figure, axes = plt.subplots(rows, 2 * PAIRS, figsize=(2.2 * PAIRS, 1.25 * rows), squeeze=False)
    for each in axes.flat:
        each.axis("off")
    for i, index in enumerate(hkl):
        pair = axes[i // PAIRS, 2 * (i % PAIRS) :]
        _show(pair[0], measured[i], " ".join(map(str, index)))
        _show(pair[1], calculated[i], f"r {r[i]:.3f}")
    figure.suptitle(f"{formula}: measured and calculated", fontsize=9)
    figure.tight_layout(pad=0.3, rect=(0, 0, 1, 0.975))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_simulated(path: Path, simulated: Sequence[tuple[Any, Sequence[tuple[int, int, int]], Any]]) -> None:
    """Some calculated patterns of each series, without blur: (series, reflections, agreement)."""
    figure, axes = plt.subplots(len(simulated), SHOWN, figsize=(1.35 * SHOWN, 1.5 * len(simulated)), squeeze=False)
    for row, (series, hkl, agreement) in zip(axes, simulated, strict=True):
        order = sorted(range(len(hkl)), key=lambda i: sum(x**2 for x in hkl[i]))[:SHOWN]
        for each, i in zip(row, order, strict=False):
            _show(each, agreement.images[i], f"{series.formula} {' '.join(map(str, hkl[i]))}")
    for each in axes.flat:
        each.axis("off")
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=80)
    plt.close(figure)
