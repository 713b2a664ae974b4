"""The conventional cell of a list of atoms in any cell: spglib finds the symmetry that their coordinates have."""

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
from lacbed_gan.crystal.cell import cell_of, cell_text, reciprocal_metric, symmetrised
from lacbed_gan.crystal.crystal import Crystal, CrystalError, Site, check_edge, check_site
from lacbed_gan.crystal.images import moved_site
from lacbed_gan.crystal.orbits import seitz

EQUAL_EDGES = 1e-6  # relative; edges and angles that symmetry makes equal, up to rounding
TOLERANCE = 0.01  # Å, of positions and lengths: what coordinates of three or four digits leave open
MOST_ATOMS_SEARCHED = 4_000  # the search takes their number squared
UNLIKE = 0.05  # Å²; B of atoms that symmetry makes alike may differ by so much before it is remarked

NO_FRACTION = 1e-3  # of a cell edge, beside a multiple of 1/24

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


@dataclass(frozen=True)
class _Axes:
    """Axes of a crystal, and how they follow from those of spglib's standard cell and from the lattice's.

    Attributes:
        matrix: P, its columns are the axes in those of the lattice.
        back: from coordinates of the standard cell to those of the axes, x = back · x_standard + offset.
        operations: of the space group, in the axes.
        origin: of the axes, in fractional coordinates of the lattice.
    """

    matrix: Array
    back: Array
    offset: Array
    operations: gemmi.GroupOps
    origin: Array


def conventional(name: str, lattice: Array, sites: list[Site], source: str, remarks: tuple[str, ...] = ()) -> Crystal:
    """The crystal that a complete list of atoms describes.

    Its axes are the lattice's own where these are of a setting of the space group, and its origin too where the
    symmetry allows it; else those of the standard cell. `Crystal.basis` says how they follow from the lattice's, and a
    remark what was found.

    Args:
        lattice: (3, 3) the vectors of the cell, as rows, in Å.
        sites: every atom of the cell.

    Raises:
        CrystalError: spglib finds no symmetry within `TOLERANCE`, or they are no list of atoms.
    """
    if not sites:
        raise CrystalError("it has no atoms")
    if len(sites) > MOST_ATOMS_SEARCHED:
        raise CrystalError(f"symmetry is not searched among {len(sites)} atoms; state the space group")
    for site in sites:
        check_site(site)
    volume = float(np.linalg.det(lattice))
    if not np.isfinite(volume) or abs(volume) < 1:
        raise CrystalError("its cell has no volume")
    if left_handed := volume < 0:  # the axes turned round, and coordinates with them
        lattice, sites = -lattice, [_inverted(site) for site in sites]
    places = _places(sites)
    kinds = {kind: number for number, kind in enumerate(sorted({place.kind for place in places}), 1)}
    coordinates = np.array([place.position for place in places])
    found = search(lattice, coordinates, [kinds[place.kind] for place in places])
    if found is None:
        raise CrystalError(f"no symmetry is found in its atoms within {TOLERANCE} Å; state the space group")
    axes = _cubic_axes(found, lattice) if found.number > 194 else _other_axes(found)
    new = axes.matrix.T @ lattice
    a = float(abs(np.linalg.det(new))) ** (1 / 3)
    check_edge(a)
    group = gemmi.find_spacegroup_by_ops(axes.operations) or gemmi.find_spacegroup_by_number(found.number)
    sites, odd = _representatives(found, places, axes, reciprocal_metric(lattice), new)
    length = np.linalg.norm(lattice.T @ axes.origin)
    same_axes = np.allclose(axes.matrix, np.eye(3), atol=1e-4) and length < TOLERANCE
    sign = -1 if left_handed else 1
    basis = ChangeOfBasis() if same_axes else ChangeOfBasis.of(axes.matrix, axes.origin % 1.0)
    if left_handed:
        basis = ChangeOfBasis.of(-axes.matrix, (sign * axes.origin) % 1.0)
    word = f"symmetry from coordinates (spglib, {TOLERANCE} Å): {group.xhm()}"
    stated = cell_of(new)
    cell, _ = symmetrised(stated, seitz(axes.operations)[0])  # lengths and angles are what spglib tolerates
    if basis != ChangeOfBasis():
        edges = f"a = {a:.5g} Å" if found.number > 194 else f"{', '.join(f'{x:.5g}' for x in cell[:3])} Å"
        word += f"; conventional cell {edges}, axes and origin {basis}"
    if not np.allclose(stated, cell, rtol=EQUAL_EDGES, atol=0):
        word += f"; its cell is the mean of edges and angles that differ a little, {cell_text(stated)}"
    remarks = (*remarks, word, *odd)
    crystal = Crystal.from_sites(
        name,
        group.xhm(),
        a if found.number > 194 else cell,
        sites,
        source=source,
        operations=axes.operations,
        remarks=remarks,
        basis=basis,
    )
    atoms = sum(site.occupancy for place in places for site in place.sites) * crystal.volume / abs(volume)
    if abs(crystal.occupancy.sum() / atoms - 1) > 1e-3:
        system = "cubic" if found.number > 194 else "conventional"
        raise CrystalError(
            f"its atoms are {atoms:g} in the {system} cell, but {group.xhm()} makes them {crystal.occupancy.sum():g}"
        )
    return crystal


def _inverted(site: Site) -> Site:
    x, y, z = site.position
    return replace(site, position=(-x, -y, -z))


def _cubic_axes(found: Any, lattice: Array) -> _Axes:
    """Those of the lattice where it is cubic, or the standard ones in the order that is nearest to it."""
    inverse, shift = np.asarray(found.transformation_matrix), np.asarray(found.origin_shift)
    turn = _turn(lattice, np.linalg.inv(inverse))
    matrix = np.linalg.inv(inverse) @ turn
    a = float(abs(np.linalg.det(matrix.T @ lattice))) ** (1 / 3)
    shift = turn.T @ shift
    kept = np.round(24 * shift) / 24
    if np.abs(shift - kept).max() * a > TOLERANCE:
        kept = np.zeros(3)
    operations = gemmi.GroupOps([_moved(op, -kept) for op in _operations(found.hall_number, turn)])
    return _Axes(matrix, turn.T, -kept, operations, matrix @ (kept - shift))


def _other_axes(found: Any) -> _Axes:
    """Those of the lattice where they are of a setting of the group that is known, or the standard ones."""
    inverse, shift = np.asarray(found.transformation_matrix), np.asarray(found.origin_shift)
    matrix = np.linalg.inv(inverse)
    standard = _operations(found.hall_number, np.eye(3))
    if abs(np.linalg.det(matrix) - 1) < 1e-3 and np.abs(matrix - np.rint(matrix)).max() < 1e-3:
        back = np.rint(matrix)
        for offset in (-back @ shift, np.zeros(3)):  # with the origin of the lattice, and of the standard cell
            operations = _in_axes(standard, back, offset)
            if operations is not None and gemmi.find_spacegroup_by_ops(operations) is not None:
                origin = -(offset + back @ shift)
                return _Axes(np.eye(3), back, offset, operations, origin)
    return _Axes(matrix, np.eye(3), np.zeros(3), gemmi.GroupOps(standard), -matrix @ shift)


def _in_axes(operations: list[gemmi.Op], back: Array, offset: Array) -> gemmi.GroupOps | None:
    """Operations in coordinates back · x + offset; None where a translation is no multiple of 1/24."""
    forward = np.linalg.inv(back)
    images = []
    for op in operations:
        rotation = back @ (np.array(op.rot) / gemmi.Op.DEN) @ forward
        translation = back @ np.array(op.tran) / gemmi.Op.DEN + offset - rotation @ offset
        parts = translation * gemmi.Op.DEN
        if np.abs(parts - np.rint(parts)).max() > 24 * NO_FRACTION:
            return None
        image = gemmi.Op()
        image.rot = (np.rint(rotation) * gemmi.Op.DEN).astype(int).tolist()
        image.tran = np.rint(parts).astype(int).tolist()
        images.append(image.wrap())
    return gemmi.GroupOps(images)


def _places(sites: list[Site]) -> list[Place]:
    together: dict[tuple[float, ...], list[Site]] = {}
    for site in sites:
        key = tuple(float(x) for x in np.round(np.array(site.position) % 1.0, 5) % 1.0)
        together.setdefault(key, []).append(site)
    return [Place(same[0].position, tuple(same)) for same in together.values()]


def search(lattice: Array, positions: Array, kinds: list[int]) -> Any:
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


def _counterpart(found: Any, inverse: Array, index: int, place: Place) -> int:
    """Which atom of spglib's standard cell a place is."""
    shift = np.asarray(found.std_positions) - (inverse @ place.position + found.origin_shift)
    shift -= np.round(shift)
    own = np.asarray(found.std_mapping_to_primitive), np.asarray(found.mapping_to_primitive)
    among = np.flatnonzero(own[0] == own[1][index])
    return int(among[(shift[among] ** 2).sum(1).argmin()])


def _representatives(
    found: Any, places: list[Place], axes: _Axes, metric: Array, new: Array
) -> tuple[list[Site], list[str]]:
    """One site of each orbit in the new cell, with the mean B of its atoms; and what is odd."""
    inverse, standard = np.asarray(found.transformation_matrix), np.asarray(found.std_positions)
    sites, odd = [], []
    counterparts = np.array([_counterpart(found, inverse, i, place) for i, place in enumerate(places)])
    rotations, translations = seitz(axes.operations)
    left = np.ones(len(places), dtype=bool)
    for first in range(len(places)):  # spglib's own orbits are too small where a supercell breaks the symmetry
        if not left[first]:
            continue
        position = axes.back @ standard[counterparts[first]] + axes.offset
        images = rotations @ position + translations
        shift = images[:, None] - (standard[counterparts] @ axes.back.T + axes.offset)
        distance = np.linalg.norm((shift - np.round(shift)) @ new, axis=-1).min(0)
        orbit = left & (distance < 2 * TOLERANCE)
        orbit[first] = True
        left &= ~orbit
        members = [places[i] for i in np.flatnonzero(orbit)]
        for site in places[first].sites:
            given = [
                s.b_iso for place in members for s in place.sites if s.element == site.element and s.b_iso is not None
            ]
            if given and max(given) - min(given) > UNLIKE:
                odd.append(f"B of {site.element} is the mean of {min(given):.3g} … {max(given):.3g} Å² of alike atoms")
            b = float(np.mean(given)) if given else None
            sites.append(moved_site(site, position.tolist(), axes.back @ inverse, metric, reciprocal_metric(new), b))
    return sites, odd
