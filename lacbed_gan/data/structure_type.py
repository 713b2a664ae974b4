"""Which crystals count as alike when they are dealt out to folds: those of one formula, or of one structure type."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

GROUPS = ("formula", "prototype")
ELEMENT = re.compile(r"([A-Z][a-z]?)(\d+(?:\.\d+)?|\.\d+)?\s*")
WHOLE = 0.05  # counts this close to a whole number are one
MIXED = 4  # elements on one site, at most


def group_of(entry: Mapping[str, Any], group: str) -> str:
    """The group of a crystal, from its line in a store's index."""
    return entry["formula"] if group == "formula" else structure_type(entry)


def structure_type(entry: Mapping[str, Any]) -> str:
    """Number of the space group and the ratio of the elements without their names: "225 AB" for rock salt.

    It is what an index tells of a structure type, and neither finer nor coarser. Types with the same group and
    ratio are one (ReO₃ and Cu₃Au: "221 AB3"; a type and its anti-type), which only makes the folds stricter. NaCl
    and CsCl differ by their group. One type counts as two where the ratio hides it: an ordered and a disordered
    compound, or vacancies that are more than five hundredths of an atom off a whole number. Elements with fractional
    counts that add up to a whole number are taken as one mixed site: Ca0.3 La0.7 Mn1 O3 is ABC3.

    Args:
        entry: a line of a store's index; ``formula``, ``number`` and ``id`` are read.

    Returns:
        the key; for a crystal whose group or formula is not known, one of its own.
    """
    counts = element_counts(entry["formula"])
    if entry["number"] is None or not counts:
        return f"unknown {entry['id']}"
    sites = _sites(list(counts.values()))
    divisor = math.gcd(*sites)
    ratio = sorted(count // divisor for count in sites)
    elements = (chr(ord("A") + i) + (str(count) if count > 1 else "") for i, count in enumerate(ratio))
    return f"{entry['number']} {''.join(elements)}"


def element_counts(formula: str) -> dict[str, float]:
    """Counts of the elements of "Fe2GaTa" or "Ni0.22 O6.89 Sm1.78 Ti2"; empty where it is not a formula."""
    if not re.fullmatch(f"(?:{ELEMENT.pattern})+", formula):
        return {}
    counts: Counter[str] = Counter()
    for element, count in ELEMENT.findall(formula):
        counts[element] += float(count or 1)
    return dict(counts)


def uneven(groups: list[str], fold_of: np.ndarray, folds: int) -> str:
    """One line where a group is larger than a fold's share, so that folds differ; else empty."""
    name, largest = Counter(groups).most_common(1)[0]
    if largest * folds <= len(groups):
        return ""
    sizes = np.bincount(fold_of, minlength=folds)
    return (
        f"the largest group, {name}, has {largest} of {len(groups)} crystals, more than a fold's share: folds hold "
        f"{sizes.min()} to {sizes.max()} crystals"
    )


def _sites(counts: list[float]) -> list[int]:
    """Whole numbers of atoms: fractional counts that add up to one are joined, the fewest first; others rounded."""
    sites = [round(count) for count in counts if _whole(count)]
    left = sorted(count for count in counts if not _whole(count))
    for number in range(2, MIXED + 1):
        while site := next((some for some in combinations(left, number) if _whole(sum(some))), None):
            sites.append(round(sum(site)))
            for count in site:
                left.remove(count)
    return sites + [max(1, round(count)) for count in left]


def _whole(count: float) -> bool:
    return count >= 0.5 and abs(count - round(count)) <= WHOLE
