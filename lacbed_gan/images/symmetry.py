"""Mirror images of patterns and of ρ, means over them, and the quadrant that two mirror lines leave.

The pixels of a pattern lie symmetrically about its centre: a mirror takes index i of n to n − 1 − i. A periodic ρ is
sampled at r = i/n: a mirror through the origin takes i to −i mod n.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Images = TypeVar("Images", np.ndarray, "Tensor")
Axes = tuple[int, ...]

# Operations by the axes that each reverses.
MIRRORS: tuple[Axes, ...] = ((-1,), (-2,))
TWO_FOLD: tuple[Axes, ...] = ((-2, -1),)


def mirror(images: Images, axes: Axes, periodic: bool = False) -> Images:
    """Images (..., H, W), array or tensor, reversed along some axes.

    Args:
        axes: (-1,) mirrors left and right, (-2,) top and bottom, (-2, -1) turns by 180°.
        periodic: about pixel 0 instead of about the middle.

    >>> mirror(np.array([[1, 2, 3]]), (-1,)), mirror(np.array([[1, 2, 3]]), (-1,), periodic=True)
    (array([[3, 2, 1]]), array([[1, 3, 2]]))
    """
    if isinstance(images, np.ndarray):
        reverse = np.flip(images, axes)
        return np.roll(reverse, 1, axes) if periodic else reverse
    turned = images.flip(axes)
    return turned.roll((1,) * len(axes), axes) if periodic else turned


def fold(images: Images, operations: Sequence[Axes] = MIRRORS, periodic: bool = False) -> Images:
    """The mean of images (..., H, W) over the group that commuting operations of order two generate.

    For each operation in turn, (x + copy of x) / 2; sums of two floating-point numbers do not depend on their order,
    so that the result is symmetric to the last bit.

    Args:
        operations: the axes that each reverses, such as `MIRRORS` and `TWO_FOLD`.
        periodic: as for `mirror`.

    >>> fold(np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 4.0]]))
    array([[1.5, 2. , 1.5],
           [1.5, 2. , 1.5]])
    """
    for axes in operations:
        images = (images + mirror(images, axes, periodic)) / 2
    return images


def quadrant(images: Images) -> Images:
    """(..., S, S) → (..., ⌈S/2⌉, ⌈S/2⌉): from the centre to the last row and column."""
    return images[..., images.shape[-2] // 2 :, images.shape[-1] // 2 :]


def unfold(quarter: Images, size: int) -> Images:
    """The pattern (..., size, size) whose `quadrant` this is, with a mirror line along each axis.

    An odd size has a middle row and column, which belong to both halves.

    >>> unfold(np.array([[1, 2], [3, 4]]), 3)
    array([[4, 3, 4],
           [2, 1, 2],
           [4, 3, 4]])
    """
    half = _joined(mirror(quarter, (-1,))[..., : size // 2], quarter, -1)
    return _joined(mirror(half, (-2,))[..., : size // 2, :], half, -2)


def _joined(first: Images, second: Images, axis: int) -> Images:
    if isinstance(first, np.ndarray):
        return np.concatenate([first, second], axis)
    from torch import cat

    return cat([first, second], axis)
