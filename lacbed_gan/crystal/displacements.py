"""Displacements of each atom from what a CIF gives: U, B or β, isotropic or anisotropic, in any loop."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.base.messages import printable
from lacbed_gan.crystal.cell import reciprocal_metric, u_of
from lacbed_gan.crystal.crystal import CrystalError
from lacbed_gan.crystal.statements import Loop, Statements, number_of

B_OF_U = 8 * math.pi**2
ISOTROPIC = re.compile(r"_atom_site(?:_aniso|_anisotrop)?_([ub])_?(?:iso|eq|equiv|iso_or_equiv|equiv_geom_mean)")
TENSOR = re.compile(r"_atom_site(?:_aniso|_anisotrop)?(?:_aniso)?_(u|b|beta)_?([123])_?([123])")
KEY = re.compile(r"_atom_site(?:_aniso|_anisotrop)?_(?:label(?:_\d)?|id)")
TYPES = ("_atom_site_adp_type", "_atom_site_thermal_displace_type")
LARGE = 20.0  # Å²; atoms that move so far are rare
UNLIKE = 1.3  # of two values for one atom, what rounding and the choice of a mean do not explain

SixNumbers = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Displacement:
    """That of one atom.

    Attributes:
        b: B in Å², None where the file gives no value.
        u_aniso: U₁₁, U₂₂, U₃₃, U₂₃, U₁₃, U₁₂ in Å², where the file gives all of them and they are a mean square.
    """

    b: float | None
    u_aniso: SixNumbers | None = None


@dataclass(frozen=True)
class _Value:
    """One of the values given for an atom: by which tag, as B in Å², and the β where it is a tensor's."""

    tag: str
    b: float
    beta: NDArray[np.float64] | None = None


def displacements(
    statements: Statements, atoms: Loop, lattice: NDArray[np.float64]
) -> tuple[list[Displacement], list[str]]:
    """The displacement of each row of the atoms; and what is odd about them.

    B = 8π²U, and of a tensor a third of its trace: U = Σᵢⱼ Uᵢⱼ a*ᵢa*ⱼ (aᵢ · aⱼ)/3, β = 2π² a*ᵢa*ⱼ Uᵢⱼ. Of several
    values B is that of the atoms' own loop first, isotropic before anisotropic, U before B; what is negative, as
    refinements report for what is zero, is zero. A tensor beside it is kept where the two agree.

    Args:
        lattice: (3, 3) the vectors of the cell, as rows, in Å.

    Raises:
        CrystalError: a value is not a number.
    """
    labels = atoms.column("_atom_site_label", "_atom_site_label_0", "_atom_site_id") or [""] * len(atoms)
    values: list[list[_Value]] = [[] for _ in labels]
    odd: list[str] = []
    for loop in sorted(statements.loops_with(*_tags(statements)), key=lambda one: one is not atoms):
        given = _isotropic(loop) | _anisotropic(loop, lattice)
        if not given:
            odd.append("anisotropic displacements without all of 11, 22 and 33 are not used")
        rows = _rows(loop, atoms, labels)
        if given and rows is None:
            odd.append("displacements in a loop without the labels of its atoms are not used")
            continue
        for column in given.values():
            for row, value in enumerate(column):
                if value is not None:
                    if rows is not None and not rows.get(row):
                        odd.append("displacements of a label that no atom has are not used")
                    for atom in (rows or {}).get(row, []):
                        values[atom].append(value)
    types = atoms.column(*TYPES) or [""] * len(labels)
    reciprocal = reciprocal_metric(lattice)
    return [_one(*each, reciprocal, odd) for each in zip(labels, types, values, strict=True)], odd


def _tags(statements: Statements) -> list[str]:
    loops = (*statements.loops, statements.pairs)
    return [tag for loop in loops for tag in loop.columns if ISOTROPIC.fullmatch(tag) or TENSOR.fullmatch(tag)]


def _rows(loop: Loop, atoms: Loop, labels: list[str]) -> dict[int, list[int]] | None:
    """The atoms that each row of a loop is about; None where it does not say."""
    if loop is atoms:
        return {row: [row] for row in range(len(labels))}
    key = next((column for tag, column in loop.columns.items() if KEY.fullmatch(tag)), None)
    if key is None:
        return None
    atoms_of: dict[str, list[int]] = {}
    for atom, label in enumerate(labels):
        atoms_of.setdefault(label, []).append(atom)
    return {row: atoms_of.get(name, []) for row, name in enumerate(key)}


def _isotropic(loop: Loop) -> dict[str, list[_Value | None]]:
    """B by tag, U before B."""
    columns = {}
    for tag in sorted(loop.columns, key=lambda tag: "_u_" not in tag):
        match = ISOTROPIC.fullmatch(tag)
        if match:
            factor = B_OF_U if match[1] == "u" else 1.0
            numbers = (_number(text, tag) for text in loop.columns[tag])
            columns[tag] = [None if number is None else _Value(tag, factor * number) for number in numbers]
    return columns


def _anisotropic(loop: Loop, lattice: NDArray[np.float64]) -> dict[str, list[_Value | None]]:
    """Values by kind of tensor: ``aniso U``, ``aniso B`` and ``aniso β``."""
    metric = lattice @ lattice.T
    reciprocal = np.sqrt(np.diag(np.linalg.inv(metric)))
    columns: dict[str, list[_Value | None]] = {}
    for kind, name in (("u", "aniso U"), ("b", "aniso B"), ("beta", "aniso β")):
        parts = {}
        for tag in loop.columns:
            match = TENSOR.fullmatch(tag)
            if match and match[1] == kind:
                parts[tuple(sorted((int(match[2]) - 1, int(match[3]) - 1)))] = tag
        if not all((i, i) in parts for i in range(3)):
            continue
        columns[name] = []
        for row in range(len(loop)):
            tensor = np.zeros((3, 3))
            for (i, j), tag in parts.items():
                number = _number(loop.columns[tag][row], tag)
                tensor[i, j] = tensor[j, i] = math.nan if number is None and i == j else number or 0.0
            if np.isnan(tensor).any():
                columns[name].append(None)
                continue
            if kind == "beta":
                columns[name].append(_Value(name, float(4 / 3 * (tensor * metric).sum()), tensor))
            else:
                scaled = tensor * np.outer(reciprocal, reciprocal)
                factor = B_OF_U if kind == "u" else 1.0
                columns[name].append(_Value(name, float(factor * (scaled * metric).sum() / 3), factor / 4 * scaled))
    return columns


def _one(label: str, kind: str, values: list[_Value], reciprocal: NDArray[np.float64], odd: list[str]) -> Displacement:
    """The displacement of an atom from all that is given for it."""
    if not values:
        return Displacement(None)
    name = printable(label, 20)
    positive = [value for value in values if value.b > 0]
    first = positive[0] if positive else values[0]
    tag, b = first.tag, first.b
    if values[0].b < 0 or b < 0:
        odd.append(f"the displacement of {name} is negative, {min(v.b for v in values):.3g} Å² as B")
        b = max(b, 0.0)
    biggest, least = max(v.b for v in values), min(v.b for v in values)
    differ = bool(positive) and biggest > UNLIKE * max(least, 0.0) + 0.05
    if differ:
        others = " and ".join(f"{value.b:.3g}" for value in values)
        odd.append(f"{name} has displacements that differ, B = {others} Å²; the first above 0 is used")
    if b > LARGE:
        odd.append(f"the displacement of {name} is large, B = {b:.3g} Å²")
    given = kind.strip().lower()[:1]
    if given in ("u", "b") and "iso" in tag and "aniso" not in tag and f"_{given}_" not in tag:
        odd.append(f"{name} is said to have a {printable(kind, 10)}, and the value stands under {tag}, which decides")
    beta = first.beta if differ else next((value.beta for value in values if value.beta is not None), None)
    if beta is None or b == 0:
        return Displacement(b)
    if np.linalg.eigvalsh(beta).min() < -1e-9 * np.abs(beta).max():
        odd.append(f"the anisotropic displacement of {name} is no mean square; its mean B is used")
        return Displacement(b)
    u11, u22, u33, u23, u13, u12 = u_of(beta, reciprocal)
    return Displacement(b, (u11, u22, u33, u23, u13, u12))


def _number(text: str, tag: str) -> float | None:
    """A number, None where there is none."""
    if not text:
        return None
    number = number_of(text)
    if not math.isfinite(number):
        raise CrystalError(f"'{printable(text, 40)}' is not a number ({tag})")
    return number
