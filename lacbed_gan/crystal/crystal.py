"""A cubic crystal: cell edge, space group and every atom of the conventional cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray

from lacbed_gan.base.errors import UserError
from lacbed_gan.crystal.basis import FILE_AXES, ChangeOfBasis
from lacbed_gan.crystal.form_factors import HEAVIEST
from lacbed_gan.crystal.orbits import FULL, orbit_of, overlap, seitz
from lacbed_gan.crystal.plane_symmetry import plane_operations, point_group, point_symbol

MOST_ATOMS = 20_000  # in a cell; more is a broken file
EDGES = (1.0, 200.0)  # Å; the largest known cubic cells have 173 Å, and time and memory grow with a²
FARTHEST = 100.0  # fractional coordinate


class CrystalError(UserError):
    """A structure that cannot be used; the message is one line that names the reason."""


@dataclass(frozen=True)
class Site:
    """One entry of the asymmetric unit: element symbol, fractional position, occupancy, B in Å² where known."""

    element: str
    position: tuple[float, float, float]
    occupancy: float = 1.0
    b_iso: float | None = None


@dataclass(frozen=True)
class Crystal:
    """All atoms of one conventional cubic cell; a mixed site is several atoms at one position.

    Attributes:
        name: identifier, such as a file stem or a key of the catalogue.
        formula: reduced formula, elements in alphabetical order.
        space_group: Hermann–Mauguin symbol as gemmi spells it, with the origin choice (``F d -3 m:2``).
        number: space group number, 195 … 230.
        a: cell edge in Å.
        volume: cell volume in Å³.
        elements: element symbols, n of them.
        positions: (n, 3) fractional coordinates in [0, 1).
        occupancy: (n,) in (0, 1].
        b_iso: (n,) Debye–Waller B = 8π²U in Å², 0 where none was given.
        b_given: (n,) whether the source of the structure gives B.
        operations: all symmetry operations as ``x,y,z``, those of centring included.
        source: where the structure comes from.
        remarks: what is odd about the source and was read nevertheless, each in one line.
        basis: from the axes of the source to those of the crystal.
    """

    name: str
    formula: str
    space_group: str
    number: int
    a: float
    volume: float
    elements: tuple[str, ...]
    positions: np.ndarray = field(repr=False)
    occupancy: np.ndarray = field(repr=False)
    b_iso: np.ndarray = field(repr=False)
    b_given: np.ndarray = field(repr=False)
    operations: tuple[str, ...] = field(repr=False)
    source: str = ""
    remarks: tuple[str, ...] = ()
    basis: ChangeOfBasis = FILE_AXES

    @classmethod
    def from_sites(
        cls,
        name: str,
        space_group: str,
        a: float,
        sites: list[Site],
        *,
        source: str = "",
        operations: gemmi.GroupOps | None = None,
        volume: float | None = None,
        remarks: tuple[str, ...] = (),
        basis: ChangeOfBasis = FILE_AXES,
    ) -> Crystal:
        """Expand an asymmetric unit by the operations of a cubic space group.

        Args:
            space_group: Hermann–Mauguin symbol; where the group has two origins it must say which one.
            sites: an occupancy a little above 1 (`FULL`), as refinements give it, is taken for 1.
            operations: used instead of the group's own where a CIF lists them (another origin, say).
            volume: Å³, a³ unless given.
            remarks, basis: of the crystal; a position that is moved onto a special one is remarked too.

        Raises:
            CrystalError: not a cubic group, no atoms, an element without form factor, a bad number, or
                more than one atom at a position.
        """
        group = gemmi.find_spacegroup_by_name(space_group)
        if group is None or group.crystal_system_str() != "cubic":
            raise CrystalError(f"'{space_group}' is not a cubic space group")
        check_edge(a)
        if not sites:
            raise CrystalError("it has no atoms")
        for site in sites:
            check_site(site)
        operations = operations or group.operations()
        rotations, translations = seitz(operations)
        owners, orbits = [], []
        for index, site in enumerate(sites):
            orbit, moved = orbit_of(np.array(site.position), rotations, translations, a, site.occupancy)
            orbits.append(orbit)
            owners += [index] * len(orbit)
            if len(owners) > MOST_ATOMS:
                raise CrystalError(f"it has more than {MOST_ATOMS} atoms in the cell")
            if moved:
                xyz = ", ".join(f"{x:.5g}" for x in site.position)
                remarks += (f"{site.element} at {xyz} is moved by {moved:.2g} Å onto its special position",)
        elements = tuple(sites[i].element for i in owners)
        occupancy = np.array([min(sites[i].occupancy, 1.0) for i in owners])
        positions = np.concatenate(orbits)
        if fault := overlap(positions, occupancy, elements, a):
            raise CrystalError(fault)
        return cls(
            name=name,
            formula=reduced_formula(elements, occupancy, math.gcd(*map(len, orbits))),
            space_group=group.xhm(),
            number=group.number,
            a=float(a),
            volume=float(volume or a**3),
            elements=elements,
            positions=positions,
            occupancy=occupancy,
            b_iso=np.array([sites[i].b_iso or 0.0 for i in owners]),
            b_given=np.array([sites[i].b_iso is not None for i in owners]),
            operations=triplets_of(tuple(op.triplet() for op in operations)),
            source=source,
            remarks=remarks,
            basis=basis,
        )

    @classmethod
    def from_cif(cls, path: str | Path) -> Crystal:
        """Read one cubic structure from a CIF file; see :func:`lacbed_gan.crystal.cif.read_cif`."""
        from lacbed_gan.crystal.cif import read_cif

        return read_cif(path)

    @classmethod
    def from_file(cls, path: str | Path) -> Crystal:
        """Read a CIF, POSCAR or extended XYZ; see :func:`lacbed_gan.crystal.sources.read_structure`."""
        from lacbed_gan.crystal.sources import read_structure

        return read_structure(path)

    @classmethod
    def from_ase(cls, atoms: object, name: str = "") -> Crystal:
        """The crystal of an ``ase.Atoms``, in its conventional cubic cell; see `Crystal.basis`."""
        from lacbed_gan.crystal.sources import from_ase

        return from_ase(atoms, name)

    @classmethod
    def from_pymatgen(cls, structure: object, name: str = "") -> Crystal:
        """The crystal of a ``pymatgen.core.Structure``, in its conventional cubic cell; see `Crystal.basis`."""
        from lacbed_gan.crystal.sources import from_pymatgen

        return from_pymatgen(structure, name)

    def with_default_b_iso(self, b_iso: float) -> Crystal:
        """The crystal with B = b_iso (Å²) of the atoms for which none was given."""
        return replace(self, b_iso=np.where(self.b_given, self.b_iso, b_iso))

    @property
    def pattern_symmetry(self) -> str:
        """Point symmetry of every pattern along [001]: ``4mm`` (432, −43m, m−3m) or ``2mm`` (23, m−3)."""
        return point_symbol(point_group(plane_operations(self.operations)))

    @property
    def reciprocal_metric(self) -> NDArray[np.float64]:
        """(3, 3) a*ᵢ · a*ⱼ in 1/Å²: |g|² = h G hᵀ."""
        return np.eye(3) / self.a**2


@lru_cache(maxsize=1024)
def triplets_of(triplets: tuple[str, ...]) -> tuple[str, ...]:
    """The same tuple for all crystals of one group, which many of them can then be kept in memory with."""
    return triplets


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


def check_edge(a: float) -> None:
    """CrystalError unless a (Å) is the edge of a cell that there may be."""
    if not (math.isfinite(a) and a > 0):
        raise CrystalError(f"the cell edge {a} Å is not a positive number")
    if not EDGES[0] <= a <= EDGES[1]:
        raise CrystalError(f"the cell edge {a:g} Å is outside {EDGES[0]:g} … {EDGES[1]:g} Å")


def check_site(site: Site) -> None:
    number = gemmi.Element(site.element).atomic_number
    if not 1 <= number <= HEAVIEST:
        raise CrystalError(f"'{site.element}' is not an element with a known form factor (H to Lr)")
    if not all(math.isfinite(x) for x in site.position):
        raise CrystalError(f"a coordinate of {site.element} is not a number")
    if max(map(abs, site.position)) > FARTHEST:
        raise CrystalError(f"a coordinate of {site.element} is beyond {FARTHEST:g} cells")
    if not 0 < site.occupancy <= FULL:
        raise CrystalError(f"the occupancy {site.occupancy} of {site.element} is outside (0, 1]")
    if site.b_iso is not None and not (math.isfinite(site.b_iso) and 0 <= site.b_iso < 100):
        raise CrystalError(f"the displacement B = {site.b_iso} Å² of {site.element} is outside 0 … 100")
