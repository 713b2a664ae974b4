"""The directions of the incoming beam at the pixels of a pattern. No PyTorch here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lacbed_gan.crystal.plane_symmetry import Matrix
from lacbed_gan.diffraction.constants import HALF_WIDTH, WINDOWS, wavelength
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.net import Net


@dataclass(frozen=True)
class Window:
    """The directions of a pattern's pixels: a square in units of the net, or one of absolute angles.

    Row and column both rise; pixel i is at (i + ½ − size/2) / (size/2) · half_width. ``reciprocal`` is
    k = κ₁ b₁ + κ₂ b₂, column κ₁ and row κ₂, whatever the net; ``1/Å`` is k = (x, y) itself, column x and row y.

    Attributes:
        size: pixels along an edge.
        half_width: half an edge of the pattern, in units of b₁ and b₂ (1/a for cubic [001]) or in 1/Å.
        unit: ``reciprocal`` or ``1/Å``.
    """

    size: int
    half_width: float = HALF_WIDTH
    unit: str = "reciprocal"

    @classmethod
    def of(
        cls, size: int, half_width: float | None = None, unit: str = "reciprocal", energy_kv: float = 200.0
    ) -> Window:
        """That of a half width in any unit of `WINDOWS`; an angle θ in mrad is k = θ/λ.

        Raises:
            CalculationError: another unit, or no half width where the unit needs one.
        """
        if unit not in WINDOWS:
            raise CalculationError(f"window '{unit}' is not one of {', '.join(WINDOWS)}")
        if half_width is None:
            if unit != "reciprocal":
                raise CalculationError(f"window={unit} needs half_width, half an edge of the pattern in {unit}")
            half_width = HALF_WIDTH
        if not 0 < half_width < np.inf:
            raise CalculationError(f"half_width {half_width} must be positive")
        if unit == "mrad":
            return cls(size, half_width * 1e-3 / wavelength(energy_kv), "1/Å")
        return cls(size, half_width, unit)

    @property
    def axis(self) -> NDArray[np.float64]:
        """(size,) positions of the pixels, in the unit."""
        return (np.arange(self.size, dtype=np.float64) - (self.size - 1) / 2) / (self.size / 2) * self.half_width

    @property
    def step(self) -> float:
        """Distance of two neighbouring pixels, in the unit."""
        return 2 * self.half_width / self.size

    def vectors(self, net: Net) -> NDArray[np.float64]:
        """(2, 2) what one unit along columns and along rows is, (x, y) in 1/Å each."""
        return np.eye(2) if self.unit == "1/Å" else np.asarray(net.vectors)

    def pixel_size(self, net: Net) -> tuple[float, float]:
        """Edges of a pixel in 1/Å."""
        x, y = np.linalg.norm(self.vectors(net), axis=1)
        return self.step * float(x), self.step * float(y)

    def steepest(self, net: Net) -> float:
        """The largest |k| in 1/Å, at a corner."""
        corners = np.array([[1, 1], [1, -1]]) * self.half_width
        return float(np.linalg.norm(corners @ self.vectors(net), axis=1).max())

    def directions(self, net: Net, rows: ArrayLike, columns: ArrayLike) -> NDArray[np.float64]:
        """(P, 2) in-plane components (x, y) in 1/Å of the incoming beams at P pixels."""
        place = np.stack([self.axis[np.asarray(columns)], self.axis[np.asarray(rows)]], -1)
        return place if self.unit == "1/Å" else net.cartesian(place)

    def operations(self, group: tuple[Matrix, ...], net: Net) -> tuple[tuple[Matrix, Matrix], ...]:
        """Those matrices on (κ₁, κ₂) that map pixels on pixels, and what they are on (column, row).

        A grid in units of the net is mapped by all of them, though perhaps not onto itself; one in absolute angles by
        the symmetry of a square.
        """
        if self.unit == "reciprocal":
            return tuple((matrix, matrix) for matrix in group)
        vectors, pairs = np.asarray(net.vectors), []
        for matrix in group:
            turned = vectors.T @ np.asarray(matrix) @ np.linalg.inv(vectors.T)
            if np.abs(turned - np.rint(turned)).max() < 1e-6:
                (p, q), (r, s) = np.rint(turned).astype(int).tolist()
                pairs.append((matrix, ((p, q), (r, s))))
        return tuple(pairs)
