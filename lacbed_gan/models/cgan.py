"""The LightningModules of both directions: which batch goes through which network, and what is logged."""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import Any, ClassVar

import torch
from lightning import LightningModule
from torch import Tensor, nn
from torch.profiler import record_function

from lacbed_gan.measures.familiarity import Familiar
from lacbed_gan.measures.metrics import AbsoluteError, ImageIndex, ImageMSE, ImageR, PerImage
from lacbed_gan.measures.origin import OriginMSE, OriginR
from lacbed_gan.models.inference import predict, to_channels, with_thickness
from lacbed_gan.models.losses import (
    GAN_LOSSES,
    LossWeights,
    discriminator_terms,
    generator_terms,
    judgement_terms,
)
from lacbed_gan.models.schedules import average_weights, scheduled

Batch = dict[str, Tensor]
# Of validation: the test fold, images of the training folds, and the fold that chooses the best epoch, if there is one.
PARTS = ("test", "train", "validation")
NORM_EVERY = 10  # batches between norms of the gradients, each of which reads all of them once more
CHECK_EVERY = 50  # batches between looks for a non-finite loss on a GPU, where each look waits for the device


class ConditionalGAN(LightningModule):
    """Trains a generator to turn batch["input"] into batch["target"], against a discriminator of the pairs.

    A batch is what `data.batches.PairDataset` serves: "input" (B, C, H, W) and "target" (B, 1, H, W) float32 in
    [0, 1], "index" (B,) long, and where there are such "condition" (B, n) and "thickness" (B, 1) float32, which the
    discriminator is told as well, and "scale" (B, 1) float32, a number to predict. Training takes one loader;
    validation takes the test fold, second, images of the training folds, which are measured the same way (figure 3 of
    arXiv 2503.02852), and third, the validation fold.

    Logged per epoch: every weighted loss term as `train/loss_d_real`, `train/loss_d_fake`,
    `train/loss_g_gan`, `train/loss_g_feature_matching`, `train/loss_g_l1`, the norm of both gradients (of every tenth
    batch), and the means over images `test/mse`, `test/r`, `train/mse`, `train/r`, of inverse networks also those that
    do not depend on the choice of origin, `test/origin_mse` and so on.

    Args:
        generator: called as generator(input, condition).
        discriminator: called as discriminator(input, output); None where the weights need none.
        weights: of the generator's loss terms.
        gan_loss: one of losses.GAN_LOSSES.
        lr, betas: of Adam, for both networks.
        channels: of the networks; the images are repeated to as many, predictions averaged over them.
        schedule: of the learning rate, one of schedules.SCHEDULES.
        ema: decay of the exponential moving average of the generator's weights, which then makes the predictions;
            0 for none.
        scale_head: called as scale_head(input, condition), predicts batch["span"]; None for none.

    Attributes:
        config: plain values that say how the networks were made; written into every checkpoint.
        familiar: what is kept of the training inputs, to tell how unlike them others are; written there too.
        logged: what the batches of this epoch logged.
        passed: the same of batches that a stopped run trained on before; these are not trained on again.
        network: makes the predictions: the generator, or its average.
        measures: the metrics of the last validation, by logged name: `measures["test/mse"].compute()` gives
            its value for every image, (N,).
        rows: what those images are, in the same order: `rows["test/index"].compute()` is (N,) long, the store rows;
            `rows["test/time"]`, where it was updated, which thickness.

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
        schedule: str = "constant",
        ema: float = 0.0,
        scale_head: nn.Module | None = None,
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
        self.average = copy.deepcopy(generator).requires_grad_(False) if ema else None
        self.scale_head = scale_head
        self.gan_loss = gan_loss
        self.lr = lr
        self.betas = tuple(betas)
        self.channels = channels
        self.schedule = schedule
        self.ema = ema
        self.config: dict[str, Any] = {}
        self.familiar: Familiar | None = None
        self.logged: list[dict[str, Tensor]] = []
        self.passed: list[dict[str, Tensor]] = []
        measured = self.measured | ({"scale_error": AbsoluteError} if scale_head else {})
        self.measures = nn.ModuleDict(
            {f"{part}/{name}": measure() for part in PARTS for name, measure in measured.items()}
        )
        self.rows = nn.ModuleDict({f"{part}/{name}": ImageIndex() for part in PARTS for name in ("index", "time")})

    @property
    def network(self) -> nn.Module:
        return self.generator if self.average is None else self.average

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Image (B, channels, H, W) in [0, 1], condition (B, C) or None → the generator's output as it is."""
        return self.generator(image, condition)

    def configure_optimizers(self) -> Any:
        made = [self.generator] if self.scale_head is None else [self.generator, self.scale_head]
        trained = [made] if self.discriminator is None else [made, [self.discriminator]]
        optimizers = [
            torch.optim.Adam(nn.ModuleList(networks).parameters(), lr=self.lr, betas=self.betas, fused=True)
            for networks in trained
        ]
        if self.schedule == "constant":
            return optimizers
        steps = self.trainer.estimated_stepping_batches
        return optimizers, [
            {"scheduler": scheduled(optimizer, self.schedule, steps), "interval": "step"} for optimizer in optimizers
        ]

    def on_fit_start(self) -> None:
        if self.device.type == "cuda":  # the order that its convolutions work in
            self.to(memory_format=torch.channels_last)

    def on_train_epoch_start(self) -> None:
        self.logged = []

    def on_train_epoch_end(self) -> None:  # what comes after is in the epoch's own checkpoint
        self.logged, self.passed = [], []

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One step of the discriminator and one of the generator.

        As in pix2pixHD both losses come from the same weights, before either step. The discriminator judges the true
        and the generated pairs once each: its judgement of the latter serves its own loss, whose gradient stops at the
        prediction, and the generator's, whose gradient is taken to the prediction alone and goes on from there.
        """
        if batch_idx < len(self.passed):
            return self._log(self.passed[batch_idx], len(batch["input"]))
        image, target = (to_channels(batch[name], self.channels) for name in ("input", "target"))
        with record_function("generator"):
            prediction = self(image, batch.get("condition"))
        loss_g = generator_terms(self.weights, prediction, target)
        own = sum(loss_g.values())
        if self.scale_head is not None:
            number = self.scale_head(batch["input"], batch.get("condition"))
            loss_g["loss_g_scale"] = self.weights.scale * nn.functional.smooth_l1_loss(number.float(), batch["span"])
            own = own + loss_g["loss_g_scale"]
        loss_d: dict[str, Tensor] = {}
        if self.discriminator is not None:
            judged = prediction.detach().requires_grad_()
            shown = with_thickness(image, batch.get("thickness"))
            with record_function("discriminator"):
                real, generated = self.discriminator(shown, target), self.discriminator(shown, judged)
            loss_d = discriminator_terms(generated, real, self.gan_loss)
            by_judgement = judgement_terms(self.weights, generated, real, self.gan_loss)
            loss_g |= by_judgement
        logged = {f"train/{name}": term.detach() for name, term in (loss_g | loss_d).items()}
        live = {"loss_g": sum(loss_g.values())} | ({"loss_d": sum(loss_d.values())} if loss_d else {})
        self.log_dict({name: loss.detach() for name, loss in live.items()}, prog_bar=True, logger=False)
        self._check_finite(loss_g | loss_d, batch_idx)

        optimizers = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        for optimizer in optimizers:
            optimizer.zero_grad()
        with record_function("backward"):
            if loss_d:
                parameters = list(self.discriminator.parameters())
                self.manual_backward(sum(loss_d.values()), retain_graph=True, inputs=parameters)
                (slope,) = torch.autograd.grad(sum(by_judgement.values()), judged)
                own = own + (prediction * slope).sum()  # its gradient is that of the judgement
            self.manual_backward(own)
        with record_function("optimizer"):
            if batch_idx % NORM_EVERY == 0:
                logged |= self._gradients()
            for optimizer in optimizers:
                optimizer.step()
            schedulers = self.lr_schedulers() or []
            for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
                scheduler.step()
            if self.average is not None:
                average_weights(self.average, self.generator, self.ema, self.global_step // len(optimizers))
        self._log(logged, len(image))

    def on_validation_epoch_start(self) -> None:
        for metric in (*self.measures.values(), *self.rows.values()):
            metric.reset()

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        part = PARTS[dataloader_idx]
        prediction = self.predict_step(batch)
        for name in self.measured:
            self.measures[f"{part}/{name}"].update(prediction, batch["target"])
        if self.scale_head is not None:
            number = self.scale_head(batch["input"], batch.get("condition"))
            (std,) = self.config.get("data", {}).get("scale_std") or (1.0,)
            self.measures[f"{part}/scale_error"].update(std * number[:, 0], std * batch["span"][:, 0])
        for name in ("index", "time"):
            if name in batch:
                self.rows[f"{part}/{name}"].update(batch[name])

    def predict_step(self, batch: Batch, batch_idx: int = 0) -> Tensor:
        """Batch → predictions (B, 1, H, W) float32, clamped to [0, 1]."""
        return predict(self.network, batch["input"], batch.get("condition"), self.channels)

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
        checkpoint["familiar"] = None if self.familiar is None else asdict(self.familiar)

    def _log(self, values: dict[str, Tensor], batch_size: int) -> None:
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=batch_size, sync_dist=True)
        self.logged.append(values)

    def _gradients(self) -> dict[str, Tensor]:
        networks = {name: getattr(self, name) for name in ("generator", "discriminator")}
        return {
            f"train/gradient_{name}": nn.utils.get_total_norm([p.grad for p in made.parameters() if p.grad is not None])
            for name, made in networks.items()
            if made is not None
        }

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
