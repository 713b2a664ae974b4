"""The tables that come with the published images: what each crystal is, and which fold tests on it."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gemmi
import numpy as np

from lacbed_gan.store.store import StoreError

COLUMNS = ("ICSD_code", "chemical_formula_sum", "cell_length", "space_group")
NAMED = 5  # codes named in a message


def read_metadata(path: str | Path) -> dict[str, dict[str, Any]]:
    """The authors' metadata.csv: ICSD code → formula, space_group, number and a (Å).

    ``space_group`` stays as written, with the origin choice where the group has two: "P n -3 Z" has the origin on
    the centre of inversion, "P n -3 S" on the point of highest symmetry.

    Raises:
        StoreError: it cannot be read, lacks a column, or has a line that does not tell a cubic crystal.
    """
    try:
        with open(path, encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise StoreError(f"{path}: has no column {', '.join(missing)}; give the authors' metadata.csv")
            entries = {}
            for row in rows:
                code = (row["ICSD_code"] or "").strip()
                try:
                    if not code or code in entries:
                        raise ValueError(f"ICSD code {code} for a second time" if code else "no ICSD code")
                    entries[code] = _entry(row)
                except ValueError as error:
                    raise StoreError(f"{path}, line {rows.line_num}: {error}") from None
            return entries
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{path}: cannot be read ({error}); data.metadata is the authors' metadata.csv") from None


def read_folds(folder: str | Path, folds: int = 10) -> dict[str, int]:
    """ICSD code → the fold that tests on it, from the lists ``<fold>/test``; ``<fold>/train``, where there, is checked.

    Raises:
        StoreError: a list is missing or empty, a code stands in two, or a training list is not the union of the
            test lists of the other folds.
    """
    folder = Path(folder)
    tested: dict[str, int] = {}
    for fold in range(folds):
        codes = _codes(folder / str(fold) / "test")
        twice = sorted(code for code in codes if code in tested)
        if twice:
            raise StoreError(f"{folder}/{fold}/test: {counted(twice, 'code')} in the test list of an earlier fold too")
        if not codes:
            raise StoreError(f"{folder}/{fold}/test: holds no code")
        tested |= dict.fromkeys(codes, fold)
    for fold in range(folds):
        path = folder / str(fold) / "train"
        if path.exists():
            rest = {code for code, of in tested.items() if of != fold}
            differing = sorted(rest ^ set(_codes(path)))
            if differing:
                raise StoreError(
                    f"{path}: is not all the other folds' test lists, it differs by {counted(differing, 'code')}; "
                    "correct the lists, or delete the training ones"
                )
    return tested


def fold_of_codes(
    codes: Sequence[str], fold_of: Mapping[str, int], source: str, skip_bad: bool = False
) -> tuple[np.ndarray, list[str]]:
    """Fold of every crystal of a data set, and what was left out, in words.

    Args:
        codes: (N,) the ICSD codes of the crystals that there are.
        fold_of: as `read_folds` gives it.
        source: the lists, for messages.
        skip_bad: leave out codes without a crystal and crystals without a fold instead of refusing them.

    Returns:
        (N,) int64 in 0…folds−1, −1 for a crystal in no list, and lines for the log.

    Raises:
        StoreError: codes without a crystal or the reverse, and not `skip_bad`; or a fold without a crystal.
    """
    present = set(codes)
    absent = [code for code in fold_of if code not in present]
    unlisted = [code for code in codes if code not in fold_of]
    lines = []
    if absent:
        lines.append(f"{counted(absent, 'code')} of the folds {source} without images")
    if unlisted:
        lines.append(f"{counted(unlisted, 'crystal')} in none of the folds {source}")
    if lines and not skip_bad:
        raise StoreError(f"{'; '.join(lines)}; data.skip_bad=true leaves them out")
    folds = np.array([fold_of.get(code, -1) for code in codes], dtype=np.int64)
    empty = sorted(set(fold_of.values()) - set(folds.tolist()))
    if empty:
        raise StoreError(f"no crystal is in the test list of fold {', '.join(map(str, empty))} of {source}")
    return folds, [f"left out: {line}" for line in lines]


def counted(names: Collection[str], what: str) -> str:
    """ "3 codes (12, 35, 77)": how many, and the first few."""
    few: Iterable[str] = list(names)[:NAMED]
    more = ", …" if len(names) > NAMED else ""
    return f"{len(names)} {what}{'s' * (len(names) != 1)} ({', '.join(few)}{more})"


def _codes(path: Path) -> list[str]:
    try:
        return list(dict.fromkeys(path.read_text(encoding="utf-8").split()))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"{path}: {reason}; data.folds is a folder of 0/test … 9/test, one code a line") from None


def _entry(row: Mapping[str, str | None]) -> dict[str, Any]:
    formula, space_group = (row["chemical_formula_sum"] or "").strip(), (row["space_group"] or "").strip()
    group = gemmi.find_spacegroup_by_name(re.sub(" [SZ]$", "", space_group))
    if group is None or not 195 <= group.number <= 230:
        raise ValueError(f"'{space_group}' is not a cubic space group")
    if not formula:
        raise ValueError("no formula")
    a = float(row["cell_length"] or "nan")
    if not 0 < a < 1000:
        raise ValueError(f"cell_length {row['cell_length']} is not a length in Å")
    return {"formula": formula, "space_group": space_group, "number": group.number, "a": a}
