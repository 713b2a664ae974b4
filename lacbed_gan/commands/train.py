"""Train one cGAN: ``python -m lacbed_gan.train direction=inverse thickness=200 fold=3``."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.progress import progress
from lacbed_gan.commands.choices import begin_from, kind, network_settings, prepare, start_of
from lacbed_gan.commands.command import in_process, launcher, require, run_command, submitted
from lacbed_gan.commands.refusal import typed
from lacbed_gan.commands.train_settings import TrainSettings
from lacbed_gan.models.learning import LearningSettings
from lacbed_gan.running.folder import claimed, in_folder, run_group, run_name, thickness_name

if TYPE_CHECKING:
    import numpy as np

    from lacbed_gan.data.datamodule import PairDataModule
    from lacbed_gan.data.sources import Pairs

SAMPLES = 4  # test crystals shown in samples.png


def check(settings: TrainSettings) -> None:
    """Refuse what cannot be trained, before any folder is made."""
    import torch

    from lacbed_gan.data.sources import describe_pairs

    machine, cuda = settings.trainer, torch.cuda.is_available()
    gpu = cuda or submitted()
    require(machine.accelerator != "gpu" or gpu, "trainer=gpu, but PyTorch finds no GPU; take trainer=cpu")
    gpus = torch.cuda.device_count() if cuda and machine.accelerator != "cpu" else 0
    most = max(machine.devices) + 1 if isinstance(machine.devices, list) else machine.devices if gpus else 0
    require(
        most == "auto" or most <= gpus or submitted(),
        f"trainer.devices={typed(machine.devices)}, but trainer.accelerator={machine.accelerator} has {gpus} GPUs here",
    )
    bf16 = machine.precision == "bf16-mixed" and machine.accelerator != "cpu" and cuda
    require(
        not bf16 or torch.cuda.is_bf16_supported(including_emulation=False),
        "trainer.precision=bf16-mixed, but this GPU has no bfloat16; take trainer.precision=32-true",
    )
    start = start_of(settings)
    choices, _ = prepare(settings, describe_pairs(settings.store, settings.plain()["data"]), start)
    if start:
        start.require_fit(network_settings(choices))
    network_settings(choices)


def train(settings: TrainSettings) -> float | None:
    """One run; its folder is complete once it holds summary.json, and the same line goes on with one that is not.

    Returns:
        What a search of settings minimises: the MSE of the validation part, or, without one, of the test fold; None in
        processes that write no results.
    """
    from lacbed_gan.data.sources import open_pairs
    from lacbed_gan.running.devices import own_gpu
    from lacbed_gan.running.training import is_first_process

    plain = settings.plain()
    folder = settings.runs / run_name(plain)
    if summary := finished(folder, settings):
        return measure(summary)
    if launcher() == "basic" and settings.trainer.strategy != "auto":
        return alone(folder)
    # read and verified before there is a folder
    pairs = open_pairs(settings.store, plain["data"], lambda codes: progress(codes, len(codes)))
    with claimed(folder) if is_first_process() else nullcontext(), in_folder(folder):
        if summary := finished(folder, settings):  # by another process, just before
            return measure(summary)
        with own_gpu(plain["trainer"], launcher() == "joblib") as machine:
            return measure(train_in(folder, settings, machine, pairs))


def finished(folder: Path, settings: TrainSettings) -> Mapping[str, Any] | None:
    """The summary of a run that has all its epochs, and a line that says so; None for one that is to go on.

    Raises:
        SettingsError: it has fewer epochs, and nothing to go on from.
    """
    from lacbed_gan.running.summary import read_summary

    summary = read_summary(folder)
    if not summary:
        return None
    epochs = summary.get("epochs", settings.epochs)
    if epochs < settings.epochs and not summary.get("stopped_early"):
        require(
            (folder / "last.ckpt").exists(),
            f"{folder}: finished after {epochs} epochs, but last.ckpt, from which it would go on to "
            f"epochs={settings.epochs}, is gone; delete the folder to train it again",
        )
        return None
    more = f" after {epochs} epochs" if epochs > settings.epochs else ""
    early = " early, because it did not get better," * bool(summary.get("stopped_early"))
    print(f"{folder} holds this run, finished{early}{more}; delete the folder to train it again")
    if settings.logger.name == "wandb" and "WANDB_SWEEP_ID" in os.environ:  # the agent waits for its own run
        from lacbed_gan.running.tracking import wandb_run

        with wandb_run(folder, settings.logger.group, settings.logger.project, settings.plain()) as logger:
            if logger:
                logger.attempt(lambda: logger.experiment.summary.update(dict(summary)))
    return summary


def alone(folder: Path) -> float | None:
    """A run of several processes in a sweep, as a command of its own: they begin as copies of their command."""
    from lacbed_gan.running.summary import read_summary

    status = in_process("train")
    if status in (128 + signal.SIGTERM, 128 + signal.SIGINT):
        raise SystemExit(status)
    require(status == 0, f"{folder}: this run failed; the lines above say why")
    return measure(read_summary(folder))


def measure(summary: Mapping[str, Any] | None) -> float | None:
    """The number that a search of settings minimises."""
    return None if summary is None else summary.get("validation/mse", summary.get("test/mse"))


def train_in(
    folder: Path, settings: TrainSettings, machine: Mapping[str, Any], pairs: Pairs
) -> Mapping[str, Any] | None:
    """The run in its folder, which belongs to this process: goes on where it stands, to the end; its summary."""
    from lacbed_gan.data.references import familiarity
    from lacbed_gan.models.build import build_gan
    from lacbed_gan.report.run import write_results
    from lacbed_gan.running import training
    from lacbed_gan.running.resume import Standing, checkpoint_to_resume, length, provenance
    from lacbed_gan.running.summary import set_aside
    from lacbed_gan.running.tracking import wandb_run

    start = start_of(settings)
    choices, data = prepare(settings, pairs, start)
    group = getattr(settings.logger, "group", None) or run_group(settings.plain())
    plain = choices.plain() | {"group": group}
    training.begin(settings.seed)
    module = build_gan(network_settings(choices), LearningSettings.of_run(dict(choices)))
    module.config = {"settings": plain, "data": provenance(data)}
    last, where = checkpoint_to_resume(folder, module.config["data"], settings.allow_data_change)
    standing = Standing.of(last) if last else None
    epochs, change = length(standing, settings.epochs, settings.schedule, settings.early_stopping)
    lines = [f"{folder.name}: {kind(module, choices)}", where, f"{folder}: {change}" if change else ""]
    if start:
        module.config["data"]["start"] = f"{settings.start} ({start.checksum})"
        lines += begin_from(start, module, network_settings(choices), settings.fold) if last is None else []
    if training.is_first_process():
        print(*filter(None, lines), sep="\n", end="\n" * any(lines), flush=True)
        set_aside(folder)
    write_atomically(folder / "config.yaml", yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    data.setup()
    module.familiar = familiarity(data)
    samples = data.batch(spread(data.test_rows))
    started = time.monotonic()
    record = nullcontext()
    if settings.logger.name == "wandb":
        facts = {"checksum": data.store.checksum, "train_crystals": len(data.train_rows)}
        facts |= {"test_crystals": len(data.test_rows), "parameters": training.parameters(module)}
        tags = [settings.direction, thickness_name(choices.thickness), f"fold{settings.fold}"]
        tags += [choices.model.generator.name]
        record = wandb_run(folder, group, settings.logger.project, plain | facts, tags=tags)
    with record as logger:
        outcome = training.train(
            module,
            data,
            folder,
            last,
            epochs=epochs,
            machine=machine,
            patience=settings.early_stopping,
            checkpoint_every=settings.checkpoint_every,
            deterministic=settings.deterministic,
            profile=settings.profile,
            bar=launcher() != "joblib",  # bars of runs side by side would overwrite each other
            logger=logger,
            callbacks=watching(data, settings) if logger else [],
        )
        if outcome is None:
            return None
        summary = write_results(folder, module, data, samples, time.monotonic() - started, outcome)
        if logger:
            weights = folder / ("best.ckpt" if "validation" in data.watched else "last.ckpt")
            logger.send(summary, folder / "crystals.csv", weights if settings.logger.weights else None)
    return summary


def watching(data: PairDataModule, settings: TrainSettings) -> list[Any]:
    """Callbacks that send more to W&B than numbers of epochs."""
    from lacbed_gan.running.samples import SampleImages
    from lacbed_gan.running.watching import StepCurves

    rows = spread(data.test_rows if data.watched[0] == "test" else data.validation_rows)
    names = [f"{data.store.index[row]['formula']} ({data.store.index[row]['id']})" for row in rows]
    steps = [StepCurves(settings.logger.every_steps)] if settings.logger.every_steps else []
    return [SampleImages(data.batch(rows), names), *steps]


def spread(rows: np.ndarray) -> np.ndarray:
    """A few of the rows, from the first on."""
    return rows[:: max(1, len(rows) // SAMPLES)][:SAMPLES]


def main() -> None:
    run_command("train", check, train)
