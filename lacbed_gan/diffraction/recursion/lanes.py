"""Loops over the numbers of one core, pixels in the lanes of vector registers, written in LLVM's instructions.

What Numba makes of a plain loop keeps sums of products in memory. Here the sums of ROWS rows and WIDE pixels stay in
registers while a block of the matrix goes by, and the tilt and the scalar products are made of them before they leave:
a product comes near to what the core can multiply, whoever made it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding
from numba import types
from numpy.typing import NDArray

from lacbed_gan.diffraction.recursion.instructions import LANES, ZERO, Code, instructions
from lacbed_gan.diffraction.recursion.kernels import TINY, Real, compiled

WIDE = 2 * LANES  # pixels of a group
# Rows whose sums fit in registers beside the numbers that they are made of: 32 registers of 16 numbers, or fewer.
ROWS = 8 if binding.get_host_cpu_features().get("avx512f") else 2

INVERSE, LAST, X, Y, ALPHA, FACTOR, NORM = range(7)  # rows of the numbers of each pixel of a group, (7, WIDE)


@instructions
def _multiply(
    typingctx: Any,
    panels: Any,
    offset: Any,
    count: Any,
    v: Any,
    w: Any,
    begin: Any,
    row: Any,
    x: Any,
    y: Any,
    gx: Any,
    gy: Any,
    pixel: Any,
) -> Any:
    """ROWS rows of w ← (panel v + tilt)/β − last w, and α += v · w, of one group.

    A panel is (count, ROWS) numbers of `panels` from `offset` on, which rows `begin` and following are multiplied by.
    """
    kinds = (panels, types.intp, types.intp, v, w, types.intp, types.intp, x, y, gx, gy, pixel)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        code = Code(context, builder, kinds, values)
        panels, offset, count, v, w, begin, row, x, y, gx, gy, pixel = code.arguments
        halves = range(0, WIDE, LANES)
        first = code.times(begin, WIDE)

        def product(i: Any, sums: list[Any]) -> list[Any]:
            at, place = builder.add(first, code.times(i, WIDE)), builder.add(offset, code.times(i, ROWS))
            numbers = [code.load(v, at, lanes) for lanes in halves]
            results: list[Any] = []
            for r in range(ROWS):
                element = code.everywhere(panels, builder.add(place, code.number(r)))
                results += [code.add(sums[len(results) + j], element, each) for j, each in enumerate(numbers)]
            return results

        sums = iter(code.loop(count, [ZERO] * (ROWS * len(halves)), product))
        of_pixel = {
            (which, lanes): code.load(pixel, code.number(which * WIDE), lanes) for which in range(5) for lanes in halves
        }
        for r in range(ROWS):
            here = builder.add(row, code.number(r))
            tilts = [
                (axis, code.everywhere(g, here), code.times(code.place(to, here), WIDE))
                for axis, g, to in ((X, gx, x), (Y, gy, y))
            ]
            at = code.times(here, WIDE)
            for lanes in halves:
                total = next(sums)
                for axis, g, there in tilts:
                    total = code.add(total, of_pixel[axis, lanes], code.multiply(g, code.load(v, there, lanes)))
                old = code.multiply(of_pixel[LAST, lanes], code.load(w, at, lanes))
                new = builder.fsub(code.multiply(of_pixel[INVERSE, lanes], total), old, flags=["contract"])
                code.store(new, w, at, lanes)
                of_pixel[ALPHA, lanes] = code.add(of_pixel[ALPHA, lanes], new, code.load(v, at, lanes))
        for lanes in halves:
            code.store(of_pixel[ALPHA, lanes], pixel, code.number(ALPHA * WIDE), lanes)
        return context.get_dummy_value()

    return types.void(*kinds), generate


@instructions
def _subtract(typingctx: Any, v: Any, w: Any, rows: Any, pixel: Any) -> Any:
    """w ← w − factor v, and NORM = w · w, of one group; an even number of rows."""
    kinds = (v, w, types.intp, pixel)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        code = Code(context, builder, kinds, values)
        v, w, rows, pixel = code.arguments
        factor = [code.load(pixel, code.number(FACTOR * WIDE), lanes) for lanes in range(0, WIDE, LANES)] * 2

        def body(i: Any, sums: list[Any]) -> list[Any]:
            at, results = code.times(i, 2 * WIDE), list[Any]()
            for place, (f, total) in enumerate(zip(factor, sums, strict=True)):
                new = code.subtract(code.load(w, at, place * LANES), f, code.load(v, at, place * LANES))
                code.store(new, w, at, place * LANES)
                results.append(code.add(total, new, new))
            return results

        sums = code.loop(builder.udiv(rows, code.number(2)), [ZERO] * 4, body)
        for j in (0, 1):
            total = builder.fadd(sums[j], sums[j + 2])
            code.store(total, pixel, code.number(NORM * WIDE), j * LANES)
        return context.get_dummy_value()

    return types.void(*kinds), generate


Blocks = tuple[Real, NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32], Real, Real]


@compiled
def advance(
    u: Real, before: Real, beta: Real, beta_before: Real, k: Real, blocks: Blocks, together: int, record: Real
) -> None:
    """Steps of the recursion of groups of pixels, in place: u = β v, before = β₋₁ v₋₁ → those of the last two steps.

    w = A v − β v₋₁, α = w · v, w ← w − α v, β' = |w|. After an odd number of steps the later vector is in `before`.

    Args:
        u, before: (G, N, WIDE) float32.
        beta, beta_before: (G, WIDE) float32, norms of u and of before, or the other way round as these.
        k: (G, 2, WIDE) float32, −2 k along the axes of the sectors.
        blocks: see :class:`..operators.blocks.Blocks`.
        together: groups that each panel of the matrix goes to before the next one comes.
        record: (G, steps, 2, WIDE) float32, filled with α and β'.
    """
    panels, sectors, x, y, gx, gy = blocks
    pixel = np.empty((together, 7, WIDE), np.float32)
    for first in range(0, len(u), together):
        groups = range(first, min(first + together, len(u)))
        v, w, b, c = u, before, beta, beta_before
        for step in range(record.shape[1]):
            for g in groups:
                _begin(b[g], c[g], k[g], pixel[g - first])
            for s in range(len(sectors)):
                begin, count, offset = sectors[s]
                for row in range(begin, begin + count, ROWS):
                    for g in groups:
                        _multiply(panels, offset, count, v[g], w[g], begin, row, x, y, gx, gy, pixel[g - first])
                    offset += count * ROWS
            for g in groups:
                _end(v[g], w[g], c[g], pixel[g - first], record[g, step])
            v, w, b, c = w, v, c, b


@compiled
def _begin(beta: Real, before: Real, k: Real, pixel: Real) -> None:
    for i in range(WIDE):
        pixel[INVERSE, i] = np.float32(1) / max(beta[i], TINY)
        pixel[LAST, i] = beta[i] / max(before[i], TINY)
        pixel[X, i], pixel[Y, i], pixel[ALPHA, i] = k[0, i], k[1, i], 0


@compiled
def _end(v: Real, w: Real, beta: Real, pixel: Real, record: Real) -> None:
    """α, w ← w − α v, and the new β, of one group."""
    for i in range(WIDE):
        pixel[ALPHA, i] *= pixel[INVERSE, i]
        pixel[FACTOR, i] = pixel[ALPHA, i] * pixel[INVERSE, i]
    _subtract(v, w, len(v), pixel)
    for i in range(WIDE):
        beta[i] = np.sqrt(pixel[NORM, i])
        record[0, i], record[1, i] = pixel[ALPHA, i], beta[i]
