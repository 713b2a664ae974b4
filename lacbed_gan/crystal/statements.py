"""What a CIF's block says: every value by its tag, whatever dictionary, case or quotes it is written in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import gemmi

from lacbed_gan.base.messages import printable
from lacbed_gan.crystal.crystal import CrystalError

FRACTION = re.compile(r"([+-]?\d+\.?\d*)/(\d+\.?\d*)")
UNCERTAINTY = re.compile(r"(\d*)\.?(\d*)\((\d+)\)")
MINUS = str.maketrans("−–", "--")


def plain(tag: str) -> str:
    """A tag without case, dots and brackets: ``_atom_site.aniso_U[1][1]`` is ``_atom_site_aniso_u_11``."""
    return re.sub(r"\[(\d)\]\[(\d)\]", r"_\1\2", tag.lower()).replace(".", "_").replace("__", "_")


def text_of(value: str) -> str:
    """A value without quotes; nothing where it is ? or a point."""
    if gemmi.cif.is_null(value):
        return ""
    text = gemmi.cif.as_string(value).strip()
    return "" if text in ("?", ".") else text


def number_of(text: str) -> float:
    """A number, with or without its standard uncertainty, also as a fraction 1/3; NaN for anything else."""
    text = text.translate(MINUS)
    fraction = FRACTION.fullmatch(text)
    if fraction:
        return float(fraction[1]) / float(fraction[2]) if float(fraction[2]) else math.nan
    return gemmi.cif.as_number(text)


def uncertainty_of(text: str) -> float:
    """The standard uncertainty in ``1.035(8)``: 0.008; 0 without one."""
    match = UNCERTAINTY.search(text)
    return int(match[3]) / 10 ** len(match[2]) if match else 0.0


@dataclass(frozen=True)
class Loop:
    """A loop, or all the pairs of a block as one row: columns of texts by plain tags.

    Attributes:
        line: where it begins; 0 for the pairs.
    """

    line: int
    columns: dict[str, list[str]] = field(repr=False)

    def column(self, *tags: str) -> list[str] | None:
        """The first of these columns that is there."""
        return next((self.columns[tag] for tag in tags if tag in self.columns), None)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


class Statements:
    """The pairs and loops of one block."""

    def __init__(self, block: gemmi.cif.Block) -> None:
        self.name: str = block.name
        self.loops: list[Loop] = []
        self._pairs: dict[str, list[tuple[str, int]]] = {}
        for item in block:
            if item.pair is not None:
                pair: list[str] = [*item.pair]  # type: ignore[misc]
                self._pairs.setdefault(plain(pair[0]), []).append((text_of(pair[1]), item.line_number))
            elif item.loop is not None:
                tags, values = [plain(tag) for tag in item.loop.tags], [*item.loop.values]
                columns = {tag: [*map(text_of, values[i :: len(tags)])] for i, tag in enumerate(tags)}
                self.loops.append(Loop(item.line_number, columns))
        self.pairs = Loop(0, {tag: [given[0][0]] for tag, given in self._pairs.items()})

    def loops_with(self, *tags: str) -> Iterator[Loop]:
        """Loops, and the pairs, that have one of these tags."""
        for loop in (*self.loops, self.pairs):
            if any(tag in loop.columns for tag in tags):
                yield loop

    def stated(self, *tags: str) -> list[tuple[str, str]]:
        """Each text that is given for one of the tags, and its line.

        Raises:
            CrystalError: one tag is given twice, with different texts.
        """
        texts = []
        for tag in tags:
            given = [(text, line) for text, line in self._pairs.get(tag, []) if text]
            columns = (loop for loop in self.loops if tag in loop.columns and len(loop) == 1)
            given += [(loop.columns[tag][0], loop.line) for loop in columns if loop.columns[tag][0]]
            for text, line in given[1:]:
                if text != given[0][0] and number_of(text) != number_of(given[0][0]):
                    both = " and ".join(f"'{printable(t, 30)}' (line {n})" for t, n in (given[0], (text, line)))
                    raise CrystalError(f"it has two {tag}, {both}; keep one")
            texts += [(given[0][0], str(given[0][1]))] if given else []
        return texts

    def text(self, *tags: str) -> str:
        """The first text that is given for one of the tags, or nothing."""
        return next((text for text, _ in self.stated(*tags)), "")
