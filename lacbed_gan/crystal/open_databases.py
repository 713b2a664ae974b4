"""Real cubic structures from open databases, which ship with the package."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from lacbed_gan.crystal.crystal import Crystal, CrystalError
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
    with gzip.open(STRUCTURES) as file:
        lines = list(file)
    rows = [json.loads(line) for line in lines]
    chosen: Iterable[int] = range(len(rows))
    if standard:
        with gzip.open(STANDARD, "rt") as file:
            names = set(file.read().split("\n"))
        chosen = [i for i in chosen if rows[i]["id"] in names]
    order = sorted(chosen, key=lambda i: hashlib.sha256(f"{seed}:{rows[i]['id']}".encode()).digest())
    first: dict[int, int] = {}
    for i in order:
        first.setdefault(rows[i]["sg"], i)
    representatives = set(first.values())
    order.sort(key=lambda i: i not in representatives)  # stable
    for i in order[:count]:
        if edges is None or edges[0] <= rows[i]["a"] <= edges[1]:
            yield crystal_of_line(lines[i], f"{STRUCTURES.name}, line {i + 1}")
