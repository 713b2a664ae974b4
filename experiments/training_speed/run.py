"""Seconds and memory of one training step: the reference step written plainly against the package's, same network.

    python experiments/training_speed/run.py

Plain: three channels, float32, the loop of pix2pixHD written down: the discriminator judges generated pairs twice, once
for each loss, its gradients are computed in both, Adam as PyTorch makes it by default. Default: `ConditionalGAN`'s step
with one channel, driven by Lightning's own objects without a trainer's bookkeeping. The two alternate, step by step, so
that whatever else the machine does hits both. Writes results.json and results.md beside this file.
"""

from __future__ import annotations

import json
import resource
import statistics
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor

from lacbed_gan.commands.config import composed
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.models.build import build_gan
from lacbed_gan.models.gan import ConditionalGAN
from lacbed_gan.models.inference import to_channels
from lacbed_gan.models.losses import discriminator_terms, generator_terms, judgement_terms
from lacbed_gan.models.settings import NetworkSettings

HERE = Path(__file__).parent
CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")
# name → settings, steps that are timed of each kind
CASES = {
    "small U-Net and discriminator, 128 × 128, batch 16": (["model=small", "batch_size=16"], 20),
    "pix2pixhd_global (182 M), 64 × 64, batch 4": (["model=pix2pixhd_global", "size=64", "batch_size=4"], 4),
}
AGREEING = 20  # steps over which the losses are compared


def plain_step(module: ConditionalGAN) -> Callable[[dict[str, Tensor]], Tensor]:
    """The reference step; returns the generator's loss."""
    networks = (module.generator, module.discriminator)
    rate, betas, gan_loss = module.learning.learning_rate, module.learning.betas, module.learning.gan_loss
    optimizer_g, optimizer_d = (torch.optim.Adam(n.parameters(), rate, betas) for n in networks)

    def step(batch: dict[str, Tensor]) -> Tensor:
        image, target = (to_channels(batch[name], module.channels) for name in ("input", "target"))
        prediction = module.generator(image, batch.get("condition"))
        pooled = module.discriminator(image, prediction.detach())
        real = module.discriminator(image, target)
        generated = module.discriminator(image, prediction)
        loss_d = sum(discriminator_terms(pooled, real, gan_loss).values())
        terms = generator_terms(module.loss_weights, prediction, target)
        terms |= judgement_terms(module.loss_weights, generated, real, gan_loss)
        loss_g = sum(terms.values())
        optimizer_g.zero_grad()
        loss_g.backward(retain_graph=True)
        slopes = [parameter.grad for parameter in module.generator.parameters()]
        optimizer_d.zero_grad()
        loss_d.backward()
        for parameter, slope in zip(module.generator.parameters(), slopes, strict=True):
            parameter.grad = slope
        optimizer_g.step()
        optimizer_d.step()
        return loss_g.detach()

    return step


def default_step(module: ConditionalGAN) -> Callable[[dict[str, Tensor]], Tensor]:
    """`ConditionalGAN.training_step`, with what it asks of a trainer replaced by the least that serves."""
    optimizers = module.configure_optimizers()
    module.optimizers = lambda: optimizers
    module.lr_schedulers = lambda: None
    module.manual_backward = lambda loss, **arguments: loss.backward(**arguments)
    number = count()
    module.log_dict = lambda values, **_: None
    module.trainer = SimpleNamespace(is_last_batch=False, current_epoch=0, global_step=0)

    def step(batch: dict[str, Tensor]) -> Tensor:
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=CUDA):
            module.training_step(batch, next(number))
        return module.totals["loss_g"]

    return step


def made(words: list[str], channels: int, seed: int = 0) -> tuple[ConditionalGAN, PairDataModule]:
    """Module and data of these settings, with that many channels."""
    words = ["trainer=cpu", "logger=csv", f"model.channels={channels}", *words]
    config = composed("train", words)
    data = PairDataModule("bundled", "forward", 50, 0, config.batch_size, config.size, seed=seed)
    data.setup()
    choices = {"condition": (), "origin": "given", "size": data.size}
    torch.manual_seed(seed)
    return build_gan(NetworkSettings.of_run(config.plain() | choices), config).to(DEVICE), data


def clock() -> float:
    """Seconds: of the process on a CPU, which others cannot lengthen much; of the wall on a GPU, after its work."""
    if CUDA:
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def batches(data: PairDataModule, count: int) -> list[dict[str, Tensor]]:
    found = []
    loader = data.train_dataloader()
    while len(found) < count:
        found += [{k: v.to(DEVICE) for k, v in batch.items()} for batch in loader]
    return found[:count]


def memory(step: Callable, batch: dict[str, Tensor]) -> float | None:
    """Peak of a step in GiB on a GPU."""
    if not CUDA:
        return None
    torch.cuda.reset_peak_memory_stats()
    step(batch)
    return torch.cuda.max_memory_allocated() / 2**30


def compare(words: list[str], steps: int) -> dict[str, float | None]:
    """Median times of both steps, their ratio, and how far their losses part when only speed differs."""
    (plain, data), (default, _) = made(words, 3), made(words, 1)
    kinds = {"plain": plain_step(plain), "default": default_step(default)}
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for number, batch in enumerate(batches(data, steps + 2)):
        for name, step in kinds.items():
            started = clock()
            step(batch)
            if number >= 2:
                times[name].append(clock() - started)
    row: dict[str, float | None] = {name: statistics.median(values) for name, values in times.items()}
    row["ratio"] = row["plain"] / row["default"]
    row |= {f"memory_{name}": memory(step, batch) for name, step in kinds.items()}
    row["images_per_second"] = len(batch["input"]) / row["default"]
    return row


def agreement(words: list[str]) -> float:
    """Largest relative difference of the generator's loss over the first steps, both with one channel in float32."""
    (plain, data), (default, _) = made(words, 1), made(words, 1)
    first, second = plain_step(plain), default_step(default)
    differences = []
    for batch in batches(data, AGREEING):
        one, other = first(batch), second(batch)
        differences.append(float((one - other).abs() / one.abs()))
    return max(differences)


def main() -> None:
    found = {name: compare(words, steps) for name, (words, steps) in CASES.items()}
    result = {
        "device": torch.cuda.get_device_name() if CUDA else f"CPU, {torch.get_num_threads()} thread",
        "cases": found,
        "loss_difference": None
        if CUDA
        else agreement(["model=small", "size=64", "batch_size=16", "learning_rate=2e-4"]),
        "peak_of_the_process_GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }
    (HERE / "results.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    lines = ["| network | plain, s a step | default, s a step | ratio | images/s |", "|---|---|---|---|---|"]
    for name, row in found.items():
        lines.append(
            f"| {name} | {row['plain']:.3g} | {row['default']:.3g} | {row['ratio']:.2f} "
            f"| {row['images_per_second']:.3g} |"
        )
    (HERE / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines), f"\nlosses of {AGREEING} steps agree to {result['loss_difference']}")


if __name__ == "__main__":
    main()
