"""Structure types decorated with elements, at cell edges that follow from radii.

A structure type (prototypes.csv) is a space group, sites whose letters are roles, the elements each role takes,
and the cell edge as a linear function of the roles' radii. Where roles have charges the crystal is neutral; in
half-Heusler compounds the charges are the formal ones of Zintl: neutral means 18 valence electrons. All 36
cubic space groups have at least one type.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lacbed_gan.crystal.crystal import Crystal, CrystalError
from lacbed_gan.crystal.formula import formula_of
from lacbed_gan.crystal.radii import covalent_radius
from lacbed_gan.crystal.structure_types import STAND_INS, Filling, Prototype, expanded, structure_types

# Atoms closer than this share of the sum of their covalent radii are a failed decoration.
CLOSEST_CONTACT = 0.75


def prototypes(count: int | None = None, seed: int = 0, kinds: Sequence[str] | None = None) -> Iterator[Crystal]:
    """Crystals of distinct formulas, in turn from each kind, in an order that only the seed decides.

    Args:
        count: stop after so many; all there are unless given.
        kinds: names in prototypes.csv, such as ``rock_salt``, all unless given.

    Yields:
        Crystals named like ``rock_salt-CaS``, without displacement parameters, without atoms closer than 75 % of
        the sum of their covalent radii. tests/crystal/test_prototypes.py compares a with experiment.

    Raises:
        KeyError: an unknown kind.
        CrystalError: all there are came, and they are fewer than ``count``.
    """
    chosen = [structure_types()[kind] for kind in kinds or structure_types()]
    turns = [_shuffled(prototype, seed) for prototype in chosen]
    formulas: set[str] = set()
    while turns:
        for turn in list(turns):
            if count is not None and len(formulas) >= count:
                return
            crystal = next((c for c in turn if c.formula not in formulas), None)
            if crystal is None:
                turns.remove(turn)
                continue
            formulas.add(crystal.formula)
            yield crystal
    if count is not None and len(formulas) < count:
        raise CrystalError(f"there are {len(formulas)} prototype crystals of distinct formulas, not {count}")


def _shuffled(prototype: Prototype, seed: int) -> Iterator[Crystal]:
    """Crystals of one kind in random order, without those whose atoms come too close."""
    decorations = list(_decorations(prototype))
    # The kind's own letters, not its row, so that a new prototype leaves the order of the others alone.
    order = np.random.default_rng([seed, *prototype.kind.encode()]).permutation(len(decorations))
    for index in order:
        chosen = decorations[index]
        radii = _radii(prototype, chosen)
        _, shortest = expanded(prototype.kind, prototype.coordinate(radii))
        covalent = np.array([covalent_radius(filling.element) for filling in chosen])
        contact = prototype.cell_edge(radii) * shortest / (covalent[:, None] + covalent[None])
        if contact.min() >= CLOSEST_CONTACT:
            yield _crystal(prototype, chosen)


def _decorations(prototype: Prototype) -> Iterator[tuple[Filling, ...]]:
    """Neutral combinations of different elements, one for each role, that meet the prototype's constraint."""
    roles = list(prototype.roles.values())
    for charges in itertools.product(*(sorted({f.charge for f in role}) for role in roles)):
        if np.dot(charges, list(prototype.counts.values())) != 0:
            continue
        choices = ([f for f in role if f.charge == q] for role, q in zip(roles, charges, strict=True))
        for chosen in itertools.product(*choices):
            distinct = len({f.element for f in chosen}) == len(chosen)
            if distinct and prototype.accepts(dict(zip(prototype.roles, chosen, strict=True))):
                yield chosen


def _radii(prototype: Prototype, chosen: Sequence[Filling]) -> dict[str, float]:
    return {role: filling.radius for role, filling in zip(prototype.roles, chosen, strict=True)}


def _crystal(prototype: Prototype, chosen: Sequence[Filling]) -> Crystal:
    radii = _radii(prototype, chosen)
    a = prototype.cell_edge(radii)
    template, _ = expanded(prototype.kind, prototype.coordinate(radii))
    counts = list(prototype.counts.values())
    label = "".join(f"{f.element}{'' if n == 1 else n}" for f, n in zip(chosen, counts, strict=True))
    stand_ins = dict(zip(STAND_INS, chosen, strict=False))
    return replace(
        template,
        name=f"{prototype.kind}-{label}",
        formula=formula_of({f.element: n for f, n in zip(chosen, counts, strict=True)}),
        a=a,
        volume=a**3,
        elements=tuple(stand_ins[e].element for e in template.elements),
        source=f"prototype {prototype.name}, a from {prototype.radii} radii",
    )
