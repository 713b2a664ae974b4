"""The figure of the learning curve from results.json: python experiments/weights/curve.py"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

HERE = Path(__file__).parent
PAPER = 12_843  # crystals of nine folds
# network in results.json, measure, label, colour
CURVES = (
    ("direction=forward thickness=all", "mse@50", "forward, 50 nm", "C0"),
    ("direction=forward thickness=all", "mse@200", "forward, 200 nm", "C1"),
    ("direction=inverse thickness=50", "origin_mse@50", "inverse, 50 nm", "C2"),
    ("direction=inverse thickness=200", "origin_mse@200", "inverse, 200 nm", "C3"),
)
PUBLISHED = (("forward, 50 nm", 8.15, "C0"), ("inverse, 50 nm", 2.5, "C2"))  # ·10⁻⁴, arXiv 2503.02852


def main() -> None:
    results = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    figure, axes = plt.subplots(figsize=(6, 4.2), layout="constrained")
    for network, measure, label, colour in CURVES:
        rows = [row for row in results["curve"] if row["network"] == network]
        rows += [row for row in results["weights"] if measure in row and row["network"].split("-")[0] in network]
        count = np.array([row["crystals"] for row in rows], dtype=float)
        error = 1e4 * np.array([row[measure][0] for row in rows])
        slope, offset = np.polyfit(np.log(count), np.log(error), 1)
        line = np.geomspace(count.min(), PAPER, 50)
        expected = np.exp(offset + slope * np.log(PAPER))
        axes.loglog(count, error, "o", color=colour, label=f"{label}: N^{slope:.2f}, {expected:.2g} at {PAPER:,}")
        axes.loglog(line, np.exp(offset) * line**slope, color=colour, lw=1)
        print(f"{label}: exponent {slope:.2f}, {expected:.3g}e-4 at {PAPER}")
    for label, value, colour in PUBLISHED:
        axes.loglog(PAPER, value, "*", ms=11, color=colour, label=f"arXiv 2503.02852, {label}")
    axes.set(xlabel="crystals trained on", ylabel="test MSE · 10⁴")
    axes.legend(fontsize=7)
    figure.savefig(HERE / "curve.png", dpi=110)


if __name__ == "__main__":
    main()
