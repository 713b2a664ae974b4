"""Structure types: each has the symmetry of its space group and no more, in all 36 groups."""

import itertools
from collections import Counter

import gemmi
import numpy as np
import pytest
from decorated import closest_contact

from lacbed_gan.crystal import Crystal, Site
from lacbed_gan.crystal.prototypes import prototypes
from lacbed_gan.crystal.radii import covalent_radius
from lacbed_gan.crystal.structure_types import STAND_INS, expanded, structure_types

# The 48 signed permutations of the axes.
CUBIC_ROTATIONS = [
    np.eye(3)[list(order)] * np.array(signs)[:, None]
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
DISPLACED = 0.1  # Å, what breaks a symmetry


def symmetry_operations(crystal: Crystal) -> int:
    """Number of cubic operations, in a conventional cell, that move no atom by `DISPLACED` or more from another.

    Every operation takes an atom of the rarest element to one of that element: all 48 rotations with all such
    translations are tried.
    """
    atoms = Counter(crystal.elements)
    positions = [
        crystal.positions[[e == element for e in crystal.elements]] for element in sorted(atoms, key=atoms.get)
    ]
    tolerance = (DISPLACED / crystal.a) ** 2
    found = 0
    for rotation in CUBIC_ROTATIONS:
        for target in positions[0]:
            shift = target - rotation @ positions[0][0]
            found += all(_mapped(p @ rotation.T + shift, p, tolerance) for p in positions)
    return found


def _mapped(images: np.ndarray, positions: np.ndarray, tolerance: float) -> bool:
    steps = images[:, None] - positions[None]
    return bool((((steps - np.round(steps)) ** 2).sum(-1).min(1) < tolerance).all())


def test_symmetry_of_known_crystals():
    """Zinc blende has the 96 operations of F-43m; with one element it is diamond, with the 192 of Fd-3m."""
    sites = [Site("Ga", (0, 0, 0)), Site("As", (0.25, 0.25, 0.25))]
    assert symmetry_operations(Crystal.from_sites("x", "F -4 3 m", 5.65, sites)) == 96
    sites[1] = Site("Ga", (0.25, 0.25, 0.25))
    assert symmetry_operations(Crystal.from_sites("x", "F -4 3 m", 5.65, sites)) == 192
    shifted = Crystal.from_sites("x", "P 2 3", 5.0, [Site("Ga", (0, 0, 0)), Site("As", (0.46, 0.46, 0.46))])
    assert symmetry_operations(shifted) == 24


@pytest.mark.parametrize("kind", structure_types())
def test_no_symmetry_beyond_the_space_group(kind):
    crystal = next(prototypes(kinds=[kind]))
    assert symmetry_operations(crystal) == len(list(gemmi.SpaceGroup(crystal.space_group).operations()))


@pytest.mark.parametrize("kind", [kind for kind, prototype in structure_types().items() if not prototype.x])
def test_shortest_distances(kind):
    """The distances between roles give the closest contact of a decorated crystal."""
    crystal = next(prototypes(kinds=[kind]))
    stand_ins, shortest = expanded(kind, 0.0)
    element_of = dict(zip(stand_ins.elements, crystal.elements, strict=True))
    roles = range(len(structure_types()[kind].roles))
    covalent = np.array([covalent_radius(element_of[STAND_INS[i]]) for i in roles])
    contact = crystal.a * shortest / (covalent[:, None] + covalent[None])
    assert contact.min() == pytest.approx(closest_contact(crystal), rel=1e-9)


def test_distances_of_rock_salt():
    """A–X a/2, A–A and X–X a/√2; a lone atom of CsCl is a from its image."""
    _, shortest = expanded("rock_salt", 0.0)
    assert shortest == pytest.approx(np.array([[0.5**0.5, 0.5], [0.5, 0.5**0.5]]))
    assert expanded("cscl", 0.0)[1] == pytest.approx(np.array([[1, 0.75**0.5], [0.75**0.5, 1]]))


def test_atoms_of_the_roles():
    """Garnet A3B2C3X12, whose cell has 160 atoms."""
    garnet = structure_types()["garnet"]
    assert dict(garnet.counts) == {"A": 3, "B": 2, "C": 3, "X": 12}
    crystal, _ = expanded("garnet", 0.0)
    assert len(crystal.elements) == 160
    assert set(crystal.elements) == set(STAND_INS[:4])


def test_rows_are_complete():
    groups = set()
    for kind, prototype in structure_types().items():
        groups.add(gemmi.SpaceGroup(prototype.space_group).number)
        assert prototype.source and prototype.name and prototype.kind == kind
        assert len(prototype.roles) <= len(STAND_INS)
    assert groups == set(range(195, 231))
