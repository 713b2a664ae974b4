"""Symmetry of a crystal seen along a zone axis: the operations of its space group, projected on the plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import gemmi
import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = tuple[tuple[int, int], tuple[int, int]]
Basis = tuple[tuple[int, int, int], tuple[int, int, int]]

ALONG_C: Basis = ((1, 0, 0), (0, 1, 0))  # reflections b₁ and b₂ of the zone axis [001]
IDENTITY: Matrix = ((1, 0), (0, 1))
TWO_FOLD: Matrix = ((-1, 0), (0, -1))


@dataclass(frozen=True, order=True)
class PlaneOperation:
    """ξ → W ξ + w, of fractional coordinates ξ = (b₁ · r, b₂ · r) in the projected cell.

    It leaves the projection as it is where U_(hW) = exp(2πi h · w) U_h, with h a row of Miller indices.

    Attributes:
        matrix: W, whole numbers.
        translation: w.
    """

    matrix: Matrix
    translation: tuple[float, float]

    @property
    def is_reflection(self) -> bool:
        """Whether it turns the plane over: a mirror or glide line."""
        (p, q), (r, s) = self.matrix
        return p * s - q * r < 0

    def about(self, origin: tuple[float, float]) -> PlaneOperation:
        """The same operation in coordinates from another origin."""
        w = np.asarray(self.matrix) @ origin - origin + self.translation
        return PlaneOperation(self.matrix, (float(w[0]), float(w[1])))

    def images(self, hk: ArrayLike) -> NDArray[np.int64]:
        """(…, 2) the reflections h W of reflections h."""
        return np.asarray(hk) @ np.asarray(self.matrix)

    def character(self, hk: ArrayLike) -> NDArray[np.float64]:
        """(…) cos(2π h · w), to whole numbers: the sign χ = ±1 of U_(hW) = χ U_h of a potential that is real."""
        return np.round(np.cos(2 * np.pi * (np.asarray(hk) @ np.asarray(self.translation))))


@lru_cache(maxsize=256)
def plane_operations(triplets: tuple[str, ...], basis: Basis = ALONG_C) -> tuple[PlaneOperation, ...]:
    """The operations that keep or turn round the direction of projection, each once, in the order given.

    Args:
        triplets: operations of the space group as ``x,y,z``, those of centring included.
        basis: Miller indices of b₁ and b₂, which generate the net of zone-order reflections.
    """
    b = np.asarray(basis)
    coordinates = b.T @ np.linalg.inv(b @ b.T)  # of an hkl on the plane of the net
    operations: dict[PlaneOperation, None] = {}
    for op in map(gemmi.Op, triplets):
        images = b @ np.asarray(op.rot) // gemmi.Op.DEN
        matrix = np.rint(images @ coordinates).astype(int)
        if np.array_equal(matrix @ b, images):
            (p, q), (r, s) = matrix.tolist()
            x, y = (b @ np.asarray(op.tran) % gemmi.Op.DEN / gemmi.Op.DEN).tolist()
            operations[PlaneOperation(((p, q), (r, s)), (x, y))] = None
    return tuple(operations)


def two_fold_axis(operations: tuple[PlaneOperation, ...]) -> tuple[float, float] | None:
    """ξ of the first two-fold axis (or centre of symmetry) along the projection, None without one."""
    axes = (operation.translation for operation in operations if operation.matrix == TWO_FOLD)
    return next(((x / 2, y / 2) for x, y in axes), None)


@lru_cache(maxsize=256)
def reflection_lines(triplets: tuple[str, ...], basis: Basis = ALONG_C) -> tuple[PlaneOperation, ...]:
    """Mirror and glide lines, from the origin on the two-fold axis where there is one; those normal to b₁ first.

    Args:
        triplets, basis: as of :func:`plane_operations`.
    """
    operations = plane_operations(triplets, basis)
    origin = two_fold_axis(operations)
    lines = [operation for operation in operations if operation.is_reflection]
    return tuple(sorted(lines if origin is None else [line.about(origin) for line in lines]))


def point_group(operations: tuple[PlaneOperation, ...]) -> tuple[Matrix, ...]:
    """Matrices N with I(N κ) = I(κ), of a bright-field pattern at k = κ₁ b₁ + κ₂ b₂, sorted.

    Transposes of the operations' matrices; in the projection approximation the pattern has a two-fold axis also where
    the crystal has none.
    """
    matrices = {operation.matrix for operation in operations}
    return tuple(sorted({((e * p, e * r), (e * q, e * s)) for (p, q), (r, s) in matrices for e in (1, -1)}))


def point_symbol(group: tuple[Matrix, ...]) -> str:
    """Hermann–Mauguin symbol of a plane point group with a two-fold axis: 2, 4, 6, 2mm, 4mm or 6mm."""
    rotations = sum(p * s - q * r > 0 for (p, q), (r, s) in group)
    return f"{rotations}{'mm' if len(group) > rotations else ''}"
