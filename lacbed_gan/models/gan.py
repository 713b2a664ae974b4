"""The LightningModules of both directions: which batch goes through which network, and what is logged."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, ClassVar

import torch
from lightning import LightningModule
from torch import Tensor, nn
from torchmetrics import CatMetric

from lacbed_gan.measures.familiarity import Familiar
from lacbed_gan.measures.metrics import correlation_r, mse
from lacbed_gan.measures.origin import origin_mse, origin_r
from lacbed_gan.models.divergence import gradient_norm, require_finite
from lacbed_gan.models.inference import predict, to_channels, with_thickness
from lacbed_gan.models.losses import discriminator_terms, generator_terms, judgement_terms, span_term
from lacbed_gan.models.schedules import average_weights, scheduled
from lacbed_gan.models.settings import LearningSettings, LossWeights

Batch = dict[str, Tensor]
# Of validation: the test fold, images of the training folds, and the fold that chooses the best epoch, if there is one.
PARTS = ("test", "train", "validation")
NORM_EVERY = 10  # batches between norms of the gradients, each of which reads all of them once more
CHECK_EVERY = 50  # batches between looks for a non-finite loss on a GPU, where each look waits for the device


class ConditionalGAN(LightningModule):
    """Trains a generator to turn batch["input"] into batch["target"], against a discriminator of the pairs.

    A batch is what `data.batches.PairDataset` serves: "input" (B, C, H, W) and "target" (B, 1, H, W) float32 in
    [0, 1], "index" (B,) long, and where there are such "condition" (B, n) and "thickness" (B, 1) float32, which the
    discriminator is told as well, and "span" (B, 1) float32, a number to predict. Training takes one loader;
    validation takes the test fold, second, images of the training folds, which are measured the same way (figure 3 of
    arXiv 2503.02852), and third, the validation fold.

    Logged per epoch: every weighted loss term as `train/loss_d_real`, `train/loss_d_fake`,
    `train/loss_g_gan`, `train/loss_g_feature_matching`, `train/loss_g_l1`, the norm of both gradients (of every tenth
    batch), and the means over images `test/mse`, `test/r`, `train/mse`, `train/r`, of inverse networks also those that
    do not depend on the choice of origin, `test/origin_mse` and so on.

    Args:
        generator: called as generator(input, condition).
        discriminator: called as discriminator(input, output); None where the loss weights use none.
        loss_weights: of the generator's loss terms.
        learning: the optimizers' settings, and the GAN loss.
        channels: of the networks; the images are repeated to as many, predictions averaged over them.
        span_head: called as span_head(input, condition), predicts batch["span"]; None for none.

    Attributes:
        config: plain values that say how the networks were made; written into every checkpoint.
        familiar: what is kept of the training inputs, to tell how unlike them others are; written there too.
        network: makes the predictions: the generator, or the moving average of its weights.
        measures: the metrics of the last validation, by logged name: `measures["test/mse"].compute()` gives
            its value for every image, (N,).
        rows: what those images are, in the same order: `rows["test/index"].compute()` is (N,) float32, the store rows;
            `rows["test/time"]`, where it was updated, which thickness.

    Raises:
        ValueError: the loss weights need a discriminator and there is none, or use none and there is one.
    """

    direction: str
    measured: ClassVar[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {"mse": mse, "r": correlation_r}

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module | None = None,
        loss_weights: LossWeights | None = None,
        learning: LearningSettings | None = None,
        *,
        channels: int = 1,
        span_head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.loss_weights = loss_weights or LossWeights()
        self.learning = learning or LearningSettings()
        if self.loss_weights.needs_discriminator != (discriminator is not None):
            raise ValueError(f"{self.loss_weights!r} {'uses no' if discriminator else 'needs a'} discriminator")
        self.generator = generator
        self.discriminator = discriminator
        self.average = copy.deepcopy(generator).requires_grad_(False) if self.learning.ema else None
        self.span_head = span_head
        self.channels = channels
        self.config: dict[str, Any] = {}
        self.familiar: Familiar | None = None
        self.measures = values_per_image([*self.measured, *(["span_error"] if span_head else [])])
        self.rows = values_per_image(["index", "time"])

    @property
    def network(self) -> nn.Module:
        return self.generator if self.average is None else self.average

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Image (B, channels, H, W) in [0, 1], condition (B, C) or None → the generator's output as it is."""
        return self.generator(image, condition)

    def configure_optimizers(self) -> Any:
        answering = [self.generator, *([] if self.span_head is None else [self.span_head])]
        sides = [answering, *([] if self.discriminator is None else [[self.discriminator]])]
        optimizers = [
            torch.optim.Adam(
                nn.ModuleList(networks).parameters(), self.learning.learning_rate, self.learning.betas, fused=True
            )
            for networks in sides
        ]
        if self.learning.schedule == "constant":
            return optimizers
        steps = self.trainer.estimated_stepping_batches
        schedules = [scheduled(optimizer, self.learning.schedule, steps) for optimizer in optimizers]
        return optimizers, [{"scheduler": schedule, "interval": "step"} for schedule in schedules]

    def on_fit_start(self) -> None:
        if self.device.type == "cuda":  # the order that its convolutions work in
            self.to(memory_format=torch.channels_last)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One step of the discriminator and one of the generator.

        As in pix2pixHD both losses come from the same weights, before either step. The discriminator judges the true
        and the generated pairs once each: its judgement of the latter serves its own loss, whose gradient stops at the
        prediction, and the generator's, whose gradient is taken to the prediction alone and goes on from there.
        """
        weights, gan_loss = self.loss_weights, self.learning.gan_loss
        image, target = (to_channels(batch[name], self.channels) for name in ("input", "target"))
        prediction = self(image, batch.get("condition"))
        loss_g = generator_terms(weights, prediction, target)
        if self.span_head is not None:
            loss_g |= span_term(weights, self.span_head(batch["input"], batch.get("condition")), batch["span"])
        descent = sum(loss_g.values())
        loss_d: dict[str, Tensor] = {}
        if self.discriminator is not None:
            judged = prediction.detach().requires_grad_()
            pair = with_thickness(image, batch.get("thickness"))
            real, generated = self.discriminator(pair, target), self.discriminator(pair, judged)
            loss_d = discriminator_terms(generated, real, gan_loss)
            judgement = judgement_terms(weights, generated, real, gan_loss)
            loss_g |= judgement
        terms = loss_g | loss_d
        totals = {"loss_g": sum(loss_g.values())} | ({"loss_d": sum(loss_d.values())} if loss_d else {})
        self.log_dict({name: loss.detach() for name, loss in totals.items()}, prog_bar=True, logger=False)
        # A non-finite loss makes the weights non-finite and with them every later loss, so that looking at some
        # batches, the epoch's last one among them, is enough to stop before anything is saved.
        if self.device.type == "cpu" or batch_idx % CHECK_EVERY == 0 or self.trainer.is_last_batch:
            require_finite(terms, f"epoch {self.current_epoch} at batch {batch_idx}")

        optimizers = self._several(self.optimizers())
        for optimizer in optimizers:
            optimizer.zero_grad()
        if loss_d:
            parameters = list(self.discriminator.parameters())
            self.manual_backward(totals["loss_d"], retain_graph=True, inputs=parameters)
            (slope,) = torch.autograd.grad(sum(judgement.values()), judged)
            descent = descent + (prediction * slope).sum()  # its gradient is that of the judgement
        self.manual_backward(descent)
        logged = {f"train/{name}": term.detach() for name, term in terms.items()}
        if batch_idx % NORM_EVERY == 0:
            networks = {"generator": self.generator, "discriminator": self.discriminator}
            logged |= {f"train/gradient_{name}": gradient_norm(n) for name, n in networks.items() if n is not None}
        self.log_dict(logged, on_step=False, on_epoch=True, batch_size=len(image), sync_dist=True)
        for optimizer in optimizers:
            optimizer.step()
        for scheduler in self._several(self.lr_schedulers()):
            scheduler.step()
        if self.average is not None:
            steps = self.global_step // len(optimizers)
            average_weights(self.average, self.generator, self.learning.ema, steps)

    def on_validation_epoch_start(self) -> None:
        for metric in (*self.measures.values(), *self.rows.values()):
            metric.reset()

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        part = PARTS[dataloader_idx]
        prediction = self.predict_step(batch)
        for name, measure in self.measured.items():
            self.measures[f"{part}/{name}"].update(measure(prediction, batch["target"]))
        if self.span_head is not None:
            number = self.span_head(batch["input"], batch.get("condition"))
            _, std = self.config.get("data", {}).get("standardisation", {}).get("log_span", (0.0, 1.0))
            self.measures[f"{part}/span_error"].update(std * (number - batch["span"])[:, 0].float().abs())
        for name in ("index", "time"):
            if name in batch:
                self.rows[f"{part}/{name}"].update(batch[name])

    def predict_step(self, batch: Batch, batch_idx: int = 0) -> Tensor:
        """Batch → predictions (B, 1, H, W) float32, clamped to [0, 1]."""
        return predict(self.network, batch["input"], batch.get("condition"), self.channels)

    def on_validation_epoch_end(self) -> None:
        means = {name: m.compute().mean() for name, m in self.measures.items() if m.update_called}
        require_finite(means, f"epoch {self.current_epoch} after validation")
        self.log_dict(means, sync_dist=True)
        for rows in self.rows.values():
            if rows.update_called:
                rows.compute()  # kept by the metric: all processes take part here, later only the first one reads

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["direction"] = self.direction
        checkpoint["config"] = self.config
        checkpoint["familiar"] = None if self.familiar is None else asdict(self.familiar)

    @staticmethod
    def _several(parts: Any) -> list[Any]:
        """Lightning gives one optimizer or scheduler as itself, and none as None."""
        return parts if isinstance(parts, list) else [parts] if parts else []


def values_per_image(names: Iterable[str]) -> nn.ModuleDict:
    """For each part of validation and name a metric that keeps one number for every image, in the order of the images.

    On several devices all of them that saw the same batches keep one order, too.
    """
    return nn.ModuleDict({f"{part}/{name}": CatMetric(nan_strategy="disable") for part in PARTS for name in names})


class ForwardCGAN(ConditionalGAN):
    """Projected potential ρ → bright-field LACBED pattern."""

    direction = "forward"


class InverseCGAN(ConditionalGAN):
    """Bright-field LACBED pattern → projected potential ρ."""

    direction = "inverse"
    measured: ClassVar = ConditionalGAN.measured | {"origin_mse": origin_mse, "origin_r": origin_r}
