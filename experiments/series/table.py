"""The tables of disturbances from results.json: means over seeds, and what is lost and gained.

    python experiments/series/table.py

Several folds count alike.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results.json"
PLAIN, LONGER, DISTURBED = "clean", "clean, three times as long", "disturbed, three times as long"
DECAYED = f"{DISTURBED}, weight decay 0.3"
CLEAN, ALL = "clean", "clean, all test crystals"
Rows = list[dict[str, Any]]


def mean(rows: Rows, network: str, case: str, which: int = 0) -> str:
    """Mean over seeds ± their deviation, MSE · 10⁴; which: 0 of the mean, 1 of the median over crystals."""
    values = 1e4 * np.array([row[case]["mse"][which] for row in rows if row["network"] == network])
    return f"{values.mean():.1f}" + (f" ± {values.std(ddof=1):.1f}" if which == 0 else "")


def of(rows: Rows, network: str, case: str, fold: int) -> float:
    """Mean over seeds of the mean error of one fold's crystals."""
    return float(np.mean([r[case]["mse"][0] for r in rows if (r["network"], r["fold"]) == (network, fold)]))


def lost_and_gained(rows: Rows, than: str, folds: Sequence[int], network: str = DISTURBED) -> str:
    """Loss on clean patterns, of the crystals with absorption and of all, and gain on disturbed ones."""
    plain, whole, cost, other, other_whole, left = (
        sum(of(rows, name, case, fold) for fold in folds)
        for name, case in [
            *((than, case) for case in (CLEAN, ALL, "all")),
            *((network, case) for case in (CLEAN, ALL, "all")),
        ]
    )
    return f"{other / plain - 1:+.0%} | {other_whole / whole - 1:+.0%} | {(cost - left) / (cost - plain):.0%}"


def main() -> None:
    rows: Rows = json.loads(RESULTS.read_text(encoding="utf-8"))["disturbances"]
    folds = sorted({row["fold"] for row in rows})
    cases = [case for case, value in rows[0].items() if isinstance(value, dict)]
    for fold in folds:
        here = [row for row in rows if row["fold"] == fold]
        names = [name for name in (PLAIN, LONGER, DISTURBED, DECAYED) if any(row["network"] == name for row in here)]
        print(f"fold {fold}\n\n| pattern | " + " | ".join(names) + " |\n|---" + "|---" * len(names) + "|")
        for case in cases:
            print(f"| {case} | " + " | ".join(mean(here, name, case) for name in names) + " |")
            if case in (CLEAN, ALL, "all"):
                print(f"| {case}, median | " + " | ".join(mean(here, name, case, 1) for name in names) + " |")
        print()
    print("| network | fold | beside | loss, clean | loss, clean, all crystals | gain |\n|---|---|---|---|---|---|")
    for network, than in itertools.product((DISTURBED, DECAYED), (PLAIN, LONGER)):
        done = [f for f in folds if {network, than} <= {row["network"] for row in rows if row["fold"] == f}]
        for some in [[fold] for fold in done] + [done] * (len(done) > 1):
            row = lost_and_gained(rows, than, some, network)
            print(f"| {network} | {', '.join(map(str, some))} | {than} | {row} |")


if __name__ == "__main__":
    main()
