"""Real cubic structures from open databases, which ship with the package."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lacbed_gan.crystal.crystal import Crystal, CrystalError
from lacbed_gan.crystal.space_groups import LATTICE_POINTS
from lacbed_gan.crystal.tables import crystal_of_line

FOLDER = Path(__file__).parent / "open_structures"  # its README names sources, licences and authors
STRUCTURES, STANDARD = FOLDER / "cubic.jsonl.gz", FOLDER / "standard.txt.gz"


@lru_cache(maxsize=1)
def seen_in_experiments() -> dict[str, bool]:
    """Whether each crystal, by its name, is known from experiment; the others are calculated, or nobody says."""
    with gzip.open(STRUCTURES) as file:
        return {row["id"]: bool(row["exp"]) for row in map(json.loads, file)}


def open_structures(
    standard: bool, count: int | None = None, seed: int = 0, edges: tuple[float, float] | None = None
) -> Iterator[Crystal | CrystalError]:
    """Crystals in an order that ids and seed fix; what cannot be used comes as its error.

    The order is that of sha256("seed:id"), after one crystal of each space group: the first n are a random sample of
    all, and hold every group that n has room for.

    Args:
        standard: only those of the standard set, 14,270 with distinct formulas, of 21,004.
        count: so many of them; None for all.
        edges: of those only the crystals with a cell edge between these two, in Å.
    """
    for row in _in_order(standard, seed)[:count]:
        if edges is None or edges[0] <= row.content["a"] <= edges[1]:
            yield row.crystal()


def small_structures(largest: float, seed: int = 0) -> Iterator[Crystal | CrystalError]:
    """Of the standard set the smallest cell of each space group, then a random sample of the small cells.

    Args:
        largest: Å², of a² divided by the lattice points of the cell, which the number of beams is proportional to.
    """
    rows = _in_order(True, seed)
    groups: dict[int, _Row] = {}
    for row in sorted(rows, key=lambda row: (row.area, row.content["id"])):
        groups.setdefault(row.content["sg"], row)
    yield from (groups[number].crystal() for number in sorted(groups))
    names = {row.content["id"] for row in groups.values()}
    yield from (row.crystal() for row in rows if row.area <= largest and row.content["id"] not in names)


@dataclass(frozen=True)
class _Row:
    """A line of the table; a crystal is made of it where it is wanted, which takes milliseconds."""

    number: int
    line: bytes
    content: dict[str, Any]

    @property
    def area(self) -> float:
        """a² in Å² divided by the lattice points of the cell."""
        return self.content["a"] ** 2 / LATTICE_POINTS[self.content["hm"][0]]

    def crystal(self) -> Crystal | CrystalError:
        return crystal_of_line(self.line, f"{STRUCTURES.name}, line {self.number}")


def _in_order(standard: bool, seed: int) -> list[_Row]:
    """Rows by sha256("seed:id"), after the first one of each space group."""
    with gzip.open(STRUCTURES) as file:
        rows = [_Row(i, line, json.loads(line)) for i, line in enumerate(file, 1)]
    if standard:
        with gzip.open(STANDARD, "rt") as names:
            wanted = set(names.read().split("\n"))
        rows = [row for row in rows if row.content["id"] in wanted]
    rows.sort(key=lambda row: hashlib.sha256(f"{seed}:{row.content['id']}".encode()).digest())
    first: dict[int, str] = {}
    for row in rows:
        first.setdefault(row.content["sg"], row.content["id"])
    representatives = set(first.values())
    return sorted(rows, key=lambda row: row.content["id"] not in representatives)  # stable
