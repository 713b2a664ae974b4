"""Simulated patterns of crystals whose identity is known, identified among all known structures; see README.md.

python experiments/identification/run.py part=validation count=20 [removed=true] [first=0] [output=FILE.jsonl]
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lacbed_gan.base.errors import UserError
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.open_databases import STANDARD, STRUCTURES, open_structures
from lacbed_gan.crystal.space_groups import LATTICE_POINTS
from lacbed_gan.data.folds import assign_folds
from lacbed_gan.diffraction import bright_field
from lacbed_gan.predict.identification.identification import identify

COUNTS = 1000  # of the beam in a pixel
SIZE, G_MAX = 64, 3.0  # of the patterns; the identification stops at 2.5 1/Å
THICKNESS = (40.0, 150.0)  # nm
B_ISO = (0.3, 1.0)  # Å², of all atoms of a crystal
A_ERROR = 0.01  # relative
# Å, and Å² for each lattice point: cells whose patterns, and those of the candidates, take minutes
LARGEST, AREA = 6.5, 25.0
FOLDS = {"test": 0, "validation": 1}


def crystals(part: str) -> list[tuple[str, float]]:
    """Names and cell edges of those of a fold of the standard set whose patterns take seconds, in a random order."""
    with gzip.open(STANDARD, "rt") as file:
        standard = set(file.read().split("\n"))
    with gzip.open(STRUCTURES) as file:
        rows = [row for row in map(json.loads, file) if row["id"] in standard]
    fold_of = assign_folds([row["formula"] for row in rows])
    chosen = [
        (row["id"], row["a"]) for row, fold in zip(rows, fold_of, strict=True) if fold == FOLDS[part] and small(row)
    ]
    return sorted(chosen, key=lambda one: hashlib.sha256(one[0].encode()).hexdigest())


def small(row: dict[str, Any]) -> bool:
    """Whether a pattern takes seconds."""
    return row["a"] <= LARGEST and row["a"] ** 2 / LATTICE_POINTS[row["hm"][0]] <= AREA


def one_pattern(crystal: Crystal) -> tuple[np.ndarray, float, float, float]:
    """Counts (n, n) of a crystal, its thickness in nm, its B in Å², and a cell edge in Å that is slightly wrong."""
    random = np.random.default_rng(list(crystal.name.encode()))
    thickness, b = random.uniform(*THICKNESS), random.uniform(*B_ISO)
    vibrating = replace(crystal, b_iso=np.full(len(crystal.elements), b))
    intensity = bright_field(vibrating, [thickness], SIZE, g_max=G_MAX, absorption="tds")[0].numpy()
    counts = random.poisson(COUNTS * intensity.astype(np.float64)).astype(np.float64)
    return counts, thickness, b, crystal.a * (1 + random.uniform(-A_ERROR, A_ERROR))


def main(words: list[str]) -> int:
    values = {"part": "validation", "count": "20", "first": "0", "removed": "false", "output": ""}
    values |= dict(word.split("=", 1) for word in words)
    torch.set_num_threads(1)
    first, count, removed = int(values["first"]), int(values["count"]), values["removed"] == "true"
    for name, edge in crystals(values["part"])[first : first + count]:
        near = [one for one in open_structures(True, edges=(0.97 * edge, 1.03 * edge)) if isinstance(one, Crystal)]
        crystal = next(one for one in near if one.name == name)
        pattern, thickness, b, a = one_pattern(crystal)
        began = time.perf_counter()
        others = [one for one in near if not removed or one.name != crystal.name]
        row = {"name": crystal.name, "formula": crystal.formula, "a": crystal.a, "thickness": thickness, "b": b}
        try:
            result = identify(pattern, a=a, structures=others, align=False)
        except UserError as error:
            print(f"{crystal.formula}: {error}", flush=True)
            continue
        rank = next((one["rank"] for one in result.rows if one["name"] == crystal.name), None)
        best = result.ranking.best
        row |= {
            "rank": rank,
            "verdict": result.verdict.kind,
            "alike": result.verdict.alike,
            "found": result.rows[0]["formula"],
            "found_thickness": result.rows[0]["thickness"],
            "noise": result.verdict.noise,
            "shares": [one.fit.unexplained for one in best],
            "names": [one.crystal.name for one in best],
            "thicknesses": [one.fit.thickness for one in best],
            "candidates": len(result.rows),
            "seconds": time.perf_counter() - began,
        }
        print(
            f"{crystal.formula} a {crystal.a:.3f} {thickness:.1f} nm B {b:.2f}: rank {rank} of {row['candidates']}, "
            f"first {row['found']} {row['found_thickness']:.1f} nm, {row['verdict']} ({row['alike']}), noise "
            f"{row['noise']:.4f}, left {' '.join(f'{s:.4f}' for s in row['shares'][:3])}, {row['seconds']:.0f} s",
            flush=True,
        )
        if values["output"]:
            with Path(values["output"]).open("a") as file:
                file.write(json.dumps(row) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
