"""The directions of the incoming beam at the pixels of a pattern. No PyTorch here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lacbed_gan.diffraction.constants import HALF_WIDTH
from lacbed_gan.diffraction.net import Net


@dataclass(frozen=True)
class Window:
    """The directions k = κ₁ b₁ + κ₂ b₂ of a pattern's pixels, |κ| ≤ half_width, whatever the net.

    Row is κ₂ and column is κ₁, both rising; pixel i is at κ = (i + ½ − size/2) / (size/2) · half_width.

    Attributes:
        size: pixels along an edge.
        half_width: half an edge of the pattern, in units of b₁ and b₂ (1/a for cubic [001]).
    """

    size: int
    half_width: float = HALF_WIDTH

    @property
    def axis(self) -> NDArray[np.float64]:
        """(size,) κ of the pixels."""
        return (np.arange(self.size, dtype=np.float64) - (self.size - 1) / 2) / (self.size / 2) * self.half_width

    @property
    def step(self) -> float:
        """Difference of κ between two neighbouring pixels."""
        return 2 * self.half_width / self.size

    def pixel_size(self, net: Net) -> tuple[float, float]:
        """Edges of a pixel along b₁ and b₂, in 1/Å."""
        x, y = net.lengths
        return self.step * x, self.step * y

    def directions(self, net: Net, rows: ArrayLike, columns: ArrayLike) -> NDArray[np.float64]:
        """(P, 2) in-plane components (x, y) in 1/Å of the incoming beams at P pixels."""
        return net.cartesian(np.stack([self.axis[np.asarray(columns)], self.axis[np.asarray(rows)]], -1))
