"""Going on with a run that was stopped, however it was: from its last whole epoch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.models.checkpoints import WeightsError, read_checkpoint
from lacbed_gan.models.schedules import SCHEDULES

LAST = "last.ckpt"


def provenance(data: PairDataModule) -> dict[str, Any]:
    """What a checkpoint must know of the data it was trained on."""
    return {
        "checksum": data.store.checksum,
        "recipe": data.store.recipe.to_json(),
        "folds": hashlib.sha256(data.fold_of.astype("<i8").tobytes()).hexdigest(),
        "standardisation": data.standardisation,
    }


@dataclass(frozen=True)
class Standing:
    """How far a checkpoint is.

    Attributes:
        epochs: that it has behind it.
        asked: epochs that were to be trained when it was written.
        waited: epochs for which early stopping has seen nothing better; 0 without it.
    """

    epochs: int
    asked: int
    waited: int

    @classmethod
    def of(cls, path: Path) -> Standing:
        checkpoint = read_checkpoint(path, mmap=True)
        callbacks = checkpoint.get("callbacks", {})
        waited = [state["wait_count"] for name, state in callbacks.items() if name.startswith("EarlyStopping")]
        asked = int(checkpoint["config"]["settings"].get("epochs", checkpoint["epoch"] + 1))
        return cls(checkpoint["epoch"] + 1, asked, *waited or [0])


def length(standing: Standing | None, epochs: int, schedule: str, patience: int | None) -> tuple[int, str]:
    """Epochs after which a run that goes on ends, and a line where that is not as it was begun; else "".

    Args:
        epochs: that are asked for now.
        schedule: of the learning rate. One that depends on the length follows, from where the run stands, the course
            that it has over the new number of epochs.
        patience: of early stopping; None for none.
    """
    if standing is None:
        return epochs, ""
    if patience and standing.waited >= patience:
        return standing.epochs, ""
    if standing.asked == epochs:
        return epochs, ""
    if epochs < standing.epochs:
        return standing.epochs, f"it has {standing.epochs} epochs behind it already, more than epochs={epochs}"
    line = f"it was begun with epochs={standing.asked} and goes on to {epochs}"
    if schedule != "constant":
        share = SCHEDULES[schedule](standing.epochs / epochs)
        line += (
            f"; the learning rate follows schedule={schedule} over all {epochs} epochs, from {100 * share:.0f} % of "
            "its highest value on"
        )
    return epochs, line


def checkpoint_to_resume(folder: Path, data: dict[str, Any], allow_data_change: bool) -> tuple[Path | None, str]:
    """The checkpoint of the last whole epoch, if there is one, and a line on where the run goes on, if it does.

    What a write that was cut short has left is removed.

    Args:
        data: checksum of the store, and of the folds, that there are now.

    Raises:
        SettingsError: the checkpoint is damaged, or of other data than there are now.
    """
    lines = []
    for partial in sorted(folder.glob("*.ckpt.part")):
        partial.unlink(missing_ok=True)  # another process of this run may have been first
        lines.append(f"{partial.name} was cut short and is left out")
    path = folder / LAST
    if not path.exists():
        return None, f"{folder}: {', '.join(lines)}" if lines else ""
    try:
        checkpoint = read_checkpoint(path, mmap=True)
    except WeightsError as error:
        raise SettingsError(f"{error}; put a copy of it back, or delete it to lose what it held") from None
    for key, what in (("checksum", "other data than the store holds now"), ("folds", "other folds")):
        if checkpoint["config"]["data"].get(key) == data[key]:
            continue
        if not allow_data_change:
            raise SettingsError(
                f"{path} was trained on {what}; delete {folder} to start again, or go on with allow_data_change=true"
            )
        lines.append(f"{path.name} was trained on {what}")
    lines.append(f"it goes on after epoch {checkpoint['epoch']}")
    return path, f"{folder}: {', '.join(lines)}"
