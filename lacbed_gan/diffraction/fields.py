"""LACBED patterns of one crystal along any zone axis: the bright field, and the dark field of reflections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.zone_axis import reflection
from lacbed_gan.diffraction.beams import select_beams
from lacbed_gan.diffraction.constants import ABSORPTION_RATIO, G_MAX, METHODS
from lacbed_gan.diffraction.cut_off import AutoCutOff
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.patterns import Patterns, compute_patterns
from lacbed_gan.diffraction.projection import Projection

THICKNESS = (50, 100, 150, 200)  # nm


def bright_field(
    crystal: Crystal,
    thickness: Sequence[float] = THICKNESS,
    size: int = 128,
    *,
    zone: Sequence[int] | None = None,
    x_axis: Sequence[int] | None = None,
    window: str = "reciprocal",
    half_width: float | None = None,
    method: str = "converged",
    g_max: float | AutoCutOff = G_MAX,
    energy_kv: float = 200.0,
    felix_ranks: int = 1,
    absorption: str = "none",
    absorption_ratio: float = ABSORPTION_RATIO,
) -> Tensor:
    """Bright-field LACBED pattern of a crystal along a zone axis: the intensity of the direct beam.

    Args:
        thickness: T values in nm.
        size: pixels along an edge; the image spans the same angles whatever its size.
        zone, x_axis: see :meth:`lacbed_gan.Crystal.along`; unless given, that of the crystal, which is [001] of its
            conventional cell.
        window: ``reciprocal`` for k = κ₁ b₁ + κ₂ b₂, with b₁ and b₂ the reduced basis of all hkl of the zone; ``1/Å``
            or ``mrad`` for a square of absolute angles, as a camera sees it.
        half_width: half an edge of the pattern in the window's unit, 7.266 for ``reciprocal``, needed otherwise; pixel
            i is at (i + ½ − size/2) / (size/2) · half_width.
        method: ``converged`` is exact within its cut-off; ``felix`` reproduces the numbers of the program FELIX,
            a truncated calculation, from which the published data set was made, of cubic crystals along [001].
        g_max: cut-off of the beams in 1/Å, for ``converged``, or ``AutoCutOff(tolerance)``, the smallest whose rms
            error of the intensities is within a tolerance; ``felix`` has its own rule.
        energy_kv: of the beam, for ``converged``; ``felix`` is made for 200 kV.
        felix_ranks: number of MPI processes of the FELIX run to reproduce, see
            :func:`lacbed_gan.diffraction.felix.bright_field.felix_bright_field`.
        absorption: ``none``; ``proportional`` for U′ = absorption_ratio · U; ``tds`` for what thermal diffuse
            scattering takes away, which needs B of every atom. For ``converged``; it takes 5 to 8 times longer.

    Returns:
        (T, size, size) float32 in [0, 1]; column is k_x or κ₁ and row is k_y or κ₂, both rising.

    Raises:
        CalculationError: an unknown method or window, a number that is not positive, or a crystal that cannot be
            computed.
        CrystalError: no zone axis, or an x axis that is not normal to it.
    """
    if method not in METHODS:
        raise CalculationError(f"method '{method}' is not one of {', '.join(METHODS)}")
    crystal = crystal.seen(zone, x_axis)
    options = {"method": method, "window": window, "half_width": half_width, "felix_ranks": felix_ranks}
    options |= {"absorption": absorption, "absorption_ratio": absorption_ratio}
    return _patterns(crystal, thickness, size, g_max=g_max, energy_kv=energy_kv, **options).intensity


def dark_field(
    crystal: Crystal,
    hkl: Sequence[int] | Sequence[Sequence[int]],
    thickness: Sequence[float] = THICKNESS,
    size: int = 128,
    *,
    zone: Sequence[int] | None = None,
    x_axis: Sequence[int] | None = None,
    window: str = "reciprocal",
    half_width: float | None = None,
    g_max: float | AutoCutOff = G_MAX,
    energy_kv: float = 200.0,
    absorption: str = "none",
    absorption_ratio: float = ABSORPTION_RATIO,
) -> Tensor:
    """Dark-field LACBED patterns: the intensity of diffracted beams over the direction k of the incoming one.

    The Bragg condition of g is at k = −g/2; pixels are those of the bright field.

    Args:
        hkl: Miller indices of a reflection of the zone, or R of them, in the axes of the crystal's source; four of
            hexagonal axes are taken too. 0, 0, 0 is the bright field. The others are those of :func:`bright_field`.

    Returns:
        (T, size, size) float32 in [0, 1] of one reflection, (R, T, size, size) of a list.

    Raises:
        CalculationError: as :func:`bright_field`, a reflection beyond g_max, or one that no beam reaches.
        CrystalError: no reflection of the zone.
    """
    crystal = crystal.seen(zone, x_axis)
    one = len(hkl) > 0 and np.ndim(hkl[0]) == 0
    several = cast(Sequence[Sequence[int]], [hkl] if one else hkl)
    reflections = [reflection(crystal, indices) for indices in several]
    if not reflections:
        raise CalculationError("no reflection is given")
    wanted = list(dict.fromkeys(hk for hk in reflections if hk != (0, 0)))
    _require_positive(thickness, size, g_max, energy_kv)
    if wanted:
        lattice = select_beams(Projection(crystal), G_MAX, energy_kv).lattice
        for hk, reached in zip(wanted, lattice.contains(wanted), strict=True):
            if not reached:
                name = " ".join(map(str, several[reflections.index(hk)]))
                raise CalculationError(f"reflection {name} is forbidden: centring or glide planes extinguish it")
    options = {"window": window, "half_width": half_width, "dark_field": wanted}
    options |= {"absorption": absorption, "absorption_ratio": absorption_ratio}
    found = _patterns(crystal, thickness, size, g_max=g_max, energy_kv=energy_kv, **options)
    images = [found.intensity if hk == (0, 0) else found.dark_field[wanted.index(hk)] for hk in reflections]
    return images[0] if one else torch.stack(images)


def _patterns(
    crystal: Crystal,
    thickness: Sequence[float],
    size: int,
    *,
    g_max: float | AutoCutOff,
    energy_kv: float,
    **options: object,
) -> Patterns:
    _require_positive(thickness, size, g_max, energy_kv)
    (patterns,) = compute_patterns([crystal], thickness, size, g_max=g_max, energy_kv=energy_kv, **options)  # type: ignore[arg-type]
    if isinstance(patterns, CalculationError):
        raise patterns
    return patterns


def _require_positive(thickness: Sequence[float], size: int, g_max: float | AutoCutOff, energy_kv: float) -> None:
    largest = g_max.tolerance if isinstance(g_max, AutoCutOff) else g_max
    numbers = (size, largest, energy_kv, *thickness)
    if not thickness or not all(math.isfinite(x) and x > 0 for x in numbers):
        raise CalculationError(f"size {size}, g_max {g_max} and thickness {list(thickness)} must be positive")
