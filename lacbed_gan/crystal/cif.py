"""CIF → Crystal, with one clear line for every file that cannot be used."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray

from lacbed_gan.base.messages import printable
from lacbed_gan.crystal import atom_sites
from lacbed_gan.crystal.agreement import agrees, compare, compare_multiplicities, contents, without_shelx
from lacbed_gan.crystal.atom_sites import AtomSites
from lacbed_gan.crystal.cell import SKEW, UNEQUAL, Cell, cell_text, is_cell, lattice_of, symmetrised
from lacbed_gan.crystal.completeness import require_near, require_symmetry_of_lattice
from lacbed_gan.crystal.conventional import conventional
from lacbed_gan.crystal.crystal import Crystal, CrystalError
from lacbed_gan.crystal.images import site_images
from lacbed_gan.crystal.orbits import orbit_of, seitz
from lacbed_gan.crystal.site import check_cell, check_edge, check_site
from lacbed_gan.crystal.space_groups import Symmetry, symmetry
from lacbed_gan.crystal.statements import Statements, number_of

MOST_BYTES = 20_000_000  # what is larger holds measurements, not only a structure
# Blocks of databases that describe one structure several times.
DESCRIPTIONS = {"std", "standardized", "standardised", "pub", "published", "niggli", "primitive", "conventional"}
ROUNDED = 1.5e-4  # relative, of a volume: what four digits of it leave open


def read_cif(path: str | Path) -> Crystal:
    """Read the one structure of a CIF file.

    Symmetry comes from the listed operations, the Hall symbol, the Hermann–Mauguin symbol (with ``:1``/``:2`` or
    ICSD's ``S``/``Z`` for the origin, ``:H``/``:R`` for the axes) or the space group number, which must agree where
    there are several. A file with P 1 or no symmetry is taken for a list of all atoms, one with a group in a cell that
    is none of it for a description of a primitive or other cell; spglib finds the conventional cell, and
    `Crystal.basis` is the change of basis. Rhombohedral axes become hexagonal ones. B comes from U, B or β, isotropic
    or anisotropic; where the CIF gives none, B is 0 and ``b_given`` is false. Anisotropic displacements are kept as
    they are. What is odd stands in ``remarks``. The crystal is named after the file; what stands after ``data_`` is
    not used. Blocks without atoms, and further descriptions of the same crystal, are passed over.

    Raises:
        CrystalError: the file is not a CIF, or its structure is not usable; the message is one line starting with
            the path.
    """
    path = Path(path)
    try:
        return _read(path)
    except CrystalError as error:
        raise CrystalError(f"{path}: {printable(error, 300)}") from None
    except Exception as error:  # of a library, on what nobody thought of: one file never ends a run of many
        raise CrystalError(f"{path}: cannot be read ({type(error).__name__}: {printable(error)})") from error


def _read(path: Path) -> Crystal:
    text, document = text_of_file(path), gemmi.cif.Document()
    try:
        document.parse_string(text)
    except (ValueError, RuntimeError) as error:
        reason = printable(error).removeprefix("string:")  # line:column of it
        raise CrystalError(f"not a CIF ({reason})") from None
    blocks = [block for block in map(Statements, document) if atom_sites.loop_of(block) is not None]
    if not blocks:
        raise CrystalError("it has no atoms (no _atom_site_fract_x)")
    if len(blocks) == 1:
        return _crystal(path, blocks[0])
    several = f"it holds {len(blocks)} structures; split it into one file each"
    try:
        first, *others = (_crystal(path, block) for block in blocks)
    except CrystalError:
        raise CrystalError(several) from None
    if not ({block.name.lower() for block in blocks} <= DESCRIPTIONS and all(_same(first, other) for other in others)):
        raise CrystalError(several)
    return replace(first, remarks=(*first.remarks, f"it describes one crystal {len(blocks)} times; the first is taken"))


def text_of_file(path: Path) -> str:
    """The file's text; bytes that are no UTF-8, as in the names of authors, are replaced.

    Raises:
        CrystalError: no file, too large or not readable.
    """
    if not path.exists():
        raise CrystalError("no such file")
    if not path.is_file():  # a folder; a pipe or a device, which may never end
        raise CrystalError("not a file")
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise CrystalError(
                f"{size / 1e6:.0f} MB are too large for a structure, the limit is {MOST_BYTES / 1e6:.0f} MB; "
                "take measured reflections out of it"
            )
        data = path.read_bytes()
    except OSError as error:
        raise CrystalError(f"cannot be read ({error.strerror})") from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") and len(data) % 2 == 0:  # a byte order mark: some editors' text
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def _same(first: Crystal, second: Crystal) -> bool:
    """Whether two crystals are of one group, edge and composition."""
    if first.number != second.number or abs(first.volume / second.volume - 1) > 3e-3:
        return False
    return agrees(contents(first), contents(second)) and len(first.elements) == len(second.elements)


def _crystal(path: Path, statements: Statements) -> Crystal:
    stated = symmetry(statements)
    cell, odd = _cell(statements, stated.group)
    lattice = lattice_of(cell)
    atoms = atom_sites.read(statements, lattice)
    remarks = (*stated.remarks, *odd, *atoms.remarks)
    if stated.group is not None and stated.ops is not None and _is_of(stated.group, cell, stated.ops):
        crystal = _from_asymmetric_unit(path, statements, stated, cell, atoms, remarks)
    else:
        crystal = _from_list(path, stated, cell, lattice, atoms, remarks)
    odd = compare(statements, crystal, searched=not stated.stated)
    return replace(crystal, remarks=tuple(dict.fromkeys((*crystal.remarks, *odd))))


def _from_asymmetric_unit(
    path: Path, statements: Statements, stated: Symmetry, cell: Cell, atoms: AtomSites, remarks: tuple[str, ...]
) -> Crystal:
    assert stated.group is not None and stated.ops is not None
    check_cell(cell)
    cubic, lattice = stated.group.number > 194, lattice_of(cell)
    sites = [*atoms.sites]
    order = len(stated.ops)
    points = len(stated.ops.cen_ops)
    if any(atoms.multiplicities) or (sites and max(site.occupancy for site in sites) < 0.51):
        for site in sites:
            check_site(site)
        rotations, translations = seitz(stated.ops)
        sizes = [
            [
                len(orbit_of(np.array(site.position), rotations, translations, lattice, o)[0])
                for o in (1, site.occupancy)
            ]
            for site in sites
        ]
        compare_multiplicities(atoms.multiplicities, sites, atoms.labels, sizes, order, points)
        sites, odd = without_shelx(statements, sites, [merged for merged, _ in sizes], order)
        remarks += odd
    own = cell[0] ** 3 if cubic else float(np.linalg.det(lattice))
    volume = number_of(statements.text("_cell_volume") or "?")
    if not abs(volume / own - 1) < 1e-3:  # absent, or of another cell
        if volume > 0 and not any(abs(volume * n / own - 1) < 1e-3 for n in (2, 3, 4, 1 / 3)):
            remarks = (*remarks, f"its volume {volume:.5g} Å³ is not that of its cell, {own:.5g} Å³, which is taken")
        volume = own
    elif cubic and abs(volume / own - 1) > ROUNDED:
        remarks = (*remarks, f"its volume {volume:.7g} Å³, which is taken, is not that of its edge, {own:.7g} Å³")
    name, edges = stated.group.xhm(), cell[0] if cubic else cell
    return Crystal.from_sites(
        path.stem,
        name,
        edges,
        sites,
        source=path.name,
        operations=stated.ops,
        volume=volume if cubic else None,
        remarks=remarks,
    )


def _from_list(
    path: Path, stated: Symmetry, cell: Cell, lattice: NDArray[np.float64], atoms: AtomSites, remarks: tuple[str, ...]
) -> Crystal:
    """The crystal of a file that lists all atoms of a cell, or gives a group in another cell than its own."""
    sites = [*atoms.sites]
    listed = stated.listed
    if listed is not None and len(listed) > 1:
        sites = []
        for site in atoms.sites:
            check_site(site)
            position, rotations = np.array(site.position), listed.rotations.astype(float)
            orbit, _ = orbit_of(position, rotations, listed.translations, lattice, site.occupancy)
            sites += site_images(site, orbit, rotations, listed.translations, lattice)
    try:
        crystal = conventional(path.stem, lattice, sites, path.name, remarks)
        if not stated.stated:
            require_symmetry_of_lattice(crystal, lattice)
            require_near(crystal)
    except CrystalError as error:
        if stated.group is None:
            raise
        fault = error
    else:
        if stated.group is None or crystal.number == stated.group.number:
            return crystal
        fault = CrystalError(f"it states {stated.group.xhm()}, but its atoms have the symmetry {crystal.space_group}")
    if stated.group is None or (stated.ops is not None and _is_of(stated.group, cell, stated.ops)):
        raise fault
    raise _another_cell(stated.group, cell)


def _cell(statements: Statements, group: gemmi.SpaceGroup | None) -> tuple[Cell, list[str]]:
    """Edges in Å and angles in degrees; of a cubic group one edge is enough. And what is odd."""
    system = group.crystal_system_str() if group is not None else ""
    cubic = system == "cubic"
    hexagonal = system in ("hexagonal", "trigonal") and group is not None and group.ext != "R"
    edges = [number_of(statements.text(f"_cell_length_{x}") or "?") for x in "abc"]
    texts = [statements.text(f"_cell_angle_{x}") for x in ("alpha", "beta", "gamma")]
    usual = (90.0, 90.0, 120.0 if hexagonal else 90.0)
    angles = [number_of(text) if text else angle for text, angle in zip(texts, usual, strict=True)]
    odd = []
    absent = [x for x in "abc" if not statements.text(f"_cell_length_{x}")]
    if cubic and "a" not in absent and absent:
        edges = [edges["abc".index(x)] if x not in absent else edges[0] for x in "abc"]
        odd.append(f"its cell lacks {' and '.join(absent)}, which are a in a cubic cell")
    if any(math.isnan(x) for x in edges):
        raise CrystalError("its cell is missing or not a number (_cell_length_a, _b, _c)")
    if min(edges) <= 0:
        raise CrystalError(f"its cell edge {min(edges):g} Å is not positive")
    cell = (edges[0], edges[1], edges[2], angles[0], angles[1], angles[2])
    if not is_cell(cell):
        raise _another_cell(group, cell)
    if cubic and _is_cubic(cell):
        check_edge(edges[0])
        if len({*edges}) > 1:
            odd.append(f"its cell edges differ, {', '.join(f'{x:g}' for x in edges)} Å; the first is taken")
        if any(x != 90 for x in angles):
            odd.append(f"its cell angles are {', '.join(f'{x:g}' for x in angles)}°, taken for 90")
        return (edges[0], edges[0], edges[0], 90.0, 90.0, 90.0), odd
    check_cell(cell)
    return cell, odd


def _is_of(group: gemmi.SpaceGroup, cell: Cell, operations: gemmi.GroupOps) -> bool:
    """Whether a group can have a cell."""
    return _is_cubic(cell) if group.number > 194 else symmetrised(cell, seitz(operations)[0])[1]


def _is_cubic(cell: Cell) -> bool:
    edges = cell[:3]
    return max(edges) - min(edges) <= UNEQUAL * edges[0] and all(abs(x - 90) < SKEW for x in cell[3:])


def _another_cell(group: gemmi.SpaceGroup | None, cell: Cell) -> CrystalError:
    if group is None:
        return CrystalError(f"there is no such cell ({cell_text(cell)})")
    if group.number > 194:
        return CrystalError(f"its cell is not cubic ({cell_text(cell)})")
    return CrystalError(f"its cell is not that of {group.xhm()} ({cell_text(cell)})")
