"""The LightningModule: which batch goes through which network, and what is logged."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, ClassVar

import torch
from lightning import LightningModule
from torch import Tensor, nn

from lacbed_gan.measures.familiarity import Familiar
from lacbed_gan.measures.metrics import correlation_r, mse
from lacbed_gan.models.divergence import gradient_norm, require_finite
from lacbed_gan.models.inference import predict, to_channels, with_thickness
from lacbed_gan.models.judging import balanced, slope_at, told_apart, window_at
from lacbed_gan.models.learning import LearningSettings, LossWeights
from lacbed_gan.models.losses import (
    Judgement,
    answered,
    discriminator_terms,
    judgement_terms,
    score,
    side_loss,
    span_term,
)
from lacbed_gan.models.means import PARTS, Means, added, parts, values_per_image
from lacbed_gan.models.networks.drawing import Drawing
from lacbed_gan.models.networks.whitening import with_whitened
from lacbed_gan.models.schedules import average_weights, clipped_step, optimizers, restate, several

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

    Logged per epoch: every weighted loss term as `train/loss_d_real`, `train/loss_g_gan` and so on, their sums
    `train/total_g` and `train/total_d`, the discriminator's mean answers `train/score_real` and `train/score_fake`, its
    share of the gradient at the image, the norm of both gradients (of every tenth batch), the learning rate, and the
    means over images of `test/mse`, `test/r`, `train/mse` …, of inverse networks also `test/origin_mse` and so on,
    which do not depend on the choice of origin.

    Args:
        generator: called as generator(input, condition).
        discriminator: called as discriminator(input, output); None where the loss weights use none.
        loss_weights, learning: of the generator's loss terms; the optimizers' settings, and the GAN loss.
        channels: of the networks; the images are repeated to as many, predictions averaged over them.
        span_head: called as span_head(input, condition), predicts batch["span"]; None for none.
        window: pixels along an edge of the part of the pairs that the discriminator judges in training, at another
            place each step; None for whole pairs.
        whitened: the discriminator judges ρ, with its high orders as strong as its low ones too.

    Attributes:
        config: plain values that say how the networks were made; written into every checkpoint.
        familiar: what is kept of the training inputs, to tell how unlike them others are; written there too.
        watched, steps: names of the parts that validation takes; the generator's steps.
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
        whitened: bool = False,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.loss_weights = loss_weights or LossWeights()
        self.learning = learning or LearningSettings()
        if self.loss_weights.needs_discriminator != (discriminator is not None):
            raise ValueError(f"{self.loss_weights!r} {'uses no' if discriminator else 'needs a'} discriminator")
        self.generator, self.discriminator, self.span_head = generator, discriminator, span_head
        self.average = copy.deepcopy(generator).requires_grad_(False) if self.learning.ema else None
        self.channels, self.window, self.whitened = channels, window, whitened
        self.config: dict[str, Any] = {}
        self.watched: tuple[str, ...] = PARTS
        self.steps = 0
        self.means = Means()
        self.totals: dict[str, Tensor] = {}
        self.familiar: Familiar | None = None
        numbers = {"span_error": span_head, "told_apart": discriminator, "loss": isinstance(generator, Drawing)}
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
        sides = [(answering, learning.learning_rate, learning.weight_decay)]
        if self.discriminator is not None:
            sides += [([self.discriminator], learning.discriminator.learning_rate or learning.learning_rate, 0.0)]
        return optimizers(sides, learning.betas, learning.schedule, lambda: self.trainer.estimated_stepping_batches)

    def setup(self, stage: str) -> None:
        self.watched = getattr(self.trainer.datamodule, "watched", self.watched)

    def on_fit_start(self) -> None:
        if self.device.type == "cuda":  # the order that its convolutions work in
            self.to(memory_format=torch.channels_last)

    def on_train_start(self) -> None:
        for schedule in several(self.lr_schedulers()):
            restate(schedule)  # of more epochs than the checkpoint was made for

    def on_train_epoch_start(self) -> None:
        self.means = Means()
        for name, optimizer in zip(("", "_d"), several(self.optimizers()), strict=False):
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
        optimizers = several(self.optimizers())
        for _ in range(self.learning.discriminator.steps - 1 if self.judged else 0):
            self._discriminator_step(batch, optimizers[1])
        for optimizer in optimizers:
            optimizer.zero_grad()
        values = added(self._descend(part, share) for part, share in parts(batch, self.learning.accumulate))
        terms = {name: value for name, value in values.items() if name.startswith("loss_")}
        # A non-finite loss makes the weights non-finite and with them every later loss, so that looking at some
        # batches, the epoch's last one among them, is enough to stop before anything is saved.
        if self.device.type == "cpu" or batch_idx % CHECK_EVERY == 0 or self.trainer.is_last_batch:
            require_finite(terms, f"epoch {self.current_epoch} at batch {batch_idx}")
        self.totals = totals = {f"loss_{side}": side_loss(terms, side) for side in ("g", "d")[: 1 + self.judged]}
        images = len(batch["input"])
        self.means.add(values | {name.replace("loss", "total"): value for name, value in totals.items()}, images)
        if batch_idx % NORM_EVERY == 0:
            networks = {"generator": self.generator, "discriminator": self.discriminator if self.judged else None}
            norms = {f"gradient_{name}": gradient_norm(n) for name, n in networks.items() if n is not None}
            self.means.add(norms, images)
        if batch_idx % NORM_EVERY == 0 or self.trainer.is_last_batch:  # Lightning takes its time for each number
            self.log_dict(totals, prog_bar=True, logger=False)
        for name, (mean, count) in self.means.items() if self.trainer.is_last_batch else ():
            self.log(f"train/{name}", mean, on_step=False, on_epoch=True, batch_size=count, sync_dist=True)
        for optimizer in optimizers[: 1 + self.judged]:
            clipped_step(optimizer, self.learning.gradient_clip)
        for scheduler in several(self.lr_schedulers()):
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
        prediction, terms = answered(self.generator, weights, image, target, batch)
        if self.span_head is not None:
            terms |= span_term(weights, self.span_head(batch["input"], batch.get("condition")), batch["span"])
        descent = share * sum(terms.values())
        if self.judged:
            judged = prediction.detach().requires_grad_()
            real, generated = self._judgements(batch, (image, target, judged), self.window)
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

    def _judgements(self, batch: Batch, images: Iterable[Tensor], window: int | None) -> tuple[Judgement, Judgement]:
        """The discriminator's judgements of the true and the generated pair of (input, target, prediction)."""
        image, *outputs = images
        place = window_at(image.shape[-1], window, self.steps)
        pair = with_thickness(image, batch.get("thickness"))[(..., *place)]
        outputs = map(with_whitened, outputs) if self.whitened else outputs
        true, generated = (self.discriminator(pair, output[(..., *place)]) for output in outputs)
        return true, generated

    def _discriminator_step(self, batch: Batch, optimizer: Any) -> None:
        """One step of the discriminator alone."""
        optimizer.zero_grad()
        for part, share in parts(batch, self.learning.accumulate):
            image, target = (to_channels(part[name], self.channels) for name in ("input", "target"))
            with torch.no_grad():
                prediction = self(image, part.get("condition"))
            real, generated = self._judgements(part, (image, target, prediction), self.window)
            loss = sum(discriminator_terms(generated, real, self.learning.gan_loss).values())
            self.manual_backward(share * loss)
        clipped_step(optimizer, self.learning.gradient_clip)

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
            pair = (to_channels(x, self.channels) for x in (batch["input"], batch["target"], prediction))
            self.measures[f"{part}/told_apart"].update(told_apart(*self._judgements(batch, pair, None)))
        if self.span_head is not None:
            number = self.span_head(batch["input"], batch.get("condition"))
            _, std = self.config.get("data", {}).get("standardisation", {}).get("log_span", (0.0, 1.0))
            self.measures[f"{part}/span_error"].update(std * (number - batch["span"])[:, 0].float().abs())
        if isinstance(self.network, Drawing):
            pair = (batch.get(name) for name in ("input", "condition", "target", "span"))
            self.measures[f"{part}/loss"].update(self.network.loss(*pair))
        for name in {"index", "time"} & batch.keys():
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
        sides = max(1, len(checkpoint.get("optimizer_states", ())))
        self.steps = checkpoint.get("steps", checkpoint.get("global_step", 0) // sides)
