"""Tables as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any


def to_csv(rows: Sequence[Mapping[str, Any]], digits: int = 6) -> str:
    """Rows as CSV with a header of all their names, in the order in which they come up first.

    Fractions have so many digits, several thicknesses are joined with "+", and a value that is not there, or None, is
    an empty cell.

    >>> print(to_csv([{"fold": 1, "mse": 0.12345678}, {"fold": 2, "thickness": (50.0, 100.0)}]), end="")
    fold,mse,thickness
    1,0.123457,
    2,,50+100
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(row.get(name), digits) for name in names] for row in rows)
    return text.getvalue()


def _cell(value: Any, digits: int) -> Any:
    if isinstance(value, tuple):
        return "+".join(f"{number:g}" for number in value)
    return f"{value:.{digits}g}" if isinstance(value, float) else value  # csv leaves the cell of None empty
