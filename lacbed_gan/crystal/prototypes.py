"""Simple prototypes decorated with elements, at cell edges that follow from radii.

A prototype (prototypes.csv) is a space group, sites whose letters are roles, the elements each role takes,
and the cell edge as a linear function of the roles' radii. Where roles have charges the crystal is neutral;
in half-Heusler compounds the charges are the formal ones of Zintl: neutral means 18 valence electrons.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import gemmi
import numpy as np

from lacbed_gan.crystal.catalogue import parse_sites
from lacbed_gan.crystal.crystal import Crystal, Site
from lacbed_gan.crystal.radii import atomic_radius, ionic_radius, ions

# Atoms closer than this share of the sum of their covalent radii are a failed decoration.
CLOSEST_CONTACT = 0.75


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
        radii: ``ionic``, ``metallic`` or ``tetrahedral``.
        edge: a in Å, ``0.07 + 2 A + X``, where letters stand for the roles' radii.
        x: the free coordinate, a quotient of two such sums.
        constraint: clauses that decorations meet, see :func:`_holds`.
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


def kinds() -> tuple[str, ...]:
    """Names of all prototypes, such as ``rock_salt``."""
    return tuple(_prototypes())


def prototypes(count: int | None = None, seed: int = 0, kinds: Sequence[str] | None = None) -> Iterator[Crystal]:
    """Crystals of distinct formulas, in turn from each kind, in an order that only the seed decides.

    Args:
        count: stop after so many; all there are unless given.
        kinds: names of :func:`kinds`, all unless given.

    Yields:
        Crystals named like ``rock_salt-CaS``, with B = 0, without atoms closer than 75 % of the sum of their
        covalent radii. Against experiment a is off by 1.2 % in the mean and 8 % at most (AgBr) for the 94
        compounds of tests/crystal/test_prototypes.py; the factors of the metallic and spinel rules were set
        on some of them.

    Raises:
        KeyError: an unknown kind.
    """
    chosen = [_prototypes()[kind] for kind in kinds or _prototypes()]
    turns = [_shuffled(prototype, seed) for prototype in chosen]
    formulas: set[str] = set()
    while turns:
        for turn in list(turns):
            crystal = next((c for c in turn if c.formula not in formulas), None)
            if crystal is None:
                turns.remove(turn)
                continue
            if count is not None and len(formulas) >= count:
                return
            formulas.add(crystal.formula)
            yield crystal


def decorate(kind: str, elements: Mapping[str, str]) -> Crystal:
    """The crystal of a prototype with these elements by role, such as ``{"A": "Ca", "X": "S"}`` in rock salt.

    Raises:
        KeyError: an unknown kind or role.
        ValueError: the prototype does not take these elements.
    """
    prototype = _prototypes()[kind]
    for fillings in _decorations(prototype):
        if all(fillings[role].element == elements[role] for role in prototype.roles):
            return _crystal(prototype, fillings)
    raise ValueError(f"{prototype.name} does not take {dict(elements)}")


def _shuffled(prototype: Prototype, seed: int) -> Iterator[Crystal]:
    decorations = list(_decorations(prototype))
    # The kind's own letters, not its row, so that a new prototype leaves the order of the others alone.
    order = np.random.default_rng([seed, *prototype.kind.encode()]).permutation(len(decorations))
    for index in order:
        crystal = _crystal(prototype, decorations[index])
        if closest_contact(crystal) >= CLOSEST_CONTACT:
            yield crystal


def _decorations(prototype: Prototype) -> Iterator[dict[str, Filling]]:
    """Neutral combinations of different elements that meet the prototype's constraint."""
    clauses = [clause for clause in prototype.constraint.split(";") if clause]
    roles = list(prototype.roles.values())
    for charges in itertools.product(*(sorted({f.charge for f in role}) for role in roles)):
        if np.dot(charges, list(prototype.counts.values())) != 0:
            continue
        choices = ([f for f in role if f.charge == q] for role, q in zip(roles, charges, strict=True))
        for chosen in itertools.product(*choices):
            fillings = dict(zip(prototype.roles, chosen, strict=True))
            distinct = len({f.element for f in chosen}) == len(chosen)
            if distinct and all(_holds(clause, fillings) for clause in clauses):
                yield fillings


def _holds(clause: str, fillings: Mapping[str, Filling]) -> bool:
    """``A > B`` compares radii; ``tolerance low high`` bounds Goldschmidt's t = (A + X)/√2(B + X)."""
    words = clause.split()
    if words[1] == ">":
        big, small = fillings[words[0]], fillings[words[2]]
        return (big.radius, big.element) > (small.radius, small.element)
    r = {role: filling.radius for role, filling in fillings.items()}
    small = (r["B"] + r.get("C", r["B"])) / 2
    return float(words[1]) <= (r["A"] + r["X"]) / (2**0.5 * (small + r["X"])) <= float(words[2])


def _crystal(prototype: Prototype, fillings: Mapping[str, Filling]) -> Crystal:
    radii = {role: filling.radius for role, filling in fillings.items()}
    x = _ratio(prototype.x, radii) if prototype.x else 0.0
    sites = _sites(prototype.sites, {role: filling.element for role, filling in fillings.items()}, x)
    numbers = {role: "" if count == 1 else str(count) for role, count in prototype.counts.items()}
    label = "".join(filling.element + numbers[role] for role, filling in fillings.items())
    return Crystal.from_sites(
        f"{prototype.kind}-{label}",
        prototype.space_group,
        round(_linear(prototype.edge, radii), 4),
        sites,
        source=f"prototype {prototype.name}, a from {prototype.radii} radii",
    )


def closest_contact(crystal: Crystal) -> float:
    """Smallest distance between two atoms as a share of the sum of their covalent radii.

    Atoms of a mixed site are one atom. Only the nearest periodic image counts, which is exact up to a/2.
    """
    radii = np.array([gemmi.Element(e).covalent_r for e in crystal.elements])
    steps = crystal.positions[:, None] - crystal.positions[None]
    distances = crystal.a * np.sqrt(((steps - np.round(steps)) ** 2).sum(-1))
    np.fill_diagonal(distances, crystal.a)
    distances[distances < 0.1] = np.inf
    return float((distances / (radii[:, None] + radii[None])).min())


def _linear(text: str, radii: Mapping[str, float]) -> float:
    """Value of ``0.5 + 2 A + X`` with the roles' radii."""
    total = 0.0
    for term in text.split("+"):
        factors = [radii[f] if f in radii else float(f) for f in term.split()]
        total += float(np.prod(factors))
    return total


def _ratio(text: str, radii: Mapping[str, float]) -> float:
    numerator, denominator = text.split("/")
    return _linear(numerator, radii) / _linear(denominator, radii)


@cache
def _prototypes() -> dict[str, Prototype]:
    with Path(__file__).with_name("prototypes.csv").open(encoding="utf-8", newline="") as lines:
        return {row["kind"]: _prototype(row) for row in csv.DictReader(lines)}


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
        counts=_counts(row["space_group"], row["sites"], roles),
        radii=row["radii"],
        edge=row["edge"],
        x=row["x"],
        constraint=row["constraint"],
    )


def _fillings(words: list[str], radii: str) -> Iterator[Filling]:
    """From ``+2 6 Mg Ca`` or ``+2 6 *`` (charge, coordination, elements), or ``Fe Co Ni`` for metals."""
    charge, coordination = 0, 0
    if words[0][0] in "+-":
        charge, coordination, words = int(words[0]), int(words[1]), words[2:]
    for element in ions(charge, coordination) if words == ["*"] else words:
        if radii == "ionic":
            yield Filling(element, charge, ionic_radius(element, charge, coordination))
        else:
            yield Filling(element, charge, atomic_radius(radii, element))


def _counts(space_group: str, sites: str, roles: Mapping[str, tuple[Filling, ...]]) -> dict[str, int]:
    """Atoms of each role in the reduced formula, from the multiplicities of its sites."""
    stand_in = dict(zip(roles, ("H", "He", "Li", "Be"), strict=False))
    elements = Crystal.from_sites("", space_group, 10.0, _sites(sites, stand_in, 0.24)).elements
    numbers = {role: elements.count(stand_in[role]) for role in roles}
    divisor = math.gcd(*numbers.values())
    return {role: number // divisor for role, number in numbers.items()}


def _sites(text: str, elements: Mapping[str, str], x: float) -> list[Site]:
    """Sites with the roles' elements for their letters and the free coordinate for ``x``."""
    words = {**elements, "x": f"{x:.5f}"}
    return parse_sites(" ".join(words.get(word, word) for word in text.replace(";", " ; ").split()))
