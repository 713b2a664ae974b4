"""How far to trust a prediction: whether the input is like the training data, and whether physics agrees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lacbed_gan.diffraction.from_potential import bright_field_at, coefficients
from lacbed_gan.images.preparation import Prepared

FAR = 3.0  # standard deviations of the training data from their mean
BROKEN = 0.01  # 1 − R of a pattern to its own mirror images; of training patterns it is 0
COVERED = 0.999  # of the angles that the network knows
SATURATED = 0.02  # of the pixels at the highest value
# 1 − R of the recomputed pattern above which ρ is flagged. At 50 nm the right ρ of 95 % of small shipped crystals has
# less, as the tests hold; that of a crystal with nearly the same ρ may have less too.
SUSPICIOUS = 0.01
# Pixels along the edge of a quadrant at which the pattern is recomputed, and while the range of ρ is sought.
GRID, COARSE_GRID = 16, 8
COARSE_G_MAX = 2.5  # 1/Å, while the range of ρ is sought
SPANS = (0.5, 9.5)  # 1/Å², ranges of ρ of crystals, tried where a network does not predict one
NEAR = 1.35  # how far off a predicted range may be
STEP = 1.07  # from one range to the next


@dataclass(frozen=True)
class PhysicsCheck:
    """The pattern recomputed from a predicted ρ against the one it was predicted from.

    Attributes:
        residual: 1 − R of the two; about 0 for the right ρ.
        mse: of the two, each min–max scaled.
        span: the range of ρ in 1/Å² with which they agree best.
        asymmetry: share of ρ's power that no cubic crystal has.
        flagged: the residual is larger than `SUSPICIOUS`.
    """

    residual: float
    mse: float
    span: float
    asymmetry: float

    @property
    def flagged(self) -> bool:
        return self.residual > SUSPICIOUS


def check_potential(
    potential: np.ndarray, pattern: np.ndarray, a: float, thickness: Sequence[float], span: float | None = None
) -> PhysicsCheck:
    """Recompute patterns from ρ, on a grid of pixels, and compare.

    An image of ρ is right up to its range, which decides how strongly the crystal scatters: the one with
    the best agreement is sought, around a predicted one or over all that crystals have.

    Args:
        potential: (n, n), ρ sampled at r = i/n, of any range.
        pattern: (T, H, H) min–max scaled.
        a: cell edge in Å.
        thickness: T values in nm.
        span: predicted ρ_max − ρ_min in 1/Å².

    Raises:
        ValueError: ρ is flat, or the calculation fails.
    """
    potential = np.asarray(potential, dtype=np.float64)
    low, high = potential.min(), potential.max()
    measured = _folded(pattern)
    waves = coefficients((potential - low) / (high - low or 1.0))

    def compared(trial: float, grid: int, **cut_off: float) -> tuple[float, float]:
        pixels = _pixels(pattern.shape[-1], grid)
        computed = bright_field_at(waves, trial, a, thickness, pixels, pattern.shape[-1], **cut_off).numpy()
        return _difference(computed, measured[:, pixels[0], pixels[1]])

    first, last = (span / NEAR, span * NEAR) if span else SPANS
    count = math.ceil(math.log(last / first) / math.log(STEP)) + 1
    best = min(np.geomspace(first, last, count), key=lambda trial: compared(trial, COARSE_GRID, g_max=COARSE_G_MAX)[0])
    finest = min((best / STEP**0.5, best, best * STEP**0.5), key=lambda trial: compared(trial, COARSE_GRID)[0])
    residual, mse = compared(finest, GRID)
    return PhysicsCheck(residual, mse, float(finest), waves.asymmetry)


def condition_warnings(names: Sequence[str], values: Sequence[float], standardised: Sequence[float]) -> list[str]:
    """A line for each number that lies far outside of the training data.

    Args:
        names: what the numbers are, with their unit in brackets.
        standardised: in standard deviations of the training data from their mean, of the logarithms.
    """
    return [
        f"{name} is {value:.3g}, {abs(z):.1f} standard deviations from the mean of the training data"
        for name, value, z in zip(names, values, standardised, strict=True)
        if abs(z) > FAR
    ]


def distance_warnings(distance: float) -> list[str]:
    """A line where an input is far from all training inputs, in units of their usual distance from each other."""
    if distance <= 1:
        return []
    return [
        f"the nearest training input is {distance:.2g} times as far away as usual among them: the network has seen "
        "nothing like it"
    ]


def pattern_warnings(prepared: Prepared) -> list[str]:
    """A line for each way in which a prepared pattern is unlike those of the training data."""
    found = []
    if prepared.covered < COVERED:
        found.append(
            f"the image covers {prepared.covered:.0%} of the angles that the network knows; the rest is taken from its "
            "mirror images, or is their mean"
        )
    if prepared.asymmetry > BROKEN:
        found.append(
            f"the pattern is not its own mirror image (1 − R = {prepared.asymmetry:.3f}), as all that the network has "
            "seen are; check rotation, centre and zone axis"
        )
    if prepared.saturated > SATURATED:
        found.append(f"{prepared.saturated:.0%} of the pixels have the highest value: the image is saturated")
    return found


def check_warnings(check: PhysicsCheck) -> list[str]:
    """A line where the physics check does not hold."""
    if not check.flagged:
        return []
    return [
        f"the pattern recomputed from ρ differs from the input (1 − R = {check.residual:.3f}, right ones stay below "
        f"{SUSPICIOUS}): ρ is not right, or a, the thickness or the angles are others"
    ]


def _pixels(size: int, grid: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a regular grid over the quadrant of positive k."""
    half = np.arange(size // 2, size)
    chosen = half[:: max(1, len(half) // grid)]
    rows, columns = np.meshgrid(chosen, chosen, indexing="ij")
    return rows.ravel(), columns.ravel()


def _folded(pattern: np.ndarray) -> np.ndarray:
    """The mean of patterns (T, H, H) over their mirror images."""
    pattern = np.asarray(pattern, dtype=np.float64)
    half = (pattern + pattern[:, ::-1]) / 2
    return (half + half[..., ::-1]) / 2


def _difference(computed: np.ndarray, measured: np.ndarray) -> tuple[float, float]:
    """1 − R and MSE, means over the thicknesses, of (T, P) each."""
    from lacbed_gan.measures.metrics import correlation_r, mse

    scaled = [torch.from_numpy(_scaled(values)).float() for values in (computed, measured)]
    return 1 - float(correlation_r(*scaled).mean()), float(mse(*scaled).mean())


def _scaled(values: np.ndarray) -> np.ndarray:
    low, high = values.min(1, keepdims=True), values.max(1, keepdims=True)
    return (values - low) / np.where(high > low, high - low, 1.0)
