"""Symmetry operations as CIFs list them: read, completed, compared, and the group that they make."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import gemmi
import numpy as np
from numpy.typing import NDArray

from lacbed_gan.crystal.crystal import CrystalError

MOST_OPERATIONS = 192  # of a cubic group, those of F m -3 m
TAGS = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_symmetry_equiv_as_xyz",
    "_space_group_symop_xyz",
)
TERM = re.compile(r"([+-])(?:(\d+(?:\.\d*)?|\.\d+)(?:/(\d+))?)?\*?([xyz])?")
SNAP = 1.5e-3  # of a translation given in decimals


@dataclass(frozen=True)
class Operations:
    """All operations of a file.

    Attributes:
        rotations: (m, 3, 3) whole numbers.
        translations: (m, 3) in [0, 1).
        ops: the same for gemmi; None where a translation is no multiple of 1/24.
        number: of the space group, in whatever setting; 0 where they are no group that is known.
        name: its symbol as gemmi spells it, with origin choice and setting where they are of its tables.
        remarks: what is odd.
    """

    rotations: NDArray[np.int64]
    translations: NDArray[np.float64]
    ops: gemmi.GroupOps | None
    number: int
    name: str
    is_group: bool
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rotations)


@lru_cache(maxsize=256)
def operations_of(triplets: tuple[str, ...], tag: str) -> Operations:
    """The operations of a list of ``x,y,z``.

    Raises:
        CrystalError: one cannot be read, or they are more than `MOST_OPERATIONS`.
    """
    if len(triplets) > 2 * MOST_OPERATIONS or (len(triplets) > MOST_OPERATIONS and len({*triplets}) == 1):
        raise CrystalError(f"it lists {len(triplets)} symmetry operations, a cubic group has {MOST_OPERATIONS} at most")
    matrices = [_affine(triplet, tag) for triplet in triplets]
    unique = {(rotation, tuple(t % 1 for t in translation)): None for rotation, translation in matrices}
    remarks = []
    if len(unique) < len(matrices):
        remarks.append(f"{len(matrices) - len(unique)} of its symmetry operations come twice")
    identity = ((1, 0, 0), (0, 1, 0), (0, 0, 1)), (Fraction(0),) * 3
    if identity not in unique:
        remarks.append("its symmetry operations lack x,y,z")
        unique = {identity: None} | unique
    if len(unique) > MOST_OPERATIONS:
        raise CrystalError(f"it lists {len(unique)} symmetry operations, a cubic group has {MOST_OPERATIONS} at most")
    rotations = np.array([rotation for rotation, _ in unique], dtype=np.int64)
    translations = np.array([[float(t) for t in translation] for _, translation in unique])
    ops = None
    if all((24 * t).denominator == 1 for _, translation in unique for t in translation):
        ops = gemmi.GroupOps([_op(rotation, translation) for rotation, translation in unique])
    group = gemmi.find_spacegroup_by_ops(ops) if ops is not None else None
    if ops is not None:  # of a centred group gemmi keeps one operation of each rotation, and the centring
        kept = {op.wrap().triplet() for op in ops}
        given = {_op(rotation, translation).wrap().triplet() for rotation, translation in unique}
        if given - kept:
            return Operations(rotations, translations, ops, 0, "", False, tuple(remarks))
        if kept - given:
            remarks.append(f"its symmetry operations lack {len(kept - given)}, which follow from the centring")
    if group is not None:
        return Operations(rotations, translations, ops, group.number, group.xhm(), True, tuple(remarks))
    closed = _is_closed(rotations, translations, ops)
    number = _number(rotations, translations) if closed else 0
    known = gemmi.find_spacegroup_by_number(number) if number else None
    return Operations(rotations, translations, ops, number, known.hm if known else "", closed, tuple(remarks))


def _affine(triplet: str, tag: str) -> tuple[tuple[tuple[int, ...], ...], tuple[Fraction, ...]]:
    parts = re.sub(r"\s", "", triplet.lower()).translate(str.maketrans("−–;", "--,")).split(",")
    rows: list[tuple[int, ...]] = []
    translations: list[Fraction] = []
    for part in parts:
        text = part if part[:1] in ("+", "-") else f"+{part}"
        row, translation, end = [0, 0, 0], Fraction(0), 0
        for term in TERM.finditer(text):
            sign, number, divisor, axis = term.groups()
            if term.start() != end or (number is None and axis is None) or divisor == "0":
                end = -1
                break
            value = Fraction(number or 1) / int(divisor or 1) * (1 if sign == "+" else -1)
            if axis:
                row["xyz".index(axis)] += int(value) if value.denominator == 1 else 99
            else:
                translation += _snapped(value) if "." in (number or "") else value
            end = term.end()
        if end != len(text) or any(abs(n) > 2 for n in row):
            rows = []
            break
        rows.append(tuple(row))
        translations.append(translation)
    if len(rows) != 3 or round(abs(np.linalg.det(np.array(rows)))) != 1:
        raise CrystalError(f"a symmetry operation cannot be read ({tag})")
    return tuple(rows), tuple(translations)


def _snapped(value: Fraction) -> Fraction:
    """0.333 as 1/3: the nearest multiple of 1/24, where one is near."""
    near = Fraction(round(24 * value), 24)
    return near if abs(near - value) < SNAP else value


def _op(rotation: tuple[tuple[int, ...], ...], translation: tuple[Fraction, ...]) -> gemmi.Op:
    op = gemmi.Op()
    op.rot = [[n * gemmi.Op.DEN for n in row] for row in rotation]
    op.tran = [int(t * gemmi.Op.DEN) for t in translation]
    return op


def _is_closed(rotations: NDArray[np.int64], translations: NDArray[np.float64], ops: gemmi.GroupOps | None) -> bool:
    """Whether the product of any two operations is among them."""
    if ops is not None:
        closed = gemmi.GroupOps(list(ops))
        try:
            closed.add_missing_elements()
        except RuntimeError:  # they go on without end
            return False
        return len(closed) == len(rotations)
    known: dict[bytes, list[NDArray[np.float64]]] = {}
    for rotation, translation in zip(rotations, translations, strict=True):
        known.setdefault(rotation.tobytes(), []).append(translation)
    for rotation, translation in zip(rotations, translations, strict=True):
        products, moved = rotation @ rotations, translations @ rotation.T + translation
        for product, move in zip(products, moved, strict=True):
            shift = np.array(known.get(product.tobytes(), [np.full(3, 0.5)])) - move
            if np.abs(shift - np.round(shift)).max(-1).min() > 2 * SNAP:
                return False
    return True


def _number(rotations: NDArray[np.int64], translations: NDArray[np.float64]) -> int:
    """Number of the space group in whatever setting, by spglib; 0 where it finds none."""
    import spglib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind = spglib.get_spacegroup_type_from_symmetry(rotations, translations, symprec=2e-3)
    except Exception:  # whatever the library raises, it has found none
        return 0
    return int(kind.number) if kind else 0
