"""The best small configuration against pix2pixHD's generator with as many parameters, at equal processor time.

    python experiments/ablation/equal_time.py stores/standard forward
    python experiments/ablation/equal_time.py stores/standard inverse

Fold 0, 50 nm, three seeds, one thread. Two epochs of each tell how many fit into the time; the learning rate then ends
with them. Stopped and started again it goes on where it was. Writes equal_time_<direction>.json and .md beside this
file.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import torch

from lacbed_gan.base.files import write_atomically
from lacbed_gan.commands.config import composed
from lacbed_gan.commands.train import check, train
from lacbed_gan.models.weights import load_weights
from lacbed_gan.running.folder import run_name

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)
SECONDS = 150  # of the processor, for each run
PILOT = 2  # epochs
MODELS = {
    "experiment=best": ["experiment=best"],
    # Conditions, origin and the rest as the paper has them; the discriminator as narrow as the generator.
    "pix2pixhd_global, scaled": [
        *("model=pix2pixhd_global", "model.channels=1", "model.generator.filters=8", "model.discriminator.filters=8"),
        *("condition=none", "origin=given", "schedule=constant", "ema=0"),
    ],
}
KEPT = ("test/mse", "test/mse_median", "test/r", "test/r_median", "test/origin_mse", "test/origin_mse_median")
KEPT += ("test/origin_r", "train/mse", "baseline/mean_image_mse", "baseline/nearest_mse")


def run(words: list[str]) -> dict[str, float]:
    """Train unless it is done; the summary and the seconds of the processor, which a restart does not forget."""
    config = composed("train", words)
    check(config)
    folder = Path(config.runs) / run_name(config.plain())
    clock = folder.parent / f"{folder.name}.seconds"
    started = time.process_time()
    train(config)
    if not clock.exists():
        write_atomically(clock, str(time.process_time() - started))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    parameters = sum(p.numel() for p in load_weights(folder / "last.ckpt").network.parameters())
    return {name: summary[name] for name in KEPT if name in summary} | {
        "processor_seconds": float(clock.read_text(encoding="utf-8")),
        "epochs": config.epochs,
        "parameters": parameters,
    }


def main(store: str, direction: str) -> None:
    torch.set_num_threads(1)
    base = [f"store={store}", f"direction={direction}", "trainer=cpu", "logger=csv", "runs=runs/equal_time"]
    rows: dict[str, list[dict[str, float]]] = {}
    for name, words in MODELS.items():
        # in a folder of its own: more epochs would go on with it
        pilot = run([*base[:-1], "runs=runs/equal_time/pilot", *words, f"epochs={PILOT}"])
        epochs = max(PILOT + 1, round(SECONDS / pilot["processor_seconds"] * PILOT))
        rows[name] = [run([*base, *words, f"epochs={epochs}", f"seed={seed}"]) for seed in SEEDS]
    write_atomically(HERE / f"equal_time_{direction}.json", json.dumps(rows, indent=1) + "\n")
    measures = ["test/mse", "test/r"] if direction == "forward" else ["test/mse", "test/origin_mse", "test/origin_r"]
    lines = [f"| {direction} | parameters | processor s | epochs | {' | '.join(measures)} |"]
    lines.append("|---" * (4 + len(measures)) + "|")
    for name, found in rows.items():
        cells = []
        for measure in measures:
            values = [row[measure] for row in found]
            scale, digits = (1e4, 3) if measure.endswith("mse") else (1, 4)
            cells.append(f"{scale * statistics.mean(values):.{digits}g} ± {scale * statistics.stdev(values):.2g}")
        seconds = statistics.mean(row["processor_seconds"] for row in found)
        first = found[0]
        lines.append(
            f"| {name} | {first['parameters'] / 1e6:.2f} M | {seconds:.0f} | {first['epochs']} | {' | '.join(cells)} |"
        )
    first = rows["experiment=best"][0]
    lines += [
        "",
        "MSE · 10⁴, mean of three seeds ± their standard deviation. Mean training image "
        f"{1e4 * first['baseline/mean_image_mse']:.3g}, the nearest training input's own output "
        f"{1e4 * first['baseline/nearest_mse']:.3g}.",
    ]
    write_atomically(HERE / f"equal_time_{direction}.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
