"""Incoming beam directions of a pattern, and the share of them that symmetry leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

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
        return (np.arange(self.size) - (self.size - 1) / 2) / (self.size / 2) * self.half_width

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

    def extent(self, net: Net) -> tuple[float, float, float, float]:
        """Left, right, bottom and top edge of the image in 1/Å along b₁ and b₂."""
        x, y = (self.half_width * length for length in net.lengths)
        return -x, x, -y, y


def pixel_axis(size: int, half_width: float = HALF_WIDTH) -> Tensor:
    """In-plane component of the incoming beam at pixel 0 … size − 1, in units of 1/a: (size,) float64."""
    return (torch.arange(size, dtype=torch.float64) - (size - 1) / 2) / (size / 2) * half_width


def independent_pixels(size: int, symmetry: str) -> tuple[Tensor, Tensor]:
    """Rows and columns of one pixel of each set that symmetry makes equal.

    The quadrant of non-negative k for ``2mm``, the half of it with k_y ≤ k_x for ``4mm``.

    Returns:
        rows, columns: (P,) int64 each, by rising |k|.
    """
    half = torch.arange(size // 2, size)
    rows, columns = (x.reshape(-1) for x in torch.meshgrid(half, half, indexing="ij"))
    if symmetry == "4mm":
        keep = rows <= columns
        rows, columns = rows[keep], columns[keep]
    centre = (size - 1) / 2
    order = torch.argsort((rows - centre) ** 2 + (columns - centre) ** 2, stable=True)
    return rows[order], columns[order]


def complete_pattern(values: Tensor, rows: Tensor, columns: Tensor, size: int, symmetry: str) -> Tensor:
    """Fill a pattern from its independent pixels: values (T, P) → (T, size, size)."""
    quadrant = values.new_zeros(len(values), size, size)
    quadrant[:, rows, columns] = values
    if symmetry == "4mm":
        quadrant[:, columns, rows] = values
    quadrant = quadrant[:, size // 2 :, size // 2 :]
    # An odd size has a middle row and column, which belong to both halves.
    half = torch.cat([quadrant.flip(1)[:, : size // 2], quadrant], 1)
    return torch.cat([half.flip(2)[:, :, : size // 2], half], 2)


def _operations(symmetry: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The point group of a pattern as matrices on (x, y)."""
    signs = [(x, y) for x in (1, -1) for y in (1, -1)]
    operations = [((x, 0), (0, y)) for x, y in signs]
    if symmetry == "4mm":
        operations += [((0, x), (y, 0)) for x, y in signs]
    return operations


def star_of(reflections: Sequence[tuple[int, int]], symmetry: str) -> list[tuple[int, int]]:
    """All reflections that symmetry makes of some, each once."""
    images = ((a * h + b * k, c * h + d * k) for h, k in reflections for (a, b), (c, d) in _operations(symmetry))
    return list(dict.fromkeys(images))


def complete_dark_field(
    values: Tensor,
    star: Mapping[tuple[int, int], int],
    reflection: tuple[int, int],
    rows: Tensor,
    columns: Tensor,
    size: int,
    symmetry: str,
) -> Tensor:
    """Fill a dark-field pattern from the independent pixels: I_g(R k) = I_(R⁻¹ g)(k) for each R of the point group.

    Args:
        values: (S, T, P) intensities of the reflections of `star` at the independent pixels.
        star: (h, k) → index into values; all of :func:`star_of`.

    Returns:
        (T, size, size).
    """
    pattern = values.new_zeros(values.shape[1], size, size)
    h, k = reflection
    last = size - 1
    # Twice the distance from the centre, so that odd and even sizes are whole numbers.
    x, y = 2 * columns - last, 2 * rows - last
    for (a, b), (c, d) in _operations(symmetry):
        source = star[a * h + c * k, b * h + d * k]  # R⁻¹ is the transpose of R
        pattern[:, (c * x + d * y + last) // 2, (a * x + b * y + last) // 2] = values[source]
    return pattern
