"""The reflections that take part: lattices in the (h, k) grid that centring and glide planes leave."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lacbed_gan.crystal.plane_symmetry import Matrix
from lacbed_gan.diffraction.net import Net

BEYOND = 1_000_000  # an index that no reflection has: it stands for a direction without reflections


@dataclass(frozen=True)
class Sublattice:
    """Points (h, k) = i c₁ + j c₂.

    Attributes:
        basis: c₁ and c₂, a short basis.
    """

    basis: Matrix

    @classmethod
    def generated(cls, hk: ArrayLike, net: Net) -> Sublattice:
        """The lattice that some (h, k) generate, (N, 2), with a basis as short as the metric of the net allows."""
        left = np.asarray(hk, dtype=np.int64).reshape(-1, 2)
        p = q = s = 0  # of the vectors (p, q) and (0, s), which generate those that are no longer left
        while len(left):
            h, k = left[0].tolist()
            while h:  # Euclid's algorithm on the first index
                n = p // h
                p, q, h, k = h, k, p - n * h, q - n * k
            s = math.gcd(s, k)
            n = left[:, 0] // p if p else np.zeros_like(left[:, 0])
            rest = left - n[:, None] * [p, q]
            left = left[(rest[:, 0] != 0) | (rest[:, 1] % s != 0 if s else rest[:, 1] != 0)]
        first, second = (p, q) if p else (BEYOND, 0), (0, s)
        if s == 0:
            second = (-q * BEYOND, p * BEYOND) if p else (0, BEYOND)
        return cls(_reduced(first, second, net))

    @property
    def index(self) -> int:
        """The sublattice holds one point in so many."""
        (p, q), (r, s) = self.basis
        return abs(p * s - q * r)

    def coordinates(self, hk: ArrayLike) -> NDArray[np.int64]:
        """(…, 2) the (i, j) of points of the sublattice, for others of one near by."""
        return np.rint(np.asarray(hk) @ np.linalg.inv(self.basis)).astype(np.int64)

    def contains(self, hk: ArrayLike) -> NDArray[np.bool_]:
        """(…) which (h, k) of (…, 2) are points of it."""
        return (self.coordinates(hk) @ np.asarray(self.basis) == np.asarray(hk)).all(-1)

    def half_vectors(self) -> Iterator[tuple[float, float]]:
        """Translations w with h · w = 0 or ½ at every point, by which a glide line may move: 0, and three more."""
        for parity in ((0, 0), (1, 1), (1, 0), (0, 1)):
            x, y = np.linalg.inv(self.basis) @ parity / 2
            yield float(x), float(y)


def _reduced(b: tuple[int, int], c: tuple[int, int], net: Net) -> Matrix:
    """The shortest basis of the lattice of two vectors, by Gauss's reduction."""
    while True:
        if net.squared_length(b) > net.squared_length(c):
            b, c = c, b
        n = round(float(np.dot(net.metric @ b, c) / net.squared_length(b)))
        shorter = (c[0] - n * b[0], c[1] - n * b[1])
        # Half way between two lattice points rounding may go to and fro.
        if n == 0 or not net.squared_length(shorter) < net.squared_length(c) * (1 - 1e-12):
            return b, c
        c = shorter
