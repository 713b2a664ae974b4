"""What width and the mean of three answers are worth at equal data, by three seeds and the validation part.

    python experiments/ablation/sizes.py STORE forward|inverse

The default network by the error alone, 50 nm, 40 epochs; the test fold is not looked at. Runs are in runs/adversarial,
where experiments/adversarial leaves the same ones. Writes sizes_<direction>.md beside this file.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
from pathlib import Path

import torch
from torch import Tensor

from lacbed_gan.commands.config import composed
from lacbed_gan.commands.train import check, train
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.measures.metrics import mse
from lacbed_gan.measures.origin import origin_mse
from lacbed_gan.models.inference import predict
from lacbed_gan.models.weights import load_weights
from lacbed_gan.running.folder import run_name
from lacbed_gan.store.packed import open_store

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)
ROWS = {
    "width 384, depth 3": [],
    "width 512, depth 3": ["model.generator.width=512"],
}


def answered(store: str, direction: str, seed: int, words: list[str]) -> tuple[list[str], Tensor, Tensor]:
    """Rows of the validation part, answers to it and true images, (N, 1, H, W); trained unless it was."""
    common = [f"store={store}", f"direction={direction}", "trainer=cpu", "logger=csv", "runs=runs/adversarial"]
    settings = composed("train", [*common, f"seed={seed}", "model.discriminator=null", *words])
    folder = settings.runs / run_name(settings.plain())
    with contextlib.redirect_stdout(sys.stderr):
        check(settings)
        train(settings)
    trained = load_weights(folder / "best.ckpt")
    network = trained.settings
    data = PairDataModule(
        open_store(store), direction, network.thickness, 0, 32, condition=network.condition, seed=seed,
        origin=network.origin, validation="part",
    )  # fmt: skip
    data.setup()
    batch = data.batch(data.validation_rows)
    with torch.no_grad():
        answers = predict(trained.network, batch["input"], batch.get("condition"))
    return data.validation_rows.tolist(), answers, batch["target"]


def main(store: str, direction: str) -> None:
    torch.set_num_threads(1)
    error = mse if direction == "forward" else origin_mse
    lines = ["| network | validation MSE · 10⁴ | of the first | median |", "|---|---|---|---|"]
    base: float | None = None
    for name, words in ROWS.items():
        runs = [answered(store, direction, seed, words) for seed in SEEDS]
        assert all(rows == runs[0][0] for rows, _, _ in runs)  # the part does not depend on the seed
        together = torch.stack([answers for _, answers, _ in runs]).mean(0)
        for kind, given in ((name, [run[1] for run in runs]), (f"{name}, the mean of three answers", [together])):
            errors = [1e4 * error(answers, runs[0][2]) for answers in given]
            means = [float(one.mean()) for one in errors]
            base = base or statistics.mean(means)
            spread = f" ± {statistics.stdev(means):.2g}" if len(means) > 1 else ""
            median = statistics.mean(float(one.median()) for one in errors)
            mean = statistics.mean(means)
            lines.append(f"| {kind} | {mean:.3g}{spread} | {mean / base:.2f} | {median:.3g} |")
        (HERE / f"sizes_{direction}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
