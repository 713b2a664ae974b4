"""Tables of crystals of the standard set for `simulate`: those to train on, or those that are kept aside to judge by.

    python experiments/weights/crystals.py train 1700 stores/train.jsonl.gz
    python experiments/weights/crystals.py aside 1700 stores/aside.jsonl.gz

The number is the most beams up to 3 1/Å, about, that a crystal may have. None to train on has a formula of fold 0 of
the shipped pairs or of a crystal aside, or is SrTiO3. The 120 aside are in aside.txt.
"""

from __future__ import annotations

import gzip
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.crystal.open_databases import STANDARD, STRUCTURES
from lacbed_gan.data.folds import FOLDS, assign_folds
from lacbed_gan.store.packed import open_store

G_MAX = 3.0  # 1/Å
POINTS = {"P": 1, "I": 2, "F": 4}  # of the lattice, in a cell's projection
ASIDE = Path(__file__).parent / "aside.txt"
VARIANT = "variant:"  # how ids of crystals begin that do not exist


def left_out() -> set[str]:
    """Formulas that no shipped network is trained on: fold 0 of the shipped pairs, and SrTiO3."""
    formulas = np.array([entry["formula"] or entry["id"] for entry in open_store("bundled").index])
    return {"O3SrTi", *formulas[assign_folds(formulas.tolist(), FOLDS) == 0].tolist()}


def beams(row: dict[str, Any]) -> float:
    """About how many a crystal has: lattice points of the zone within the cut-off."""
    return math.pi * G_MAX**2 * row["a"] ** 2 / POINTS[row["hm"][0]]


def rows_of(part: str, most: float) -> list[dict[str, Any]]:
    """The crystals to train on or those aside, in a random order, so that some of them are a fair sample."""
    with gzip.open(STANDARD, "rt") as file:
        standard = set(file.read().split())
    with gzip.open(STRUCTURES, "rt") as file:
        rows = [row for row in map(json.loads, file) if row["id"] in standard]
    aside = set(ASIDE.read_text().split())
    if part == "train":
        formulas = left_out() | {row["formula"] for row in rows if row["id"] in aside}
        rows = [row for row in rows if row["formula"] not in formulas]
    else:
        rows = [row for row in rows if row["id"] in aside]
    rows = [row for row in rows if beams(row) <= most]
    return [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]


def write(rows: list[dict[str, Any]], output: str) -> None:
    """As a table of `simulate`; two such files one after the other are one too."""
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(output, "wt") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    print(f"{len(rows)} crystals in {output}")


def main() -> None:
    part, most, output = sys.argv[1:]
    write(rows_of(part, float(most)), output)


if __name__ == "__main__":
    main()
