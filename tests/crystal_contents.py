"""What tests compare of a crystal: atoms of the cell, displacements and a structure factor, without PyTorch."""

from collections import Counter

import numpy as np

from lacbed_gan.crystal import Crystal
from lacbed_gan.crystal.form_factors import electron_form_factor

GAMMA = 1.39139  # of 200 kV


def u200(crystal: Crystal) -> float:
    """|U_200| in 1/Å² at 200 kV: γ/(πV) Σ occ f(q) exp(−Bq²/4) exp(−2πi g·r)."""
    q = np.array(2 / crystal.a)
    f = np.array([float(electron_form_factor(element, q)) for element in crystal.elements])
    waves = np.exp(-crystal.b_iso * q**2 / 4 - 4j * np.pi * crystal.positions[:, 0])
    return abs(GAMMA / (np.pi * crystal.volume) * (crystal.occupancy * f * waves).sum())


def contents(crystal: Crystal) -> dict[str, float]:
    """Atoms of each element in the cell."""
    counts: Counter[str] = Counter()
    for element, occupancy in zip(crystal.elements, crystal.occupancy, strict=True):
        counts[element] += occupancy
    return {element: round(float(n), 3) for element, n in counts.items()}


def b_of(crystal: Crystal) -> dict[str, float]:
    """B in Å² of the elements for which it is given."""
    return {e: round(float(b), 4) for e, b, known in zip(crystal.elements, crystal.b_iso, crystal.b_given, strict=True)
            if known}  # fmt: skip
