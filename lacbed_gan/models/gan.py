"""The LightningModules of both directions: which batch goes through which network, and what is logged."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, ClassVar

import torch
from lightning import LightningModule
from torch import Tensor, nn

from lacbed_gan.measures.familiarity import Familiar
from lacbed_gan.measures.metrics import correlation_r, mse
from lacbed_gan.measures.origin import origin_mse, origin_r
from lacbed_gan.models.divergence import gradient_norm, require_finite
from lacbed_gan.models.inference import predict, to_channels, with_thickness
from lacbed_gan.models.judging import balanced, slope_at, window_at
from lacbed_gan.models.losses import discriminator_terms, generator_terms, judgement_terms, score, span_term
from lacbed_gan.models.means import PARTS, Means, parts, values_per_image
from lacbed_gan.models.schedules import average_weights, restate, scheduled
from lacbed_gan.models.settings import LearningSettings, LossWeights

Batch = dict[str, Tensor]
NORM_EVERY = 10  # batches between norms of the gradients, each of which reads all of them once more
CHECK_EVERY = 50  # batches between looks for a non-finite loss on a GPU, where each look waits for the device


class ConditionalGAN(LightningModule):
    """Trains a generator to turn batch["input"] into batch["target"], against a discriminator of the pairs.

    A batch is what `data.batches.PairDataset` serves: "input" (B, C, H, W) and "target" (B, 1, H, W) float32 in
    [0, 1], "index" (B,) long, and where there are such "condition" (B, n) and "thickness" (B, 1) float32, which the
    discriminator is told as well, and "span" (B, 1) float32, a number to predict. Training takes one loader;
    validation takes those that the data module's `watched` names, or, as a test does, the test fold, images of the
    training folds, and what was kept out of training; all are measured the same way.

    Logged per epoch: every weighted loss term as `train/loss_d_real`, `train/loss_d_fake`,
    `train/loss_g_gan`, `train/loss_g_feature_matching`, `train/loss_g_l1`, their sums `train/total_g` and
    `train/total_d`, the discriminator's mean answers to true and generated pairs, `train/score_real` and
    `train/score_fake`, the norm of both gradients (of every tenth batch), the learning rate, and the means over images
    `test/mse`, `test/r`, `train/mse`, `train/r`, of inverse networks also those that
    do not depend on the choice of origin, `test/origin_mse` and so on.

    Args:
        generator: called as generator(input, condition).
        discriminator: called as discriminator(input, output); None where the loss weights use none.
        loss_weights: of the generator's loss terms.
        learning: the optimizers' settings, and the GAN loss.
        channels: of the networks; the images are repeated to as many, predictions averaged over them.
        span_head: called as span_head(input, condition), predicts batch["span"]; None for none.
        window: pixels along an edge of the part of the pairs that the discriminator judges in training, at another
            place each step; None for whole pairs.

    Attributes:
        config: plain values that say how the networks were made; written into every checkpoint.
        familiar: what is kept of the training inputs, to tell how unlike them others are; written there too.
        watched: names of the parts that validation takes.
        steps: of the generator.
        totals: the losses of both networks in the last batch, ``loss_g`` and ``loss_d``.
        means: of everything that was logged in this epoch so far.
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
        window: int | None = None,
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
        self.window = window
        self.config: dict[str, Any] = {}
        self.watched: tuple[str, ...] = PARTS
        self.steps = 0
        self.means = Means()
        self.totals: dict[str, Tensor] = {}
        self.familiar: Familiar | None = None
        numbers = {"span_error": span_head, "told_apart": discriminator}
        self.measures = values_per_image([*self.measured, *(name for name, network in numbers.items() if network)])
        self.rows = values_per_image(["index", "time"])

    @property
    def network(self) -> nn.Module:
        return self.generator if self.average is None else self.average

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Image (B, channels, H, W) in [0, 1], condition (B, C) or None → the generator's output as it is."""
        return self.generator(image, condition)

    def configure_optimizers(self) -> Any:
        learning = self.learning
        answering = [self.generator, *([] if self.span_head is None else [self.span_head])]
        sides = [(answering, learning.learning_rate)]
        if self.discriminator is not None:
            sides.append(([self.discriminator], learning.discriminator.learning_rate or learning.learning_rate))
        optimizers = [
            torch.optim.Adam(nn.ModuleList(networks).parameters(), rate, learning.betas, fused=True)
            for networks, rate in sides
        ]
        if learning.schedule == "constant":
            return optimizers
        steps = self.trainer.estimated_stepping_batches
        schedules = [scheduled(optimizer, learning.schedule, steps) for optimizer in optimizers]
        return optimizers, [{"scheduler": schedule, "interval": "step"} for schedule in schedules]

    def setup(self, stage: str) -> None:
        self.watched = getattr(self.trainer.datamodule, "watched", self.watched)

    def on_fit_start(self) -> None:
        if self.device.type == "cuda":  # the order that its convolutions work in
            self.to(memory_format=torch.channels_last)

    def on_train_start(self) -> None:
        for schedule in self._several(self.lr_schedulers()):
            restate(schedule)  # of more epochs than the checkpoint was made for

    def on_train_epoch_start(self) -> None:
        self.means = Means()
        for name, optimizer in zip(("", "_d"), self._several(self.optimizers()), strict=False):
            self.log(f"train/learning_rate{name}", optimizer.param_groups[0]["lr"], sync_dist=True)

    @property
    def judged(self) -> bool:
        """Whether the discriminator takes part in this epoch."""
        return self.discriminator is not None and self.current_epoch >= self.learning.discriminator.delay

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One step of the discriminator, or several, and one of the generator.

        As in pix2pixHD both losses of the last step come from the same weights, before either step. A batch goes
        through the networks in `learning.accumulate` parts; their gradients add up to that of the batch.
        """
        optimizers = self._several(self.optimizers())
        for _ in range(self.learning.discriminator.steps - 1 if self.judged else 0):
            self._discriminator_step(batch, optimizers[1])
        for optimizer in optimizers:
            optimizer.zero_grad()
        values: dict[str, Tensor] = {}
        for part, share in parts(batch, self.learning.accumulate):
            for name, value in self._descend(part, share).items():
                values[name] = values[name] + value if name in values else value
        terms = {name: value for name, value in values.items() if name.startswith("loss_")}
        # A non-finite loss makes the weights non-finite and with them every later loss, so that looking at some
        # batches, the epoch's last one among them, is enough to stop before anything is saved.
        if self.device.type == "cpu" or batch_idx % CHECK_EVERY == 0 or self.trainer.is_last_batch:
            require_finite(terms, f"epoch {self.current_epoch} at batch {batch_idx}")
        totals = {
            f"loss_{side}": sum(value for name, value in terms.items() if name.startswith(f"loss_{side}_"))
            for side in ("g", "d")[: 1 + self.judged]
        }
        self.totals = totals
        images = len(batch["input"])
        self.means.add(values | {name.replace("loss", "total"): value for name, value in totals.items()}, images)
        if batch_idx % NORM_EVERY == 0:
            networks = {"generator": self.generator, "discriminator": self.discriminator if self.judged else None}
            self.means.add(
                {f"gradient_{name}": gradient_norm(n) for name, n in networks.items() if n is not None}, images
            )
        if batch_idx % NORM_EVERY == 0 or self.trainer.is_last_batch:  # Lightning takes its time for each number
            self.log_dict(totals, prog_bar=True, logger=False)
        if self.trainer.is_last_batch:
            for name, (mean, count) in self.means.items():
                self.log(f"train/{name}", mean, on_step=False, on_epoch=True, batch_size=count, sync_dist=True)
        for optimizer in optimizers[: 1 + self.judged]:
            self._step(optimizer)
        for scheduler in self._several(self.lr_schedulers()):
            scheduler.step()
        self.steps += 1
        if self.average is not None:
            average_weights(self.average, self.generator, self.learning.ema, self.steps)

    def _descend(self, batch: Batch, share: float) -> dict[str, Tensor]:
        """Adds the gradients of a part of a batch to those that there are; its share of the batch's loss terms.

        The discriminator judges the true and the generated pairs once each: its judgement of the latter serves its own
        loss, whose gradient stops at the prediction, and the generator's, whose gradient is taken to the prediction
        alone and goes on from there.
        """
        weights, gan_loss = self.loss_weights, self.learning.gan_loss
        image, target = (to_channels(batch[name], self.channels) for name in ("input", "target"))
        prediction = self(image, batch.get("condition"))
        terms = generator_terms(weights, prediction, target)
        if self.span_head is not None:
            terms |= span_term(weights, self.span_head(batch["input"], batch.get("condition")), batch["span"])
        descent = share * sum(terms.values())
        if self.judged:
            judged = prediction.detach().requires_grad_()
            real, generated = self._judgements(batch, image, target, judged)
            loss_d = discriminator_terms(generated, real, gan_loss)
            judgement = judgement_terms(weights, generated, real, gan_loss)
            parameters = list(self.discriminator.parameters())
            self.manual_backward(share * sum(loss_d.values()), retain_graph=True, inputs=parameters)
            (slope,) = torch.autograd.grad(share * sum(judgement.values()), judged)
            slope, part = balanced(slope, slope_at(prediction, descent), weights.share)
            descent = descent + (prediction * slope).sum()  # its gradient is that of the judgement
            terms |= judgement | loss_d | {"share": part}
            terms |= {"score_real": score(real, gan_loss), "score_fake": score(generated, gan_loss)}
        self.manual_backward(descent)
        return {name: share * term.detach() for name, term in terms.items()}

    def _judgements(self, batch: Batch, image: Tensor, target: Tensor, prediction: Tensor) -> tuple[Any, Any]:
        """The discriminator's judgements of the true and the generated pairs, each seen through one window."""
        rows, columns = window_at(target.shape[-1], self.window, self.steps)
        pair, target, prediction = (
            x[..., rows, columns] for x in (with_thickness(image, batch.get("thickness")), target, prediction)
        )
        return self.discriminator(pair, target), self.discriminator(pair, prediction)

    def _told_apart(self, batch: Batch, prediction: Tensor) -> Tensor:
        """(B,) 1 where the discriminator finds the true pair more real than the generated one, else 0."""
        image, *outputs = (to_channels(x, self.channels) for x in (batch["input"], batch["target"], prediction))
        pair = with_thickness(image, batch.get("thickness"))
        true, generated = (
            torch.stack([layers[-1].float().mean((1, 2, 3)) for layers in self.discriminator(pair, output)]).mean(0)
            for output in outputs
        )
        return (true > generated).float()

    def _discriminator_step(self, batch: Batch, optimizer: Any) -> None:
        """One step of the discriminator alone."""
        optimizer.zero_grad()
        for part, share in parts(batch, self.learning.accumulate):
            image, target = (to_channels(part[name], self.channels) for name in ("input", "target"))
            with torch.no_grad():
                prediction = self(image, part.get("condition"))
            real, generated = self._judgements(part, image, target, prediction)
            loss = sum(discriminator_terms(generated, real, self.learning.gan_loss).values())
            self.manual_backward(share * loss)
        self._step(optimizer)

    def _step(self, optimizer: Any) -> None:
        if self.learning.gradient_clip is not None:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.learning.gradient_clip)
        optimizer.step()

    def on_validation_epoch_start(self) -> None:
        for metric in (*self.measures.values(), *self.rows.values()):
            metric.reset()

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self._measure(batch, self.watched[dataloader_idx])

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self._measure(batch, PARTS[dataloader_idx])

    def _measure(self, batch: Batch, part: str) -> None:
        prediction = self.predict_step(batch)
        for name, measure in self.measured.items():
            self.measures[f"{part}/{name}"].update(measure(prediction, batch["target"]))
        if self.discriminator is not None:
            self.measures[f"{part}/told_apart"].update(self._told_apart(batch, prediction))
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

    on_test_epoch_start = on_validation_epoch_start
    on_test_epoch_end = on_validation_epoch_end

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["direction"] = self.direction
        checkpoint["config"] = self.config
        checkpoint["familiar"] = None if self.familiar is None else asdict(self.familiar)
        checkpoint["steps"] = self.steps

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        optimizers = max(1, len(checkpoint.get("optimizer_states", ())))
        self.steps = checkpoint.get("steps", checkpoint.get("global_step", 0) // optimizers)

    @staticmethod
    def _several(parts: Any) -> list[Any]:
        """Lightning gives one optimizer or scheduler as itself, and none as None."""
        return parts if isinstance(parts, list) else [parts] if parts else []


class ForwardCGAN(ConditionalGAN):
    """Projected potential ρ → bright-field LACBED pattern."""

    direction = "forward"


class InverseCGAN(ConditionalGAN):
    """Bright-field LACBED pattern → projected potential ρ."""

    direction = "inverse"
    measured: ClassVar = ConditionalGAN.measured | {"origin_mse": origin_mse, "origin_r": origin_r}
