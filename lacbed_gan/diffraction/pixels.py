"""Pixels and reflections that the symmetry of a pattern makes equal: one of each set is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.crystal.plane_symmetry import Matrix
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window

SAME_SHAPE = 12  # decimals of the metric, in units of b₁²


@dataclass(frozen=True)
class IndependentPixels:
    """One pixel of each set that the point group makes equal, by rising |k|.

    Attributes:
        size: pixels along an edge of the pattern.
        group: its point group, matrices on (κ₁, κ₂) and (h, k), those that map pixels on pixels.
        rows, columns: (P,) int64 each.
        origin: (size²,) int64, of every pixel, row by row, the one of the P that is equal to it.
        operation: (size²,) int64, which matrix takes it there.
    """

    size: int
    group: tuple[Matrix, ...]
    rows: Tensor
    columns: Tensor
    origin: Tensor
    operation: Tensor

    @classmethod
    def of(cls, size: int, group: tuple[Matrix, ...], net: Net) -> IndependentPixels:
        """Those of a window in units of the net; see :meth:`of_window`."""
        return cls.of_window(Window(size), group, net)

    @classmethod
    def of_window(cls, window: Window, group: tuple[Matrix, ...], net: Net) -> IndependentPixels:
        """Those of a window, which may be no image of itself: images outside of it do not count."""
        metric = net.metric if window.unit == "reciprocal" else np.eye(2)
        (c11, c12), (_, c22) = (metric / metric[0, 0]).round(SAME_SHAPE).tolist()
        return cls._of_shape(window.size, window.operations(group, net), ((c11, c12), (c12, c22)))

    @classmethod
    @lru_cache(maxsize=16)  # crystals of one system have them in common
    def _of_shape(
        cls, size: int, operations: tuple[tuple[Matrix, Matrix], ...], shape: tuple[tuple[float, float], ...]
    ) -> IndependentPixels:
        """Those of a window whose pixels p = (column, row) have the squared distance p · shape · p."""
        group, on_pixels = zip(*operations, strict=True)
        pixel = torch.arange(size**2)
        last = size - 1
        # Twice κ in pixels, so that odd and even sizes are whole numbers.
        position = torch.stack([2 * (pixel % size) - last, 2 * (pixel // size) - last], -1)
        images = position @ torch.tensor(on_pixels).mT  # (G, size², 2)
        inside = ((images.abs() <= last) & ((images + last) % 2 == 0)).all(-1)
        # The one at largest κ₁, and then κ₂.
        _, operation = torch.where(inside, images[..., 0] * 4 * size + images[..., 1], -(10 * size**2)).max(0)
        column, row = ((images[operation, pixel] + last) // 2).unbind(-1)
        independent, origin = torch.unique(row * size + column, return_inverse=True)
        there = position[independent].double()
        squared = ((there @ torch.tensor(shape, dtype=torch.float64)) * there).sum(-1)
        order = squared.mul(1e9).round().argsort(stable=True)  # those of one length, up to rounding, stay as they are
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order))
        independent = independent[order]
        return cls(size, group, independent // size, independent % size, place[origin], operation)

    def complete(self, values: Tensor) -> Tensor:
        """Fill a pattern: (…, P) → (…, size, size)."""
        return values[..., self.origin].unflatten(-1, (self.size, self.size))

    def star(self, reflections: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """All reflections that symmetry makes of some, each once."""
        return list(dict.fromkeys(_image(matrix, g) for g in reflections for matrix in self.group))

    def complete_dark_field(
        self, values: Tensor, star: Mapping[tuple[int, int], int], reflection: tuple[int, int]
    ) -> Tensor:
        """Fill a dark-field pattern: I_g(κ) = I_(N g)(N κ) for each matrix N of the point group.

        Args:
            values: (S, T, P) intensities of the reflections of `star` at the independent pixels.
            star: (h, k) → index into values; all that :meth:`star` gives.

        Returns:
            (T, size, size).
        """
        return values[self.sources(star, reflection), :, self.origin].T.unflatten(-1, (self.size, self.size))

    def sources(self, star: Mapping[tuple[int, int], int], reflection: tuple[int, int]) -> Tensor:
        """(size²,) int64, which of the reflections of `star` has at `origin` what this one has at each pixel."""
        return torch.tensor([star[_image(matrix, reflection)] for matrix in self.group])[self.operation]


def _image(matrix: Matrix, reflection: tuple[int, int]) -> tuple[int, int]:
    (p, q), (r, s) = matrix
    h, k = reflection
    return p * h + q * k, r * h + s * k
