"""Absorptive form factors: what thermal diffuse scattering takes away from the waves that make a pattern.

An atom vibrates by itself and the same in all directions (the Einstein model); electrons that it scatters out of the
Bragg beams are lost, as if the potential had an imaginary part. No PyTorch here.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import ArrayLike, NDArray

from lacbed_gan.crystal.form_factors import electron_form_factor
from lacbed_gan.diffraction.constants import lorentz_factor
from lacbed_gan.diffraction.errors import CalculationError

COMPTON = 0.0242631023868  # h/m₀c in Å
B_RANGE = (0.01, 20.0)  # Å²; at 20 an atom moves by half an Å, which is disorder and no vibration of an atom by itself
FARTHEST = 1000.0  # 1/Å, of the integral over s′: what is beyond is 1e-7 of it
RADIAL, ANGULAR = 160, 48  # points of Gauss's rule; twice as many change nothing but rounding
REACH = 12.0  # 1/Å, of a table; one twice as long, or more, where reflections go beyond
LINEAR = 0.3  # 1/Å, up to which the points of a table are about evenly spaced
DEGREE = 96  # of the Chebyshev series that a table is


def absorptive_form_factor(element: str, q: ArrayLike, b_iso: float, energy_kv: float = 200.0) -> NDArray[np.float64]:
    """f′(s, B) exp(−Bs²) with s = q/2, of an atom that vibrates by itself (Hall & Hirsch; Bird & King).

    f′(s, B) = 2h/(βm₀c) ∬ f(|s/2 + s′|) f(|s/2 − s′|) [1 − exp(−2B(s′² − s²/4))] d²s′, over the whole plane, with
    Kirkland's f. The Debye–Waller factor is in it because f′ alone grows without bounds with s.

    Args:
        element: symbol, H to Lr.
        q: 1/d in 1/Å, any shape.
        b_iso: B = 8π²⟨u²⟩ in Å².
        energy_kv: of the beam; f′ is proportional to 1/β, the speed of light over that of the electron.

    Returns:
        In Å like f itself, same shape as q.

    Raises:
        CalculationError: B is outside `B_RANGE`, 0 among them: an atom at rest scatters nothing diffusely.
    """
    check_b(element, b_iso)
    q = np.asarray(q, dtype=np.float64)
    farthest = float(q.max(initial=0.0))
    reach = REACH * 2 ** max(0, math.ceil(math.log2(max(farthest, REACH) / REACH)))
    beta = math.sqrt(1 - lorentz_factor(energy_kv) ** -2)
    return np.asarray(_table(element, float(b_iso), reach)(np.arcsinh(q / LINEAR)) / beta)


def check_b(element: str, b_iso: float) -> None:
    """CalculationError unless an atom with this B (Å²) has an absorptive form factor."""
    low, high = B_RANGE
    if b_iso == 0:
        raise CalculationError(
            f"absorption tds needs B of every atom, and that of {element} is 0 Å²: give it in the file, or where "
            "that has none by b_iso_default (with_default_b_iso from Python)"
        )
    if not low <= b_iso <= high:
        raise CalculationError(
            f"B = {b_iso:g} Å² of {element} is outside {low:g} … {high:g}, where atoms vibrate and absorption tds has "
            "a meaning: correct it, or take absorption=proportional"
        )


def integral(element: str, q: ArrayLike, b_iso: float) -> NDArray[np.float64]:
    """β f′(q/2, B) exp(−Bq²/4) in Å, (n,) for q (n,) in 1/Å.

    In elliptic coordinates with the foci ±s/2, where f has its cusps: s′ = s/2 (cosh μ cos ν, sinh μ sin ν) is at the
    distances s/2 (cosh μ ± cos ν) from them, d²s′ is their product dμ dν, and the integrand is smooth.
    """
    x, weight_x = np.polynomial.legendre.leggauss(RADIAL)
    y, weight_y = np.polynomial.legendre.leggauss(ANGULAR)
    cosine = np.cos((y + 1) * np.pi / 4)
    values = []
    for s in np.maximum(np.asarray(q, dtype=np.float64) / 2, 1e-3):  # at 0 there are no ellipses; f′ is even in s
        outermost = math.acosh(2 * FARTHEST / s)
        hyperbolic = np.cosh((x + 1) / 2 * outermost)[:, None]
        near, far = s / 2 * (hyperbolic - cosine), s / 2 * (hyperbolic + cosine)
        squared = s**2 / 4 * (hyperbolic**2 + cosine**2 - 1)  # s′²
        damping = np.exp(-b_iso * s**2) - np.exp(-2 * b_iso * squared - b_iso * s**2 / 2)
        product = electron_form_factor(element, 2 * near) * electron_form_factor(element, 2 * far)
        # a quarter of the plane
        values.append(4 * (outermost / 2 * np.pi / 4) * (weight_x @ (product * damping * near * far) @ weight_y))
    return 2 * COMPTON * np.array(values)


@lru_cache(maxsize=512)
def _table(element: str, b_iso: float, reach: float) -> Chebyshev:
    """The integral up to q = reach, as a series in arsinh(q/LINEAR)."""
    domain = [0.0, math.asinh(reach / LINEAR)]
    return Chebyshev.interpolate(lambda u: integral(element, LINEAR * np.sinh(u), b_iso), DEGREE, domain)
