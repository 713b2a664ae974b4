"""Crystals by the name a user gives: a CIF, a table, a folder of them, or a set that ships."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lacbed_gan.crystal.catalogue import catalogue, noncubic
from lacbed_gan.crystal.crystal import Crystal, CrystalError
from lacbed_gan.crystal.open_databases import open_structures, small_structures
from lacbed_gan.crystal.prototypes import prototypes
from lacbed_gan.crystal.sources import is_poscar, is_xyz
from lacbed_gan.crystal.tables import TABLES, read_table
from lacbed_gan.crystal.vibration import DrawnB, default_b_iso

NAMED = ("catalogue", "prototypes", "bundled", "standard", "open", "noncubic")
# Å², a² by lattice points of the largest cells of the shipped store, whose patterns take about 700 beams up to 3 1/Å
CELL = 25.0


def structures(
    name: str,
    count: int | None = None,
    seed: int = 0,
    b_iso_default: float | DrawnB = 0.0,
    zones: Sequence[Sequence[int]] = (),
    x_axis: Sequence[int] = (),
) -> Iterator[Crystal | CrystalError]:
    """Crystals in a fixed order, each with a name of its own; what cannot be used comes as its error.

    Args:
        name: path of a CIF, a POSCAR, an extended XYZ or a table (``.jsonl``, ``.jsonl.gz``, see tables.py), of a
            folder of them (subfolders too), or one of `NAMED`.
        count, seed: how many and which, of ``prototypes``, ``bundled``, ``standard`` and ``open``.
        b_iso_default: B in Å², or how it is drawn, of the atoms for which the source gives no displacement parameter.
        zones: directions that each crystal is seen along; none: as its source says.
        x_axis: reflection that is along x; none: the shortest.

    Raises:
        FileNotFoundError: neither a name nor a path, or a folder without such a file.
        CrystalError: there are fewer prototypes than ``count``.
    """
    for crystal in _named(name, count, seed):
        if isinstance(crystal, Crystal):
            crystal = crystal.with_default_b_iso(default_b_iso(b_iso_default, crystal.name))
            yield from _views(crystal, zones, x_axis)
        else:
            yield crystal


def _views(crystal: Crystal, zones: Sequence[Sequence[int]], x_axis: Sequence[int]) -> Iterator[Crystal | CrystalError]:
    """A crystal along each direction, named after it where there are several; as it is where none is given."""
    for zone in zones or (None,):
        name = f"{crystal.name} [{' '.join(map(str, zone))}]" if zone and len(zones) > 1 else crystal.name
        try:
            yield replace(crystal.seen(zone, x_axis or None), name=name)
        except CrystalError as error:
            yield CrystalError(f"{crystal.name}: {error}")


def _named(name: str, count: int | None, seed: int) -> Iterable[Crystal | CrystalError]:
    if name == "catalogue":
        return catalogue().values()
    if name == "noncubic":
        return noncubic().values()
    if name == "prototypes":
        return prototypes(count, seed)
    if name == "bundled":
        return itertools.islice(small_structures(CELL, seed), count)
    if name in ("standard", "open"):
        return open_structures(name == "standard", count, seed)
    return _from_files(Path(name))


def find_files(path: Path) -> list[Path]:
    """The file itself, or all CIFs and tables of a folder in order of their names.

    Raises:
        FileNotFoundError: no such path, or no such file in the folder.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"structures={path} is neither a file, a folder nor one of {', '.join(NAMED)}")
    files = sorted(p for p in path.rglob("*") if _is_structure(p) and p.is_file())
    if not files:
        raise FileNotFoundError(f"structures={path} holds no file that ends in .cif, {' or '.join(TABLES)}")
    return files


def _is_structure(path: Path) -> bool:
    return path.name.lower().endswith((".cif", *TABLES)) or is_poscar(path) or is_xyz(path)


def _from_files(path: Path) -> Iterator[Crystal | CrystalError]:
    origins: dict[str, str] = {}
    for file in find_files(path):
        for place, crystal in _read(file):
            if isinstance(crystal, CrystalError):
                yield crystal
            elif crystal.name in origins:
                yield CrystalError(f"{place}: a crystal named {crystal.name} came already from {origins[crystal.name]}")
            else:
                origins[crystal.name] = place
                yield crystal


def _read(file: Path) -> Iterator[tuple[str, Crystal | CrystalError]]:
    """Crystals of a file, or the errors of what cannot be used, and where in the file they stand."""
    if file.name.lower().endswith(TABLES):
        yield from read_table(file)
        return
    try:
        yield str(file), Crystal.from_file(file)
    except CrystalError as error:
        yield str(file), error
