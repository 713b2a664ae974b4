"""What each switch changes: one at a time, on the shipped pairs, with small networks on a CPU.

    python experiments/ablation/run.py forward
    python experiments/ablation/run.py inverse

Three seeds each, fold 0, 50 nm, 64 × 64 pixels. Stopped and started again it goes on where it was. Each call writes
<direction>.json and <direction>.md beside this file.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from lacbed_gan.commands.config import composed
from lacbed_gan.commands.train import check, train
from lacbed_gan.running.folder import run_name

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)
# The paper's setting with small networks: none of the switches. The error alone is the loss: every run is cheap.
BASE = ["size=64", "epochs=12", "batch_size=32", "trainer=cpu", "logger=csv", "runs=runs/ablation"]
BASE += [f"model.loss_weights.{name}" for name in ("adversarial=0", "feature_matching=0", "share=null")]
BASE += ["condition=none", "origin=given", "schedule=constant", "ema=0", "model.symmetry=none"]
ADVERSARIAL = ["model.loss_weights.adversarial=1", "model.loss_weights.feature_matching=10"]
SQUARES = "model.loss_weights={adversarial:0,feature_matching:0,l1:0,l2:100,span:0,share:null}"
UNET = ["model=small", "model.generator.filters=16", SQUARES, "epochs=5"]
SWITCHES: dict[str, dict[str, list[str]]] = {
    "forward": {
        "none of them": [],
        "condition=cell": ["condition=cell"],
        "condition=scale": ["condition=scale"],
        "augment.point_group": ["augment.point_group=true"],
        "augment.shift": ["augment.shift=true"],
        "origin=canonical": ["origin=canonical"],
        "L1 for L2": ["model.loss_weights.l2=0", "model.loss_weights.l1=100"],
        "adversarial and feature matching added": [
            "model.loss_weights.adversarial=1",
            "model.loss_weights.feature_matching=10",
        ],
        "schedule=cosine": ["schedule=cosine"],
        "ema=0.998": ["ema=0.998"],
        "validation": ["validation=true"],
        "thickness=all": ["thickness=all", "epochs=3"],  # four times the pairs an epoch
        "all of model=fourier": ["condition=scale", "origin=canonical", "schedule=cosine", "ema=0.998"],
        "the same, thickness=all": [
            *("condition=scale", "origin=canonical", "schedule=cosine", "ema=0.998", "thickness=all", "epochs=3")
        ],
        "U-Net": UNET,
        "U-Net, periodic": [*UNET, "model.generator.periodic=true"],
        "U-Net, symmetry=2": [*UNET, "model.symmetry='2'"],
        "U-Net, symmetry=2mm": [*UNET, "model.symmetry=2mm"],
    },
    "inverse": {
        "none of them": [],
        "condition=cell": ["condition=cell"],
        "origin=canonical": ["origin=canonical"],
        "canonical, point_group": ["origin=canonical", "augment.point_group=true"],
        "canonical, symmetry=2": ["origin=canonical", "model.symmetry='2'"],
        "range of ρ predicted": ["model.loss_weights.span=1"],
        "L1 for L2": ["model.loss_weights.l2=0", "model.loss_weights.l1=100"],
        "adversarial and feature matching added": [
            "model.loss_weights.adversarial=1",
            "model.loss_weights.feature_matching=10",
        ],
        "schedule=cosine": ["schedule=cosine"],
        "ema=0.998": ["ema=0.998"],
        "validation": ["validation=true"],
        "thickness=all": ["thickness=all"],
        "all of model=fourier": [
            *("condition=cell", "origin=canonical", "schedule=cosine", "ema=0.998", "model.symmetry='2'")
        ],
        "U-Net": UNET,
        "U-Net, periodic": [*UNET, "model.generator.periodic=true"],
        "U-Net, canonical": [*UNET, "origin=canonical"],
    },
}


def measured(direction: str, words: list[str], seed: int) -> dict[str, float]:
    """Summary of the run with these settings, trained unless it is finished."""
    config = composed("train", [*BASE, f"direction={direction}", f"seed={seed}", *words])
    check(config)
    train(config)
    summary = json.loads((Path(config.runs) / run_name(config.plain()) / "summary.json").read_text(encoding="utf-8"))
    at = "@50nm" if "test/mse@50nm" in summary else ""
    names = ("test/mse", "test/r", "train/mse", *(["test/origin_mse"] if direction == "inverse" else []))
    names += ("baseline/mean_image_mse", "baseline/nearest_mse")
    return {name: summary[name + at] for name in names} | {"seconds": summary["seconds"]}


def main(direction: str) -> None:
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in SWITCHES[direction]}
    for seed in SEEDS:
        for name, words in SWITCHES[direction].items():
            rows[name].append(measured(direction, words, seed))
    (HERE / f"{direction}.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    measure = "test/origin_mse" if direction == "inverse" else "test/mse"
    base = [row[measure] for row in rows["none of them"]]
    lines = [
        f"| {direction}, switch | {measure} · 10⁴ | spread | of the base | test/mse · 10⁴ | test/r | train/mse · 10⁴ |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in rows.items():
        values = [row[measure] for row in found]
        others = [statistics.mean(row[key] for row in found) for key in ("test/mse", "test/r", "train/mse")]
        lines.append(
            f"| {name} | {1e4 * statistics.mean(values):.3g} | {1e4 * statistics.stdev(values):.2g} "
            f"| {statistics.mean(values) / statistics.mean(base):.2f} "
            f"| {1e4 * others[0]:.3g} | {others[1]:.4f} | {1e4 * others[2]:.3g} |"
        )
    first = rows["none of them"][0]
    lines.append("")
    lines.append(
        f"Mean training image: {1e4 * first['baseline/mean_image_mse']:.3g}; the nearest training input's own output: "
        f"{1e4 * first['baseline/nearest_mse']:.3g} (plain MSE · 10⁴)."
    )
    (HERE / f"{direction}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1])
