"""Predictions of a few fixed crystals: the panel that Weights & Biases shows after every epoch."""

from __future__ import annotations

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor


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
