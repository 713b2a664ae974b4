"""The weights that ship: train both directions on the shipped pairs, keep the networks as safetensors.

    python experiments/weights/run.py

About an hour of one CPU core; stopped and started again it goes on where it was. Writes the files of
lacbed_gan/models/shipped and results.md, the measures of the model card.
"""

from __future__ import annotations

import json
from pathlib import Path

from lacbed_gan.base.files import write_atomically
from lacbed_gan.commands.config import composed
from lacbed_gan.commands.train import check, train
from lacbed_gan.models.weights import load_weights, save_weights
from lacbed_gan.running.folder import run_name

HERE = Path(__file__).parent
WEIGHTS = HERE.parents[1] / "lacbed_gan" / "models" / "shipped"
RUNS = {
    "forward": ["direction=forward", "thickness=all", "epochs=60"],
    "inverse": ["direction=inverse", "thickness=50", "model.loss_weights.span=1", "epochs=200"],
}


def main() -> None:
    WEIGHTS.mkdir(exist_ok=True)
    lines = ["| | nm | MSE test · 10⁴ | median | R test | MSE train · 10⁴ | nearest input |", "|---" * 7 + "|"]
    for name, words in RUNS.items():
        config = composed("train", ["experiment=best", "trainer=cpu", "logger=csv", "runs=runs/weights", *words])
        check(config)
        train(config)
        folder = Path(config.runs) / run_name(config.plain())
        trained = load_weights(folder / "last.ckpt")
        save_weights(WEIGHTS / f"{name}.safetensors", trained)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        thickness = trained.settings.thickness
        for one in thickness if len(thickness) > 1 else [None]:
            at = "" if one is None else f"@{one:g}nm"
            median = f"{1e4 * summary['test/mse_median']:.3g}" if one is None else ""  # not kept by thickness
            lines.append(
                f"| {name} | {thickness[0] if one is None else one:g} | {1e4 * summary['test/mse' + at]:.3g} "
                f"| {median} | {summary['test/r' + at]:.4f} "
                f"| {1e4 * summary['train/mse' + at]:.3g} | {1e4 * summary['baseline/nearest_mse' + at]:.3g} |"
            )
        if "test/origin_mse" in summary:
            lines.append(
                f"| {name}, best origin | 50 | {1e4 * summary['test/origin_mse']:.3g} "
                f"| {1e4 * summary['test/origin_mse_median']:.3g} | {summary['test/origin_r']:.4f} "
                f"| {1e4 * summary['train/origin_mse']:.3g} | |"
            )
            lines.append("")
            lines.append(f"Range of ρ: |ln(predicted/true)| is {summary['test/span_error']:.3f} in the mean.")
    write_atomically(HERE / "results.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
