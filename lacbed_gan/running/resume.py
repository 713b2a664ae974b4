"""Going on with a run that was stopped: from its last epoch, or from within one that SIGTERM ended."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.models.checkpoints import AtomicCheckpointIO, read_checkpoint
from lacbed_gan.models.weights import WeightsError

LAST, STOPPED = "last.ckpt", "stopped.ckpt"


def provenance(data: PairDataModule) -> dict[str, Any]:
    """What a checkpoint must know of the data it was trained on."""
    predicted = "log_span" in data.standardisation and data.direction == "inverse"
    return {
        "checksum": data.store.checksum,
        "recipe": data.store.recipe.to_json(),
        "folds": hashlib.sha256(data.fold_of.astype("<i8").tobytes()).hexdigest(),
        "condition_mean": [data.standardisation[name][0] for name in data.condition] or None,
        "condition_std": [data.standardisation[name][1] for name in data.condition] or None,
        "scale_mean": [data.standardisation["log_span"][0]] if predicted else None,
        "scale_std": [data.standardisation["log_span"][1]] if predicted else None,
    }


def checkpoint_to_resume(folder: Path, data: dict[str, Any], allow_data_change: bool) -> tuple[Path | None, str]:
    """The checkpoint of the last whole epoch, if there is one, and a line on where the run goes on, if it does.

    What a write that was cut short has left is removed.

    Args:
        data: checksum of the store, and of the folds, that there are now.

    Raises:
        SettingsError: a checkpoint is damaged, or of other data than there are now.
    """
    lines = []
    for partial in sorted(folder.glob("*.ckpt.part")):
        partial.unlink(missing_ok=True)  # another process of this run may have been first
        lines.append(f"{partial.name} was cut short and is left out")
    found = {}
    for path in (folder / LAST, folder / STOPPED):
        if path.exists():
            found[path.name] = kept = _read(path)
            for key, what in (("checksum", "other data than the store holds now"), ("folds", "other folds")):
                if kept["config"]["data"].get(key) == data[key]:
                    continue
                if not allow_data_change:
                    raise SettingsError(
                        f"{path} was trained on {what}; delete {folder} to start again, or go on with "
                        "allow_data_change=true"
                    )
                lines.append(f"{path.name} was trained on {what}")
    whole = found[LAST]["epoch"] + 1 if LAST in found else 0
    if STOPPED in found and found[STOPPED]["epoch"] == whole:
        lines.append(f"it goes on in epoch {whole}, after batch {len(found[STOPPED]['logged'])}")
    elif LAST in found:
        lines.append(f"it goes on after epoch {whole - 1}")
    return folder / LAST if LAST in found else None, f"{folder}: {', '.join(lines)}" if lines else ""


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_checkpoint(path, mmap=True)
    except WeightsError as error:
        raise SettingsError(f"{error}; put a copy of it back, or delete it to lose what it held") from None


class KeepPartOfEpoch(Callback):
    """Writes what an epoch has come to when SIGTERM ends it, after the step that it finds, and takes it up again.

    Lightning starts such an epoch from its beginning, with the last epoch's checkpoint. The module then has the weights
    of the later moment and passes the batches that it has trained on with the losses that they had, so that the means
    over the epoch are the same too. Several processes go on from the last whole epoch instead.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path):
        self.path = folder / STOPPED

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        if trainer.world_size > 1 or not self.path.exists():
            return
        kept = read_checkpoint(self.path)
        if kept["epoch"] != trainer.current_epoch:  # it has come to its end since
            self.path.unlink()
            return
        module.load_state_dict(kept["state_dict"])
        for part, state in zip(_parts(trainer), kept["parts"], strict=True):
            part.load_state_dict(state)
        module.passed = [{k: v.to(module.device) for k, v in values.items()} for values in kept["logged"]]

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        if isinstance(exception, SIGTERMException) and trainer.world_size == 1 and module.logged:
            kept = {
                "epoch": trainer.current_epoch,
                "state_dict": module.state_dict(),
                "parts": [part.state_dict() for part in _parts(trainer)],
                "logged": module.logged,
                "config": module.config,
            }
            AtomicCheckpointIO().save_checkpoint(kept, self.path)


def _parts(trainer: Trainer) -> list[Any]:
    """All that changes from step to step beside the module."""
    schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
    return [*trainer.optimizers, *schedulers, trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress]
