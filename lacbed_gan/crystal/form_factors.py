"""Kirkland's electron form factors for neutral atoms."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import gemmi
import numpy as np

HEAVIEST = 103  # lawrencium, the last row of the table


@cache
def _table() -> np.ndarray:
    """(HEAVIEST + 1, 12): a₁ b₁ a₂ b₂ a₃ b₃ c₁ d₁ c₂ d₂ c₃ d₃ by atomic number."""
    table = np.zeros((HEAVIEST + 1, 12))
    path = Path(__file__).with_name("kirkland_form_factors.csv")
    with path.open(encoding="utf-8") as lines:
        for row in csv.reader(line for line in lines if line[0].isdigit()):
            table[int(row[0])] = [float(x) for x in row[2:]]
    return table


def electron_form_factor(element: str, q: np.ndarray) -> np.ndarray:
    """f(q) = Σᵢ aᵢ/(q²+bᵢ) + cᵢ exp(−dᵢq²), i = 1 … 3.

    Coefficients from E. J. Kirkland, Advanced Computing in Electron Microscopy, 2nd ed. (2010), Appendix C.

    Args:
        element: symbol, H to Lr.
        q: 1/d in 1/Å, any shape.

    Returns:
        f in Å, same shape as q.
    """
    a1, b1, a2, b2, a3, b3, c1, d1, c2, d2, c3, d3 = _table()[gemmi.Element(element).atomic_number]
    s = np.asarray(q, dtype=float) ** 2
    lorentzians = a1 / (s + b1) + a2 / (s + b2) + a3 / (s + b3)
    return lorentzians + c1 * np.exp(-d1 * s) + c2 * np.exp(-d2 * s) + c3 * np.exp(-d3 * s)
