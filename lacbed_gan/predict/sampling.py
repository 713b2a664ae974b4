"""Samples drawn in view of a pattern, by networks that draw their answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from lacbed_gan.base.errors import UserError
from lacbed_gan.models.weights import Trained
from lacbed_gan.predict.prediction import PotentialPrediction
from lacbed_gan.predict.samples import PotentialSamples
from lacbed_gan.predict.weighing import weighed

COUNTS = 1000.0  # electrons at the brightest pixel, where nobody says how many


class SampleError(UserError):
    """Samples that cannot be drawn or weighed: one line with reason and remedy."""


def require_sampling(trained: Trained, weigh: bool = False) -> None:
    """SampleError, with the remedy, unless the network can draw samples, and weigh them if that is asked for."""
    if not trained.draws:
        raise SampleError(
            "samples=… needs a network that draws its answers, and this one gives one; train one with model=flow (or "
            "model=vae, or model.noise=8) and name it with checkpoint=…"
        )
    if trained.settings.forward:
        raise SampleError("samples=… is of ρ from a pattern, and this network is of direction=forward")
    if weigh and not trained.tells_span:
        raise SampleError(
            "weigh=true needs a network that tells the range of ρ, without which there is no pattern; train one with "
            "model.loss_weights.span=1"
        )


def draw_samples(
    trained: Trained, prediction: PotentialPrediction, count: int, weigh: bool = False, counts: float | None = None,
    seed: int = 0,
) -> PotentialSamples:  # fmt: skip
    """So many answers to the pattern of a prediction.

    Args:
        weigh: also weigh them by the exact calculation of their patterns, which needs a.
        counts: electrons at the brightest pixel of the pattern as the network is given it; None: those of the noise
            that the network was trained with, or `COUNTS`.
        seed: of the random numbers.

    Raises:
        SampleError: the network cannot draw, or not weigh.
    """
    began = time.perf_counter()
    require_sampling(trained, weigh)
    a, inputs = prediction.calibration.a, torch.from_numpy(prediction.pattern)[None]
    conditions = [trained.standardised(name, np.log(a)) for name in trained.settings.condition] if a else []
    condition = torch.tensor([conditions], dtype=torch.float32) if conditions else None
    images, span = trained.sample(inputs, condition, count, torch.Generator().manual_seed(seed))
    samples = PotentialSamples(
        images[0, :, 0].numpy(), None if span is None else span[0].numpy(), np.full(count, 1 / count), prediction
    )
    if weigh:
        if a is None:
            raise SampleError("weigh=true needs a=…, the cell edge in Å")
        counts = counts or getattr(trained.settings.model.generator, "counts", None) or COUNTS
        samples = weighed(samples, a, counts)
    return replace(samples, spread=trained.network.spread, seconds=time.perf_counter() - began)


class DrawsSamples:
    """What a predictor does with a network that draws its answers."""

    _trained: Trained
    predict_potential: Callable[..., PotentialPrediction]

    def sample(
        self,
        pattern: np.ndarray,
        a: float | None = None,
        n: int = 64,
        *,
        weigh: bool = False,
        counts: float | None = None,
        seed: int = 0,
        **preparation: Any,
    ) -> PotentialSamples:
        """n answers to a pattern, of a network that draws them: see `draw_samples` and `Predictor.predict_potential`.

        Raises:
            SampleError: the network gives one answer, or cannot weigh by physics what it draws.
        """
        require_sampling(self._trained, weigh)
        prediction = self.predict_potential(pattern, a, **{"fit": False} | preparation)
        return draw_samples(self._trained, prediction, n, weigh, counts, seed)

    @property
    def draws(self) -> bool:
        """Whether the network draws its answers, patterns or ρ."""
        return self._trained.draws

    def sampled(
        self, prediction: PotentialPrediction, n: int, weigh: bool = False, counts: float | None = None
    ) -> PotentialSamples:
        """The same for the pattern of a prediction."""
        return draw_samples(self._trained, prediction, n, weigh, counts)

    def require_sampling(self, weigh: bool = False) -> None:
        """SampleError, with the remedy, unless it draws its answers, and can weigh them if that is asked for."""
        require_sampling(self._trained, weigh)
