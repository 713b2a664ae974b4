"""Counts and quantiles of identified patterns, from the lines that run.py writes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.predict.identification.search import STAGES
from lacbed_gan.predict.identification.verdict import DECIDED, INSEPARABLE, NONE, RIGHT

ALIKE = 0.1  # share of the atoms by which neighbours in the table differ at most


def summary(path: Path) -> str:
    """Shares of the patterns that were identified, and quantiles of what right crystals leave beyond noise."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    absent = [r for r in rows if r["without"]]
    left = np.array([1.0 if r["left"] is None else r["left"] for r in rows])
    wrong_by = np.array([abs(r["with"]["thickness"] - r["thickness"]) for r in rows])
    gone = np.array([r["without"]["beyond_noise"] for r in absent])
    ranks = np.array([r["rank"] or 10**6 for r in rows])
    agreement = np.array([r["by_agreement"] or 10**6 for r in rows])
    alike = np.array([r["with"]["alike"] for r in rows])
    kinds, others = [kind(r["with"]) for r in rows], [kind(r["without"]) for r in absent]
    twins = [k for k, r in zip(others, absent, strict=True) if neighbour(r)]
    seconds = {name: [r[name] for r in some] for name, some in (("seconds", rows), ("seconds_without", absent))}
    return "\n".join(
        [
            f"{len(rows)} patterns: right crystal first {(ranks == 1).sum()} (by agreement alone "
            f"{(agreement == 1).sum()}), among five {(ranks <= 5).sum()}, among those that cannot be told apart "
            f"{(ranks <= alike).sum()}; a guess among the candidates is right for "
            f"{sum(1 / r['candidates'] for r in rows):.1f}",
            f"thickness within 2 nm {(wrong_by <= 2).sum()}; nm that it is wrong by: {quantiles(wrong_by, 2)}",
            f"left by the right crystal beyond noise: {quantiles(left)}",
            f"verdicts: decided {kinds.count(DECIDED)}, of which right "
            f"{sum(k == DECIDED and r == 1 for k, r in zip(kinds, ranks, strict=True))}; cannot be told apart "
            f"{kinds.count(INSEPARABLE)}; none fits {kinds.count(NONE)}",
            f"taken out, {len(absent)} patterns: none fits {others.count(NONE)}; left by the best other crystal: "
            f"{quantiles(gone, low=True)}",
            f"neighbours in the table, same space group and at most {ALIKE:.0%} of the atoms others: of {len(twins)}, "
            f"none fits {twins.count(NONE)} of them taken out",
            *(
                f"a limit of {limit:g}: right ones below {(left <= limit).sum()}, others above {(gone > limit).sum()}"
                for limit in (0.0005, 0.001, 0.0015, 0.002, 0.0025, 0.003, 0.005, 0.01)
            ),
            *(
                f"{stage}: {places(rows, stage)}"
                for stage in STAGES[:3]
                if any(stage in r.get("stages", ()) for r in rows)
            ),
            f"CPU seconds of a pattern: {quantiles(seconds['seconds'], 0)}, mean {np.mean(seconds['seconds']):.0f}; of "
            f"the ranking without it, more: {quantiles(seconds['seconds_without'], 0)}",
        ]
    )


def quantiles(values: Sequence[float] | np.ndarray, digits: int = 4, low: bool = False) -> str:
    """Five of them, the high ones unless the low ones matter; nothing of no values."""
    wanted = (0.0, 0.05, 0.1, 0.25, 0.5) if low else (0.25, 0.5, 0.9, 0.95, 1.0)
    return ", ".join(f"{q:.0%} {np.quantile(values, q):.{digits}f}" for q in wanted) if len(values) else "none"


def places(rows: list[dict[str, Any]], stage: str) -> str:
    """How often the right crystal is how far up after a stage."""
    ranks = np.array([r["stages"][stage]["rank"] or 10**6 for r in rows if stage in r.get("stages", ())])
    return ", ".join(f"among {bound} {(ranks <= bound).sum()}" for bound in (1, 4, 8, 12, 24)) + f" of {len(ranks)}"


def kind(verdict: dict[str, Any]) -> str:
    """That of the limit of now, whichever there was when the pattern was identified."""
    return NONE if verdict["beyond_noise"] > RIGHT else DECIDED if verdict["alike"] == 1 else INSEPARABLE


def neighbour(row: dict[str, Any]) -> bool:
    """Whether the best other crystal is the same but for a few of the atoms."""
    gone = row["without"]
    if gone["space_groups"][0] != row["space_group"]:
        return False
    one, other = (composition(formula) for formula in (row["formula"], gone["formulas"][0]))
    return sum(abs(one.get(x, 0.0) - other.get(x, 0.0)) for x in {*one, *other}) / 2 <= ALIKE


def composition(formula: str) -> dict[str, float]:
    """Atomic fractions."""
    parts = {element: float(count or 1) for element, count in re.findall(r"([A-Z][a-z]?)([0-9.]*)", formula)}
    return {element: count / sum(parts.values()) for element, count in parts.items()}
