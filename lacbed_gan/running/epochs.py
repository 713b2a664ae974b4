"""What a run says of its epochs: metrics.csv, and a bar in a terminal or a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar

from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.progress import LOG_EVERY
from lacbed_gan.base.tables import to_csv
from lacbed_gan.running.curves import read_metrics

WATCHED = ("validation/mse", "test/mse")  # whichever is looked at while training


class MetricsTable(Callback):
    """metrics.csv: one row an epoch with every loss term and measure; a resumed run goes on in it."""

    def __init__(self, path: Path):
        self.path = path

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        values = {k: float(v) for k, v in trainer.callback_metrics.items() if "/" in k}
        if not trainer.is_global_zero or not values:
            return
        rows = [row for row in read_metrics(self.path) if row["epoch"] < trainer.current_epoch]
        if not any(name.startswith("test/") for name in values):  # a run of fewer epochs was measured at its end
            rows = [{k: v for k, v in row.items() if not k.startswith("test/")} for row in rows]
        rows.append({"epoch": trainer.current_epoch, **dict(sorted(values.items()))})
        write_atomically(self.path, to_csv(rows, digits=8))

    def add(self, epoch: int, values: Mapping[str, float]) -> None:
        """More values of an epoch that has a row; those that the row has stay."""
        rows = [{**row, **values, **row} if row["epoch"] == epoch else row for row in read_metrics(self.path)]
        write_atomically(self.path, to_csv(rows, digits=8))


class LossBar(TQDMProgressBar):
    """Lightning's progress bar with the losses, without the name of the run, which W&B's logger puts there.

    On a GPU it is drawn every so many steps only: each time waits for the device to know the losses.
    """

    EVERY = 50

    def setup(self, trainer: Trainer, module: LightningModule, stage: str) -> None:
        super().setup(trainer, module, stage)
        if trainer.strategy.root_device.type == "cuda":
            self._refresh_rate = self.EVERY

    def get_metrics(self, trainer: Trainer, module: LightningModule) -> dict[str, Any]:
        return {name: value for name, value in super().get_metrics(trainer, module).items() if name != "v_num"}


class EpochLines(Callback):
    """A line after an epoch for logs, where a bar would leave thousands; at most one in half a minute."""

    def __init__(self, name: str):
        self.name, self.last = name, time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        if trainer.is_global_zero and time.monotonic() - self.last >= LOG_EVERY:
            self.last = time.monotonic()
            losses = {k: v for k, v in trainer.callback_metrics.items() if k in ("loss_g", "loss_d", *WATCHED)}
            measures = ", ".join(f"{name} {float(value):.4g}" for name, value in losses.items())
            print(f"{self.name}: epoch {trainer.current_epoch + 1} of {trainer.max_epochs}, {measures}", flush=True)
