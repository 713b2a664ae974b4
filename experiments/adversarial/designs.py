"""What the discriminator of inverse networks is shown, and how many orders of ρ they write: by the validation part.

    python experiments/adversarial/designs.py STORE

50 nm, one seed; the test fold is not looked at. Writes designs.md beside this file; runs are in runs/adversarial.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import torch
from run import HERE, images

from lacbed_gan.commands.config import composed
from lacbed_gan.commands.train import check, train
from lacbed_gan.running.folder import run_name

DESIGNS = {
    "20 | nothing": ["model.generator.order=20", "model.discriminator=null"],
    "20 | ρ": ["model.generator.order=20", "model.discriminator.whitened=false"],
    "31 | nothing": ["model.discriminator=null"],
    "31 | ρ": ["model.discriminator.whitened=false"],
    "31 | ρ, and whitened": [],
}


def main(store: str) -> None:
    torch.set_num_threads(1)
    lines = ["| order | the discriminator sees | MSE · 10⁴ | told apart | spectrum, rms of log₁₀ | up to 20 periods |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for design, words in DESIGNS.items():
        words = [f"store={store}", "direction=inverse", "trainer=cpu", "logger=csv", *words]
        settings = composed("train", [*words, "runs=runs/adversarial"])
        folder = settings.runs / run_name(settings.plain())
        with contextlib.redirect_stdout(sys.stderr):
            check(settings)
            train(settings)
        summary = json.loads((folder / "summary.json").read_text())
        told = summary.get("validation/told_apart")
        found = images(store, folder, "inverse", settings.seed, part="validation")
        lines.append(
            f"| {design} | {1e4 * summary['validation/origin_mse']:.3g} | {'–' if told is None else f'{told:.2f}'} "
            f"| {found['spectrum']:.3f} | {found['low']:.3f} |"
        )
        (HERE / "designs.md").write_text("\n".join(lines) + "\n")
    print(Path(HERE / "designs.md").read_text())


if __name__ == "__main__":
    main(sys.argv[1])
