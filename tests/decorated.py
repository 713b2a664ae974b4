"""Crystals of a prototype with chosen elements, and how close the atoms of a crystal come."""

from collections.abc import Mapping

import numpy as np

from lacbed_gan.crystal import Crystal
from lacbed_gan.crystal.prototypes import _crystal, _decorations
from lacbed_gan.crystal.radii import covalent_radius
from lacbed_gan.crystal.structure_types import structure_types


def decorate(kind: str, elements: Mapping[str, str]) -> Crystal:
    """The crystal of a prototype with these elements by role, such as ``{"A": "Ca", "X": "S"}`` in rock salt."""
    prototype = structure_types()[kind]
    wanted = tuple(elements[role] for role in prototype.roles)
    chosen = next(d for d in _decorations(prototype) if tuple(filling.element for filling in d) == wanted)
    return _crystal(prototype, chosen)


def closest_contact(crystal: Crystal) -> float:
    """Smallest distance between two atoms, periodic images included, as a share of the sum of covalent radii.

    Atoms of a mixed site are one atom.
    """
    radii = np.array([covalent_radius(e) for e in crystal.elements])
    steps = crystal.positions[:, None] - crystal.positions[None]
    distances = crystal.a * np.sqrt(((steps - np.round(steps)) ** 2).sum(-1))
    distances[distances < 0.1] = np.inf
    np.fill_diagonal(distances, crystal.a)
    return float((distances / (radii[:, None] + radii[None])).min())
