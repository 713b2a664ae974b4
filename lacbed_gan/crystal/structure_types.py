"""Structure types with roles for elements (prototypes.csv): sites, cell edge from radii, shortest distances."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from lacbed_gan.crystal.catalogue import parse_sites
from lacbed_gan.crystal.crystal import Crystal, Site
from lacbed_gan.crystal.radii import atomic_radius, covalent_radius, ionic_radius, ions

STAND_INS = ("H", "He", "Li", "Be", "B", "C")  # for the roles, in their order


@dataclass(frozen=True)
class Filling:
    """An element in a role: its formal charge (0 for atoms of a metal) and its radius in Å."""

    element: str
    charge: int
    radius: float


@dataclass(frozen=True)
class Prototype:
    """One row of prototypes.csv.

    Attributes:
        kind: identifier, such as ``rock_salt``.
        name: structure type in words.
        sites: asymmetric unit, ``A 0 0 0; X x 0 0``, with roles for elements and x for the free coordinate.
        roles: what each role takes; in the file ``A +2 6 Mg Ca`` is a charge, a coordination number and
            elements (``*``: all in radii.csv), and a role may have several such entries.
        counts: atoms of each role in the reduced formula.
        radii: ``ionic``, ``metallic``, ``tetrahedral`` or ``covalent``.
        edge: a in Å, ``0.07 + 2 A + X``, where letters stand for the roles' radii.
        x: the free coordinate, a quotient of two such sums.
        constraint: clauses that decorations meet, see :meth:`accepts`.
        source: where the positions come from, and the coefficients of the edge where they are fitted.
    """

    kind: str
    name: str
    space_group: str
    sites: str
    roles: Mapping[str, tuple[Filling, ...]]
    counts: Mapping[str, int]
    radii: str
    edge: str
    x: str
    constraint: str
    source: str

    def cell_edge(self, radii: Mapping[str, float]) -> float:
        """a in Å from the radius of each role in Å, to 1e-4."""
        return round(_linear(self.edge, radii), 4)

    def coordinate(self, radii: Mapping[str, float]) -> float:
        """The free coordinate, to 1e-5; 0 where there is none."""
        return round(_ratio(self.x, radii), 5) if self.x else 0.0

    def accepts(self, fillings: Mapping[str, Filling]) -> bool:
        """Whether all clauses hold, separated by ``;``.

        ``A > B`` compares radii; ``tolerance low high`` bounds Goldschmidt's t = (A + X)/√2(B + X).
        """
        return all(_holds(clause, fillings) for clause in self.constraint.split(";") if clause)


@cache
def structure_types() -> dict[str, Prototype]:
    """All rows of prototypes.csv by kind, in the order of the file."""
    with Path(__file__).with_name("prototypes.csv").open(encoding="utf-8", newline="") as lines:
        return {row["kind"]: _prototype(row) for row in csv.DictReader(lines)}


@lru_cache(maxsize=1024)
def expanded(kind: str, x: float) -> tuple[Crystal, np.ndarray]:
    """The cell of a kind, with the free coordinate x, and its shortest distances.

    Returns:
        A crystal with the `STAND_INS` for the roles, and (roles, roles) shortest distances between atoms of two
        roles in units of a, at most 1, the distance of an atom to its own image.
    """
    prototype = structure_types()[kind]
    crystal = _stand_in_crystal(prototype.space_group, prototype.sites, tuple(prototype.roles), x)
    roles = np.array([STAND_INS.index(element) for element in crystal.elements])
    steps = crystal.positions[:, None] - crystal.positions[None]
    distances = np.sqrt(((steps - np.round(steps)) ** 2).sum(-1))
    np.fill_diagonal(distances, 1.0)
    shortest = np.ones((len(prototype.roles),) * 2)
    np.minimum.at(shortest, (roles[:, None], roles[None]), distances)
    return crystal, shortest


def _stand_in_crystal(space_group: str, sites: str, roles: tuple[str, ...], x: float) -> Crystal:
    elements = dict(zip(roles, STAND_INS, strict=False))
    # The cell is large so that sites of one role that lie close stay apart.
    return Crystal.from_sites("", space_group, 20.0, _sites(sites, elements, x))


def _holds(clause: str, fillings: Mapping[str, Filling]) -> bool:
    words = clause.split()
    if words[1] == ">":
        big, small = fillings[words[0]], fillings[words[2]]
        return (big.radius, big.element) > (small.radius, small.element)
    r = {role: filling.radius for role, filling in fillings.items()}
    inner = (r["B"] + r.get("C", r["B"])) / 2
    return float(words[1]) <= (r["A"] + r["X"]) / (2**0.5 * (inner + r["X"])) <= float(words[2])


def _linear(text: str, radii: Mapping[str, float]) -> float:
    """Value of ``0.5 + 2 A + X`` with the roles' radii."""
    total = 0.0
    for term in text.split("+"):
        total += math.prod(radii[f] if f in radii else float(f) for f in term.split())
    return total


def _ratio(text: str, radii: Mapping[str, float]) -> float:
    numerator, denominator = text.split("/")
    return _linear(numerator, radii) / _linear(denominator, radii)


def _prototype(row: dict[str, str]) -> Prototype:
    roles: dict[str, tuple[Filling, ...]] = {}
    for entry in row["roles"].split(";"):
        role, *words = entry.split()
        roles[role] = roles.get(role, ()) + tuple(_fillings(words, row["radii"]))
    return Prototype(
        kind=row["kind"],
        name=row["prototype"],
        space_group=row["space_group"],
        sites=row["sites"],
        roles=roles,
        counts=_counts(row["space_group"], row["sites"], tuple(roles)),
        radii=row["radii"],
        edge=row["edge"],
        x=row["x"],
        constraint=row["constraint"],
        source=row["source"],
    )


def _fillings(words: list[str], radii: str) -> Iterator[Filling]:
    """From ``+2 6 Mg Ca`` or ``+2 6 *`` (charge, coordination, elements), or ``Fe Co Ni`` for metals."""
    charge, coordination = 0, 0
    if words[0][0] in "+-":
        charge, coordination, words = int(words[0]), int(words[1]), words[2:]
    for element in ions(charge, coordination) if words == ["*"] else words:
        if radii == "ionic":
            yield Filling(element, charge, ionic_radius(element, charge, coordination))
        elif radii == "covalent":
            yield Filling(element, charge, covalent_radius(element))
        else:
            yield Filling(element, charge, atomic_radius(radii, element))


def _counts(space_group: str, sites: str, roles: tuple[str, ...]) -> dict[str, int]:
    """Atoms of each role in the reduced formula, from the multiplicities of its sites."""
    elements = _stand_in_crystal(space_group, sites, roles, 0.24).elements
    numbers = {role: elements.count(element) for role, element in zip(roles, STAND_INS, strict=False)}
    divisor = math.gcd(*numbers.values())
    return {role: number // divisor for role, number in numbers.items()}


def _sites(text: str, elements: Mapping[str, str], x: float) -> list[Site]:
    """Sites with the roles' elements for their letters and the free coordinate for ``x``."""
    words = {**elements, "x": f"{x:.5f}"}
    return parse_sites(" ".join(words.get(word, word) for word in text.replace(";", " ; ").split()))
