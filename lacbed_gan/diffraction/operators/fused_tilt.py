"""The tilt's part of a product with A, and two scalar products, in one pass over the vectors of a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS, PIXELS = 8, 64  # of a block, that one program goes through


def fused_tilt(w: Tensor, v: Tensor, tilt: Sequence[tuple[Tensor, Tensor]], offset: Tensor, products: Tensor) -> None:
    """w += (k_x g_x M_x + k_y g_y M_y − offset) v, and ⟨v|v⟩, ⟨v|w⟩ of the result.

    Args:
        w, v: (C, 4, R, P) float32, sectors as in `SIGNS`; w is changed.
        tilt: g (C, R), with all factors, and k (C, P), of x and of y.
        offset: (C, P).
        products: (2, C, P), written.
    """
    crystals, _, rows, pixels = v.shape
    grid = triton.cdiv(pixels, PIXELS), crystals
    with torch.cuda.device_of(v):
        _kernel[grid](w, v, *tilt[0], *tilt[1], offset, products, rows, pixels, crystals * pixels, ROWS, PIXELS)


@triton.jit  # type: ignore[untyped-decorator]
def _kernel(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled for the GPU
    w, v, g_x, k_x, g_y, k_y, offset, products, rows, pixels, stride, ROWS: tl.constexpr, PIXELS: tl.constexpr
):
    crystal = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    inside = pixel < pixels
    of_pixel = crystal * pixels + pixel
    x_k = tl.load(k_x + of_pixel, inside, 0.0)
    y_k = tl.load(k_y + of_pixel, inside, 0.0)
    shift = tl.load(offset + of_pixel, inside, 0.0)
    squares = tl.zeros([PIXELS], tl.float32)
    crossed = tl.zeros([PIXELS], tl.float32)
    block = rows * pixels
    for first in range(0, rows, ROWS):
        row = first + tl.arange(0, ROWS)
        exists = (row < rows)[:, None] & inside[None]
        x = tl.load(g_x + crystal * rows + row, row < rows, 0.0)[:, None] * x_k[None]
        y = tl.load(g_y + crystal * rows + row, row < rows, 0.0)[:, None] * y_k[None]
        place = crystal * 4 * block + (row * pixels)[:, None] + pixel[None]
        v0 = tl.load(v + place, exists, 0.0)
        v1 = tl.load(v + place + block, exists, 0.0)
        v2 = tl.load(v + place + 2 * block, exists, 0.0)
        v3 = tl.load(v + place + 3 * block, exists, 0.0)
        w0 = tl.load(w + place, exists, 0.0) + x * v2 + y * v1 - shift[None] * v0
        w1 = tl.load(w + place + block, exists, 0.0) + x * v3 + y * v0 - shift[None] * v1
        w2 = tl.load(w + place + 2 * block, exists, 0.0) + x * v0 + y * v3 - shift[None] * v2
        w3 = tl.load(w + place + 3 * block, exists, 0.0) + x * v1 + y * v2 - shift[None] * v3
        tl.store(w + place, w0, exists)
        tl.store(w + place + block, w1, exists)
        tl.store(w + place + 2 * block, w2, exists)
        tl.store(w + place + 3 * block, w3, exists)
        squares += tl.sum(v0 * v0 + v1 * v1 + v2 * v2 + v3 * v3, 0)
        crossed += tl.sum(v0 * w0 + v1 * w1 + v2 * w2 + v3 * w3, 0)
    tl.store(products + of_pixel, squares, inside)
    tl.store(products + stride + of_pixel, crossed, inside)
