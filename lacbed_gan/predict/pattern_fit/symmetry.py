"""Which plane symmetries a predicted ρ may have: lattice of its reflections, and lines of reflection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.crystal.plane_symmetry import IDENTITY, TWO_FOLD, Matrix, PlaneOperation
from lacbed_gan.diffraction.from_potential import NORMAL_TO_X, two_fold_axis
from lacbed_gan.diffraction.net import Net, grid
from lacbed_gan.diffraction.sublattice import Sublattice

Array = NDArray[np.float64]
# Lattices that centring and glide planes of cubic groups leave, the sparsest first; the first four are square
SQUARE: tuple[Matrix, ...] = (((2, 2), (-2, 2)), ((2, 0), (0, 2)), ((1, 1), (-1, 1)), ((1, 0), (0, 1)))
OBLONG: tuple[Matrix, ...] = (((2, 0), (0, 1)), ((1, 0), (0, 2)))
NORMAL_TO_Y = ((1, 0), (0, -1))
FOURFOLD = 0.02  # rms difference of a pattern from its transpose, below which it has diagonal mirrors
LOST, LESS = 0.1, 0.01  # shares of ρ's power that the first symmetry may lose, and a denser lattice hold less than it
MORE = 0.002  # share of ρ's power by which one holds more of it
ORIGINS = 8  # along an edge of the cell, from a two-fold axis, that are tried
LARGEST = 40  # index


@dataclass(frozen=True)
class PlaneSymmetry:
    """A symmetry of ρ about a two-fold axis.

    Attributes:
        lattice: of reflections.
        line: of reflection, normal to x.
        operations: all of them, but translations.
    """

    lattice: Sublattice
    line: PlaneOperation
    operations: tuple[PlaneOperation, ...]

    def mean(self, values: NDArray[np.complex128], hk: NDArray[np.int64]) -> Array:
        """The coefficients (2m + 1, 2m + 1) of this symmetry that come nearest to some about the axis."""
        middle, values = len(values) // 2, np.where(self.lattice.contains(hk), values, 0)
        total = np.zeros_like(values)
        for operation in self.operations:
            images = operation.images(hk) + middle
            total += values[images[..., 0], images[..., 1]] * np.exp(-2j * np.pi * (hk @ operation.translation))
        return np.asarray(total.real / len(self.operations))


@dataclass(frozen=True)
class Candidate:
    """A symmetry, the coefficients (2m + 1, 2m + 1) that it leaves of an image, and their share of its power."""

    symmetry: PlaneSymmetry
    values: Array
    share: float


def has_fourfold(pattern: Array) -> bool:
    """Whether a pattern (H, H) has diagonal mirrors, as those of crystals with a four-fold axis along the beam."""
    return float(np.sqrt(((pattern - pattern.T) ** 2).mean())) < FOURFOLD


def candidates(potential: Array, fourfold: bool) -> list[Candidate]:
    """The sparsest lattice that holds nearly all of ρ, then denser ones that hold more of it.

    Args:
        potential: (n, n) at r = i/n.
        fourfold: whether the pattern has diagonal mirrors.
    """
    n = len(potential)
    m = min((n - 1) // 2, LARGEST)
    hk = grid(m, m)
    transform = np.fft.fft2(potential) / n**2
    transform[0, 0] = 0
    x, y = two_fold_axis(transform)
    waves = transform[hk[..., 1], hk[..., 0]]
    power = float((np.abs(waves) ** 2).sum())
    shifts = np.arange(ORIGINS) / ORIGINS
    moved = [waves * np.exp(2j * np.pi * (hk @ (x + dx, y + dy))) for dx in shifts for dy in shifts]
    found = []
    for symmetry in symmetries(fourfold):
        means = [symmetry.mean(values, hk) for values in moved]
        best = max(means, key=lambda values: float((values**2).sum()))
        found.append(Candidate(symmetry, best, float((best**2).sum()) / power))
    least = max(one.share for one in found) - LOST

    def sparseness(one: Candidate) -> tuple[int, float]:
        return one.symmetry.lattice.index, one.share

    first = max((one for one in found if one.share >= least), key=sparseness)
    others = [one for one in found if one is not first and one.share > first.share - LESS]
    return [first, *sorted(others, key=sparseness, reverse=True)]


def holding_more(found: Sequence[Candidate]) -> list[Candidate]:
    """Of candidates, as they are ordered, each that holds more of ρ than all before."""
    kept: list[Candidate] = []
    for one in found:
        if not kept or one.share > kept[-1].share + MORE:
            kept.append(one)
    return kept


@lru_cache(maxsize=2)
def symmetries(fourfold: bool) -> tuple[PlaneSymmetry, ...]:
    """All that cubic crystals have along [001], with a four-fold axis or without; the sparsest lattices first."""
    return tuple(_with_fourfold() if fourfold else _without())


def _with_fourfold() -> Iterator[PlaneSymmetry]:
    """p4mm and p4gm of square lattices, about a four-fold axis."""
    for basis in SQUARE:
        lattice = Sublattice.generated(list(basis), Net.square(1.0))
        x, y = np.linalg.inv(basis) @ (0.5, 0.5)
        for w in ((0.0, 0.0), (float(x), float(y))):
            yield PlaneSymmetry(lattice, PlaneOperation(NORMAL_TO_X, w), (*_upright(w), *_diagonal(w)))


def _without() -> Iterator[PlaneSymmetry]:
    """Mirrors and glides normal to the axes."""
    for basis in (*SQUARE[:3], *OBLONG, SQUARE[3]):
        lattice = Sublattice.generated(list(basis), Net.square(1.0))
        points = np.asarray(lattice.basis)
        for w in lattice.half_vectors():
            line = PlaneOperation(NORMAL_TO_X, w)
            if (line.character(points) == line.character(line.images(points))).all():
                yield PlaneSymmetry(lattice, line, _upright(w))


def _upright(w: tuple[float, float]) -> tuple[PlaneOperation, ...]:
    still = (0.0, 0.0)
    pairs = ((IDENTITY, still), (TWO_FOLD, still), (NORMAL_TO_X, w), (NORMAL_TO_Y, w))
    return tuple(PlaneOperation(matrix, translation) for matrix, translation in pairs)


def _diagonal(w: tuple[float, float]) -> Iterator[PlaneOperation]:
    """What a diagonal line with the translation w makes of these."""
    for operation in _upright(w):
        (p, q), (r, s) = operation.matrix
        x, y = operation.translation
        yield PlaneOperation(((r, s), (p, q)), ((y + w[0]) % 1, (x + w[1]) % 1))
