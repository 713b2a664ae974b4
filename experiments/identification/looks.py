"""Where the right crystal is after the two quick looks by perturbation, with more and fewer beams; see README.md.

python experiments/identification/looks.py part=validation [numbers=0,1,2] [count=50] [processes=1] output=FILE.jsonl
python experiments/identification/looks.py summary=FILE.jsonl
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from run import FINEST, LARGEST, SEARCHED, crystals, one_pattern, same

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.open_databases import open_structures
from lacbed_gan.predict.identification.calculation import Physics
from lacbed_gan.predict.identification.candidates import candidates
from lacbed_gan.predict.identification.comparison import Fit, Task
from lacbed_gan.predict.identification.identification import A_TOLERANCE
from lacbed_gan.predict.identification.search import ROUGH_SIZE, Scored, _score, _varied, thicknesses
from lacbed_gan.predict.observation import observe
from lacbed_gan.store.making import start_worker

FIRST, SECOND = (71,), (111,)  # strong beams of each look
MANY = 40  # candidates of a second look


def row_of(name: str, edge: float) -> dict[str, Any]:
    """Ranks of a crystal among all candidates, and among those that have a second look."""
    near = [one for one in open_structures(True, edges=(0.97 * edge, 1.03 * edge)) if isinstance(one, Crystal)]
    crystal = next(one for one in near if one.name == name)
    pattern, thickness, b, a = one_pattern(crystal)
    observation = observe(pattern, a=a, align=False)
    all_of_them = [Scored(one, Fit(0.0, np.zeros(1))) for one in candidates(near, a, A_TOLERANCE).crystals]
    task = Task.of(
        observation, observation.size // ROUGH_SIZE, thicknesses(*SEARCHED), Physics(FINEST, "tds", strong=FIRST[0])
    )
    row = {"name": name, "formula": crystal.formula, "a": edge, "thickness": thickness, "b": b, "of": len(all_of_them)}

    def look(function: Any, strong: int, of: list[Scored]) -> tuple[dict[str, Any], list[Scored]]:
        began = time.process_time()
        results = map(partial(function, replace(task, physics=replace(task.physics, strong=strong))), of)
        ranked = sorted((one for one in results if isinstance(one, Scored)), key=lambda one: one.fit.unexplained)
        place = next((i for i, one in enumerate(ranked, 1) if same(one.crystal, crystal)), None)
        fit = ranked[place - 1] if place else None
        found = {
            "rank": place,
            "share": fit and fit.fit.unexplained,
            "thickness": fit and fit.fit.thickness,
            "b_factor": fit and fit.b_factor,
            "shares": [one.fit.unexplained for one in ranked],
            "seconds": time.process_time() - began,
        }
        return found, ranked

    for strong in FIRST:
        row[f"first {strong}"], ranked = look(_score, strong, all_of_them)
    for strong in SECOND:
        row[f"second {strong}"], _ = look(_varied, strong, ranked[:MANY])
    return row


def summary(path: Path) -> str:
    """Of each look, how often the right crystal is among the best so many."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    bounds = (1, 2, 4, 8, 12, 16, 24, 32, 40, 60, 80)
    lines = [f"| {len(rows)} patterns, among the first | {' | '.join(map(str, bounds))} | s, mean |"]
    lines.append("|" + "---|" * (len(bounds) + 2))
    for look in (one for one in rows[0] if one.startswith(("first", "second"))):
        ranks = np.array([row[look]["rank"] or 10**6 for row in rows])
        cells = [str((ranks <= bound).sum()) for bound in bounds]
        seconds = np.mean([row[look]["seconds"] for row in rows])
        lines.append(f"| {look} | {' | '.join(cells)} | {seconds:.1f} |")
    return "\n".join(lines)


def main(words: list[str]) -> int:
    values = {"part": "validation", "numbers": "", "count": "50", "processes": "1", "output": "", "summary": ""}
    values |= dict(word.split("=", 1) for word in words)
    if values["summary"]:
        print(summary(Path(values["summary"])))
        return 0
    output, numbers = Path(values["output"]), [int(one) for one in values["numbers"].split(",") if one]
    done = {json.loads(line)["name"] for line in output.read_text().splitlines()} if output.exists() else {}
    every = crystals(values["part"], LARGEST)
    chosen = [every[n] for n in numbers or range(int(values["count"])) if every[n][0] not in done]
    with ProcessPoolExecutor(int(values["processes"]), get_context("spawn"), start_worker) as pool:
        for future in as_completed([pool.submit(row_of, *one) for one in chosen]):
            with output.open("a") as file:
                file.write(json.dumps(future.result()) + "\n")
    print(summary(output))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
