"""Simulated patterns of crystals whose identity is known, identified among all known structures; see README.md.

python experiments/identification/run.py part=validation count=20 [first=0] [absent=50] [largest=6.5] [processes=1]
    [output=FILE]
python experiments/identification/run.py part=validation alone=true numbers=0,1,2 [output=FILE.jsonl]
python experiments/identification/run.py summary=FILE.jsonl

With `alone=true` the crystal is the only candidate: what it leaves costs seconds.
A run goes on where the one before ended: patterns that the output has are not calculated again. Lines are written as
patterns are done, in any order.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from summary import summary

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.open_databases import STANDARD, STRUCTURES, open_structures, seen_in_experiments
from lacbed_gan.crystal.space_groups import LATTICE_POINTS
from lacbed_gan.data.folds import assign_folds
from lacbed_gan.diffraction import bright_field
from lacbed_gan.predict.identification.calculation import Physics
from lacbed_gan.predict.identification.candidates import candidates
from lacbed_gan.predict.identification.identification import A_TOLERANCE, is_known
from lacbed_gan.predict.identification.search import Ranking, Remembered, Scored, rank
from lacbed_gan.predict.identification.verdict import judge
from lacbed_gan.predict.observation import observe
from lacbed_gan.store.making import start_worker

COUNTS = 1000  # of the beam in a pixel
SIZE, G_MAX = 64, 3.0  # of the patterns
FINEST = 3.0  # 1/Å, of the finest calculation
THICKNESS = (40.0, 150.0)  # nm
SEARCHED = (30.0, 160.0)  # nm, since the thickness is not told
BEST = 12  # candidates of which all beams count
B_ISO = (0.3, 1.0)  # Å², of all atoms of a crystal
A_ERROR = 0.01  # relative
# Å, unless another is given, and Å² for each lattice point; the patterns of larger cells take minutes
LARGEST, AREA = 6.5, 25.0
ABSENT = 50  # patterns, the first of a part, of which another ranking is without the crystal
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


def same(one: Crystal, other: Crystal) -> bool:
    """Whether two entries of the table are of one crystal."""
    return (one.formula, one.space_group) == (other.formula, other.space_group)


def judged(ranking: Ranking) -> dict[str, Any]:
    """The verdict on a ranking, and what its best candidates leave."""
    experimental = seen_in_experiments()
    verdict = judge(ranking.best, float(ranking.compared.noise.mean()), lambda one: is_known(one, experimental))
    order = [*verdict.order, *ranking.others]
    return {
        "kind": verdict.kind,
        "alike": verdict.alike,
        "first": order[0].crystal.formula,
        "thickness": order[0].fit.thickness,
        "beyond_noise": verdict.unexplained,
        "names": [one.crystal.name for one in order[:8]],
        "formulas": [one.crystal.formula for one in order[:8]],
        "space_groups": [one.crystal.space_group for one in order[:8]],
        "shares": [one.fit.unexplained for one in order[:8]],
        "all_pixels": len(ranking.best),
    }


def identified(crystal: Crystal, near: list[Crystal], absent: bool) -> dict[str, Any]:
    """Ranks and verdicts with all candidates and, where asked for, without the crystal."""
    pattern, thickness, b, a = one_pattern(crystal)
    began = time.process_time()
    observation = observe(pattern, a=a, align=False)
    crystals = candidates(near, a, A_TOLERANCE).crystals
    physics, remembered = Physics(FINEST, "tds", observation.energy_kv), {}
    clock: dict[str, list[float]] = {}

    def stage(what: str, done: int, total: int) -> None:
        clock.setdefault(what, []).append(time.process_time() - began)

    ranking = rank(observation, crystals, SEARCHED, physics, best=BEST, remembered=remembered, stage=stage)
    middle = time.process_time()
    stages = after_stages(remembered, crystal)
    without = None
    if absent:
        others = [one for one in crystals if not same(one, crystal)]
        without = rank(observation, others, SEARCHED, physics, best=BEST, remembered=remembered)
    found = judged(ranking)
    experimental = seen_in_experiments()
    noise = float(ranking.compared.noise.mean())
    order = [*judge(ranking.best, noise, lambda one: is_known(one, experimental)).order, *ranking.others]
    right = next((i for i, one in enumerate(order, 1) if same(one.crystal, crystal)), None)
    agreeing = next((i for i, one in enumerate(ranking.best, 1) if same(one.crystal, crystal)), None)
    fit = order[right - 1] if right else None
    return {
        "thickness": thickness,
        "b": b,
        "told_a": a,
        "rank": right,
        "by_agreement": agreeing,
        "left": fit and max(0.0, fit.fit.unexplained - noise),
        "b_factor": fit and fit.b_factor,
        "blur": fit and fit.fit.blur,
        "noise": noise,
        "candidates": len(crystals),
        "stages": {what: {**stages[what], "from": times[0], "to": times[-1]} for what, times in clock.items()},
        "with": found,
        "without": without and judged(without),
        "seconds": middle - began,
        "seconds_without": time.process_time() - middle,
    }


def after_stages(remembered: Remembered, crystal: Crystal) -> dict[str, dict[str, Any]]:
    """Of each stage its candidates, the rank of the crystal among them, and what it and the best one leave."""
    result = {}
    for stage in dict.fromkeys(stage for stage, _ in remembered):
        ranked = [one for (what, _), one in remembered.items() if what == stage and isinstance(one, Scored)]
        ranked.sort(key=lambda one: one.fit.unexplained)
        right = next((i for i, one in enumerate(ranked, 1) if same(one.crystal, crystal)), None)
        fit = ranked[right - 1] if right else None
        result[stage] = {
            "of": len(ranked),
            "rank": right,
            "share": fit and fit.fit.unexplained,
            "thickness": fit and fit.fit.thickness,
            "b_factor": fit and fit.b_factor,
            "best": ranked[0].fit.unexplained if ranked else None,
        }
    return result


def row_of(name: str, edge: float, alone: bool, absent: bool) -> dict[str, Any]:
    """What is written of a crystal by its name and its cell edge in Å."""
    near = [one for one in open_structures(True, edges=(0.97 * edge, 1.03 * edge)) if isinstance(one, Crystal)]
    crystal = next(one for one in near if one.name == name)
    row = {"name": name, "formula": crystal.formula, "space_group": crystal.space_group, "a": edge}
    return row | identified(crystal, [crystal] if alone else near, absent and not alone)


def line_of(row: dict[str, Any]) -> str:
    """A row in words."""
    there, gone = row["with"], row["without"]
    then = f"{gone['kind']}, first {gone['first']}, beyond {gone['beyond_noise']:.4f}" if gone else "not ranked"
    return (
        f"{row['formula']}, a {row['a']:.3f} Å, {row['thickness']:.1f} nm, B {row['b']:.2f} Å²: {row['rank']} of "
        f"{row['candidates']}, first {there['first']} {there['thickness']:.1f} nm, {there['kind']} "
        f"({there['alike']}), noise {row['noise']:.4f}, beyond {there['beyond_noise']:.4f}; taken out: "
        f"{then}; {row['seconds']:.0f} + {row['seconds_without']:.0f} s"
    )


def main(words: list[str]) -> int:
    values = {"part": "validation", "count": "20", "first": "0", "absent": str(ABSENT), "largest": str(LARGEST)}
    values |= {"output": "", "summary": "", "alone": "false", "numbers": "", "processes": "1"}
    values |= dict(word.split("=", 1) for word in words)
    if values["summary"]:
        print(summary(Path(values["summary"])))
        return 0
    first, count = int(values["first"]), int(values["count"])
    output = Path(values["output"]) if values["output"] else None
    done = {json.loads(line)["name"] for line in output.read_text().splitlines()} if output and output.exists() else {}
    chosen = crystals(values["part"], float(values["largest"]))
    numbers = [int(one) for one in values["numbers"].split(",") if one] or range(first, min(first + count, len(chosen)))
    alone, absent = values["alone"] == "true", int(values["absent"])
    left = [(*chosen[n], alone, n < absent) for n in numbers if chosen[n][0] not in done]
    with ProcessPoolExecutor(int(values["processes"]), get_context("spawn"), start_worker) as pool:
        for future in as_completed([pool.submit(row_of, *one) for one in left]):
            row = future.result()
            print(line_of(row), flush=True)
            if output:
                with output.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
