"""The conventional cubic cell of a list of atoms in any cell: spglib finds the symmetry that their coordinates have."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass, replace
from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray

from lacbed_gan.base.messages import printable
from lacbed_gan.crystal.basis import ChangeOfBasis
from lacbed_gan.crystal.crystal import Crystal, CrystalError, Site, check_edge, check_site
from lacbed_gan.crystal.orbits import OVERLAP

TOLERANCE = 0.01  # Å, of positions and lengths: what coordinates of three or four digits leave open
MOST_ATOMS_SEARCHED = 4_000  # the search takes their number squared
UNLIKE = 0.05  # Å²; B of atoms that symmetry makes alike may differ by so much before it is remarked

FARTHEST_NEIGHBOURS = 1.3  # in sums of covalent radii

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """A position of the cell with all that is there: of a mixed site several elements."""

    position: tuple[float, float, float]
    sites: tuple[Site, ...]

    @property
    def kind(self) -> tuple[tuple[str, float], ...]:
        """Elements and occupancies, which alike atoms share; displacements do not count."""
        return tuple(sorted((site.element, round(site.occupancy, 3)) for site in self.sites))


def conventional(name: str, lattice: Array, sites: list[Site], source: str, remarks: tuple[str, ...] = ()) -> Crystal:
    """The cubic crystal that a complete list of atoms describes.

    Its axes are the lattice's own where these are cubic, and its origin too where the symmetry allows it; else those of
    the standard cell. `Crystal.basis` says how they follow from the lattice's, and a remark what was found.

    Args:
        lattice: (3, 3) the vectors of the cell, as rows, in Å.
        sites: every atom of the cell.

    Raises:
        CrystalError: the coordinates have no cubic symmetry within `TOLERANCE`, or are no list of atoms.
    """
    if not sites:
        raise CrystalError("it has no atoms")
    if len(sites) > MOST_ATOMS_SEARCHED:
        raise CrystalError(f"symmetry is not searched among {len(sites)} atoms; state the space group")
    for site in sites:
        check_site(site)
    volume = abs(float(np.linalg.det(lattice)))
    if not np.isfinite(volume) or volume < 1:
        raise CrystalError("its cell has no volume")
    places = _places(sites)
    kinds = {kind: number for number, kind in enumerate(sorted({place.kind for place in places}), 1)}
    coordinates = np.array([place.position for place in places])
    found = _search(lattice, coordinates, [kinds[place.kind] for place in places])
    if found is None or found.number < 195:
        raise CrystalError(
            f"its atoms have no cubic symmetry within {TOLERANCE} Å ({found.international if found else 'P 1'})"
        )
    inverse, shift = np.asarray(found.transformation_matrix), np.asarray(found.origin_shift)
    turn = _turn(lattice, np.linalg.inv(inverse))
    matrix = np.linalg.inv(inverse) @ turn
    a = float(abs(np.linalg.det(matrix)) * volume) ** (1 / 3)
    check_edge(a)
    standard = _operations(found.hall_number, turn)
    shift = turn.T @ shift
    kept = np.round(24 * shift) / 24
    if np.abs(shift - kept).max() * a > TOLERANCE:
        kept = np.zeros(3)
    origin = matrix @ (kept - shift)
    operations = gemmi.GroupOps([_moved(op, -kept) for op in standard])
    group = gemmi.find_spacegroup_by_ops(operations) or gemmi.find_spacegroup_by_number(found.number)
    sites, odd = _representatives(found, places, inverse, turn, kept)
    same_axes = np.allclose(matrix, np.eye(3), atol=1e-4) and np.abs(origin).max() * a < TOLERANCE
    basis = ChangeOfBasis() if same_axes else ChangeOfBasis.of(matrix, origin % 1.0)
    word = f"symmetry from coordinates (spglib, {TOLERANCE} Å): {group.xhm()}"
    if basis != ChangeOfBasis():
        word += f"; conventional cell a = {a:.5g} Å, axes and origin {basis}"
    remarks = (*remarks, word, *odd)
    crystal = Crystal.from_sites(
        name, group.xhm(), a, sites, source=source, operations=operations, remarks=remarks, basis=basis
    )
    atoms = sum(site.occupancy for place in places for site in place.sites) * a**3 / volume
    if abs(crystal.occupancy.sum() / atoms - 1) > 1e-3:
        raise CrystalError(
            f"its atoms are {atoms:g} in the cubic cell, but {group.xhm()} makes them {crystal.occupancy.sum():g}"
        )
    return crystal


def _places(sites: list[Site]) -> list[Place]:
    together: dict[tuple[float, ...], list[Site]] = {}
    for site in sites:
        key = tuple(float(x) for x in np.round(np.array(site.position) % 1.0, 5) % 1.0)
        together.setdefault(key, []).append(site)
    return [Place(same[0].position, tuple(same)) for same in together.values()]


def _search(lattice: Array, positions: Array, kinds: list[int]) -> Any:
    """spglib's dataset, None where it finds nothing."""
    import spglib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cell = (lattice.tolist(), positions.tolist(), kinds)
            return spglib.get_symmetry_dataset(cell, symprec=TOLERANCE)
    except Exception as error:  # a search that fails is no symmetry, whatever the library raises
        if type(error).__module__.startswith("spglib"):
            return None
        raise CrystalError(f"the search for its symmetry fails ({printable(error, 60)})") from None


def _turn(lattice: Array, matrix: Array) -> Array:
    """(3, 3) the rotation of a cube that brings the standard axes nearest to the lattice's, c before a and b."""
    standard = lattice.T @ matrix
    axes = standard / np.linalg.norm(standard, axis=0)
    own = lattice.T / np.linalg.norm(lattice.T, axis=0)
    rotations = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            turn = np.zeros((3, 3))
            turn[order, range(3)] = signs
            if np.linalg.det(turn) > 0:
                rotations.append(turn)
    return max(rotations, key=lambda turn: round(float(((axes @ turn) * own).sum(0) @ (1.0, 1.01, 1.1)), 6))


def _operations(hall_number: int, turn: Array) -> list[gemmi.Op]:
    import spglib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind = spglib.get_spacegroup_type(hall_number)
    back = gemmi.Op()
    back.rot = (np.rint(turn.T) * gemmi.Op.DEN).astype(int).tolist()
    assert kind is not None
    return [(back * op * back.inverse()).wrap() for op in gemmi.symops_from_hall(kind.hall_symbol)]


def _moved(operation: gemmi.Op, shift: Array) -> gemmi.Op:
    """The operation in coordinates x + shift, which is a multiple of 1/24."""
    by = gemmi.Op()
    by.tran = np.rint(shift * gemmi.Op.DEN).astype(int).tolist()
    return (by * operation * by.inverse()).wrap()


def _representatives(
    found: Any, places: list[Place], inverse: Array, turn: Array, kept: Array
) -> tuple[list[Site], list[str]]:
    """One site of each orbit in the new cell, with the mean B of its atoms; and what is odd."""
    standard = np.asarray(found.std_positions)
    own = np.asarray(found.std_mapping_to_primitive), np.asarray(found.mapping_to_primitive)
    sites, odd = [], []
    orbits = np.asarray(found.equivalent_atoms)
    for first in np.unique(orbits):
        ideal = inverse @ places[first].position + found.origin_shift
        shift = standard - ideal
        shift -= np.round(shift)
        among = np.flatnonzero(own[0] == own[1][first])
        nearest = among[(shift[among] ** 2).sum(1).argmin()]
        x, y, z = (turn.T @ standard[nearest] - kept).tolist()
        members = [places[i] for i in np.flatnonzero(orbits == first)]
        for site in places[first].sites:
            given = [
                s.b_iso for place in members for s in place.sites if s.element == site.element and s.b_iso is not None
            ]
            if given and max(given) - min(given) > UNLIKE:
                odd.append(f"B of {site.element} is the mean of {min(given):.3g} … {max(given):.3g} Å² of alike atoms")
            b = float(np.mean(given)) if given else None
            sites.append(replace(site, position=(x, y, z), b_iso=b))
    return sites, odd


def require_near(crystal: Crystal) -> None:
    """CrystalError where no atoms are neighbours: a file without symmetry is then no list of all atoms."""
    radii = np.array([gemmi.Element(element).covalent_r for element in crystal.elements])
    cells = np.array([*itertools.product((-1, 0, 1), repeat=3)])
    shift = crystal.positions + cells[:, None] - crystal.positions[0]
    distance = np.sqrt((shift**2).sum(-1)) * crystal.a
    ratio = float((distance / (radii + radii[0]))[distance > OVERLAP].min())
    if ratio > FARTHEST_NEIGHBOURS:
        raise CrystalError(
            f"it states no symmetry, and as {crystal.space_group} its atoms are too far apart; state the space group"
        )
