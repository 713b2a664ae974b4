"""Simulated patterns of crystals whose identity is known, identified among all known structures; see README.md.

python experiments/identification/run.py part=validation count=20 [first=0] [largest=6.5] [output=FILE.jsonl]
python experiments/identification/run.py summary=FILE.jsonl

A run goes on where the one before ended: patterns that the output has are not calculated again.
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

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.open_databases import STANDARD, STRUCTURES, open_structures, seen_in_experiments
from lacbed_gan.crystal.space_groups import LATTICE_POINTS
from lacbed_gan.data.folds import assign_folds
from lacbed_gan.diffraction import bright_field
from lacbed_gan.predict.identification.identification import Identification, identify, is_known
from lacbed_gan.predict.identification.verdict import judge

COUNTS = 1000  # of the beam in a pixel
SIZE, G_MAX = 64, 3.0  # of the patterns; the identification stops at 2.5 1/Å
THICKNESS = (40.0, 150.0)  # nm
SEARCHED = (30.0, 160.0)  # nm, since the thickness is not told
BEST = 8  # candidates that are calculated with all pixels
B_ISO = (0.3, 1.0)  # Å², of all atoms of a crystal
A_ERROR = 0.01  # relative
# Å, unless another is given, and Å² for each lattice point; the patterns of larger cells take minutes
LARGEST, AREA = 6.5, 25.0
FOLDS = {"test": 0, "validation": 1}


def crystals(part: str, largest: float) -> list[tuple[str, float]]:
    """Names and cell edges of those of a fold of the standard set whose patterns take seconds, in a random order."""
    with gzip.open(STANDARD, "rt") as file:
        standard = set(file.read().split("\n"))
    with gzip.open(STRUCTURES) as file:
        rows = [row for row in map(json.loads, file) if row["id"] in standard]
    fold_of = assign_folds([row["formula"] for row in rows])
    chosen = [
        (row["id"], row["a"])
        for row, fold in zip(rows, fold_of, strict=True)
        if fold == FOLDS[part] and small(row, largest)
    ]
    return sorted(chosen, key=lambda one: hashlib.sha256(one[0].encode()).hexdigest())


def small(row: dict[str, Any], largest: float) -> bool:
    """Whether a pattern takes seconds."""
    return row["a"] <= largest and row["a"] ** 2 / LATTICE_POINTS[row["hm"][0]] <= AREA


def one_pattern(crystal: Crystal) -> tuple[np.ndarray, float, float, float]:
    """Counts (n, n) of a crystal, its thickness in nm, its B in Å², and a cell edge in Å that is slightly wrong."""
    random = np.random.default_rng(list(crystal.name.encode()))
    thickness, b = random.uniform(*THICKNESS), random.uniform(*B_ISO)
    vibrating = replace(crystal, b_iso=np.full(len(crystal.elements), b))
    intensity = bright_field(vibrating, [thickness], SIZE, g_max=G_MAX, absorption="tds")[0].numpy()
    counts = random.poisson(COUNTS * intensity.astype(np.float64)).astype(np.float64)
    return counts, thickness, b, crystal.a * (1 + random.uniform(-A_ERROR, A_ERROR))


def judged(result: Identification, without: str = "") -> dict[str, Any]:
    """The verdict on the candidates, or on those that are left without one of them."""
    experimental = seen_in_experiments()
    best = [one for one in result.ranking.best if one.crystal.name != without]
    verdict = judge(best, result.verdict.noise, lambda one: is_known(one, experimental))
    return {
        "kind": verdict.kind,
        "alike": verdict.alike,
        "first": verdict.order[0].crystal.formula,
        "beyond_noise": verdict.unexplained,
        "names": [one.crystal.name for one in best],
        "shares": [one.fit.unexplained for one in best],
    }


def summary(path: Path) -> str:
    """Shares of the patterns that were identified, and quantiles of what right crystals leave beyond noise."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    left = np.sort([max(0.0, r["right"]["unexplained"] - r["noise"]) if r["right"] else 1.0 for r in rows])
    near = [abs(r["thickness_of_first"] - r["thickness"]) <= 2 for r in rows]
    gone = [max(0.0, r["without"]["beyond_noise"]) for r in rows]
    ranks = np.array([r["rank"] or 10**6 for r in rows])
    alike = np.array([r["with"]["alike"] for r in rows])
    quantiles = ", ".join(f"{q:.0%} {np.quantile(left, q):.4f}" for q in (0.5, 0.9, 0.95, 1.0))
    return "\n".join(
        [
            f"{len(rows)} patterns: right crystal first {(ranks == 1).sum()}, among five {(ranks <= 5).sum()}, "
            f"among those that cannot be told apart {(ranks <= alike).sum()}; "
            f"thickness within 2 nm {sum(near)}",
            f"left by the right crystal beyond noise: {quantiles}",
            "left by the best other crystal, the right one taken out: "
            + ", ".join(f"{q:.0%} {np.quantile(gone, q):.4f}" for q in (0.05, 0.1, 0.25, 0.5)),
            *(
                f"a limit of {limit:g}: right ones below {np.mean(left <= limit):.0%}, others above "
                f"{np.mean(np.array(gone) > limit):.0%}"
                for limit in (0.003, 0.005, 0.01, 0.02, 0.03)
            ),
        ]
    )


def main(words: list[str]) -> int:
    values = {"part": "validation", "count": "20", "first": "0", "largest": str(LARGEST), "output": "", "summary": ""}
    values |= dict(word.split("=", 1) for word in words)
    if values["summary"]:
        print(summary(Path(values["summary"])))
        return 0
    torch.set_num_threads(1)
    first, count = int(values["first"]), int(values["count"])
    output = Path(values["output"]) if values["output"] else None
    done = {json.loads(line)["name"] for line in output.read_text().splitlines()} if output and output.exists() else {}
    for name, edge in crystals(values["part"], float(values["largest"]))[first : first + count]:
        if name in done:
            continue
        near = [one for one in open_structures(True, edges=(0.97 * edge, 1.03 * edge)) if isinstance(one, Crystal)]
        crystal = next(one for one in near if one.name == name)
        pattern, thickness, b, a = one_pattern(crystal)
        began = time.perf_counter()
        result = identify(pattern, a=a, structures=near, thickness=SEARCHED, best=BEST, align=False)
        row = {"name": name, "formula": crystal.formula, "a": edge, "thickness": thickness, "b": b}
        row |= {
            "rank": next((one["rank"] for one in result.rows if one["name"] == name), None),
            "by_agreement": next((i for i, one in enumerate(result.ranking.best, 1) if one.crystal.name == name), None),
            "thickness_of_first": result.rows[0]["thickness"],
            "right": next((one for one in result.rows if one["name"] == name), None),
            "noise": result.verdict.noise,
            "candidates": len(result.rows),
            "with": judged(result),
            "without": judged(result, name),
            "seconds": time.perf_counter() - began,
        }
        there, gone = row["with"], row["without"]
        print(
            f"{crystal.formula}, a {edge:.3f} Å, {thickness:.1f} nm, B {b:.2f} Å²: {row['rank']} of {row['candidates']}"
            ", "
            f"first {there['first']} {row['thickness_of_first']:.1f} nm, {there['kind']} ({there['alike']}), "
            f"noise {row['noise']:.4f}, beyond {there['beyond_noise']:.4f}; taken out: {gone['kind']}, first "
            f"{gone['first']}, beyond {gone['beyond_noise']:.4f}; {row['seconds']:.0f} s",
            flush=True,
        )
        if output:
            with output.open("a") as file:
                file.write(json.dumps(row) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
