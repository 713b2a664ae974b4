"""Many answers to one pattern: their mean and spread, those of the Fourier coefficients, and weights by physics."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from lacbed_gan.base.errors import UserError
from lacbed_gan.diffraction.from_potential import bright_field_at, coefficients
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.symmetry import fold
from lacbed_gan.models.weights import Trained
from lacbed_gan.predict.physics_check import absorption_ratio, coarse_pixels, periodic_image
from lacbed_gan.predict.prediction import PotentialPrediction
from lacbed_gan.store.recipe import Recipe

ORDER = 8  # largest |h| and |k| of the coefficients that are written
QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
GRID = 8  # pixels along the edge of a quadrant at which a sample's pattern is computed
COUNTS = 1000.0  # electrons at the brightest pixel, where nobody says how many
# Root mean square, of patterns in [0, 1], by which the pattern of the right ρ of 64² pixels differs from the right one,
# in the median of real crystals at 50 nm (experiments/posterior).
DISCREPANCY = 0.005


class SampleError(UserError):
    """Samples that cannot be drawn or weighed: one line with reason and remedy."""


@dataclass(frozen=True)
class PotentialSamples:
    """Answers to one pattern, as likely as they are in view of it.

    Attributes:
        images: (n, H, W) float32 in [0, 1], ρ of each, min–max scaled in training; row is y, column is x.
        span: (n,) ρ_max − ρ_min of each in 1/Å²; None where the network does not tell it.
        weights: (n,) that add up to 1; all alike unless physics weighed them.
        prediction: the network's one answer, and what the pattern was taken for.
        counts: electrons at the brightest pixel by which they were weighed; None where they were not.
        residual: (n,) root mean square by which the pattern of each, at the pixels where it was computed, differs from
            the one given, patterns in [0, 1]; None where they were not weighed.
        seconds: that drawing and weighing took.
    """

    images: np.ndarray
    span: np.ndarray | None
    weights: np.ndarray
    prediction: PotentialPrediction
    counts: float | None = None
    residual: np.ndarray | None = None
    seconds: float = 0.0

    @property
    def mean(self) -> np.ndarray:
        """(H, W) of ρ in [0, 1], all samples alike."""
        return self.images.mean(0)

    @property
    def deviation(self) -> np.ndarray:
        """(H, W) standard deviation of ρ in [0, 1], all samples alike."""
        return self.images.std(0)

    @property
    def weighed_mean(self) -> np.ndarray:
        """(H, W) of ρ in [0, 1], by the weights."""
        return np.tensordot(self.weights, self.images, 1).astype(np.float32)

    @property
    def effective_number(self) -> float:
        """1 / Σ w²: how many samples of equal weight tell as much."""
        return float(1 / np.square(self.weights).sum())

    @cached_property
    def u(self) -> np.ndarray:
        """(n, 2·ORDER + 1, ORDER + 1) U_hk of each about its two-fold axis, h = −ORDER … and k = 0 …; U_00 = 0.

        In 1/Å², or, where the network does not tell the range of ρ, in units of that.
        """
        recipe = self.prediction.recipe
        images = np.stack([periodic_image(image, recipe) for image in self.images.astype(np.float64)])
        order = min(ORDER, (images.shape[-1] - 1) // 2)
        waves = (np.fft.fft2(images) / images.shape[-1] ** 2).real
        h, k = np.arange(-order, order + 1), np.arange(order + 1)
        u = waves[:, k[None, :], h[:, None]]  # rows are y, along k
        u[:, order, 0] = 0
        return u if self.span is None else u * self.span[:, None, None]

    def table(self) -> list[dict[str, float]]:
        """A row for each U_hk, the strongest first: mean and deviation, quantiles of |U_hk|, and the weighed mean.

        One of each pair U_hk, U_-h-k, which are the same. All but the last take all samples alike.
        """
        u, order = self.u, self.u.shape[2] - 1
        rows = []
        for i, k in np.ndindex(*u.shape[1:]):
            h = int(i) - order
            if (h, k) == (0, 0) or (k == 0 and h < 0):
                continue
            values = u[:, i, k]
            # at rank q (n + 1), as in `measures.posterior.interval`
            size = np.quantile(np.abs(values), QUANTILES, method="weibull")
            row = {"h": h, "k": int(k), "mean": float(values.mean()), "deviation": float(values.std())}
            row |= {f"size_{100 * q:g}": float(x) for q, x in zip(QUANTILES, size, strict=True)}
            rows.append(row | ({} if self.residual is None else {"weighed_mean": float(self.weights @ values)}))
        return sorted(rows, key=lambda row: -abs(row["mean"]))

    @property
    def lines(self) -> list[str]:
        """What is said of them."""
        spread = float(np.sqrt(np.square(self.deviation).mean()))
        text = f"{len(self.images)} samples in {self.seconds:.1f} s: ρ varies by {spread:.2g} of its range"
        if self.span is not None:
            text += f", which is {self.span.mean():.3g} ± {self.span.std():.2g} 1/Å²"
        if self.counts is None or self.residual is None:
            return [text]
        effective = self.effective_number
        weighed = (
            f"weighed by physics, for {self.counts:g} electrons at the brightest pixel: as much as {effective:.1f} "
            f"samples of equal weight; the best pattern is off by {self.residual.min():.2g} rms"
        )
        few = "; so few say which sample is nearest, and not how sure that is" if effective < FEW else ""
        return [text, weighed + few]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, without the images."""
        values = {"count": len(self.images), "seconds": self.seconds, "effective_number": self.effective_number}
        values |= {"deviation_of_rho": float(np.sqrt(np.square(self.deviation).mean())), "counts": self.counts}
        values["range_of_rho"] = None if self.span is None else self.span.tolist()
        values["weights"] = self.weights.tolist()
        values["residual"] = None if self.residual is None else self.residual.tolist()
        return values | {"coefficients": self.table()[:STRONGEST]}


FEW = 5.0  # effective number below which weights say little
STRONGEST = 20  # coefficients that the numbers list; all are in the table


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
    return replace(samples, seconds=time.perf_counter() - began)


def weighed(samples: PotentialSamples, a: float, counts: float) -> PotentialSamples:
    """The same samples with importance weights: the likelihood of the pattern given each.

    log L = −½ Σ (p − α − β I)² / σ² over a coarse grid of pixels, with I the exact intensities of a sample, α and β
    those of the pattern's min–max scaling that fit best, and σ² the variance of the counts, each a mean of the four
    pixels that symmetry makes equal, and of the `DISCREPANCY`. As the network has seen the pattern before, the pattern
    counts twice: weights are a check that sharpens, not another inference.

    Args:
        a: cell edge in Å.
        counts: electrons at the brightest pixel.
    """
    recipe, thickness = samples.prediction.recipe, samples.prediction.thickness
    pattern = fold(samples.prediction.pattern.astype(np.float64))
    pixels = coarse_pixels(pattern.shape[-1], GRID)
    measured = pattern[:, pixels[0], pixels[1]]
    variance = measured.clip(0) / (4 * counts) + DISCREPANCY**2
    span = samples.span if samples.span is not None else np.ones(len(samples.images))
    computed = [
        pattern_of(image, float(one), a, recipe, thickness, pixels, pattern.shape[-1])
        for image, one in zip(samples.images, span, strict=True)
    ]
    log_likelihood, residual = compared(np.stack(computed), measured, variance)
    weights = np.exp(log_likelihood - log_likelihood.max())
    return replace(samples, weights=weights / weights.sum(), counts=counts, residual=residual)


def pattern_of(
    image: np.ndarray, span: float, a: float, recipe: Recipe, thickness: Sequence[float], pixels: Any, size: int
) -> np.ndarray:
    """Exact intensities (T, P) of a sample at some pixels; 1, those of nothing, where ρ is the same all over."""
    if np.ptp(image) == 0 or not np.isfinite(span):
        return np.ones((len(thickness), len(pixels[0])))
    waves = coefficients(periodic_image(image.astype(np.float64), recipe))
    settings = {"g_max": recipe.usual_g_max, "energy_kv": recipe.energy_kv}
    settings["absorption_ratio"] = absorption_ratio(recipe)
    window = Window(size, recipe.half_width)
    return bright_field_at(waves, span, Net.square(a), thickness, pixels, window, **settings).numpy().astype(np.float64)


def compared(computed: np.ndarray, measured: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the likelihood and root mean square residuals, (n,) each, of patterns (n, T, P) against (T, P).

    Each pattern with the brightness and contrast that fit best, by weighted least squares.
    """
    w = 1 / variance
    mean_x, mean_y = (np.sum(w * x, -1, keepdims=True) / w.sum(-1, keepdims=True) for x in (computed, measured))
    x, y = computed - mean_x, measured - mean_y
    contrast = np.sum(w * x * y, -1, keepdims=True) / np.maximum(np.sum(w * x * x, -1, keepdims=True), 1e-30)
    difference = y - contrast.clip(0) * x
    return -0.5 * np.sum(w * difference**2, (1, 2)), np.sqrt(np.mean(difference**2, (1, 2)))


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
        return draw_samples(self._trained, self.predict_potential(pattern, a, **preparation), n, weigh, counts, seed)

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
