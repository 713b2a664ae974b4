"""Debye–Waller B of each atom from what a CIF gives: U, B or β, isotropic or anisotropic, in any loop."""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.base.messages import printable
from lacbed_gan.crystal.crystal import CrystalError
from lacbed_gan.crystal.statements import Loop, Statements, number_of

B_OF_U = 8 * math.pi**2
ISOTROPIC = re.compile(r"_atom_site(?:_aniso|_anisotrop)?_([ub])_?(?:iso|eq|equiv|iso_or_equiv|equiv_geom_mean)")
TENSOR = re.compile(r"_atom_site(?:_aniso|_anisotrop)?(?:_aniso)?_(u|b|beta)_?([123])_?([123])")
KEY = re.compile(r"_atom_site(?:_aniso|_anisotrop)?_(?:label(?:_\d)?|id)")
TYPES = ("_atom_site_adp_type", "_atom_site_thermal_displace_type")
LARGE = 20.0  # Å²; atoms that move so far are rare
UNLIKE = 1.3  # of two values for one atom, what rounding and the choice of a mean do not explain


def displacements(
    statements: Statements, atoms: Loop, lattice: NDArray[np.float64]
) -> tuple[list[float | None], list[str]]:
    """B in Å² of each row of the atoms, None where the file gives no value; and what is odd about them.

    B = 8π²U, and of a tensor a third of its trace: U = Σᵢⱼ Uᵢⱼ a*ᵢa*ⱼ (aᵢ · aⱼ)/3, β = 2π² a*ᵢa*ⱼ Uᵢⱼ. Of several
    values that of the atoms' own loop is taken first, isotropic before anisotropic, U before B; what is negative, as
    refinements report for what is zero, is zero.

    Args:
        lattice: (3, 3) the vectors of the cell, as rows, in Å.

    Raises:
        CrystalError: a value is not a number.
    """
    labels = atoms.column("_atom_site_label", "_atom_site_label_0", "_atom_site_id") or [""] * len(atoms)
    values: list[list[tuple[str, float]]] = [[] for _ in labels]
    odd: list[str] = []
    for loop in sorted(statements.loops_with(*_tags(statements)), key=lambda one: one is not atoms):
        given = _isotropic(loop) | _anisotropic(loop, lattice)
        if not given:
            odd.append("anisotropic displacements without all of 11, 22 and 33 are not used")
        rows = _rows(loop, atoms, labels)
        if given and rows is None:
            odd.append("displacements in a loop without the labels of its atoms are not used")
            continue
        for tag, column in given.items():
            for row, value in enumerate(column):
                if value is not None:
                    if rows is not None and not rows.get(row):
                        odd.append("displacements of a label that no atom has are not used")
                    for atom in (rows or {}).get(row, []):
                        values[atom].append((tag, value))
    types = atoms.column(*TYPES) or [""] * len(labels)
    return [_one(*each, odd) for each in zip(labels, types, values, strict=True)], odd


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


def _isotropic(loop: Loop) -> dict[str, list[float | None]]:
    """B by tag, U before B."""
    columns = {}
    for tag in sorted(loop.columns, key=lambda tag: "_u_" not in tag):
        match = ISOTROPIC.fullmatch(tag)
        if match:
            factor = B_OF_U if match[1] == "u" else 1.0
            numbers = (_number(text, tag) for text in loop.columns[tag])
            columns[tag] = [None if number is None else factor * number for number in numbers]
    return columns


def _anisotropic(loop: Loop, lattice: NDArray[np.float64]) -> dict[str, list[float | None]]:
    """B by kind of tensor: ``aniso U``, ``aniso B`` and ``aniso β``."""
    metric = lattice @ lattice.T
    reciprocal = np.sqrt(np.diag(np.linalg.inv(metric)))
    columns: dict[str, list[float | None]] = {}
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
                columns[name].append(float(4 / 3 * (tensor * metric).sum()))
            else:
                scaled = tensor * np.outer(reciprocal, reciprocal)
                columns[name].append(float((B_OF_U if kind == "u" else 1.0) * (scaled * metric).sum() / 3))
    return columns


def _one(label: str, kind: str, values: list[tuple[str, float]], odd: list[str]) -> float | None:
    """B of an atom from all that is given for it."""
    if not values:
        return None
    name = printable(label, 20)
    positive = [(tag, value) for tag, value in values if value > 0]
    tag, b = positive[0] if positive else values[0]
    if values[0][1] < 0 or b < 0:
        odd.append(f"the displacement of {name} is negative, {min(v for _, v in values):.3g} Å² as B")
        b = max(b, 0.0)
    biggest, least = max(v for _, v in values), min(v for _, v in values)
    if positive and biggest > UNLIKE * max(least, 0.0) + 0.05:
        others = " and ".join(f"{value:.3g}" for _, value in values)
        odd.append(f"{name} has displacements that differ, B = {others} Å²; the first above 0 is used")
    if b > LARGE:
        odd.append(f"the displacement of {name} is large, B = {b:.3g} Å²")
    given = kind.strip().lower()[:1]
    if given in ("u", "b") and "iso" in tag and "aniso" not in tag and f"_{given}_" not in tag:
        odd.append(f"{name} is said to have a {printable(kind, 10)}, and the value stands under {tag}, which decides")
    return b


def _number(text: str, tag: str) -> float | None:
    """A number, None where there is none."""
    if not text:
        return None
    number = number_of(text)
    if not math.isfinite(number):
        raise CrystalError(f"'{printable(text, 40)}' is not a number ({tag})")
    return number
