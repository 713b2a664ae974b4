"""One statement of a good CIF changed, removed, doubled, reordered or respelled: is another crystal read in silence?"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gemmi
import numpy as np
from crystal_contents import u200

from lacbed_gan.crystal import Crystal, CrystalError

# What a file says once and nothing else in it tells: another value is another crystal, and nobody can know.
ALONE = ("_fract_", "_occupancy", "_iso_or_equiv", "_aniso_")
FOREIGN = re.compile(r"cannot be read \(\w+: ")  # the reader's last resort
KINDS = ("changed", "removed", "doubled", "reordered", "respelled")
Item = tuple[list[str], list[list[str]]]  # tags and rows; a pair has one of each


def seeds() -> list[Path]:
    """Good files: with operations, names, numbers and Hall symbols; U, B, isotropic and not; mixed sites; P 1."""
    here = Path(__file__).parent
    names = ("CoSb3", "SrTiO3", "GaAs", "MgAl2O4", "Cu_Biso", "FeSi")
    return [*(here / f"data/felix/{name}.cif" for name in names), *sorted((here / "crystal/good").glob("*.cif"))]


def parse(text: str) -> list[Item]:
    """The statements of the one block of a CIF, with their quotes."""
    block = gemmi.cif.read_string(text).sole_block()
    items: list[Item] = []
    for item in block:
        if item.pair is not None:
            items.append(([item.pair[0]], [[item.pair[1]]]))
        elif item.loop is not None:
            width, values = len(item.loop.tags), [*item.loop.values]
            items.append(([*item.loop.tags], [values[i : i + width] for i in range(0, len(values), width)]))
    return items


def text_of(items: list[Item]) -> str:
    """A CIF of the statements."""
    lines = ["data_x"]
    for tags, rows in items:
        if len(tags) == 1 and len(rows) == 1:
            lines.append(f"{tags[0]} {rows[0][0]}")
        else:
            lines += ["loop_", *tags, *(" ".join(row) for row in rows)]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Mutation:
    """A mutated file.

    Attributes:
        kind: of `KINDS`.
        what: the tag.
        alone: whether the value of a statement is another one, and no other statement tells it.
    """

    kind: str
    what: str
    text: str
    alone: bool = False


def mutation(items: list[Item], chance: random.Random) -> Mutation:
    """One mutation, chosen at random."""
    kind = chance.choice(KINDS)
    items = [([*tags], [[*row] for row in rows]) for tags, rows in items]
    at = chance.randrange(len(items))
    tags, rows = items[at]
    column, row = chance.randrange(len(tags)), chance.randrange(len(rows))
    alone, tag = False, tags[column]
    if kind == "changed":
        rows[row][column] = _other(tags[column], rows[row][column], chance)
        alone = any(part in tags[column] for part in ALONE)
    elif kind == "removed":
        part = chance.choice(("item", "row", "column", "value"))
        if part == "value":
            rows[row][column] = chance.choice("?.")
        elif part == "row" and len(rows) > 1:
            del rows[row]
        elif part == "column" and len(tags) > 1:
            del tags[column]
            for one in rows:
                del one[column]
        else:
            del items[at]
    elif kind == "doubled":
        if len(rows) > 1 and chance.random() < 0.5:
            rows.insert(chance.randrange(len(rows) + 1), [*rows[row]])
        else:
            items.insert(chance.randrange(len(items) + 1), (tags, rows))
    elif kind == "reordered":
        if len(tags) > 1 and chance.random() < 0.5:
            order = chance.sample(range(len(tags)), len(tags))
            items[at] = [tags[i] for i in order], [[one[i] for i in order] for one in rows]
        elif len(rows) > 1 and chance.random() < 0.5:
            chance.shuffle(rows)
        else:
            chance.shuffle(items)
    else:
        items[at] = _respelled(tags, rows, chance)
    return Mutation(kind, tag, text_of(items), alone)


def _other(tag: str, value: str, chance: random.Random) -> str:
    """Another value of the same sort."""
    plain = gemmi.cif.as_string(value)
    if "xyz" in tag:
        swaps = [("x", "-x"), ("1/2", "1/4"), ("x", "y"), ("+", "-"), ("z", "z+1/2"), (",", ";"), ("y", "q")]
        old, new = chance.choice(swaps)
        return f"'{plain.replace(old, new, 1)}'"
    if "H-M" in tag:
        names = ["P m -3 m", "F -4 3 m", "I m -3 m", "F d -3 m", "P 21 3", "P 1", "R -3 m", "nothing"]
        return f"'{chance.choice(names)}'"
    if "Hall" in tag:
        return f"'{chance.choice(['-P 4 2 3', '-F 4 2 3', 'F -4 2 3', '-F 4vw 2vw 3', 'P 1', 'nothing'])}'"
    if "formula_sum" in tag:
        return f"'{plain} {chance.choice(['O2', 'H4', 'Fe', 'Q'])}'" if chance.random() < 0.5 else "'Na Cl3'"
    if "type_symbol" in tag or "label" in tag:
        return chance.choice(["K", "Xe1", "O2-", "Fe3+", "Zr/Ti", "H2O", "Q", "M1", "Na0.5K0.5", "CO", "FE"])
    number = gemmi.cif.as_number(value)
    if number != number:
        return chance.choice(["?", "nan", "1", "text"])
    digits = [i for i, c in enumerate(plain) if c.isdigit()]
    choice = chance.randrange(4)
    if choice == 0 and digits:
        i = chance.choice(digits)
        return plain[:i] + chance.choice("0123456789") + plain[i + 1 :]
    if choice == 1:
        return f"{-number:g}"
    if choice == 2:
        return f"{number * chance.choice([0.5, 2, 10, 1.01]):.6g}"
    return chance.choice(["abc", "nan", "inf", "0", "1"])


def _respelled(tags: list[str], rows: list[list[str]], chance: random.Random) -> Item:
    """The same statement in another form."""
    choice = chance.randrange(6)
    if choice == 0:
        return [tag.upper() if chance.random() < 0.5 else tag.title() for tag in tags], rows
    if choice == 1:
        dotted = ("_atom_site_aniso_", "_atom_site_", "_cell_", "_symmetry_equiv_", "_space_group_symop_", "_symmetry_")
        category = next((name for name in dotted if all(tag.startswith(name) for tag in tags)), "")
        return [f"{category[:-1]}.{tag[len(category) :]}" if category else tag for tag in tags], rows
    if choice == 2:
        return tags, [[value if value[0] in "'\"?." else f'"{value}"' for value in row] for row in rows]
    if choice == 3:
        return tags, [[f"{value}(2)" if _is_decimal(value) else value for value in row] for row in rows]
    if choice == 4:
        return tags, [
            [value.replace("0.", ".", 1) if value.startswith("0.") else value for value in row] for row in rows
        ]
    swaps = {"F m -3 m": "Fm-3m", "P m -3 m": "Pm3m", "F -4 3 m": "F-43m", "I m -3": "I 2/m -3", "F d -3 m:2": "Fd-3mZ"}
    return tags, [
        [f"'{swaps[gemmi.cif.as_string(value)]}'" if gemmi.cif.as_string(value) in swaps else value for value in row]
        for row in rows
    ]


def _is_decimal(value: str) -> bool:
    return "." in value and "(" not in value and gemmi.cif.as_number(value) == gemmi.cif.as_number(value)


def atoms(crystal: Crystal) -> list[tuple[str, tuple[float, ...], float]]:
    """The expanded cell, sorted: element, position to 1e-4, occupancy to 1e-3."""
    positions = np.round(crystal.positions, 4) % 1
    rows = zip(crystal.elements, positions.tolist(), crystal.occupancy.tolist(), strict=True)
    return sorted((element, tuple(position), round(share, 3)) for element, position, share in rows)


def b_values(crystal: Crystal) -> dict[str, tuple[float, ...]]:
    """B of each element's atoms, to 1e-3."""
    values: dict[str, list[float]] = {}
    for element, b in zip(crystal.elements, crystal.b_iso.tolist(), strict=True):
        values.setdefault(element, []).append(round(b, 3))
    return {element: tuple(sorted(bs)) for element, bs in values.items()}


def outcome(good: Crystal, mutated: Mutation, path: Path) -> tuple[str, str]:
    """What became of a mutation, and the line that was said.

    ``same``; ``refused``; ``remarked``: another crystal, with a word that the unmutated file does not get; ``B not
    given``: the same but for displacements that are gone, and `b_given` says so; ``stated``: another value of what
    nothing else in the file tells; ``foreign``: an error that is not the reader's own; ``silent``: all else.
    """
    path.write_text(mutated.text, encoding="utf-8")
    try:
        crystal = Crystal.from_cif(path)
    except CrystalError as error:
        return ("foreign" if FOREIGN.search(str(error)) else "refused"), str(error)
    except Exception as error:
        return "foreign", repr(error)
    same = atoms(crystal) == atoms(good) and abs(crystal.a / good.a - 1) < 1e-6
    if same and b_values(crystal) == b_values(good) and abs(u200(crystal) - u200(good)) < 1e-4 * u200(good) + 1e-9:
        return "same", ""
    new = [remark for remark in crystal.remarks if remark not in good.remarks]
    if new:
        return "remarked", "; ".join(new)
    if same and not crystal.b_given.all() and mutated.kind == "removed":
        return "B not given", ""
    return ("stated" if mutated.alone else "silent"), ""


def outcomes(seeds: list[Path], count: int, seed: int, folder: Path) -> Iterator[tuple[Mutation, str, str, Path]]:
    """`count` mutations of the files, in turn."""
    chance = random.Random(seed)
    good = [(Crystal.from_cif(path), parse(path.read_text(encoding="utf-8")), path) for path in seeds]
    for number in range(count):
        crystal, items, source = good[number % len(good)]
        mutated = mutation(items, chance)
        yield mutated, *outcome(crystal, mutated, folder / "x.cif"), source


@dataclass
class Tally:
    """Outcomes by kind, and the mutations that must not be."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[tuple[Mutation, str, str, Path]] = field(default_factory=list)

    def add(self, mutated: Mutation, result: str, line: str, source: Path) -> None:
        """Count one."""
        self.counts[mutated.kind, result] += 1
        if result in ("silent", "foreign"):
            self.faults.append((mutated, result, line, source))
