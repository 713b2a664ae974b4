"""Whether few beams make of a predicted ρ a pattern like the one it was predicted from: a fraction of a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lacbed_gan.diffraction.few_beams import few_beams
from lacbed_gan.diffraction.from_potential import coefficients, intensities_at
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.scaling import min_max
from lacbed_gan.predict.physics_check import SPANS, coarse_pixels, periodic_image
from lacbed_gan.store.recipe import Recipe

G_MAX, GRID = 2.0, 10  # 1/Å; pixels along an edge of a quadrant
MOST_BEAMS = 5000
RANGES = (1.0, 0.94, 1.06, 0.88, 1.13, 0.82, 1.2)  # of the predicted one, which is some percent off itself
# Range of ρ times thickness in nm/Å² → R below which an answer is doubted: of right answers about one in eleven is, and
# all wrong ones (experiments/weights/doubted.py, crystals that are neither trained nor tested on). Few beams make the
# pattern of a weak crystal nearly exactly; of a strong one small errors of ρ grow with the thickness.
LIMITS = {100.0: 0.95, 180.0: 0.90, 280.0: 0.84, 350.0: 0.70, 560.0: 0.66, 760.0: 0.50}
# And R that one has to have to be sure: three in four right answers of the 120 crystals aside do (fitted.py there)
SURE = {60.0: 0.99, 100.0: 0.98, 180.0: 0.95, 280.0: 0.90, 350.0: 0.87, 560.0: 0.80, 760.0: 0.70, 900.0: 0.58}


def limit(thickness: Sequence[float], span: float, limits: Mapping[float, float] = LIMITS) -> float:
    """The mean over thicknesses in nm for a range of ρ in 1/Å²; beyond those of the limits that of the nearest one."""
    return float(np.interp(span * np.asarray(thickness), list(limits), list(limits.values())).mean())


def agreement(
    potential: np.ndarray, pattern: np.ndarray, a: float, recipe: Recipe, thickness: Sequence[float], span: float
) -> float | None:
    """R of the patterns, mean over the thicknesses, for the best of some ranges of ρ near the predicted one.

    Ranges are tried until one is sure, so that most right answers cost one calculation. None for a cell so large that
    it would take long. Patterns have no absorption.

    Args:
        potential: (n, n), sampled as the recipe says, of any range.
        pattern: (T, H, H), of any range, over the recipe's window.
        a: cell edge in Å.
        thickness: T values in nm.
        span: predicted ρ_max − ρ_min in 1/Å².

    Raises:
        ValueError: ρ is flat, or the calculation fails.
    """
    waves = coefficients(periodic_image(min_max(potential), recipe))
    window = Window(pattern.shape[-1], recipe.half_width)
    pixels = coarse_pixels(pattern.shape[-1], GRID)
    measured = pattern[:, pixels[0], pixels[1]]
    net, span = Net.square(a), float(np.clip(span, *SPANS))
    if len(waves.beams(span, net, G_MAX)) > MOST_BEAMS:
        return None
    best = -1.0
    for share in RANGES:
        beams = few_beams(waves, share * span, net, window, G_MAX)
        computed = intensities_at(beams, thickness, pixels, window, recipe.energy_kv).numpy()
        pairs = zip(computed, measured, strict=True)
        best = max(best, float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairs])))
        if best >= limit(thickness, span, SURE):
            break
    return best


def is_sure(value: float | None, thickness: Sequence[float], span: float) -> bool:
    """Whether R, as `agreement` gives it, is as high as that of most right answers; of what was not looked at it is."""
    return value is None or value >= limit(thickness, span, SURE)


def agreement_warnings(value: float | None, thickness: Sequence[float], span: float) -> list[str]:
    """Of an answer whose R, as `agreement` gives it, is below the limit."""
    least = limit(thickness, span)
    if value is None or value >= least:
        return []
    return [
        f"few beams make another pattern of the predicted ρ than the one given (R {value:.2f}, {least:.2f} or more for "
        "nine in ten right answers): ρ is wrong, or a, the thickness or the angles are, or the pattern holds more than "
        "diffraction"
    ]
