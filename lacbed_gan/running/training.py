"""Lightning's part of a run: the epochs, the checkpoints they leave, and the measures at the end."""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch._functorch import config as functorch_config

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.messages import printable
from lacbed_gan.models.checkpoints import read_checkpoint
from lacbed_gan.models.networks.drawing import Drawing
from lacbed_gan.running.checkpoints import AtomicCheckpointIO
from lacbed_gan.running.epochs import EpochLines, LossBar, MetricsTable
from lacbed_gan.running.profile import StepProfiler
from lacbed_gan.running.watching import Speed

MONITOR = "validation/mse"
DRAWN = "validation/loss"  # of networks that draw their answers: the mean of them can get better when they get worse
NOT_DETERMINISTIC = " does not have a deterministic implementation"  # of PyTorch's error


@dataclass(frozen=True)
class Outcome:
    """How training ended.

    Attributes:
        epochs: that were trained.
        epoch: that is reported on, counted from 1.
        early: whether training ended before all epochs, because it did not get better.
    """

    epochs: int
    epoch: int
    early: bool


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
    patience: int | None = None,
    checkpoint_every: int | None = None,
    deterministic: bool = False,
    profile: bool = False,
    bar: bool = True,
    logger: Any = None,
    callbacks: Sequence[L.Callback] = (),
) -> Outcome | None:
    """Train to the last epoch and measure the epoch that is reported on; None in processes that write no results.

    Args:
        data: with a ``watched`` part other than the test fold the epoch is chosen by that part's MSE, or, of
            networks that draw their answers, by their loss there.
        folder: of the run; last.ckpt, and best.ckpt where an epoch is chosen, are written there.
        last: a checkpoint to go on from.
        machine: accelerator, devices, strategy and precision of Lightning's Trainer, and whether to compile.
        patience: epochs without a lower MSE of the part that chooses, after which training ends; None: never.
        checkpoint_every: epochs after which a checkpoint is kept for good, epoch-10.ckpt, epoch-20.ckpt …
        deterministic: take only operations whose results do not change from run to run.
        bar: show a progress bar, where there is a terminal; else there is a line now and then.
        logger: of Lightning; None for no other record than the run's own files.

    Raises:
        SettingsError: the GPU has not enough memory, or an operation that is deterministic.
        SystemExit: SIGTERM came; the whole epochs are kept.
    """
    bar = bar and sys.stdout.isatty()
    chosen = "test" not in data.watched
    table = MetricsTable(folder / "metrics.csv")
    monitor = DRAWN if isinstance(module.generator, Drawing) else MONITOR
    stopping = EarlyStopping(monitor, patience=patience, check_on_train_epoch_end=True) if patience else None
    trainer = L.Trainer(
        max_epochs=epochs,
        logger=logger or False,
        callbacks=[
            table,
            LossBar(leave=False) if bar else EpochLines(folder.name),
            *([stopping] if stopping else []),
            # last comes last: a run that is killed between the two makes this epoch, and its best, again
            *([_checkpoint(folder, "best", monitor=monitor)] if chosen else []),
            *([NumberedCheckpoint(folder, checkpoint_every)] if checkpoint_every else []),
            _checkpoint(folder, "last", save_top_k=1),
            Speed(folder / "speed.csv"),
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
        deterministic=deterministic,
        **{key: machine[key] for key in ("accelerator", "devices", "strategy", "precision")},
    )
    if machine["compile"]:
        # The discriminator's judgement of generated pairs is taken backwards twice, for its own loss and for G's.
        functorch_config.donated_buffer = False
        for network in (module.generator, module.discriminator):
            if network is not None:
                network.compile()
    try:
        trainer.fit(module, data, ckpt_path=last)
        reached, early = trainer.current_epoch, bool(stopping and stopping.wait_count >= stopping.patience)
        trainer.logger = None  # the same measures again: not another point of the curves
        reported = folder / ("best.ckpt" if chosen else "last.ckpt")
        trainer.test(module, data.final_dataloaders(), ckpt_path=reported, verbose=False)
    except torch.OutOfMemoryError:
        size = data.batch_size
        smaller = "model=small, or a smaller size=…" if size == 1 else f"batch_size={size // 2}"
        raise SettingsError(f"the GPU has not enough memory for batch_size={size}; try {smaller}") from None
    except RuntimeError as error:
        if not deterministic or NOT_DETERMINISTIC not in str(error):
            raise
        name = printable(str(error).partition(NOT_DETERMINISTIC)[0], 80)
        raise SettingsError(
            f"deterministic=true: {name} has no deterministic form on this device; take trainer=cpu, or leave it out"
        ) from None
    except SIGTERMException:
        raise _stopped(folder, signal.SIGTERM) from None
    except SystemExit:  # Lightning's, on Ctrl-C
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise _stopped(folder, signal.SIGINT) from None
    if not trainer.is_global_zero:
        return None
    epoch = int(read_checkpoint(reported, mmap=True)["epoch"])
    measures = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("test/")}
    table.add(epoch, measures)
    return Outcome(reached, epoch + 1, early)


def _stopped(folder: Path, number: signal.Signals) -> SystemExit:
    """What ends the process when the signal came, after a line that says so."""
    if rank_zero_only.rank == 0:
        print(f"{folder}: stopped by {number.name}; the same line goes on", file=sys.stderr, flush=True)
    return SystemExit(128 + number)


def parameters(module: L.LightningModule) -> int:
    """How many numbers the networks of a module learn."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def is_first_process() -> bool:
    """Whether this process is the one of a run that makes its folder and speaks for it."""
    return rank_zero_only.rank == 0


class NumberedCheckpoint(ModelCheckpoint):
    """Keeps a checkpoint every so many epochs: epoch-10.ckpt, after ten."""

    def __init__(self, folder: Path, every: int):
        super().__init__(folder, save_top_k=-1, every_n_epochs=every, save_on_train_epoch_end=True)

    def format_checkpoint_name(self, metrics: dict[str, Any], *_: Any, **__: Any) -> str:
        return str(Path(self.dirpath) / f"epoch-{int(metrics['epoch']) + 1}.ckpt")


def _checkpoint(folder: Path, name: str, **choice: Any) -> ModelCheckpoint:
    return ModelCheckpoint(folder, name, enable_version_counter=False, save_on_train_epoch_end=True, **choice)
