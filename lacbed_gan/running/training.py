"""Lightning's part of a run: the epochs, the checkpoints they leave, and the measures at the end."""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.running.checkpoints import AtomicCheckpointIO
from lacbed_gan.running.epochs import EpochLines, LossBar, MetricsTable
from lacbed_gan.running.profile import StepProfiler


def begin(seed: int) -> None:
    """Seed everything, and keep Lightning's hints about hardware and workers off the screen: the data is in memory."""
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*treespec, LeafSpec.*")
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
    L.seed_everything(seed, verbose=False)


def train(
    module: L.LightningModule,
    data: L.LightningDataModule,
    folder: Path,
    last: Path | None,
    *,
    epochs: int,
    machine: Mapping[str, Any],
    validation: bool = False,
    profile: bool = False,
    bar: bool = True,
    logger: Any = None,
    callbacks: Sequence[L.Callback] = (),
) -> bool:
    """Train to the last epoch and measure the epoch that is reported on; whether this process writes the results.

    Args:
        folder: of the run; last.ckpt, and best.ckpt where there is a validation fold, are written there.
        last: a checkpoint to go on from.
        machine: accelerator, devices, strategy and precision of Lightning's Trainer, and whether to compile.
        bar: show a progress bar, where there is a terminal; else there is a line now and then.
        logger: of Lightning; None for no other record than the run's own files.

    Raises:
        SettingsError: the GPU has not enough memory.
        SystemExit: SIGTERM came; the whole epochs are kept.
    """
    bar = bar and sys.stdout.isatty()
    trainer = L.Trainer(
        max_epochs=epochs,
        logger=logger or False,
        callbacks=[
            MetricsTable(folder / "metrics.csv"),
            LossBar(leave=False) if bar else EpochLines(folder.name),
            # last comes last: a run that is killed between the two makes this epoch, and its best, again
            *([_checkpoint(folder, "best", monitor="validation/mse")] if validation else []),
            _checkpoint(folder, "last", save_top_k=1),
            *callbacks,
        ],
        plugins=[AtomicCheckpointIO()],
        profiler=StepProfiler(folder) if profile else None,
        default_root_dir=folder,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=bar,
        log_every_n_steps=1,
        **{key: machine[key] for key in ("accelerator", "devices", "strategy", "precision")},
    )
    if machine["compile"]:
        for network in (module.generator, module.discriminator):
            if network is not None:
                network.compile()
    try:
        trainer.fit(module, data, ckpt_path=last)
        trainer.logger = None  # the same measures again: not another point of the curves
        reported = folder / ("best.ckpt" if validation else "last.ckpt")
        trainer.validate(module, data, ckpt_path=reported, verbose=False)
    except torch.OutOfMemoryError:
        size = data.batch_size
        smaller = "model=small, or a smaller size=…" if size == 1 else f"batch_size={size // 2}"
        raise SettingsError(f"the GPU has not enough memory for batch_size={size}; try {smaller}") from None
    except SIGTERMException:
        if rank_zero_only.rank == 0:
            print(f"{folder}: stopped by SIGTERM; the same line goes on", file=sys.stderr, flush=True)
        raise SystemExit(128 + signal.SIGTERM) from None
    return trainer.is_global_zero


def is_first_process() -> bool:
    """Whether this process is the one of a run that makes its folder and speaks for it."""
    return rank_zero_only.rank == 0


def _checkpoint(folder: Path, name: str, **choice: Any) -> ModelCheckpoint:
    return ModelCheckpoint(folder, name, enable_version_counter=False, save_on_train_epoch_end=True, **choice)
