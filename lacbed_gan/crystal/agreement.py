"""Whether a crystal is the one that its file describes: formula, formula units and multiplicities are compared."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lacbed_gan.base.messages import printable
from lacbed_gan.crystal.crystal import Crystal, CrystalError, Site
from lacbed_gan.crystal.elements import NAMES
from lacbed_gan.crystal.orbits import FULL
from lacbed_gan.crystal.statements import Statements, number_of

FORMULA_TAGS = ("_chemical_formula_sum",)
UNITS_TAGS = ("_cell_formula_units_z", "_exptl_crystal_formula_units_z")
ODD, WRONG = 1.04, 1.6  # ratios of atoms in the cell to those of the formula, of one element to another
MISSING = 0.2  # share of a formula's atoms that may be left out of a structure
PART = re.compile(r"([A-Z][a-z]?)(\d+\.?\d*|\.\d+)?(?:\(\d+\))?")

Counts = dict[str, float]


def formula(statements: Statements) -> Counts | None:
    """Atoms of each element but hydrogen in the sum formula; None where there is none that is understood."""
    text = re.sub(r"[\s,~']+", " ", statements.text(*FORMULA_TAGS)).strip()
    counts: Counts = {}
    for part in text.split():
        if PART.sub("", part):
            return None
        for symbol, number in PART.findall(part):
            if symbol not in NAMES and symbol != "D":
                return None
            counts[symbol] = counts.get(symbol, 0.0) + float(number or 1)
    return _heavy({e: n for e, n in counts.items() if n}) or None


def contents(crystal: Crystal) -> Counts:
    """Atoms of each element but hydrogen in the cell."""
    counts: Counts = {}
    for element, share in zip(crystal.elements, crystal.occupancy.tolist(), strict=True):
        counts[element] = counts.get(element, 0.0) + share
    return _heavy(counts)


def agrees(cell: Counts, stated: Counts) -> bool:
    """Whether the ratios of the elements are those of a formula."""
    if set(cell) != set(stated):
        return False
    ratios = [cell[element] / stated[element] for element in cell]
    return max(ratios) < ODD * min(ratios)


def compare(statements: Statements, crystal: Crystal, searched: bool) -> list[str]:
    """What is odd about the composition.

    Only ratios of the formula count: some writers give the whole cell. Hydrogen is left out of many structures.

    Args:
        searched: the file states no symmetry, and the group is a guess from coordinates.

    Raises:
        CrystalError: the structure contradicts formula or formula units.
    """
    stated, cell = formula(statements), contents(crystal)
    text = printable(statements.text(*FORMULA_TAGS), 40)
    if not stated or not cell:
        return [f"its formula '{text}' is not understood"] if text and not stated and cell else []
    remarks = []
    foreign = sorted(set(cell) - set(stated))
    if foreign:
        raise CrystalError(f"{' and '.join(foreign)} of its sites is not in its formula '{text}'; correct one of them")
    common = {element: stated[element] for element in cell}
    left_out = sorted(set(stated) - set(cell))
    if left_out:
        share = sum(stated[element] for element in left_out) / sum(stated.values())
        if share > MISSING:
            raise CrystalError(
                f"no site holds {' and '.join(left_out)} of its formula '{text}'; add it or correct the formula"
            )
        remarks.append(f"no site holds {' and '.join(left_out)} of its formula '{text}'")
    ratios = {element: cell[element] / common[element] for element in cell}
    least, most = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
    if ratios[most] > ODD * ratios[least]:
        found = " ".join(f"{element}{count:.4g}" for element, count in sorted(cell.items()))
        water = "H" in statements.text(*FORMULA_TAGS) and least == "O"
        if ratios[most] > WRONG * ratios[least] and not water:
            raise CrystalError(f"its formula '{text}' contradicts the cell, {found}; correct formula or occupancies")
        remarks.append(f"its formula '{text}' differs from the cell, {found}")
    cells = float(np.linalg.det(np.asarray(crystal.basis.matrix)))  # of the file in one of the crystal
    units = sum(cell.values()) / sum(common.values()) / cells
    return remarks + _units(statements, crystal, units, searched)


def _units(statements: Statements, crystal: Crystal, units: float, searched: bool) -> list[str]:
    """Compare Z with the formula units that the cell holds."""
    text = statements.text(*UNITS_TAGS)
    z = number_of(text) if text else 0.0
    same = z > 0 and (abs(units / z - 1) < 0.1 or abs(units - 1) < 0.05)
    if not text or same or not z > 0:
        return [] if not text or same else [f"its Z '{printable(text, 20)}' is not understood"]
    line = f"its Z is {z:g}, but its cell holds {units:.3g} formula units"
    two_origins = crystal.space_group[-2:] in (":1", ":2")
    centring = crystal.space_group[0] == "P" and any(abs(z / units - n) < 0.1 for n in (2, 4))
    if two_origins or (centring and z > 1) or searched:
        what = "the origin" if two_origins else "the symmetry"
        raise CrystalError(f"{line}; correct {what} or Z")
    return [line]


def compare_multiplicities(
    given: Sequence[str],
    sites: Sequence[Site],
    labels: Sequence[str],
    sizes: Sequence[Sequence[int]],
    order: int,
    points: int,
) -> None:
    """Compare the multiplicity that a file gives for each site with that of its orbit.

    Taken are also the order of the site's point group, which old programs wrote, and the multiplicity in a primitive
    cell; a column of ones says nothing.

    Args:
        sizes: of the orbit of each site, as one atom on a special position and as a split one.
        order: of the space group, with centring.
        points: lattice points of the cell.

    Raises:
        CrystalError: they contradict each other.
    """
    numbers = [number_of(text) if text else math.nan for text in given]
    if all(number == 1 or math.isnan(number) for number in numbers):
        return
    for number, site, label, atoms in zip(numbers, sites, labels, sizes, strict=True):
        possible = {n for size in atoms for n in (size, order // size, size // points)}
        if not math.isnan(number) and round(number, 3) not in possible:
            raise CrystalError(
                f"the multiplicity {number:g} of {printable(label, 20)} contradicts its position and symmetry, "
                f"{atoms[0]} of {site.element}; correct one"
            )


def without_shelx(
    statements: Statements, sites: Sequence[Site], sizes: Sequence[int], order: int
) -> tuple[list[Site], tuple[str, ...]]:
    """The sites with the occupancies that are meant where SHELX's, divided by the order of each position, are given.

    They are read so where formula and Z agree with no other reading, or where they are just the shares of two sites or
    more; where nothing tells they stay, with a remark.

    Args:
        sizes: atoms of each orbit.
        order: of the space group, with centring.
    """
    kept = [*sites]
    orders = [order // size for size in sizes]
    whole = [site.occupancy * n for site, n in zip(sites, orders, strict=True)]
    if not kept or max(whole) > FULL or min(orders) < 2:
        return kept, ()
    cells: tuple[Counts, Counts] = {}, {}
    for site, n, size in zip(sites, orders, sizes, strict=True):
        for cell, occupancy in zip(cells, (site.occupancy, site.occupancy * n), strict=True):
            cell[site.element] = cell.get(site.element, 0.0) + occupancy * size
    stated = formula(statements)
    as_given, as_shelx = (stated is not None and agrees(_heavy(cell), stated) for cell in cells)
    z = number_of(statements.text(*UNITS_TAGS) or "?")
    if stated is not None and z > 0:
        total = sum(stated.values()) * z
        as_given = as_given and abs(sum(cells[0].values()) / total - 1) < 0.05
    full = all(abs(occupancy - 1) < 0.005 for occupancy in whole)
    plain = full and len(kept) > 1 and min(orders) > 3  # nobody refines every site to just its share
    # without a formula: to all digits, and of positions of high symmetry, where such shares are no other coincidence
    exact = len(kept) > 1 and min(orders) > 7 and all(abs(occupancy - 1) < 5e-4 for occupancy in whole)
    if (as_shelx and (not as_given or plain)) or (stated is None and exact):
        odd = "its occupancies are SHELX's, divided by the order of the position, and read as such"
        return [replace(site, occupancy=min(o, 1.0)) for site, o in zip(sites, whole, strict=True)], (odd,)
    if (stated is None and full) or (as_shelx and min(orders) > 3):
        return kept, (
            "its occupancies may be SHELX's, divided by the order of the position; they are read as they are",
        )
    return kept, ()


def _heavy(counts: Counts) -> Counts:
    return {element: count for element, count in counts.items() if element not in ("H", "D")}
