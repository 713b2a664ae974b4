"""Predictions of a few fixed crystals: the panel that Weights & Biases shows after every epoch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor


class SampleImages(Callback):
    """Sends the panels of fixed crystals, with their names, to Weights & Biases after every epoch."""

    def __init__(self, batch: dict[str, Tensor], names: Sequence[str]):
        self.batch, self.names = batch, names

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        if trainer.is_global_zero:
            rows = sample_panel(self.batch, predictions(module, self.batch)).chunk(len(self.names))
            captions = [f"{name}: input, prediction, truth, difference²" for name in self.names]
            trainer.logger.log_image("samples", [row.numpy() for row in rows], caption=captions)


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
