"""The figure of the learning curves from results.json, and its fits as a table: python experiments/weights/curve.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

HERE = Path(__file__).parent
PAPER = 12_843  # crystals of nine folds
NM = (50, 100, 150, 200)
# panel → network of results["curve"] or results["crowds"], its measure, what it is called
PANELS = {
    "forward": (("forward", "mse", "dense layers alone"), ("few beams", "mse", "corrects few beams")),
    "inverse": (("inverse", "origin_mse", "best origin"),),
}
# MSE · 10⁴ of arXiv 2503.02852 at 50 nm, and at its best and worst thickness
PUBLISHED = {"forward": (8.15,), "inverse": (2.3, 2.5)}
MARKS = "os"


def points(rows: list[dict[str, Any]], network: str, measure: str) -> tuple[np.ndarray, np.ndarray]:
    """Crystals and mean errors of one network at one thickness, in order of crystals."""
    found = sorted((row["crystals"], 1e4 * row[measure][0]) for row in rows if row["network"] == network)
    return np.array([n for n, _ in found], float), np.array([error for _, error in found])


def fitted(count: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Exponent of the power law, and what it gives for the paper's number of crystals."""
    slope, offset = np.polyfit(np.log(count), np.log(error), 1)
    return float(slope), float(np.exp(offset + slope * np.log(PAPER)))


def main() -> None:
    results = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    rows = results["curve"] + results["crowds"]
    figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
    print(f"| network | nm | exponent | MSE · 10⁴ at {PAPER:,} |\n|---|---|---|---|")
    for axis, (panel, networks) in zip(axes, PANELS.items(), strict=True):
        for mark, (network, measure, label) in zip(MARKS, networks, strict=False):
            for i, nm in enumerate(NM):
                count, error = points(rows, network, f"{measure}@{nm}")
                slope, expected = fitted(count, error)
                axis.loglog(count, error, mark, color=f"C{i}", label=f"{label}, {nm} nm: N^{slope:.2f}")
                line = np.geomspace(count.min(), PAPER, 50)
                axis.loglog(line, expected * (line / PAPER) ** slope, color=f"C{i}", lw=1)
                print(f"| {panel}, {label} | {nm} | {slope:.2f} | {expected:.3g} |")
        for value in PUBLISHED[panel]:
            axis.loglog(PAPER, value, "k*", ms=10, label=f"arXiv 2503.02852: {value}")
        steps = {row["steps"] for row in rows if row["network"] in {network for network, _, _ in networks}}
        title = f"{panel}, {' or '.join(f'{n:,}' for n in sorted(steps))} steps each"
        axis.set(title=title, xlabel="crystals trained on", ylabel="test MSE · 10⁴")
        axis.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)
    figure.savefig(HERE / "curve.png", dpi=110)


if __name__ == "__main__":
    main()
