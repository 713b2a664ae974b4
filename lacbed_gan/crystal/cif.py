"""CIF → Crystal, with one clear line for every file that cannot be used."""

from __future__ import annotations

import math
from pathlib import Path

import gemmi

from lacbed_gan.base.messages import printable
from lacbed_gan.crystal.crystal import MOST_ATOMS, Crystal, CrystalError, Site, check_edge

MOST_BYTES = 20_000_000  # what is larger holds measurements, not only a structure
MOST_OPERATIONS = 192  # of a cubic group, those of F m -3 m

OPERATION_TAGS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
NAME_TAGS = ("_space_group_name_H-M_alt", "_symmetry_space_group_name_H-M", "_space_group_name_H-M_ref")
NUMBER_TAGS = ("_space_group_IT_number", "_symmetry_Int_Tables_number")
ORIGIN_TAGS = ("_space_group_IT_coordinate_system_code", "_space_group.IT_coordinate_system_code")


def read_cif(path: str | Path) -> Crystal:
    """Read the one cubic structure of a CIF file.

    Symmetry comes from the listed operations, or else from the Hermann–Mauguin symbol (with ``:1``/``:2`` or
    ICSD's ``S``/``Z`` for the origin) or the space group number. B = 8π²U_iso; where only anisotropic U are
    given, U_iso is their mean diagonal; where the CIF gives none, B is 0 and ``b_given`` is false. The crystal is
    named after the file; what stands after ``data_`` is not used. Blocks without atoms are passed over.

    Raises:
        CrystalError: the file is not a CIF, or its structure is not a usable cubic one; the message is one line
            starting with the path.
    """
    path = Path(path)
    try:
        return _read(path)
    except CrystalError as error:
        raise CrystalError(f"{path}: {printable(error, 300)}") from None


def _read(path: Path) -> Crystal:
    text = _text(path)
    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        reason = printable(error).removeprefix("string:")  # line:column of it
        raise CrystalError(f"not a CIF ({reason})") from None
    blocks = [b for b in document if b.find_loop("_atom_site_fract_x")]
    if not blocks:
        raise CrystalError("it has no atoms (no _atom_site_fract_x)")
    if len(blocks) > 1:
        raise CrystalError(f"it holds {len(blocks)} structures; split it into one file each")
    block = blocks[0]
    a = _cubic_edge(block)
    group, operations = _symmetry(block)
    sites = _sites(block)
    volume = gemmi.cif.as_number(block.find_value("_cell_volume") or "?")
    if not abs(volume / a**3 - 1) < 1e-3:  # absent, or of another cell
        volume = a**3
    return Crystal.from_sites(path.stem, group, a, sites, source=path.name, operations=operations, volume=volume)


def _text(path: Path) -> str:
    """The file's text; bytes that are no UTF-8, as in the names of authors, are replaced."""
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
        return path.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        raise CrystalError(f"cannot be read ({error.strerror})") from None


def _cubic_edge(block: gemmi.cif.Block) -> float:
    edges = [gemmi.cif.as_number(block.find_value(f"_cell_length_{x}") or "?") for x in "abc"]
    angles = [gemmi.cif.as_number(block.find_value(f"_cell_angle_{x}") or "90") for x in ("alpha", "beta", "gamma")]
    if any(math.isnan(x) for x in edges):
        raise CrystalError("its cell is missing or not a number (_cell_length_a, _b, _c)")
    if min(edges) <= 0:
        raise CrystalError(f"its cell edge {min(edges):g} Å is not positive")
    if max(edges) - min(edges) > 1e-3 * edges[0] or any(not abs(x - 90) < 0.05 for x in angles):
        sides, corners = (", ".join(f"{x:g}" for x in values) for values in (edges, angles))
        raise CrystalError(f"its cell is not cubic ({sides} Å; {corners}°)")
    check_edge(edges[0])
    return edges[0]


def _first(block: gemmi.cif.Block, tags: tuple[str, ...]) -> str:
    values = (gemmi.cif.as_string(block.find_value(tag) or "?").strip() for tag in tags)
    return next((v for v in values if v not in ("", "?", ".")), "")


def _symmetry(block: gemmi.cif.Block) -> tuple[str, gemmi.GroupOps | None]:
    """Symbol of a cubic group and the operations where the file lists them."""
    for tag in OPERATION_TAGS:
        triplets = [gemmi.cif.as_string(value) for value in block.find_values(tag)]
        if len(triplets) > MOST_OPERATIONS:
            raise CrystalError(
                f"it lists {len(triplets)} symmetry operations, a cubic group has {MOST_OPERATIONS} at most"
            )
        if triplets:
            try:
                operations = gemmi.GroupOps([gemmi.Op(t) for t in triplets])
            except (RuntimeError, ValueError):
                raise CrystalError(f"a symmetry operation cannot be read ({tag})") from None
            return _name_of(operations, block), operations
    group = _named_group(block)
    if group is None:
        raise CrystalError("it has no symmetry: neither operations nor a known space group")
    if group.crystal_system_str() != "cubic":
        raise CrystalError(f"its space group {group.xhm()} is not cubic")
    return group.xhm(), None


def _name_of(operations: gemmi.GroupOps, block: gemmi.cif.Block) -> str:
    # Operations in a shifted setting have no entry in gemmi's table: the symbol in the file names the type then.
    group = gemmi.find_spacegroup_by_ops(operations) or _named_group(block, any_origin=True)
    if group is None or group.crystal_system_str() != "cubic" or len(operations) != len(group.operations()):
        name = group.xhm() if group else f"{len(operations)} operations of no known group"
        raise CrystalError(f"its symmetry is not cubic ({name})")
    if not _is_group(operations):
        raise CrystalError(f"its symmetry operations are no group, one of them is wrong; they should be {group.xhm()}")
    return group.xhm()


def _is_group(operations: gemmi.GroupOps) -> bool:
    """Whether the operations are different, and the product of any two is among them."""
    closed = gemmi.GroupOps(list(operations))
    try:
        closed.add_missing_elements()
    except RuntimeError:  # they go on without end
        return False
    return len(closed) == len(operations) == len({op.wrap().triplet() for op in operations})


def _named_group(block: gemmi.cif.Block, any_origin: bool = False) -> gemmi.SpaceGroup | None:
    name, origin = _first(block, NAME_TAGS), _first(block, ORIGIN_TAGS)
    if name[-1:] in "SZ" and name:  # ICSD marks origin choice 1 with S and 2 with Z
        name, origin = name[:-1].strip(), {"S": "1", "Z": "2"}[name[-1]]
    group = gemmi.find_spacegroup_by_name(name) if name else None
    number = _first(block, NUMBER_TAGS)
    if group is None and number.isdigit() and 1 <= int(number) <= 230:
        group = gemmi.find_spacegroup_by_number(int(number))
        name = group.hm
    if group is None or group.ext not in "12" or ":" in name or any_origin:
        return group
    if origin[:1] not in ("1", "2"):
        raise CrystalError(f"'{name}' has two origins; write '{group.hm}:1' or '{group.hm}:2' or list the operations")
    return gemmi.find_spacegroup_by_name(f"{group.hm}:{origin[0]}")


def _sites(block: gemmi.cif.Block) -> list[Site]:
    rows = block.find("_atom_site_", ["fract_x", "?occupancy", "?U_iso_or_equiv", "?B_iso_or_equiv"])
    if len(rows) > MOST_ATOMS:
        raise CrystalError(f"it lists {len(rows)} atoms, more than {MOST_ATOMS}")
    structure = gemmi.make_small_structure_from_block(block)
    sites = []
    # Without labels and types gemmi finds no sites at all; else one for each row.
    for site, row in zip(structure.sites, rows, strict=False):
        occupancy, u_iso, b_iso = (_number(row, i, site.label) for i in (1, 2, 3))
        if occupancy == 0:
            continue
        if site.element.atomic_number == 0:
            raise CrystalError(f"unknown element '{site.type_symbol or site.label}' of site {site.label}")
        b = None
        if u_iso is not None or b_iso is not None:  # refinements report slightly negative U for what is zero
            b = 8 * math.pi**2 * max(site.u_iso, 0.0)
        if not b and site.aniso.nonzero():
            b = 8 * math.pi**2 * max((site.aniso.u11 + site.aniso.u22 + site.aniso.u33) / 3, 0.0)
        symbol = "H" if site.element.name == "D" else site.element.name
        position = (site.fract.x, site.fract.y, site.fract.z)
        sites.append(Site(symbol, position, 1.0 if occupancy is None else occupancy, b))
    return sites


def _number(row: gemmi.cif.Table.Row, column: int, label: str) -> float | None:
    """The number in a column of an atom; None where there is none, or ? or a point."""
    if not row.has(column) or gemmi.cif.is_null(row[column]):
        return None
    number = gemmi.cif.as_number(row[column])
    if not math.isfinite(number):
        raise CrystalError(f"'{row[column]}' of site {label} is not a number (occupancy, U_iso or B_iso)")
    return number
