"""Radii of ions and atoms, from which prototypes take their cell edges (radii.csv, with its sources)."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import gemmi


def ionic_radius(element: str, charge: int, coordination: int) -> float:
    """Effective ionic radius in Å; anions without an entry for the coordination have that of coordination 6.

    Raises:
        KeyError: the table has no such ion.
    """
    table = _table()["ionic"]
    key = (element, charge, coordination)
    return table[key] if key in table or charge > 0 else table[element, charge, 6]


def atomic_radius(kind: str, element: str) -> float:
    """``metallic`` (coordination 12) or ``tetrahedral`` (covalent) radius in Å; KeyError if there is none."""
    return _table()[kind][element, 0, 0]


def covalent_radius(element: str) -> float:
    """Covalent radius in Å; B. Cordero et al., Dalton Trans. 2832 (2008), as gemmi has it."""
    return gemmi.Element(element).covalent_r


def ions(charge: int, coordination: int) -> list[str]:
    """Elements with an ionic radius for this charge and coordination number."""
    number = coordination if charge > 0 else 6
    return [e for e, q, n in _table()["ionic"] if (q, n) == (charge, number)]


@cache
def _table() -> dict[str, dict[tuple[str, int, int], float]]:
    """Å by kind and (element, charge, coordination); charge and coordination are 0 for atoms."""
    table: dict[str, dict[tuple[str, int, int], float]] = {}
    with Path(__file__).with_name("radii.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            key = (row["element"], int(row["charge"] or 0), int(row["coordination"] or 0))
            table.setdefault(row["kind"], {})[key] = float(row["radius"])
    return table
