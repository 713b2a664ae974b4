"""The metric of a cell: its vectors, whether it is one of a space group, and tensors of displacement in its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import gemmi
import numpy as np
from numpy.typing import NDArray

Cell = tuple[float, float, float, float, float, float]  # a, b, c in Å and α, β, γ in degrees
Shape = tuple[float, float, float, float, float]  # b/a, c/a and α, β, γ in degrees
Array = NDArray[np.float64]

CUBE: Shape = (1.0, 1.0, 90.0, 90.0, 90.0)
UNEQUAL = 1e-3  # relative, of lengths that symmetry makes equal
SKEW = 0.05  # degrees, of angles that it fixes
FLATTEST = 0.02  # volume of a cell of these angles whose edges are 1; less is no cell that anything is in


def lattice_of(cell: Sequence[float]) -> Array:
    """(3, 3) the vectors of a cell, as rows, in Å; a along x, and where angles are right ones exactly so."""
    a, b, c, *angles = cell
    if all(x == 90 for x in angles):
        return np.diag([float(a), float(b), float(c)])
    return np.array(gemmi.UnitCell(*cell).orth.mat.tolist()).T


def reciprocal_metric(lattice: Array) -> Array:
    """(3, 3) a*ᵢ · a*ⱼ in 1/Å² of vectors as rows in Å."""
    return np.asarray(np.linalg.inv(lattice @ lattice.T), dtype=np.float64)


def cell_of(lattice: Array) -> Cell:
    """Edges and angles of three vectors, as rows."""
    metric = lattice @ lattice.T
    a, b, c = np.sqrt(np.diag(metric))
    alpha, beta, gamma = (
        math.degrees(math.acos(max(-1.0, min(1.0, float(cosine)))))
        for cosine in (metric[1, 2] / (b * c), metric[0, 2] / (a * c), metric[0, 1] / (a * b))
    )
    return float(a), float(b), float(c), alpha, beta, gamma


def is_cell(cell: Sequence[float]) -> bool:
    """Whether there are three vectors with these edges and angles, in no plane."""
    a, b, c, *angles = cell
    if not (all(map(math.isfinite, cell)) and min(a, b, c) > 0 and all(1 < x < 179 for x in angles)):
        return False
    x, y, z = (math.cos(math.radians(angle)) for angle in angles)
    return 1 - x * x - y * y - z * z + 2 * x * y * z > FLATTEST**2


def symmetrised(cell: Cell, rotations: Array) -> tuple[Cell, bool]:
    """The cell whose metric is the mean over the rotations of a group, and whether it is the same within rounding.

    A cell that fits already stays to the last digit.

    Args:
        rotations: (m, 3, 3) on fractional coordinates.
    """
    lattice = lattice_of(cell)
    metric = lattice @ lattice.T
    mean = (np.swapaxes(rotations, 1, 2) @ metric @ rotations).mean(0)
    if np.abs(mean - metric).max() < 1e-9 * np.abs(metric).max():
        return cell, True
    vectors = np.linalg.cholesky(mean)
    new = cell_of(vectors)
    a, b, c = (abs(new[i] / cell[i] - 1) <= UNEQUAL for i in range(3))
    rounded = tuple(round(x, 9) for x in new[3:])
    fits = a and b and c and all(abs(new[i] - cell[i]) < SKEW for i in range(3, 6))
    return (new[0], new[1], new[2], rounded[0], rounded[1], rounded[2]), fits


def beta_of(u: Sequence[float], reciprocal_metric: Array) -> Array:
    """(3, 3) β of exp(−h β hᵀ) from U₁₁, U₂₂, U₃₃, U₂₃, U₁₃, U₁₂ in Å²: β_ij = 2π² a*ᵢ a*ⱼ U_ij."""
    lengths = np.sqrt(np.diag(reciprocal_metric))
    return 2 * math.pi**2 * np.outer(lengths, lengths) * tensor(u)


def u_of(beta: Array, reciprocal_metric: Array) -> tuple[float, ...]:
    """U₁₁, U₂₂, U₃₃, U₂₃, U₁₃, U₁₂ in Å² from β."""
    lengths = np.sqrt(np.diag(reciprocal_metric))
    u = beta / (2 * math.pi**2 * np.outer(lengths, lengths))
    return tuple(float(u[i, j]) for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)))


def tensor(u: Sequence[float]) -> Array:
    """(3, 3) from 11, 22, 33, 23, 13, 12."""
    u11, u22, u33, u23, u13, u12 = u
    return np.array([[u11, u12, u13], [u12, u22, u23], [u13, u23, u33]])


def equivalent_b(beta: Array, reciprocal_metric: Array) -> float:
    """B = 8π²U_eq in Å² of the isotropic displacement with the same mean square: 4/3 Σ β_ij aᵢ·aⱼ."""
    return float(4 / 3 * (beta * np.linalg.inv(reciprocal_metric)).sum())


def cell_text(cell: float | Sequence[float]) -> str:
    """Edges and angles for a message."""
    if isinstance(cell, int | float):
        return f"a = {cell:g} Å"
    return f"{', '.join(f'{x:g}' for x in cell[:3])} Å; {', '.join(f'{x:g}' for x in cell[3:])}°"
