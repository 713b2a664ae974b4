"""A crystal: its cell, space group and every atom of the conventional cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray

from lacbed_gan.crystal.basis import FILE_AXES, ChangeOfBasis
from lacbed_gan.crystal.cell import (
    CUBE,
    SKEW,
    UNEQUAL,
    Cell,
    Shape,
    beta_of,
    cell_text,
    equivalent_b,
    lattice_of,
    reciprocal_metric,
    symmetrised,
)
from lacbed_gan.crystal.formula import reduced_formula
from lacbed_gan.crystal.images import hexagonal_axes
from lacbed_gan.crystal.orbits import orbit_of, orbit_tensors, overlap, seitz, triplets_of
from lacbed_gan.crystal.plane_symmetry import plane_operations, point_group, point_symbol
from lacbed_gan.crystal.site import CrystalError, Site, check_cell, check_edge, check_site
from lacbed_gan.crystal.zone_axis import ALONG_001, ZoneAxis, source_direction

__all__ = ["MOST_ATOMS", "Crystal", "CrystalError", "Site", "check_edge", "check_site"]

ISOTROPIC = 1e-6  # relative, of a tensor that the symmetry of its site leaves no direction
MOST_ATOMS = 20_000  # in a cell; more is a broken file


@dataclass(frozen=True)
class Crystal:
    """All atoms of one conventional cell, and the direction it is seen along; a mixed site is several atoms.

    Attributes:
        name: identifier, such as a file stem or a key of the catalogue.
        formula: reduced formula, elements in alphabetical order.
        space_group: Hermann–Mauguin symbol as gemmi spells it, with the origin choice (``F d -3 m:2``).
        number: space group number.
        a: cell edge in Å.
        volume: cell volume in Å³.
        elements: element symbols, n of them.
        positions: (n, 3) fractional coordinates in [0, 1).
        occupancy: (n,) in (0, 1].
        b_iso: (n,) Debye–Waller B = 8π²U in Å², of an anisotropic displacement the mean; 0 where none was given.
        b_given: (n,) whether the source of the structure gives B.
        operations: all symmetry operations as ``x,y,z``, those of centring included.
        source: where the structure comes from.
        remarks: what is odd about the source and was read nevertheless, each in one line.
        basis: from the axes of the source to those of the crystal.
        shape: b/a, c/a and the angles α, β, γ in degrees.
        anisotropy: (n, 3, 3) what anisotropic displacements add to b_iso, Δβ of exp(−h Δβ hᵀ); None where there are
            none.
        view: the zone axis it is seen along, and what is along x.
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
    shape: Shape = CUBE
    anisotropy: np.ndarray | None = field(default=None, repr=False)
    view: ZoneAxis = ALONG_001

    @classmethod
    def from_sites(
        cls,
        name: str,
        space_group: str,
        a: float | Sequence[float],
        sites: list[Site],
        *,
        source: str = "",
        operations: gemmi.GroupOps | None = None,
        volume: float | None = None,
        remarks: tuple[str, ...] = (),
        basis: ChangeOfBasis = FILE_AXES,
    ) -> Crystal:
        """Expand an asymmetric unit by the operations of a space group; rhombohedral axes become hexagonal ones.

        Args:
            space_group: Hermann–Mauguin symbol; where the group has two origins or cells it must say which one.
            a: edge of a cubic cell in Å, or a, b, c in Å and α, β, γ in degrees of any.
            sites: an occupancy a little above 1 (`FULL`), as refinements give it, is taken for 1.
            operations: used instead of the group's own where a CIF lists them (another origin, say).
            volume: Å³, that of the cell unless given.
            remarks, basis: of the crystal; a position that is moved onto a special one is remarked too.

        Raises:
            CrystalError: not a group, a cell that is not of it, no atoms, an element without form factor, a bad
                number, or more than one atom at a position.
        """
        group = gemmi.find_spacegroup_by_name(space_group)
        cell = _cell(space_group, group, a)
        if group.ext == "R":
            cell, sites, operations, basis = hexagonal_axes(cell, sites, operations or group.operations())
            group = gemmi.find_spacegroup_by_name(f"{group.hm}:H")
            volume = 3 * volume if volume else None
        if not sites:
            raise CrystalError("it has no atoms")
        for site in sites:
            check_site(site)
        operations = operations or group.operations()
        rotations, translations = seitz(operations)
        if group.number < 195:
            cell, fits = symmetrised(cell, rotations)
            if not fits:
                raise CrystalError(f"its cell is not that of {group.xhm()} ({cell_text(a)})")
        lattice = lattice_of(cell)
        reciprocal = reciprocal_metric(lattice)
        owners, orbits, tensors = [], [], []
        for index, site in enumerate(sites):
            position = np.array(site.position)
            orbit, moved = orbit_of(position, rotations, translations, lattice, site.occupancy)
            orbits.append(orbit)
            owners += [index] * len(orbit)
            if len(owners) > MOST_ATOMS:
                raise CrystalError(f"it has more than {MOST_ATOMS} atoms in the cell")
            if moved:
                xyz = ", ".join(f"{x:.5g}" for x in site.position)
                remarks += (f"{site.element} at {xyz} is moved by {moved:.2g} Å onto its special position",)
            if site.u_aniso is None:
                tensors.append(np.zeros((len(orbit), 3, 3)))
                continue
            beta = beta_of(site.u_aniso, reciprocal)
            if site.b_iso is None:
                sites = [*sites[:index], replace(site, b_iso=equivalent_b(beta, reciprocal)), *sites[index + 1 :]]
            betas = orbit_tensors(beta, position, orbit, rotations, translations, lattice)
            isotropic = equivalent_b(betas[0], reciprocal) / 4 * reciprocal
            if np.abs(betas - isotropic).max() < ISOTROPIC * np.abs(isotropic).max():
                tensors.append(np.zeros_like(betas))
            else:
                tensors.append(betas - (sites[index].b_iso or 0.0) / 4 * reciprocal)
        elements = tuple(sites[i].element for i in owners)
        occupancy = np.array([min(sites[i].occupancy, 1.0) for i in owners])
        positions, anisotropy = np.concatenate(orbits), np.concatenate(tensors)
        if fault := overlap(positions, occupancy, elements, lattice):
            raise CrystalError(fault)
        edge = cell[0]
        return cls(
            name=name,
            formula=reduced_formula(elements, occupancy, math.gcd(*map(len, orbits))),
            space_group=group.xhm(),
            number=group.number,
            a=edge,
            volume=float(volume or (edge**3 if group.number > 194 else np.linalg.det(lattice))),
            elements=elements,
            positions=positions,
            occupancy=occupancy,
            b_iso=np.array([sites[i].b_iso or 0.0 for i in owners]),
            b_given=np.array([sites[i].b_iso is not None for i in owners]),
            operations=triplets_of(tuple(op.triplet() for op in operations)),
            source=source,
            remarks=remarks,
            basis=basis,
            shape=CUBE if group.number > 194 else (cell[1] / edge, cell[2] / edge, *cell[3:]),
            anisotropy=anisotropy if anisotropy.any() else None,
        )

    @classmethod
    def from_cif(cls, path: str | Path) -> Crystal:
        """Read one structure from a CIF file; see :func:`lacbed_gan.crystal.cif.read_cif`."""
        from lacbed_gan.crystal.cif import read_cif

        return read_cif(path)

    @classmethod
    def from_file(cls, path: str | Path) -> Crystal:
        """Read a CIF, POSCAR or extended XYZ; see :func:`lacbed_gan.crystal.sources.read_structure`."""
        from lacbed_gan.crystal.sources import read_structure

        return read_structure(path)

    @classmethod
    def from_ase(cls, atoms: object, name: str = "") -> Crystal:
        """The crystal of an ``ase.Atoms``, in its conventional cell; see `Crystal.basis`."""
        from lacbed_gan.crystal.sources import from_ase

        return from_ase(atoms, name)

    @classmethod
    def from_pymatgen(cls, structure: object, name: str = "") -> Crystal:
        """The crystal of a ``pymatgen.core.Structure``, in its conventional cell; see `Crystal.basis`."""
        from lacbed_gan.crystal.sources import from_pymatgen

        return from_pymatgen(structure, name)

    def with_default_b_iso(self, b_iso: float) -> Crystal:
        """The crystal with B = b_iso (Å²) of the atoms for which none was given."""
        return replace(self, b_iso=np.where(self.b_given, self.b_iso, b_iso))

    def along(self, zone: Sequence[int], x_axis: Sequence[int] | None = None) -> Crystal:
        """The crystal seen along another direction.

        Args:
            zone: u, v, w of a direct-lattice vector (not a plane's normal), or four-index u, v, t, w where the axes
                are hexagonal.
            x_axis: h, k, l (or h, k, i, l) of a reciprocal vector that is along x of images; the shortest one normal
                to the zone axis unless given. y is zone × x. All indices are in the axes of the source.

        Raises:
            CrystalError: no direction, or an x axis that is not normal to it.
        """
        return replace(self, view=ZoneAxis.of(self, zone, x_axis))

    def seen(self, zone: Sequence[int] | None, x_axis: Sequence[int] | None = None) -> Crystal:
        """Along a direction, or as it is where there is none."""
        if zone is None and x_axis is None:
            return self
        return self.along(source_direction(self) if zone is None else zone, x_axis)

    @property
    def cell(self) -> Cell:
        """a, b, c in Å and α, β, γ in degrees."""
        b, c, *angles = self.shape
        return (self.a, round(self.a * b, 12), round(self.a * c, 12), angles[0], angles[1], angles[2])

    @property
    def lattice(self) -> NDArray[np.float64]:
        """(3, 3) the vectors of the cell, as rows, in Å, a along x."""
        return lattice_of(self.cell)

    @property
    def is_standard_view(self) -> bool:
        """Whether it is cubic and seen along [001], x along a*: what the networks and FELIX's patterns are of."""
        return self.shape == CUBE and self.number > 194 and self.view == ALONG_001

    @property
    def pattern_symmetry(self) -> str:
        """Point symmetry of every pattern of the zone axis: of a cubic one along [001] ``4mm`` or ``2mm`` (23, m−3)."""
        return point_symbol(point_group(plane_operations(self.operations, self.view.basis)))

    @property
    def reciprocal_metric(self) -> NDArray[np.float64]:
        """(3, 3) a*ᵢ · a*ⱼ in 1/Å²: |g|² = h G hᵀ."""
        if self.shape == CUBE:
            return np.eye(3) / self.a**2
        return reciprocal_metric(self.lattice)


def _cell(symbol: str, group: gemmi.SpaceGroup | None, a: float | Sequence[float]) -> Cell:
    """Six numbers of a cell of a group, given as one of a cubic cell or as six."""
    edge_alone = isinstance(a, int | float | np.floating)
    if group is None:
        raise CrystalError(f"'{symbol}' is not a {'cubic ' if edge_alone else ''}space group")
    if isinstance(a, int | float | np.floating):
        if group.number < 195:
            raise CrystalError(f"'{symbol}' is not a cubic space group")  # whose cell one edge would tell
        check_edge(float(a))
        return (float(a),) * 3 + (90.0, 90.0, 90.0)
    if len(a) != 6:
        raise CrystalError(f"a cell is one edge or a, b, c, α, β, γ; {len(a)} numbers are given")
    b, c, alpha, beta, gamma = (float(x) for x in a[1:])
    cell = (float(a[0]), b, c, alpha, beta, gamma)
    check_cell(cell)
    edges_differ = max(cell[:3]) - min(cell[:3]) > UNEQUAL * cell[0]
    if group.number > 194 and (edges_differ or any(abs(x - 90) > SKEW for x in cell[3:])):
        raise CrystalError(f"its cell is not cubic ({cell_text(cell)})")
    return cell
