"""The LightningModules of both directions: which batch goes through which network, and what is logged."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from lightning import LightningModule
from torch import Tensor, nn

from lacbed_gan.metrics import ImageIndex, ImageMSE, ImageR, PerImage
from lacbed_gan.models.inference import predict, to_channels
from lacbed_gan.models.losses import GAN_LOSSES, LossWeights, discriminator_terms, generator_terms
from lacbed_gan.origin import OriginMSE, OriginR

Batch = dict[str, Tensor]
PARTS = ("test", "train")  # of validation: the test fold, and images of the training folds
CHECK_EVERY = 50  # batches between looks for a non-finite loss on a GPU, where each look waits for the device


class ConditionalGAN(LightningModule):
    """Trains a generator to turn batch["input"] into batch["target"], against a discriminator of the pairs.

    A batch holds "input" and "target" (B, 1, H, W) float32 in [0, 1], "index" (B,) long, and "condition"
    (B, C) float32 where the generator takes one. Training takes one loader; validation takes the test fold
    and, second, images of the training fold, which are measured the same way (figure 3 of arXiv 2503.02852).

    Logged per epoch: every weighted loss term as `train/loss_d_real`, `train/loss_d_fake`,
    `train/loss_g_gan`, `train/loss_g_feature_matching`, `train/loss_g_l1`, and the means over images
    `test/mse`, `test/r`, `train/mse`, `train/r`, of inverse networks also those that do not depend on the choice
    of origin, `test/origin_mse` and so on.

    Args:
        generator: called as generator(input, condition).
        discriminator: called as discriminator(input, output); None where the weights need none.
        weights: of the generator's loss terms.
        gan_loss: one of losses.GAN_LOSSES.
        lr, betas: of Adam, for both networks.
        channels: of the networks; the images are repeated to as many, predictions averaged over them.

    Attributes:
        config: plain values that say how the networks were made; written into every checkpoint.
        measures: the metrics of the last validation, by logged name: `measures["test/mse"].compute()` gives
            its value for every image, (N,).
        rows: the store rows of those images, in the same order: `rows["test/index"].compute()` is (N,) long.

    Raises:
        ValueError: the weights need a discriminator and there is none, or the GAN loss has no such name.
    """

    direction: str
    measured: ClassVar[dict[str, type[PerImage]]] = {"mse": ImageMSE, "r": ImageR}

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module | None = None,
        weights: LossWeights | None = None,
        gan_loss: str = "lsgan",
        lr: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        channels: int = 1,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.weights = weights or LossWeights()
        if self.weights.needs_discriminator and discriminator is None:
            raise ValueError(f"{self.weights} needs a discriminator")
        if gan_loss not in GAN_LOSSES:
            raise ValueError(f"no GAN loss {gan_loss!r}: allowed are {', '.join(GAN_LOSSES)}")
        self.generator = generator
        self.discriminator = discriminator if self.weights.needs_discriminator else None
        self.gan_loss = gan_loss
        self.lr = lr
        self.betas = tuple(betas)
        self.channels = channels
        self.config: dict[str, Any] = {}
        self.measures = nn.ModuleDict(
            {f"{part}/{name}": measure() for part in PARTS for name, measure in self.measured.items()}
        )
        self.rows = nn.ModuleDict({f"{part}/index": ImageIndex() for part in PARTS})

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Image (B, channels, H, W) in [0, 1], condition (B, C) or None → the generator's output as it is."""
        return self.generator(image, condition)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        networks = [self.generator] if self.discriminator is None else [self.generator, self.discriminator]
        return [
            torch.optim.Adam(network.parameters(), lr=self.lr, betas=self.betas, fused=True) for network in networks
        ]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One step of the discriminator and one of the generator.

        As in pix2pixHD both losses come from the same weights, before either step, so that one pass through
        the generator and one through the discriminator on the real pairs serve both.
        """
        image, target = (to_channels(batch[name], self.channels) for name in ("input", "target"))
        prediction = self(image, batch.get("condition"))
        if self.discriminator is None:
            loss_d = {}
            loss_g = generator_terms(self.weights, prediction, target)
        else:
            real = self.discriminator(image, target)
            generated = self.discriminator(image, prediction.detach())
            loss_d = discriminator_terms(generated, real, self.gan_loss)
            self.discriminator.requires_grad_(False)
            generated = self.discriminator(image, prediction)
            self.discriminator.requires_grad_(True)
            loss_g = generator_terms(self.weights, prediction, target, generated, real, self.gan_loss)
        self._log_losses(loss_g, loss_d, len(image))
        self._check_finite(loss_g | loss_d, batch_idx)

        optimizers = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        for loss, optimizer in zip((loss_g, loss_d), optimizers, strict=False):
            optimizer.zero_grad()
            self.manual_backward(sum(loss.values()))
            optimizer.step()

    def on_validation_epoch_start(self) -> None:
        for metric in (*self.measures.values(), *self.rows.values()):
            metric.reset()

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        part = PARTS[dataloader_idx]
        prediction = self.predict_step(batch)
        for name in self.measured:
            self.measures[f"{part}/{name}"].update(prediction, batch["target"])
        self.rows[f"{part}/index"].update(batch["index"])

    def predict_step(self, batch: Batch, batch_idx: int = 0) -> Tensor:
        """Batch → predictions (B, 1, H, W) float32, clamped to [0, 1]."""
        return predict(self.generator, batch["input"], batch.get("condition"), self.channels)

    def on_validation_epoch_end(self) -> None:
        means = {name: m.compute().mean() for name, m in self.measures.items() if m.update_called}
        self._require_finite(means, "after validation")
        self.log_dict(means, sync_dist=True)
        for rows in self.rows.values():
            if rows.update_called:
                rows.compute()  # kept by the metric: all processes take part here, later only the first one reads

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["direction"] = self.direction
        checkpoint["config"] = self.config

    def _log_losses(self, loss_g: dict[str, Tensor], loss_d: dict[str, Tensor], batch_size: int) -> None:
        terms = {f"train/{name}": term.detach() for name, term in (loss_g | loss_d).items()}
        self.log_dict(terms, on_step=False, on_epoch=True, batch_size=batch_size, sync_dist=True)
        live = {"loss_g": sum(loss_g.values())} | ({"loss_d": sum(loss_d.values())} if loss_d else {})
        self.log_dict({name: loss.detach() for name, loss in live.items()}, prog_bar=True, logger=False)

    def _check_finite(self, terms: dict[str, Tensor], batch_idx: int) -> None:
        # A non-finite loss makes the weights non-finite and with them every later loss, so that looking at
        # some batches, the epoch's last one among them, is enough to stop before anything is saved.
        if self.device.type == "cpu" or batch_idx % CHECK_EVERY == 0 or self.trainer.is_last_batch:
            self._require_finite(terms, f"at batch {batch_idx}")

    def _require_finite(self, values: dict[str, Tensor], when: str) -> None:
        if not values or torch.stack([v.detach() for v in values.values()]).isfinite().all():
            return
        bad = ", ".join(f"{name} is {v.item()}" for name, v in values.items() if not v.isfinite())
        raise RuntimeError(
            f"training stopped in epoch {self.current_epoch} {when}: {bad}. "
            "Lower the learning rate, or look for bad images in the data."
        )


class ForwardCGAN(ConditionalGAN):
    """Projected potential ρ → bright-field LACBED pattern."""

    direction = "forward"


class InverseCGAN(ConditionalGAN):
    """Bright-field LACBED pattern → projected potential ρ."""

    direction = "inverse"
    measured: ClassVar = ConditionalGAN.measured | {"origin_mse": OriginMSE, "origin_r": OriginR}
