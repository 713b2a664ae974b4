"""Whether a predicted pattern is that of the exact calculation, by a few of its directions: a tenth of a second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lacbed_gan.diffraction.from_potential import bright_field_at, coefficients
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.store.recipe import Recipe

DIRECTIONS = 36
# R at these directions below which an answer is warned of: all answers with R < 0.9 are below, and none with R > 0.99
# (experiments/weights/warned.py, 120 crystals that are neither trained nor tested on)
LIMIT = 0.93
PLASTIC = 1.32471795724474602596  # of whose powers multiples modulo 1 fill a square evenly (Roberts 2018)


def spots(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns, (`DIRECTIONS`,) each, evenly over the quadrant of positive k, which all quadrants are like."""
    place = (0.5 + np.arange(1, DIRECTIONS + 1)[:, None] / PLASTIC ** np.arange(1, 3)) % 1
    rows, columns = (size - size // 2 + place * (size // 2)).astype(int).T
    return rows, columns


def spot_agreement(
    potential: np.ndarray, span: float, a: float, pattern: np.ndarray, thickness: Sequence[float], recipe: Recipe
) -> list[float]:
    """R of each pattern with the exact calculation from ρ at `DIRECTIONS` of its pixels.

    Args:
        potential: (n, n), ρ at r = i/n, scaled to [0, 1], not flat.
        span: ρ_max − ρ_min in 1/Å².
        a: cell edge in Å.
        pattern: (T, H, H), of any range, over the recipe's window.
        thickness: T values in nm.

    Raises:
        CalculationError: the calculation fails.
    """
    pixels = spots(pattern.shape[-1])
    window = Window(pattern.shape[-1], recipe.half_width)
    settings = {"g_max": recipe.usual_g_max, "energy_kv": recipe.energy_kv}
    exact = bright_field_at(coefficients(potential), span, Net.square(a), thickness, pixels, window, **settings).numpy()
    with np.errstate(invalid="ignore"):  # an answer that is the same all over agrees with nothing
        values = [np.corrcoef(one, other)[0, 1] for one, other in zip(exact, pattern[:, *pixels], strict=True)]
    return np.nan_to_num(values).tolist()


def spot_warnings(thickness: Sequence[float], agreement: Sequence[float]) -> list[str]:
    """Of answers that are not like the exact calculation.

    Args:
        thickness: in nm, of each answer.
        agreement: R of each, as `spot_agreement` gives it.
    """
    far = [f"{nm:g} nm (R {r:.2f})" for nm, r in zip(thickness, agreement, strict=True) if r < LIMIT]
    if not far:
        return []
    return [
        f"at {', '.join(far)} the answer differs from the exact calculation, which was made at {DIRECTIONS} of its "
        "directions: do not use it; lacbed_gan.simulate computes all of it"
    ]
