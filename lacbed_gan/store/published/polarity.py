"""Finding out from the images themselves whether dark or bright pixels are the high values.

A potential is a few sharp peaks on a low ground: its median lies on the low side of the middle of its range.

A bright-field pattern is not recognised by its tones: some are bright with dark lines, most, scaled to their own
range, are dark with a few bright spots. But where a strong reflection g is near its Bragg condition,
2 k·g + |g|² = 0, it takes intensity from the direct beam. Where these conditions are met follows from the crystal's
own potential (of either polarity: |U_g| does not see it), so the pattern is low where the map of them is high.
On the shipped pairs this is right for 96 % of the patterns at 50 nm and 99 % at 200 nm, on FELIX's own patterns for
all, and on 37 crystals of open databases, cells up to 12.5 Å, for 97 % and 92 %.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window

PIXELS = 32  # to which patterns are thinned out for this
REFLECTIONS = 14  # largest |h|, |k|; lines further out do not cross the pattern
COUPLING = 3.0  # width of the line of the strongest reflection, in 1/a²
CLEAR = 0.7  # share of the crystals that must agree


def potential_is_bright_high(potential: np.ndarray) -> bool:
    """Whether the atoms of a projected potential, (H, W) real, are brighter than the ground."""
    return bool(np.median(potential) < (potential.min() + potential.max()) / 2)


def patterns_are_bright_high(potential: np.ndarray, patterns: np.ndarray) -> bool:
    """Whether bright is high in the patterns (T, S, S) of the crystal with this potential (H, H), of any polarity."""
    step = max(1, patterns.shape[-1] // PIXELS)
    excited = bragg_map(potential, patterns.shape[-1], step)
    thin = patterns[:, step // 2 :: step, step // 2 :: step]
    return sum(_correlation(excited, pattern) for pattern in thin) < 0


def bragg_map(potential: np.ndarray, size: int, step: int = 1) -> np.ndarray:
    """log(1 + Σ_g w²/(w² + (2 k·g + |g|²)²)), w proportional to |U_g|: where reflections are excited.

    Args:
        potential: (H, H) real, one cell seen along [001].
        size: pixels along an edge of the pattern.
        step: every step-th pixel of it is computed.

    Returns:
        (S, S) float64 for the pixels ``[step // 2 :: step]``.
    """
    largest = min(REFLECTIONS, (len(potential) - 1) // 2)
    amplitude = np.abs(np.fft.fft2(potential))
    net = Net.square(1.0)  # in units of 1/a, whatever a is
    hk = net.within(largest)[1:]  # without 000
    h, k = hk.T[..., None, None]
    width = COUPLING * amplitude[k, h] / max(amplitude[k, h].max(), 1e-12) + 1e-12
    edge = Window(size).axis[step // 2 :: step]
    deviation = 2 * (edge * h + edge[:, None] * k) + net.squared_length(hk)[:, None, None]
    return np.log1p((width**2 / (width**2 + deviation**2)).sum(0))


def decide(votes: Sequence[bool]) -> tuple[str | None, int]:
    """The polarity that most crystals say, None where they do not agree, and how many say it."""
    bright = sum(votes)
    agreeing = max(bright, len(votes) - bright)
    polarity = "bright_high" if bright == agreeing else "dark_high"
    return (polarity if agreeing >= CLEAR * len(votes) else None), agreeing


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-12))
