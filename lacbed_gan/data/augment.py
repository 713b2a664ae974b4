"""Exact augmentation of pairs: the operations of the square and shifts of the origin, as arithmetic on pixel indices.

Turning and mirroring a crystal turns and mirrors its pattern; shifting the origin of ρ leaves the pattern as it is.
All of them take pixels to pixels, so that nothing is interpolated and 8-bit images stay as they are. Mirrors and the
transposition generate the point group 4mm of the square, 8 operations.
"""

from __future__ import annotations

import torch
from torch import Tensor

SPACES = ("real", "angle")


def draw(count: int, generator: torch.Generator, size: int, point_group: bool, shift: bool) -> Tensor:
    """Random moves, all equally likely.

    Args:
        generator: on the CPU; its state alone decides.
        size: edge of the images in pixels.
        point_group: draw one of the 8 operations of 4mm, else the identity.
        shift: draw a shift of ρ by whole pixels, else none. The operations do not depend on it.

    Returns:
        (count, 5) int64 on the CPU, the columns transpose, mirror rows, mirror columns (0 or 1), row shift and column
        shift (0 … size − 1). They apply in this order, see `gather`.

    >>> draw(2, torch.Generator().manual_seed(0), 8, point_group=True, shift=False)
    tensor([[0, 1, 1, 0, 0],
            [0, 1, 1, 0, 0]])
    """
    moves = torch.zeros(count, 5, dtype=torch.int64)
    if point_group:
        moves[:, :3] = torch.randint(2, (count, 3), generator=generator)
    if shift:
        moves[:, 3:] = torch.randint(size, (count, 2), generator=generator)
    return moves


def gather(images: Tensor, rows: Tensor, moves: Tensor, space: str, periodic: bool = True) -> Tensor:
    """Some of the images, each moved: straight from the stored ones, with no copy but the result.

    A transposition swaps rows and columns. A mirror takes pixel i of n to −i mod n in a periodic ρ, sampled at
    r = i/n, and to n − 1 − i in a pattern, whose pixels lie symmetrically about its centre, and in a ρ with both edges
    of the cell, r = i/(n − 1). A shift by s takes pixel i of a periodic ρ to i + s mod n, and leaves all else.

    Args:
        images: (N, C, n, n) of any dtype.
        rows: (B,) int64, images to take.
        moves: (B, 5) int64 from `draw`, on the device of the images.
        space: "real" for ρ, "angle" for patterns.
        periodic: ρ is sampled at r = i/n; else at i/(n − 1), where shifts do not exist and are not made.

    Returns:
        (B, C, n, n), all channels of an image moved together.

    Raises:
        ValueError: the images are not square, or an unknown space.

    >>> image = torch.tensor([[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]])
    >>> mirror_columns = torch.tensor([[0, 0, 1, 0, 0]])
    >>> gather(image, torch.tensor([0]), mirror_columns, "real")[0, 0]
    tensor([[1, 3, 2],
            [4, 6, 5],
            [7, 9, 8]])
    >>> gather(image, torch.tensor([0]), mirror_columns, "angle")[0, 0]
    tensor([[3, 2, 1],
            [6, 5, 4],
            [9, 8, 7]])
    """
    if space not in SPACES:
        raise ValueError(f"space={space}: choose from {', '.join(SPACES)}")
    _, channels, size, width = images.shape
    if size != width:
        raise ValueError(f"images of {size} × {width} pixels: turning them needs squares")
    in_cell = space == "real" and periodic
    transpose, mirrors, shifts = moves[:, 0], moves[:, 1:3, None], moves[:, 3:, None]
    # Backwards, from a pixel of the result to the one it comes from: (B, 2, n), row and column.
    source = torch.arange(size, device=images.device).expand(len(moves), 2, size)
    if in_cell:
        source = source - shifts
    # n − 1 − i is −1 − i modulo n.
    source = torch.where(mirrors == 1, (0 if in_cell else -1) - source, source) % size
    row, column = source[:, 0, :, None], source[:, 1, None, :]
    swapped = transpose[:, None, None] == 1
    row, column = torch.where(swapped, column, row), torch.where(swapped, row, column)
    channel = torch.arange(channels, device=images.device)[:, None, None]
    return images[rows[:, None, None, None], channel, row[:, None], column[:, None]]
