"""The net of zone-order reflections: the one place that knows their metric. No PyTorch here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

ON_THE_LIMIT = 1e-12  # relative rounding of |g|²: reflections that lie on a cut-off are inside it


@dataclass(frozen=True)
class Net:
    """Reflections h b₁ + k b₂ of a zone axis, and the projected cell whose reciprocal they are.

    Attributes:
        vectors: (x, y) of b₁ and of b₂ in 1/Å; x of an image is along b₁.
    """

    vectors: tuple[tuple[float, float], tuple[float, float]]

    @classmethod
    def square(cls, a: float) -> Net:
        """That of a cubic crystal along [001], of cell edge a in Å: b₁ = a*, b₂ = b*."""
        return cls(((1 / a, 0.0), (0.0, 1 / a)))

    @cached_property
    def metric(self) -> NDArray[np.float64]:
        """(2, 2) bᵢ · bⱼ in 1/Å²."""
        return np.asarray(self.vectors) @ np.asarray(self.vectors).T

    @cached_property
    def direct(self) -> NDArray[np.float64]:
        """(2, 2) rows a₁, a₂ of the projected cell in Å, aᵢ · bⱼ = δᵢⱼ."""
        return np.linalg.inv(np.asarray(self.vectors)).T

    @property
    def lengths(self) -> tuple[float, float]:
        """|b₁|, |b₂| in 1/Å."""
        return math.hypot(*self.vectors[0]), math.hypot(*self.vectors[1])

    @property
    def edges(self) -> tuple[float, float]:
        """|a₁|, |a₂| in Å."""
        return math.hypot(*self.direct[0]), math.hypot(*self.direct[1])

    def cartesian(self, hk: ArrayLike) -> NDArray[np.float64]:
        """(…, 2) components along x and y in 1/Å of h b₁ + k b₂, from (…, 2) whole or fractional (h, k)."""
        return np.asarray(hk, dtype=np.float64) @ np.asarray(self.vectors)

    def squared_length(self, hk: ArrayLike) -> NDArray[np.float64]:
        """(…) |h b₁ + k b₂|² in 1/Å²."""
        h, k = np.moveaxis(np.asarray(hk, dtype=np.float64), -1, 0)
        (b11, b12), (_, b22) = self.metric
        return h**2 * b11 + 2 * h * k * b12 + k**2 * b22

    def inside(self, hk: ArrayLike, g_max: float) -> NDArray[np.bool_]:
        """(…) whether |h b₁ + k b₂| ≤ g_max, in 1/Å."""
        return self.squared_length(hk) <= g_max**2 * (1 + ON_THE_LIMIT)

    def reach(self, g_max: float) -> tuple[int, int]:
        """Largest h and k of the reflections with |g| ≤ g_max."""
        h, k = (math.floor(g_max * edge * (1 + ON_THE_LIMIT)) for edge in self.edges)
        return h, k

    def within(self, g_max: float) -> NDArray[np.int64]:
        """(N, 2) all (h, k) with |g| ≤ g_max (1/Å) by rising |g|, those of one length by rising h, then k."""
        hk = grid(*self.reach(g_max)).reshape(-1, 2)
        hk = hk[self.inside(hk, g_max)]
        return hk[self.order(hk)]

    def order(self, hk: ArrayLike) -> NDArray[np.int64]:
        """Indices that sort (N, 2) points by |h b₁ + k b₂|; those of one length, up to rounding, stay as they are."""
        return np.argsort(np.round(self.squared_length(hk) / self.metric[0, 0], 9), kind="stable")


def grid(h_max: int, k_max: int) -> NDArray[np.int64]:
    """(2·h_max + 1, 2·k_max + 1, 2) all (h, k) with |h| ≤ h_max and |k| ≤ k_max, rising."""
    index = (np.arange(-most, most + 1) for most in (h_max, k_max))
    return np.stack(np.meshgrid(*index, indexing="ij"), -1)
