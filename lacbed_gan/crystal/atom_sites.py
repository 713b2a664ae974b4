"""The atoms that a CIF lists: elements, positions, occupancies and displacements of each row."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.base.messages import printable
from lacbed_gan.crystal.crystal import MOST_ATOMS, CrystalError, Site
from lacbed_gan.crystal.displacements import displacements
from lacbed_gan.crystal.elements import contradiction, shares_of
from lacbed_gan.crystal.orbits import FULL
from lacbed_gan.crystal.statements import Loop, Statements, number_of, uncertainty_of

AXES = tuple(f"_atom_site_fract_{x}" for x in "xyz")
LABELS = ("_atom_site_label", "_atom_site_label_0", "_atom_site_id", "_atom_site_auth_atom_id")
TYPES = ("_atom_site_type_symbol", "_atom_site_label_component_0")
MULTIPLICITIES = ("_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity")
LARGEST = 1.1  # occupancy that an uncertainty can explain
SIGMAS = 5


@dataclass(frozen=True)
class AtomSites:
    """One entry for each element of each row that holds atoms.

    Attributes:
        multiplicities: as the file gives them, nothing where it does not.
        remarks: what is odd.
    """

    sites: tuple[Site, ...]
    labels: tuple[str, ...]
    multiplicities: tuple[str, ...]
    remarks: tuple[str, ...]


def loop_of(statements: Statements) -> Loop | None:
    """The loop of the atoms; None where there is none, or it knows no coordinate."""
    loops = [loop for loop in statements.loops_with(AXES[0]) if any(loop.columns[AXES[0]])]
    return loops[0] if loops else None


def read(statements: Statements, lattice: NDArray[np.float64]) -> AtomSites:
    """The atoms of a block.

    Args:
        lattice: (3, 3) the vectors of the cell, as rows, in Å.

    Raises:
        CrystalError: a value cannot be read, or a site is listed twice.
    """
    loop = loop_of(statements)
    assert loop is not None
    loops = [one for one in statements.loops_with(AXES[0]) if any(one.columns[AXES[0]])]
    if any(one.columns != loop.columns for one in loops[1:]):
        raise CrystalError("it lists its atoms twice, and the lists differ; keep one")
    count = len(loop)
    if count > MOST_ATOMS:
        raise CrystalError(f"it lists {count} atoms, more than {MOST_ATOMS}")
    labels, types = loop.column(*LABELS), loop.column(*TYPES)
    if labels is None and types is None:
        raise CrystalError("it has no atoms")
    blank = [""] * count
    names = labels or types or blank
    columns = [loop.columns.get(axis, blank) for axis in AXES]
    occupancies = loop.columns.get("_atom_site_occupancy", blank)
    dummies = loop.columns.get("_atom_site_calc_flag", blank)
    given = loop.column(*MULTIPLICITIES) or blank
    moved, odd = displacements(statements, loop, lattice)
    sites: list[Site] = []
    kept: list[tuple[str, str]] = []
    seen: set[tuple[object, ...]] = set()
    for row in range(count):
        label = names[row]
        occupancy = _occupancy(occupancies[row], label, odd)
        if occupancy == 0 or dummies[row].lower() == "dum":
            continue
        shares, remark = shares_of((types or blank)[row], label)
        odd += [remark] if remark else []
        x, y, z = (number_of(column[row]) if column[row] else math.nan for column in columns)
        for element, share in shares.items():
            if (label, element, x, y, z) in seen:
                raise CrystalError(f"it lists {printable(label, 20)} twice at one place; delete one of them")
            seen.add((label, element, x, y, z))
            remark = contradiction(element, label) if types and len(shares) == 1 else ""
            odd += [remark] if remark else []
            sites.append(Site(element, (x, y, z), occupancy * share, moved[row].b, moved[row].u_aniso))
            kept.append((label, given[row]))
    return AtomSites(tuple(sites), tuple(k[0] for k in kept), tuple(k[1] for k in kept), tuple(dict.fromkeys(odd)))


def _occupancy(text: str, label: str, odd: list[str]) -> float:
    """1 where there is none; a little more than 1 is 1 where its uncertainty allows it."""
    if not text:
        return 1.0
    number = number_of(text)
    if not math.isfinite(number):
        raise CrystalError(
            f"'{printable(text, 40)}' of site {printable(label, 20)} is not a number (_atom_site_occupancy)"
        )
    if FULL < number <= min(LARGEST, 1 + SIGMAS * uncertainty_of(text)):
        odd.append(f"the occupancy {text} of {printable(label, 20)} is taken for 1")
        return 1.0
    return number
