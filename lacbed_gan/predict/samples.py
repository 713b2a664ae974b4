"""Many answers to one pattern: their mean and spread, and those of the Fourier coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lacbed_gan.models.networks.drawing import AS_LEARNED, Spread
from lacbed_gan.predict.physics_check import periodic_image
from lacbed_gan.predict.prediction import PotentialPrediction

ORDER = 8  # largest |h| and |k| of the coefficients that are written
QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
FEW = 5.0  # effective number below which weights say little
STRONGEST = 20  # coefficients that the numbers list; all are in the table


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
        spread: of the random numbers that they were drawn from, beside what the network has learned to.
        seconds: that drawing and weighing took.
    """

    images: np.ndarray
    span: np.ndarray | None
    weights: np.ndarray
    prediction: PotentialPrediction
    counts: float | None = None
    residual: np.ndarray | None = None
    spread: Spread = AS_LEARNED
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
        if self.spread != AS_LEARNED:
            text += (
                f"; spread {self.spread.scale:.2g} of that learned, tail {self.spread.tail:g}, by the validation part"
            )
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
        values["spread"] = self.spread._asdict()
        values["weights"] = self.weights.tolist()
        values["residual"] = None if self.residual is None else self.residual.tolist()
        return values | {"coefficients": self.table()[:STRONGEST]}
