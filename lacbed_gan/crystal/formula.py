"""Formulas of crystals."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np


def reduced_formula(elements: tuple[str, ...], occupancy: np.ndarray, units: int) -> str:
    """Reduced formula in alphabetical order from the atoms of a cell, such as ``O3SrTi``.

    Whole numbers of atoms are divided by their greatest common divisor; fractions, of a disordered crystal, by
    ``units``, that of the multiplicities of its sites.
    """
    counts: dict[str, float] = {}
    for element, share in zip(elements, occupancy, strict=True):
        counts[element] = counts.get(element, 0.0) + float(share)
    if all(abs(n - round(n)) < 0.01 and round(n) > 0 for n in counts.values()):
        divisor = math.gcd(*(round(n) for n in counts.values()))
        counts = {element: round(n) / divisor for element, n in counts.items()}
    else:
        counts = {element: n / units for element, n in counts.items()}
    return formula_of(counts)


def formula_of(counts: Mapping[str, float]) -> str:
    """Formula in alphabetical order from the atoms of each element, such as ``O3SrTi``."""
    return "".join(f"{e}{'' if abs(n - 1) < 1e-9 else format(n, '.4g')}" for e, n in sorted(counts.items()))
