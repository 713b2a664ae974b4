"""The physics check: does the pattern that a predicted ρ would give agree with the one it was predicted from?"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lacbed_gan.diffraction.constants import lorentz_factor, wavelength
from lacbed_gan.diffraction.from_potential import bright_field_at, coefficients
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.scaling import min_max
from lacbed_gan.images.symmetry import fold, unfold
from lacbed_gan.store.recipe import Recipe

# 1 − R of the recomputed pattern below which the right ρ of 95 % of small shipped crystals stays at up to THIN nm and
# 200 kV, as the tests hold (experiments/physics_check); that of a crystal with nearly the same ρ may stay there too.
RIGHT, THIN = 0.01, 50.0
# Pixels along the edge of a quadrant at which the pattern is recomputed, and while the range of ρ is sought.
GRID, COARSE_GRID = 16, 8
COARSE_G_MAX = 2.5  # 1/Å, while the range of ρ is sought
DRAWN_G_MAX = 3.0  # 1/Å, of a pattern to look at
SPANS = (0.5, 9.5)  # 1/Å² at 200 kV, ranges of ρ of crystals, tried where a network does not predict one
NEAR = 1.35  # how far off a predicted range may be
STEP = 1.07  # from one range to the next
# U′/U that comes nearest to thermal diffuse absorption, whose factors a ρ does not tell: 0.03 for Si and NaCl, 0.05 for
# GaAs, 0.12 for Au.
DIFFUSE = 0.04


@dataclass(frozen=True)
class PhysicsCheck:
    """The pattern recomputed from a predicted ρ against the one it was predicted from.

    Attributes:
        residual: 1 − R of the two; about 0 for the right ρ.
        mse: of the two, each min–max scaled.
        span: the range of ρ in 1/Å² with which they agree best.
        asymmetry: share of ρ's power that no cubic crystal has.
        seconds: that the calculation took.
        limit: residual below which 95 % of right ρ stay; None where right ones differ so much that it cannot tell.
        reason: why it cannot tell.
    """

    residual: float
    mse: float
    span: float
    asymmetry: float
    seconds: float
    limit: float | None = RIGHT
    reason: str = ""

    @property
    def flagged(self) -> bool:
        """Whether the residual is larger than that of right ρ."""
        return self.limit is not None and self.residual > self.limit

    @property
    def verdict(self) -> str:
        """One line on what follows."""
        if self.limit is None:
            difference = f"the pattern recomputed from ρ differs from the input by 1 − R = {self.residual:.2g}"
            return f"{difference}, which does not tell whether ρ is right: {self.reason}"
        numbers = f"(1 − R = {self.residual:.2g}, right ones stay below {self.limit})"
        if not self.flagged:
            return f"the pattern recomputed from ρ agrees with the input {numbers}"
        remark = "ρ is not right, or a, the thickness or the angles are others"
        return f"the pattern recomputed from ρ differs from the input {numbers}: {remark}"


def check_potential(
    potential: np.ndarray,
    pattern: np.ndarray,
    a: float,
    recipe: Recipe,
    thickness: Sequence[float],
    span: float | None = None,
) -> PhysicsCheck:
    """Recompute patterns from ρ, on a grid of pixels, and compare.

    An image of ρ is right up to its range, which decides how strongly the crystal scatters: the one with
    the best agreement is sought, around a predicted one or over all that crystals have.

    Args:
        potential: (n, n), every so many of the pixels of ρ that the recipe samples, of any range.
        pattern: (T, H, H), of any range, over the recipe's window.
        a: cell edge in Å.
        thickness: T values in nm.
        span: predicted ρ_max − ρ_min in 1/Å².

    Raises:
        ValueError: ρ is flat, or the calculation fails.
    """
    began = time.perf_counter()
    waves = coefficients(periodic_image(min_max(potential), recipe))
    measured = fold(np.asarray(pattern, dtype=np.float64))
    size = measured.shape[-1]
    net, window = Net.square(a), Window(size, recipe.half_width)

    ratio = absorption_ratio(recipe)

    def difference(trial: float, grid: int, g_max: float) -> tuple[float, float]:
        """1 − R and MSE, means over the thicknesses."""
        pixels = coarse_pixels(size, grid)
        settings = {"g_max": g_max, "energy_kv": recipe.energy_kv, "absorption_ratio": ratio}
        return _difference(
            bright_field_at(waves, trial, net, thickness, pixels, window, **settings).numpy(),
            measured[:, pixels[0], pixels[1]],
        )

    strength = lorentz_factor(recipe.energy_kv) / lorentz_factor(200.0)
    first, last = (span / NEAR, span * NEAR) if span else (strength * end for end in SPANS)
    trials = np.geomspace(first, last, math.ceil(math.log(last / first) / math.log(STEP)) + 1)
    coarse = min(COARSE_G_MAX, recipe.usual_g_max)
    best = min(trials, key=lambda trial: difference(trial, COARSE_GRID, coarse)[0])
    near = (best / STEP**0.5, best, best * STEP**0.5)
    finest = min(near, key=lambda trial: difference(trial, COARSE_GRID, recipe.usual_g_max)[0])
    residual, mse = difference(finest, GRID, recipe.usual_g_max)
    limit, reason = residual_limit(recipe, len(potential), a, max(thickness))
    seconds = time.perf_counter() - began
    return PhysicsCheck(residual, mse, float(finest), waves.asymmetry, seconds, limit, reason)


def recomputed_pattern(
    potential: np.ndarray,
    pattern: np.ndarray,
    a: float,
    recipe: Recipe,
    thickness: Sequence[float],
    span: float,
    step: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """The patterns that ρ would give, and their differences from the ones it was predicted from.

    Args:
        potential, pattern, a, recipe, thickness: as for `check_potential`.
        span: ρ_max − ρ_min in 1/Å².
        step: only every n-th pixel along each edge is computed, which takes the n²-th part of the time.

    Returns:
        (T, H/step, H/step) float32 each; the patterns brought to brightness and contrast of the others, row is k_y.

    Raises:
        ValueError: ρ is flat, or the calculation fails.
    """
    waves = coefficients(periodic_image(min_max(potential), recipe))
    size = pattern.shape[-1] // step
    half = np.arange(size // 2, size)
    rows, columns = np.meshgrid(half, half, indexing="ij")
    settings = {"g_max": min(DRAWN_G_MAX, recipe.usual_g_max), "energy_kv": recipe.energy_kv}
    settings["absorption_ratio"] = absorption_ratio(recipe)
    window = Window(size, recipe.half_width)
    quarter = bright_field_at(
        waves, span, Net.square(a), thickness, (rows.ravel(), columns.ravel()), window, **settings
    )
    computed = unfold(quarter.numpy().reshape(-1, *rows.shape).astype(np.float64), size)
    measured = np.asarray(pattern, dtype=np.float64).reshape(-1, size, step, size, step).mean((2, 4))
    fitted = []
    for one, other in zip(computed, measured, strict=True):
        slope, offset = np.polyfit(one.ravel(), other.ravel(), 1)
        fitted.append(slope * one + offset)
    result = np.stack(fitted)
    return result.astype(np.float32), (result - measured).astype(np.float32)


def residual_limit(recipe: Recipe, size: int, a: float, thickness: float) -> tuple[float | None, str]:
    """The residual below which right ρ stay; or None, and why there is none.

    Beams within g_max are coupled by coefficients up to twice that, of which the image of ρ has those up to its own
    cut-off: the error of the rest grows with thickness · λγ, by which a crystal scatters.

    Args:
        size: pixels along an edge of ρ.
        a: cell edge in Å.
        thickness: in nm.
    """
    if recipe.method != "converged":
        return None, "the network's patterns are a truncated calculation, which differs from this one"
    if recipe.absorption == "tds":
        return None, "how much the crystal absorbs depends on its elements and their vibration, which ρ does not tell"
    reach = min(recipe.rho_g_max, (size - 1) // 2 * Net.square(a).lengths[0])
    g_max = recipe.usual_g_max
    if reach < g_max:
        return None, f"ρ of {size} pixels holds coefficients up to {reach:.3g} 1/Å, the beams go to {g_max:g}"
    scattering = wavelength(recipe.energy_kv) * lorentz_factor(recipe.energy_kv)
    thin = THIN * wavelength(200.0) * lorentz_factor(200.0) / scattering
    if thickness > thin and reach < 2 * g_max:
        return None, f"at {thickness:g} nm and {recipe.energy_kv:g} kV the patterns of right ρ often differ as much"
    return RIGHT, ""


def periodic_image(potential: np.ndarray, recipe: Recipe) -> np.ndarray:
    """ρ at r = i/n instead of where the recipe samples it: (n, n), by its Fourier series of n − 1 orders or less."""
    n = len(potential)
    if recipe.periodic:
        return potential
    order = np.arange(-((n - 1) // 2), (n - 1) // 2 + 1)
    steps = recipe.potential_step(n), 1 / n
    waves, periodic = (np.exp(2j * np.pi * step * np.outer(np.arange(n), order)) for step in steps)
    matrix = (periodic @ np.linalg.pinv(waves)).real
    return matrix @ potential @ matrix.T


def absorption_ratio(recipe: Recipe) -> float:
    return {"none": 0.0, "tds": DIFFUSE}.get(recipe.absorption, recipe.absorption_ratio)


def coarse_pixels(size: int, grid: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a regular grid over the quadrant of positive k."""
    half = np.arange(size // 2, size)
    chosen = half[:: max(1, len(half) // grid)]
    rows, columns = np.meshgrid(chosen, chosen, indexing="ij")
    return rows.ravel(), columns.ravel()


def _difference(computed: np.ndarray, measured: np.ndarray) -> tuple[float, float]:
    """1 − R and MSE, means over the thicknesses, of (T, P) each."""
    from lacbed_gan.measures.metrics import correlation_r, mse

    scaled = [torch.from_numpy(min_max(values, -1)).float() for values in (computed, measured)]
    return 1 - float(correlation_r(*scaled).mean()), float(mse(*scaled).mean())
