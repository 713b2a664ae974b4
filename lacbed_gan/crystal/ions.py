"""Ions: formal charges of the atoms of a crystal, and how an ion scatters electrons differently from a neutral atom."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import cache

import gemmi
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.form_factors import HEAVIEST

ANIONS = {"F": -1, "O": -2, "Cl": -1, "Br": -1, "I": -1}  # that the table has, by their charge
MOTT = 0.0239337  # 1/Å: m₀e²/(2h² 4πε₀), of f = MOTT (Z − f_x)/s² in Å
HIGHEST = 7  # charge of a cation
IMBALANCE = 2.0  # factor up to which the charges of cations are scaled to balance those of the anions


def formal_charges(crystal: Crystal) -> NDArray[np.float64] | None:
    """(n,) charge of each atom in units of e, neutral together; None where these are no ions of the table.

    Halogens and oxygen are anions. Of the charges that each of the other elements has in the International Tables those
    are taken that together balance the anions best, scaled so that they do.
    """
    content = Counter[str]()
    for element, occupancy in zip(crystal.elements, crystal.occupancy.tolist(), strict=True):
        content[element] += occupancy
    cations = [element for element in content if element not in ANIONS]
    negative = -sum(ANIONS[element] * share for element, share in content.items() if element in ANIONS)
    states = [_states(element) for element in cations]
    if not cations or not negative or not all(states):
        return None

    def positive(charges: tuple[int, ...]) -> float:
        return sum(content[element] * charge for element, charge in zip(cations, charges, strict=True))

    chosen = min(itertools.product(*states), key=lambda charges: abs(positive(charges) - negative))
    balance = negative / positive(chosen)
    if not 1 / IMBALANCE <= balance <= IMBALANCE:
        return None
    charge = dict(ANIONS) | {element: balance * c for element, c in zip(cations, chosen, strict=True)}
    return np.array([charge[element] for element in crystal.elements], dtype=np.float64)


def ionic_difference(element: str, charge: float, q: ArrayLike) -> NDArray[np.float64]:
    """f of an ion minus f of the neutral atom, for electrons; the formula of Mott and Bethe makes it of X-ray factors.

    Δf(q) = MOTT (f_x,atom − f_x,ion)/s², s = q/2, of that ion of the table whose charge is nearest, in proportion.

    Args:
        element: symbol of one that the International Tables (vol. C, table 6.1.1.4) have ions of.
        charge: in units of e.
        q: 1/d in 1/Å, above 0: that of a single ion has no limit there, and that of a neutral cell little meaning.

    Returns:
        In Å, same shape as q.
    """
    nearest = min(_states(element, charge < 0), key=lambda state: abs(state - charge))
    squared = np.asarray(q, dtype=np.float64) ** 2 / 4
    lost = _x_ray(element, 0, squared) - _x_ray(element, nearest, squared)
    return np.asarray(MOTT * charge / nearest * lost / squared)


def _states(element: str, negative: bool = False) -> list[int]:
    """Charges of the ions of an element in the table."""
    charges = range(-1, -4, -1) if negative else range(1, HIGHEST + 1)
    return [charge for charge in charges if _coefficients(element, charge) is not None]


def _x_ray(element: str, charge: int, squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """f_x by s² in 1/Å², with as many electrons at 0 as there are."""
    coefficients = _coefficients(element, charge)
    assert coefficients is not None
    a, b, c = coefficients
    values = c + (a * np.exp(-b * squared[..., None])).sum(-1)
    return values * (gemmi.Element(element).atomic_number - charge) / (c + a.sum())


@cache
def _coefficients(element: str, charge: int) -> tuple[NDArray[np.float64], NDArray[np.float64], float] | None:
    atom = gemmi.Element(element)
    if not 0 < atom.atomic_number <= HEAVIEST:
        return None
    if charge == 0:
        return np.array(atom.it92.a), np.array(atom.it92.b), float(atom.it92.c)
    ignored = gemmi.IT92_get_ignore_charge()
    gemmi.IT92_set_ignore_charge(False)
    try:
        found = gemmi.IT92_get_exact(atom, charge)
    finally:
        gemmi.IT92_set_ignore_charge(ignored)
    return None if found is None else (np.array(found.a), np.array(found.b), float(found.c))
