"""A table of the cubic perovskites of the standard set whose cell edge is within a tenth of that of SrTiO₃.

    python experiments/measured/perovskites.py perovskites.jsonl [count=400]

What holds strontium and titanium both is left out: SrTiO₃ and its solid solutions, whatever their formula.
With a count the first so many, by the letters of the formula. `simulate structures=perovskites.jsonl` reads the table.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from lacbed_gan.base.files import write_atomically
from lacbed_gan.crystal.open_databases import STANDARD, STRUCTURES

PEROVSKITE = 221  # Pm-3m
CORNER, MIDDLE = (0.0, 0.0, 0.0), (0.5, 0.5, 0.5)
FACES = {(0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5)}
EDGES = {(0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5)}
LEFT_OUT = {"Sr", "Ti"}
A, TOLERANCE = 3.905, 0.1  # Å, relative


def perovskite(row: dict[str, Any]) -> bool:
    """Whether corner, middle, and the faces or the edges of the cell are what is occupied."""
    places = {tuple(float(x) % 1 for x in site[1:4]) for site in row["sites"]}
    others = places - {CORNER, MIDDLE}
    return row["sg"] == PEROVSKITE and len(places) == 3 and len(others) == 1 and others <= FACES | EDGES


def chosen(row: dict[str, Any]) -> bool:
    """Whether the table has this structure."""
    near = abs(row["a"] / A - 1) <= TOLERANCE
    return near and perovskite(row) and not {site[0] for site in row["sites"]} >= LEFT_OUT


def main(path: str, count: str = "count=") -> None:
    with gzip.open(STANDARD, "rt", encoding="utf-8") as file:
        standard = set(file.read().split())
    with gzip.open(STRUCTURES, "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["id"] in standard and chosen(row)]
    rows = rows[: int(count.removeprefix("count=") or len(rows))]
    write_atomically(Path(path), "".join(json.dumps(row) + "\n" for row in rows))
    print(f"{path}: {len(rows)} perovskites")


if __name__ == "__main__":
    main(*sys.argv[1:])
