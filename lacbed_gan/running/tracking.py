"""What a run records while it trains: metrics.csv, and Weights & Biases where asked for."""

from __future__ import annotations

import csv
import math
import netrc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from uuid import uuid4

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from torch import Tensor

from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.tables import to_csv


class MetricsTable(Callback):
    """metrics.csv: one row an epoch with every loss term and measure; a resumed run goes on in it."""

    def __init__(self, path: Path):
        self.path = path

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        values = {k: float(v) for k, v in trainer.callback_metrics.items() if "/" in k}
        if not trainer.is_global_zero or not values:
            return
        rows = [row for row in read_metrics(self.path) if row["epoch"] < trainer.current_epoch]
        rows.append({"epoch": trainer.current_epoch, **dict(sorted(values.items()))})
        write_atomically(self.path, to_csv(rows, digits=8))


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Rows of a metrics.csv, by column name; none where there is no file yet."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(lines)]


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


class SampleImages(Callback):
    """Sends the sample panel of fixed test crystals to Weights & Biases after every epoch."""

    def __init__(self, batch: dict[str, Tensor]):
        self.batch = batch

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        if trainer.is_global_zero:
            panel = sample_panel(self.batch, predictions(module, self.batch))
            trainer.logger.log_image("samples", [panel.numpy()], caption=["input, prediction, truth, difference²"])


def predictions(module: LightningModule, batch: dict[str, Tensor]) -> Tensor:
    """Predicted images (B, 1, H, W) on the CPU, in evaluation mode."""
    training = module.training
    module.eval()
    with torch.no_grad():
        predicted = module.predict_step({name: value.to(module.device) for name, value in batch.items()}).cpu()
    module.train(training)
    return predicted


def sample_panel(batch: dict[str, Tensor], predicted: Tensor) -> Tensor:
    """One row a crystal: input, prediction, truth and squared difference (scaled to its maximum), (B·H, 4·W)."""
    difference = (predicted - batch["target"]).square()
    difference = difference / difference.amax().clamp_min(1e-12)
    columns = torch.cat([batch["input"][:, :1], predicted, batch["target"], difference], 3)
    return columns.flatten(0, 2)


def wandb_logger(folder: Path, name: str, group: str | None, project: str, settings: dict[str, Any]) -> Any:
    """Lightning's W&B logger of this run, offline where nobody is logged in; never asks.

    The run has an id of its own, kept in wandb/id of its folder: going on with a run goes on in W&B, but the same run
    made again in another folder, or by somebody else, is another one.
    """
    os.environ.setdefault("WANDB_SILENT", "true")
    import wandb
    from lightning.pytorch.loggers import WandbLogger

    id_file = folder / "wandb" / "id"
    if not id_file.exists():
        id_file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(id_file, f"{name}-{uuid4().hex[:8]}")
    mode = os.environ.get("WANDB_MODE") or ("online" if _logged_in() else "offline")
    logger = WandbLogger(
        project=project,
        name=name,
        id=id_file.read_text(encoding="utf-8"),
        group=group,
        save_dir=folder.resolve(),  # W&B's own process may have started elsewhere
        # to filter runs by: one thickness is a number there
        config={k: v[0] if k == "thickness" and len(v) == 1 else v for k, v in settings.items()},
        resume="allow",
        mode=mode,
        settings=wandb.Settings(console="off"),
    )
    # With two optimizers Lightning counts every batch twice: curves go by epoch.
    logger.experiment.define_metric("*", step_metric="epoch")
    return logger


@contextmanager
def wandb_run(folder: Path, group: str, project: str, settings: dict[str, Any]) -> Iterator[Any]:
    """The logger of the run in a folder, which W&B counts as failed unless it comes to its end.

    It is finished in any case, so that the next run of a sweep is not merged into it.
    """
    logger = wandb_logger(folder, folder.name, group, project, settings)
    import wandb

    failed = True
    try:
        yield logger
        failed = False
    finally:
        wandb.finish(int(failed))


def log_crystals(logger: Any, table: Path) -> None:
    """Attach the table of measures per crystal to the W&B run, as an artifact of type table."""
    import wandb

    artifact = wandb.Artifact(f"crystals-{logger.experiment.name}", type="table")
    artifact.add_file(str(table.resolve()), policy="immutable")  # it stays where it is
    logger.experiment.log_artifact(artifact)


def _logged_in() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def finite(values: dict[str, float]) -> dict[str, float | None]:
    """Values that JSON can hold: NaN (a standard error of one image) becomes null."""
    return {k: v if not isinstance(v, float) or math.isfinite(v) else None for k, v in values.items()}
