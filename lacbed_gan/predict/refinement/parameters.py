"""What a refinement fits: parameters with their units, steps and bounds, and what they make of a crystal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from lacbed_gan.base.errors import UserError
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.ions import formal_charges
from lacbed_gan.diffraction.absorption_factors import B_RANGE
from lacbed_gan.diffraction.gradients.sites import site_of_atoms
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.predict.identification.calculation import star

NEAREST = 2.0  # 1/Å, among which the shortest structure factors are sought
WEAK = 0.1  # of the strongest: a structure factor that patterns hardly tell
KINDS = ("thickness", "blur", "centre", "rotation", "scale", "b_factor", "b_iso", "occupancy", "ionicity", "u_hk")
USUAL = ("thickness", "blur", "centre", "rotation", "scale", "b_iso", "ionicity")


@dataclass(frozen=True)
class Parameter:
    """One number that is fitted.

    Attributes:
        name: such as ``thickness`` or ``B of O``.
        kind: one of `KINDS`.
        unit: of it.
        index: of the site, of the structure factor, of the series for a thickness, 0 for rows and 1 for columns of a
            centre; 0 otherwise.
        start: where the fit begins.
        step: of a difference quotient, about what it is known to after a fit.
        low, high: bounds.
        hk: of a structure factor, in units of the net.
    """

    name: str
    kind: str
    unit: str
    index: int
    start: float
    step: float
    low: float
    high: float
    hk: tuple[int, int] | None = None


def parameters(
    crystal: Crystal, thickness: Sequence[float], free: Sequence[str], orders: int = 4, blur: float = 0.5
) -> tuple[Parameter, ...]:
    """Those of some kinds.

    Args:
        thickness: of each series in nm, where the fit begins.
        free: kinds that are fitted.
        orders: how many of the shortest different structure factors are fitted, as multiples of those of the crystal.
        blur: σ in pixels where the fit begins.

    Raises:
        UserError: an unknown kind.
    """
    if unknown := [kind for kind in free if kind not in KINDS]:
        raise UserError(f"free={unknown[0]} is none of {', '.join(KINDS)}")
    chosen: list[Parameter] = []
    if "thickness" in free:
        several = len(thickness) > 1
        for i, t in enumerate(thickness):
            name = f"thickness {i + 1}" if several else "thickness"
            chosen.append(Parameter(name, "thickness", "nm", i, t, 0.05, 1.0, 1000.0))
    if "blur" in free:
        chosen.append(Parameter("blur", "blur", "px", 0, blur, 0.02, 0.0, 4.0))
    if "centre" in free:
        for i, name in enumerate(("row", "column")):
            chosen.append(Parameter(f"centre, {name}", "centre", "px", i, 0.0, 0.05, -4.0, 4.0))
    if "rotation" in free:
        chosen.append(Parameter("rotation", "rotation", "°", 0, 0.0, 0.05, -5.0, 5.0))
    if "scale" in free:
        chosen.append(Parameter("scale of angles", "scale", "1", 0, 1.0, 0.002, 0.9, 1.1))
    if "b_factor" in free:
        chosen.append(Parameter("factor of all B", "b_factor", "1", 0, 1.0, 0.02, 0.1, 4.0))
    for i, label in enumerate(labels(crystal)):
        atom = int(np.flatnonzero(sites(crystal) == i)[0])
        if "b_iso" in free:
            b = float(np.clip(crystal.b_iso[atom], 0.1, 4.0))
            chosen.append(Parameter(f"B of {label}", "b_iso", "Å²", i, b, 0.02, 0.03, 8.0))
        if "occupancy" in free:
            occupancy = float(crystal.occupancy[atom])
            chosen.append(Parameter(f"occupancy of {label}", "occupancy", "1", i, occupancy, 0.01, 0.02, 1.2))
    if "ionicity" in free and formal_charges(crystal) is not None:
        chosen.append(Parameter("ionicity", "ionicity", "1", 0, 0.0, 0.02, -0.2, 1.2))
    if "u_hk" in free:
        for i, (hk, hkl) in enumerate(shortest(crystal, orders)):
            name = f"U of {' '.join(map(str, hkl))}"
            chosen.append(Parameter(name, "u_hk", "times the crystal's", i, 1.0, 0.005, 0.5, 1.5, hk))
    return tuple(chosen)


def shortest(crystal: Crystal, count: int) -> list[tuple[tuple[int, int], tuple[int, ...]]]:
    """(h, k) and hkl of the shortest reflections whose U are not zero and not equal by symmetry."""
    projection = Projection(crystal)
    hk = projection.net.within(NEAREST)
    strength = projection.structure_factors(torch.from_numpy(hk)).abs().numpy()
    chosen: list[tuple[int, int]] = []
    seen: set[tuple[int, int]] = set()
    for (h, k), u in zip(hk.tolist(), strength, strict=True):
        if (h, k) == (0, 0) or (h, k) in seen or u < WEAK * strength[1:].max():
            continue
        alike = star(projection, (h, k))
        seen |= {*alike}
        chosen.append(max(alike))
        if len(chosen) == count:
            break
    return [(one, tuple((np.asarray(one) @ np.asarray(projection.basis)).tolist())) for one in chosen]


def factors(chosen: Sequence[Parameter], values: NDArray[np.float64]) -> dict[tuple[int, int], float]:
    """By which structure factors are multiplied."""
    return {p.hk: float(v) for p, v in zip(chosen, values, strict=True) if p.hk is not None}


def sites(crystal: Crystal) -> NDArray[np.int64]:
    """(n,) the site of each atom; see :func:`lacbed_gan.diffraction.gradients.sites.site_of_atoms`."""
    return site_of_atoms(crystal).numpy()


def labels(crystal: Crystal) -> list[str]:
    """Names of the sites: the element, with a number where it has several."""
    site = sites(crystal)
    elements = [crystal.elements[int(np.flatnonzero(site == i)[0])] for i in range(site.max() + 1)]
    count, used = Counter(elements), Counter[str]()
    names = []
    for element in elements:
        used[element] += 1
        names.append(f"{element}{used[element]}" if count[element] > 1 else element)
    return names


def with_values(
    crystal: Crystal, site: NDArray[np.int64], chosen: Sequence[Parameter], values: NDArray[np.float64]
) -> Crystal:
    """The crystal with the B and occupancies that a fit is at."""
    b, occupancy = crystal.b_iso.copy(), crystal.occupancy.copy()
    for parameter, value in zip(chosen, values, strict=True):
        if parameter.kind == "b_factor":
            b = np.clip(value * b, *B_RANGE)
        target = {"b_iso": b, "occupancy": occupancy}.get(parameter.kind)
        if target is not None:
            target[site == parameter.index] = value
    return replace(crystal, b_iso=b, occupancy=occupancy)
