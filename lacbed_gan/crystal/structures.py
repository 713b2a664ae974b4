"""Crystals by the name a user gives: a CIF, a folder of them, the catalogue or prototypes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.crystal import Crystal, CrystalError
from lacbed_gan.crystal.prototypes import prototypes

NAMED = ("catalogue", "prototypes", "bundled")
# What the shipped store takes: cells with at most about nine hundred beams, whose patterns take less
# than a minute of one core, and mostly prototypes of face-centred lattices, which have the fewest.
BUNDLED_CELL = 16.0  # Å², a² divided by the lattice points of the cell
BUNDLED_KINDS = ("rock_salt", "zinc_blende", "fluorite", "heusler", "half_heusler") * 5 + ("cscl", "perovskite")
LATTICE_POINTS = {"P": 1, "I": 2, "F": 4}


def structures(name: str, count: int | None = None, seed: int = 0) -> Iterator[Crystal | CrystalError]:
    """Crystals in a fixed order, each with a name of its own; a file that cannot be used comes as its error.

    Args:
        name: path of a CIF or of a folder (searched for ``*.cif``, subfolders too), or one of `NAMED`.
        count, seed: how many formulas and which, of ``prototypes`` and ``bundled``.

    Raises:
        FileNotFoundError: neither a name nor a path, or a folder without a CIF.
    """
    if name == "catalogue":
        yield from catalogue().values()
    elif name == "prototypes":
        yield from prototypes(count, seed)
    elif name == "bundled":
        yield from _bundled(count, seed)
    else:
        yield from _from_files(Path(name))


def find_cifs(path: Path) -> list[Path]:
    """The CIF itself, or all of a folder in order of their names.

    Raises:
        FileNotFoundError: no such path, or no CIF in the folder.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"structures={path} is neither a file, a folder nor one of {', '.join(NAMED)}")
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() == ".cif")
    if not files:
        raise FileNotFoundError(f"structures={path} holds no file that ends in .cif")
    return files


def _from_files(path: Path) -> Iterator[Crystal | CrystalError]:
    files = find_cifs(path)
    names: dict[str, Path] = {}
    for file in files:
        if file.stem in names:
            yield CrystalError(f"{file}: a crystal named {file.stem} came already from {names[file.stem]}")
            continue
        names[file.stem] = file
        try:
            yield Crystal.from_cif(file)
        except CrystalError as error:
            yield error


def _bundled(count: int | None, seed: int) -> Iterator[Crystal]:
    """The catalogue's small cells, then prototypes of other formulas until there are ``count`` crystals."""
    small = [crystal for crystal in catalogue().values() if _is_small(crystal)]
    yield from small
    formulas = {crystal.formula for crystal in small}
    left = (count or len(small)) - len(small)
    sources = {kind: filter(_is_small, prototypes(None, seed, [kind])) for kind in BUNDLED_KINDS}
    for kind in cycle(BUNDLED_KINDS):
        if left <= 0 or not sources:
            return
        crystal = next(sources.get(kind, iter(())), None)
        if crystal is None:
            sources.pop(kind, None)
        elif crystal.formula not in formulas:
            formulas.add(crystal.formula)
            left -= 1
            yield crystal


def _is_small(crystal: Crystal) -> bool:
    return crystal.a**2 / LATTICE_POINTS[crystal.space_group[0]] <= BUNDLED_CELL
