"""Samples weighed by physics: how likely is the pattern, if a sample is right?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lacbed_gan.diffraction.from_potential import bright_field_at, coefficients
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.symmetry import fold
from lacbed_gan.predict.physics_check import absorption_ratio, coarse_pixels, periodic_image
from lacbed_gan.predict.samples import PotentialSamples
from lacbed_gan.store.recipe import Recipe

GRID = 8  # pixels along the edge of a quadrant at which a sample's pattern is computed
# Root mean square, of patterns in [0, 1], by which the pattern of the right ρ of 64² pixels differs from the right one,
# in the median of real crystals at 50 nm (experiments/posterior).
DISCREPANCY = 0.005


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
