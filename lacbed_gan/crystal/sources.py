"""Structures that are no CIF: POSCAR, extended XYZ, and the objects of ASE and pymatgen. All are lists of all atoms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.base.messages import printable
from lacbed_gan.crystal.conventional import conventional
from lacbed_gan.crystal.crystal import MOST_ATOMS, Crystal, CrystalError, Site
from lacbed_gan.crystal.elements import NAMES, shares_of

POSCAR_NAMES = re.compile(r"(?:poscar|contcar)(?:[._-].*)?|.*\.(?:vasp|poscar|contcar)", re.IGNORECASE)
XYZ_NAMES = (".xyz", ".extxyz")
Array = NDArray[np.float64]


def is_poscar(path: Path) -> bool:
    """Whether a file's name is one of VASP's structures: POSCAR, CONTCAR_2, NaCl.vasp."""
    return bool(POSCAR_NAMES.fullmatch(path.name))


def is_xyz(path: Path) -> bool:
    """Whether a file's name is one of extended XYZ."""
    return path.name.lower().endswith(XYZ_NAMES)


def read_structure(path: str | Path) -> Crystal:
    """The crystal of a file of any kind, by its name: POSCAR, extended XYZ, and a CIF otherwise.

    Raises:
        CrystalError: one line that begins with the path.
    """
    path = Path(path)
    if not (is_poscar(path) or is_xyz(path)):
        return Crystal.from_cif(path)
    read: Callable[[list[str]], tuple[Array, list[Site]]] = _poscar if is_poscar(path) else _xyz
    from lacbed_gan.crystal.cif import text_of_file

    name = path.name if path.name.lower() in ("poscar", "contcar") else path.stem
    try:
        lattice, sites = read(text_of_file(path).splitlines())
        return conventional(name, lattice, sites, path.name)
    except CrystalError as error:
        raise CrystalError(f"{path}: {printable(error, 300)}") from None
    except Exception as error:  # as in CIFs: one file never ends a run of many
        raise CrystalError(f"{path}: cannot be read ({type(error).__name__}: {printable(error)})") from error


def from_ase(atoms: Any, name: str = "") -> Crystal:
    """The crystal of an ``ase.Atoms``; occupancies are those of its ``info["occupancy"]`` where it has them.

    Raises:
        CrystalError: it is not periodic, or not cubic.
    """
    if not all(atoms.pbc):
        raise CrystalError("the atoms are not periodic in three directions (pbc)")
    positions = np.asarray(atoms.get_scaled_positions(wrap=False), dtype=float)
    symbols = list(atoms.get_chemical_symbols())
    shares: dict[str, dict[str, float]] = atoms.info.get("occupancy") or {}
    kinds: Sequence[Any] = atoms.arrays.get("spacegroup_kinds", range(len(symbols))) if shares else range(len(symbols))
    sites = []
    for symbol, kind, position in zip(symbols, kinds, positions.tolist(), strict=True):
        mixture = shares.get(str(kind)) or shares.get(kind) or {symbol: 1.0}
        sites += _sites(mixture.items(), position)
    crystal = conventional(name, np.array(atoms.cell, dtype=float), sites, "ASE")
    return replace(crystal, name=name or crystal.formula)


def from_pymatgen(structure: Any, name: str = "") -> Crystal:
    """The crystal of a ``pymatgen.core.Structure``, disordered or not.

    Raises:
        CrystalError: it is not cubic, or holds a species that is no element.
    """
    sites = []
    for site in structure:
        species = [(getattr(kind, "symbol", str(kind)), float(share)) for kind, share in site.species.items()]
        sites += _sites(species, [float(x) for x in site.frac_coords])
    matrix = np.array(structure.lattice.matrix, dtype=float)
    crystal = conventional(name, matrix, sites, "pymatgen")
    return replace(crystal, name=name or crystal.formula)


def _sites(species: Iterable[tuple[str, float]], position: Sequence[float]) -> list[Site]:
    x, y, z = position
    return [
        Site(element, (x, y, z), float(occupancy) * share)
        for symbol, occupancy in species
        for element, share in shares_of(str(symbol), str(symbol))[0].items()
        if occupancy
    ]


def _poscar(lines: list[str]) -> tuple[Array, list[Site]]:
    """VASP 4 (elements in the first line) and 5: comment, scale, three vectors, elements, numbers, coordinates."""
    if len(lines) < 8:
        raise CrystalError(f"not a POSCAR: it has {len(lines)} lines")
    words = lines[1].split()
    scale = np.array(_floats(lines, 1, 3 if len(words) >= 3 and re.match(r"[-+.\d]", words[1]) else 1))
    lattice = np.array([_floats(lines, row, 3) for row in (2, 3, 4)])
    if len(scale) == 1 and scale[0] < 0:  # the volume
        scale = (-scale / abs(float(np.linalg.det(lattice)))) ** (1 / 3)
    lattice *= scale
    symbols, row = lines[0].split(), 5
    if not lines[5].strip()[:1].isdigit():
        symbols, row = [re.split(r"[/_]", word)[0] for word in lines[5].split()], 6
    elif not {*symbols} <= {*NAMES}:
        raise CrystalError("it does not name its elements; write them in line 6, before the numbers of atoms")
    counts = [int(word) for word in lines[row].split("!")[0].split() if word.isdigit()]
    if not counts or len(symbols) < len(counts):
        raise CrystalError(f"it names {len(symbols)} elements for {len(counts)} numbers of atoms; write them in line 6")
    if sum(counts) > MOST_ATOMS:
        raise CrystalError(f"it lists {sum(counts)} atoms, more than {MOST_ATOMS}")
    row += 1 + (lines[row + 1].strip()[:1].lower() == "s")  # selective dynamics
    cartesian = lines[row].strip()[:1].lower() in ("c", "k")
    elements = [symbol for symbol, count in zip(symbols, counts, strict=False) for _ in range(count)]
    if len(lines) < row + 1 + len(elements):
        raise CrystalError(f"it ends before its {len(elements)} atoms")
    sites = []
    for number, element in enumerate(elements, row + 1):
        position = np.array(_floats(lines, number, 3))
        if cartesian:
            position = np.linalg.solve(lattice.T, position * scale)
        sites += _sites([(element, 1.0)], position.tolist())
    return lattice, sites


def _xyz(lines: list[str]) -> tuple[Array, list[Site]]:
    """One frame of extended XYZ: the number of atoms, ``Lattice="…" Properties=species:S:1:pos:R:3``, the atoms."""
    count = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    if not count or len(lines) < count + 2:
        raise CrystalError("not an XYZ file: its first line is not the number of its atoms")
    if count > MOST_ATOMS:
        raise CrystalError(f"it lists {count} atoms, more than {MOST_ATOMS}")
    if any(line.strip() for line in lines[count + 2 :]):
        raise CrystalError("it holds several frames; keep the one that is meant")
    cell = re.search(r"lattice\s*=\s*[\"'{\[]([^\"'}\]]*)", lines[1], re.IGNORECASE)
    if cell is None or len(cell[1].split()) != 9:
        raise CrystalError('its second line has no Lattice="…" of nine numbers, which a crystal needs')
    periodic = re.search(r"pbc\s*=\s*[\"'{\[]([^\"'}\]]*)", lines[1], re.IGNORECASE)
    if periodic and any(word[:1].lower() in ("f", "0") for word in periodic[1].split()):
        raise CrystalError("it is not periodic in three directions (pbc)")
    lattice = np.array([float(word) for word in cell[1].split()]).reshape(3, 3)
    columns = re.search(r"properties\s*=\s*\"?(\S+?)\"?(?:\s|$)", lines[1], re.IGNORECASE)
    words = (columns[1] if columns else "species:S:1:pos:R:3").split(":")
    starts, at = {}, 0
    for key, width in zip(words[::3], words[2::3], strict=True):
        starts[key.lower()] = at
        at += int(width)
    if not {"species", "pos"} <= set(starts):
        raise CrystalError("its Properties name no species or no pos")
    sites = []
    for line in lines[2 : count + 2]:
        row = line.split()
        position = np.array([float(word) for word in row[starts["pos"] : starts["pos"] + 3]])
        sites += _sites([(row[starts["species"]], 1.0)], np.linalg.solve(lattice.T, position).tolist())
    return lattice, sites


def _floats(lines: list[str], row: int, count: int) -> list[float]:
    """The numbers that a line begins with."""
    try:
        numbers = [float(word) for word in lines[row].split()[:count]]
    except ValueError:
        numbers = []
    if len(numbers) < count:
        raise CrystalError(f"line {row + 1}, '{printable(lines[row], 40)}', does not begin with {count} numbers")
    return numbers
