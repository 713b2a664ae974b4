"""How fast training is, and curves by step."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer

from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.tables import to_csv
from lacbed_gan.running.curves import read_metrics


class Speed(Callback):
    """speed.csv: seconds of each epoch and training images a second, without the time that measuring takes."""

    def __init__(self, path: Path) -> None:
        self.path, self.images, self.begun = path, 0, 0.0

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        self.images, self.begun = 0, time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, number: int
    ) -> None:
        self.images += len(batch["input"])
        if trainer.is_last_batch and trainer.is_global_zero:
            seconds, epoch = time.perf_counter() - self.begun, trainer.current_epoch
            speed = self.images * trainer.world_size / seconds
            rows = [row for row in read_metrics(self.path) if row["epoch"] < epoch]
            rows.append({"epoch": epoch, "seconds": seconds, "images_per_second": speed})
            write_atomically(self.path, to_csv(rows))
            if trainer.logger:
                trainer.logger.log_metrics({"speed/images_per_second": speed, "epoch": epoch})


class StepCurves(Callback):
    """The total losses of every so many batches, counted from the first of the run."""

    def __init__(self, every: int):
        self.every = every

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, number: int
    ) -> None:
        if module.steps % self.every == 0 and trainer.is_global_zero:
            losses = {f"step/{name}": float(value) for name, value in module.totals.items()}
            trainer.logger.log_metrics(losses | {"batch": module.steps})
