"""Tables of crystals that do not exist, to train on: known structures with other elements.

    python experiments/weights/variants.py 2400 400 1 stores/variants.jsonl.gz
    python experiments/weights/variants.py 6000 450 2 stores/light.jsonl.gz light

Count, the most beams, a seed, the table; `light` for light elements alone, else every third crystal has any. Few known
crystals are light throughout, and networks that have seen those alone answer light ones with another crystal.
Structures are those to train on (`crystals.py`), with elements drawn anew, every fourth without one of its sites, and a
scaled by the volumes of the atoms, give or take 5 %.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import gemmi
import numpy as np
from crystals import VARIANT, beams, rows_of, write

LIGHT = ("Li", "Be", "B", "C", "N", "O", "F", "Na", "Mg", "Al", "Si", "P", "S")
LEAST, LARGEST = 2.4, 1700.0  # Å; beams of the structures that elements are exchanged in
VACANT, STRETCH = 0.25, 0.05


def volume(elements: list[str]) -> float:
    return sum(gemmi.Element(element).covalent_r ** 3 for element in elements)


def main() -> None:
    count, most, seed, output, *words = sys.argv[1:]
    known = rows_of("train", LARGEST)
    seen = Counter(site[0] for row in known for site in row["sites"] if site[0] not in ("H", "D"))
    shares = np.array(list(seen.values())) / seen.total()
    random = np.random.default_rng(int(seed))
    rows: list[dict[str, Any]] = []
    while len(rows) < int(count):
        row = known[random.integers(len(known))]
        old = [site[0] for site in row["sites"]]
        different = sorted(set(old))
        light = bool(words) or len(rows) % 3 < 2
        if light and len(different) > len(LIGHT):
            continue
        new = random.choice(LIGHT if light else list(seen), len(different), replace=False, p=None if light else shares)
        exchanged = dict(zip(different, map(str, new), strict=True))
        sites = [[exchanged[site[0]], *site[1:]] for site in row["sites"]]
        a = row["a"] * (volume([site[0] for site in sites]) / volume(old)) ** (1 / 3)
        if len(sites) > 2 and random.random() < VACANT:
            sites.pop(random.integers(len(sites)))
        row = row | {"a": round(a * random.uniform(1 - STRETCH, 1 + STRETCH), 4), "sites": sites}
        if row["a"] >= LEAST and beams(row) <= float(most):
            name = f"{seed}.{len(rows)}"  # a formula of its own: none is in two folds
            rows.append(row | {"id": f"{VARIANT}{name}", "formula": f"variant {name}"})
    write(rows, output)


if __name__ == "__main__":
    main()
