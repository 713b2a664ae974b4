"""The space group that a CIF states by operations, Hall and Hermann–Mauguin symbol and number, which must agree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import gemmi

from lacbed_gan.base.messages import printable
from lacbed_gan.crystal import operations
from lacbed_gan.crystal.crystal import CrystalError
from lacbed_gan.crystal.operations import Operations, operations_of
from lacbed_gan.crystal.statements import Statements, number_of

NAME_TAGS = (
    "_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_ref",
    "_space_group_name_h-m_full", "_symmetry_space_group_name_h-m_alt", "_space_group_name_h-m",
)  # fmt: skip
HALL_TAGS = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
NUMBER_TAGS = ("_space_group_it_number", "_symmetry_int_tables_number")
ORIGIN_TAGS = ("_space_group_it_coordinate_system_code", "_symmetry_it_coordinate_system_code")
SETTING_TAGS = ("_symmetry_cell_setting", "_space_group_crystal_system")
LATTICE_POINTS = {"P": 1, "A": 2, "B": 2, "C": 2, "I": 2, "R": 3, "F": 4}  # of a conventional cell
ORIGIN = re.compile(r"(?:[: ]+|(?<=[a-z0-9]))(?:\(?origin(?: *choice)? *|\(?o)?([12SZ])\)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Symmetry:
    """What a file says of its symmetry.

    Attributes:
        group: None where the file states P 1 or nothing.
        ops: its operations, those of the file where it lists them; None where `listed` cannot be given to gemmi.
        listed: the operations of the file.
        stated: whether the file says anything.
        remarks: what is odd.
    """

    group: gemmi.SpaceGroup | None
    ops: gemmi.GroupOps | None
    listed: Operations | None
    stated: bool
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Statement:
    text: str
    number: int
    ops: gemmi.GroupOps | None = None  # None: it leaves the origin open
    exact: bool = False  # whether it says which origin and setting
    setting: str = ""  # the symbol in the axes it is meant for, where it says which

    def contradicts(self, other: _Statement) -> bool:
        if self.number != other.number:
            return True
        if self.setting and other.setting and self.setting != other.setting:
            return True
        if not (self.exact and other.exact) or self.ops is None or other.ops is None:
            return False
        return not same_operations(self.ops, other.ops)


def symmetry(statements: Statements) -> Symmetry:
    """The space group of a block.

    Raises:
        CrystalError: statements contradict each other, or none is understood.
    """
    remarks: list[str] = []
    listed = _listed(statements)
    named = [*_named(statements, remarks)]
    if listed is not None:
        remarks += listed.remarks
        if not listed.is_group:
            _refuse_no_group(listed, named)
        name = listed.name or f"{len(listed)} operations of no known group"
        given = f"its {len(listed)} operation{'s' * (len(listed) > 1)} ({name})"
        by_ops = gemmi.find_spacegroup_by_ops(listed.ops) if listed.ops is not None else None
        setting = by_ops.hm if by_ops is not None else ""
        named.insert(0, _Statement(given, listed.number, listed.ops, exact=True, setting=setting))
    for statement in named[1:]:
        for other in named:
            if statement.contradicts(other):
                raise CrystalError(f"{other.text} and {statement.text} contradict each other; correct one of them")
    centred = next((one.ops for one in named if one.number == 1 and one.ops and len(one.ops.cen_ops) > 1), None)
    if centred is not None and listed is None:  # C 1 and its like: what is listed is repeated
        return Symmetry(gemmi.find_spacegroup_by_ops(centred), centred, None, True, tuple(remarks))
    if not named or named[0].number == 1:
        _require_nothing_unread(statements, remarks, named)
        return Symmetry(None, None, listed, bool(named), tuple(remarks))
    group = gemmi.find_spacegroup_by_number(named[0].number)
    if listed is not None:
        if not listed.number:
            raise CrystalError(f"its symmetry operations are no known space group ({len(listed)} operations)")
        exact = gemmi.find_spacegroup_by_ops(listed.ops) if listed.ops is not None else None
        return Symmetry(exact or _by_name(statements) or group, listed.ops, listed, True, tuple(remarks))
    determined = next((one for one in named if one.ops is not None), None)
    if determined is None:
        name = statements.text(*NAME_TAGS) or group.hm
        raise CrystalError(
            f"'{printable(name, 40)}' has two origins; write '{group.hm}:1' or '{group.hm}:2' or list the operations"
        )
    assert determined.ops is not None
    exact = gemmi.find_spacegroup_by_ops(determined.ops)
    return Symmetry(exact or group, determined.ops, None, True, tuple(remarks))


def same_operations(first: gemmi.GroupOps, second: gemmi.GroupOps) -> bool:
    """Whether two groups consist of the same operations."""
    return _triplets(first) == _triplets(second)


def _triplets(group: gemmi.GroupOps) -> frozenset[str]:
    return frozenset(op.wrap().triplet() for op in group)


def _listed(statements: Statements) -> Operations | None:
    found = None
    for tag in operations.TAGS:
        for loop in statements.loops_with(tag):
            triplets = tuple(filter(None, loop.columns[tag]))
            if not triplets:
                continue
            one = operations_of(triplets, "_symmetry_equiv_pos_as_xyz" if "equiv" in tag else tag)
            if found is None:
                found = one
            elif {*map(str, _rows(one))} != {*map(str, _rows(found))}:
                raise CrystalError("it lists two sets of symmetry operations that differ; keep one")
    return found


def _rows(listed: Operations) -> list[object]:
    return [(r.tolist(), t.round(4).tolist()) for r, t in zip(listed.rotations, listed.translations, strict=True)]


def _named(statements: Statements, remarks: list[str]) -> list[_Statement]:
    """What Hall symbol, Hermann–Mauguin symbol and number say; what is not understood is remarked."""
    named = []
    code = statements.text(*ORIGIN_TAGS)[:1]
    gamma = number_of(statements.text("_cell_angle_gamma") or "?")
    rhombohedral = abs(gamma - 120) > 2  # of a group R: its cell is then no hexagonal one
    for text, place in statements.stated(*HALL_TAGS):
        ops, number = hall(text)
        if ops is None:
            remarks.append(f"the Hall symbol '{printable(text, 30)}' is not understood")
        else:
            named.append(_Statement(f"'{printable(text, 30)}' (line {place})", number, ops, exact=True))
    for text, place in statements.stated(*NAME_TAGS):
        number, ops = hermann_mauguin(text, code, rhombohedral)
        if not number:
            remarks.append(f"the space group '{printable(text, 30)}' is not understood")
        else:
            exact = ops is not None and gemmi.find_spacegroup_by_number(number).ext in ("1", "2")
            by_ops = gemmi.find_spacegroup_by_ops(ops) if ops is not None else None
            setting = by_ops.hm if by_ops is not None else ""
            named.append(_Statement(f"'{printable(text, 30)}' (line {place})", number, ops, exact, setting))
    for text, place in statements.stated(*NUMBER_TAGS):
        digits = re.fullmatch(r"(?:No\.? *|#)?(\d{1,3})(?:\.0*)?", text)
        if not digits or not 1 <= int(digits[1]) <= 230:
            remarks.append(f"the space group number '{printable(text, 30)}' is not understood")
            continue
        group = gemmi.find_spacegroup_by_number(int(digits[1]))
        if group.ext == "H" and rhombohedral:
            group = gemmi.find_spacegroup_by_name(f"{group.hm}:R")
        two = group.ext in ("1", "2")
        ops = gemmi.find_spacegroup_by_name(f"{group.hm}:{code}").operations() if two and code in ("1", "2") else None
        if not two:
            ops = group.operations()
        named.append(_Statement(f"number {digits[1]} (line {place})", int(digits[1]), ops, exact=two))
    for text in filter(None, map(statements.text, SETTING_TAGS)):
        if text.lower() not in ("cubic", "isometric") and any(one.number >= 195 for one in named):
            remarks.append(f"its cell is said to be {printable(text, 20)}")
    return named


def _require_nothing_unread(statements: Statements, remarks: list[str], named: list[_Statement]) -> None:
    """Refuse a file whose only statement on its symmetry is not understood."""
    tags = (*HALL_TAGS, *NAME_TAGS, *NUMBER_TAGS)
    texts = [] if named else [text for text, _ in statements.stated(*tags)]
    if texts:
        raise CrystalError(
            f"its space group '{printable(texts[0], 30)}' is not known; write it as in 'F m -3 m', or list operations"
        )


def _refuse_no_group(listed: Operations, named: list[_Statement]) -> None:
    if len(listed) > 1 and named and named[0].number > 1:
        name = gemmi.find_spacegroup_by_number(named[0].number).xhm()
        raise CrystalError(f"its symmetry operations are no group, one of them is wrong; they should be {name}")
    raise CrystalError(f"its {len(listed)} symmetry operations are no group; one of them is wrong")


def _by_name(statements: Statements) -> gemmi.SpaceGroup | None:
    for text, _ in statements.stated(*NAME_TAGS):
        group = gemmi.find_spacegroup_by_name(text)
        if group is not None:
            return group
    return None


@lru_cache(maxsize=256)
def hall(symbol: str) -> tuple[gemmi.GroupOps | None, int]:
    """Operations and number of a Hall symbol; None and 0 where it is none."""
    try:
        ops = gemmi.symops_from_hall(symbol.replace("_", " ").strip())
    except (RuntimeError, ValueError):
        return None, 0
    group = gemmi.find_spacegroup_by_ops(ops)
    if group is not None:
        return ops, group.number
    listed = operations_of(tuple(op.triplet() for op in ops), HALL_TAGS[0])
    return (ops, listed.number) if listed.number else (None, 0)


@lru_cache(maxsize=256)
def hermann_mauguin(symbol: str, code: str = "", rhombohedral: bool = False) -> tuple[int, gemmi.GroupOps | None]:
    """Number and operations of a symbol, 0 where it is none; no operations where it leaves two origins open.

    Short and full symbols, with or without bar and blanks, ICSD's S and Z, ``origin choice 2`` and ``:2``, and the
    other setting of P a -3 and I a -3.

    Args:
        code: the origin where another statement tells it, ``1`` or ``2``.
        rhombohedral: of a group R that does not say it, the axes.
    """
    text = re.sub(r"\\+(?:over(?:line|bar)|bar)\{?(\d)\}?", r"-\1", symbol.translate(str.maketrans("−–¯", "---")))
    text = re.sub(r"(\d)[\u0304\u0305]", r"-\1", text)
    text = re.sub(r"</?su[bp]>|[~{}$'\"]", "", text).replace("_", " ").strip()
    text = re.sub(r"\(?(?:no\.?|#) *\d+\)?$|\(\d{3}\)$", "", text, flags=re.IGNORECASE).strip(" *,;")
    text = re.sub(r"\((\d)\)", r"\1", text)
    origin, swapped = code, False
    group = gemmi.find_spacegroup_by_name(text)
    if group is None or (group.ext in ("1", "2") and ":" not in text):
        match = ORIGIN.search(text)
        short = text[: match.start()].strip() if match else text
        if match and gemmi.find_spacegroup_by_name(_short(short)) is not None:
            group, origin = (
                gemmi.find_spacegroup_by_name(_short(short)),
                {"S": "1", "Z": "2"}.get(match[1].upper(), match[1]),
            )
    if group is None:
        group = gemmi.find_spacegroup_by_name(_short(text))
    if group is None:
        joined = re.sub(r"(?<=\d) (?=\d)", "", text)  # 2_1
        group = gemmi.find_spacegroup_by_name(joined) or gemmi.find_spacegroup_by_name(_short(joined))
    if group is None and re.fullmatch(r"([PI]) *(?:21/)?b *-? *3", text, re.IGNORECASE):
        group, swapped = gemmi.find_spacegroup_by_name(f"{text[0].upper()} a -3"), True
    if group is None:
        return 0, None
    if group.ext == "H" and rhombohedral and not re.search(r"[: ]H$", text):
        group = gemmi.find_spacegroup_by_name(f"{group.hm}:R")
    if swapped:
        swap = gemmi.Op("y,x,z")
        return group.number, gemmi.GroupOps([(swap * op * swap).wrap() for op in group.operations()])
    if group.ext in ("1", "2"):
        origin = text[-1] if re.search(r": *[12]$", text) else origin
        if origin not in ("1", "2"):
            return group.number, None
        group = gemmi.find_spacegroup_by_name(f"{group.hm}:{origin}")
    return group.number, group.operations()


def _short(symbol: str) -> str:
    """A full symbol without its axes: ``F 4/m -3 2/m`` is ``F m -3 m``, ``P 63/m 2/m 2/c`` is ``P 63/m m c``."""
    short = re.sub(r"(?<!\d)[246][1-5]?/ ?", "", symbol)
    if re.search(r"[a-z] *-? *3", short, re.IGNORECASE):
        return short
    kept = re.match(r"[A-Z] *(?:-3|[346][1-5]?(?:/ ?[a-z])?) +", symbol, re.IGNORECASE)
    if not kept and symbol.count("/") < 2:  # monoclinic: P 1 2/c 1 is no full symbol of P c
        return symbol
    start = kept.end() if kept else 0
    return symbol[:start] + re.sub(r"(?<!\d)21?/ ?", "", symbol[start:])
