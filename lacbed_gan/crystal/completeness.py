"""Whether a file that states no symmetry can be a list of all atoms."""

from __future__ import annotations

import itertools

import gemmi
import numpy as np
from numpy.typing import NDArray

from lacbed_gan.crystal.conventional import search
from lacbed_gan.crystal.crystal import Crystal, CrystalError
from lacbed_gan.crystal.orbits import OVERLAP

FARTHEST_NEIGHBOURS = 1.3  # in sums of covalent radii
# The first space group of each crystal system; trigonal crystals have hexagonal lattices too.
LOWEST = (1, 3, 16, 75, 143, 195)
Array = NDArray[np.float64]


def require_near(crystal: Crystal) -> None:
    """CrystalError where no atoms are neighbours: a file without symmetry is then no list of all atoms."""
    radii = np.array([gemmi.Element(element).covalent_r for element in crystal.elements])
    cells = np.array([*itertools.product((-1, 0, 1), repeat=3)])
    shift = crystal.positions + cells[:, None] - crystal.positions[0]
    distance = np.sqrt(((shift @ crystal.lattice) ** 2).sum(-1))
    ratio = float((distance / (radii + radii[0]))[distance > OVERLAP].min())
    if ratio > FARTHEST_NEIGHBOURS:
        raise CrystalError(
            f"it states no symmetry, and as {crystal.space_group} its atoms are too far apart; state the space group"
        )


def require_symmetry_of_lattice(crystal: Crystal, lattice: Array) -> None:
    """CrystalError where a file states no symmetry and its atoms have less than their cell.

    They are then, as a rule, an asymmetric unit.
    """
    bare = search(lattice, np.zeros((1, 3)), [1])
    if (
        bare is None
        or crystal.number == 1
        or crystal.number < LOWEST[np.searchsorted(LOWEST, bare.number, "right") - 1]
    ):
        raise CrystalError("it has no symmetry: neither operations nor a known space group")
