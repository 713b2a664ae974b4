"""Chebyshev polynomials and pivots of tridiagonal matrices on one core, a matrix in each lane of vector registers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from lacbed_gan.diffraction.recursion.instructions import LANES, ZERO, Code, instructions
from lacbed_gan.diffraction.recursion.kernels import Real, compiled

POINTS = 8  # at which pivots are formed together, so that none waits for a division
EVEN, ODD, EVEN_NEXT, ODD_NEXT = range(4)


@instructions
def _two_steps(typingctx: Any, diagonal: Any, between: Any, before: Any, now: Any, rows: Any, sums: Any) -> Any:
    """T_m-1, T_m → T_m+1, T_m+2 of rows 0 to rows − 1, and T_m · T_m, T_m+1 · T_m, T_m+1 · T_m+1, T_m+2 · T_m+1.

    Row r of an array (n + 3, LANES) is its element r + 1; coupling r leads from row r to r − 1.
    """
    kinds = (diagonal, between, before, now, types.intp, sums)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        code = Code(context, builder, kinds, values)
        diagonal, between, before, now, rows, sums = code.arguments

        def body(r: Any, known: list[Any]) -> list[Any]:
            b_last, b, p_last, p_before, d_last, c, c_last, even, odd, even_next, odd_next = known
            at = code.times(r, LANES)
            b_next, c_next = code.load(now, at, 2 * LANES), code.load(between, at, 2 * LANES)
            d = code.load(diagonal, at, LANES)
            p = builder.fsub(code.multiply(d, b), code.load(before, at, LANES), flags=["contract"])
            p = code.add(code.add(p, c_next, b_next), c, b_last)
            q = builder.fsub(code.multiply(d_last, p_last), b_last, flags=["contract"])
            q = code.add(code.add(q, c_last, p_before), c, p)
            code.store(p, before, at, LANES)
            code.store(q, now, at)
            even, odd = code.add(even, b, b), code.add(odd, p, b)
            even_next, odd_next = code.add(even_next, p, p), code.add(odd_next, q, p_last)
            return [b, b_next, p, p_last, d, c_next, c, even, odd, even_next, odd_next]

        start = [ZERO] * 11
        start[1] = code.load(now, code.number(LANES))
        end = code.loop(builder.add(rows, code.number(1)), start, body)
        for i, total in enumerate(end[7:]):
            code.store(total, sums, code.number(i * LANES))
        return context.get_dummy_value()

    return types.void(*kinds), generate


@compiled
def moments(
    alpha: Real, beta: Real, offset: NDArray[np.float64], centre: float, half: float, count: int, last_rows: int
) -> tuple[Real, Real]:
    """μ_m = ⟨0|T_m|0⟩ of P tridiagonal matrices (T − offset − centre)/half, with eigenvalues in [−1, 1].

    Args:
        alpha, beta: (n, P) float32, diagonals, and couplings of which the last one is not used.
        offset: (P,).
        count: of moments, even.
        last_rows: how many of the last rows of T_m|0⟩ are wanted.

    Returns:
        moments: (count, P) float32.
        end: (count/2, last_rows, P) float32, the last rows of the vectors T_m|0⟩.
    """
    n, pixels = alpha.shape
    factor = 2 / half  # a step is 2x T_m − T_m-1
    moments = np.empty((count + 2, pixels), np.float32)
    end = np.zeros((count // 2 + 1, last_rows, pixels), np.float32)
    diagonal, between = np.zeros((n + 3, LANES), np.float32), np.zeros((n + 3, LANES), np.float32)
    sums = np.zeros((4, LANES), np.float32)
    for first in range(0, pixels, LANES):
        lanes = min(LANES, pixels - first)
        for r in range(n):
            for i in range(lanes):
                diagonal[r + 1, i] = (alpha[r, first + i] - offset[first + i] - centre) * factor
        for r in range(1, n):
            for i in range(lanes):
                between[r + 1, i] = beta[r - 1, first + i] * factor
        v, w = np.zeros((n + 3, LANES), np.float32), np.zeros((n + 3, LANES), np.float32)
        for i in range(lanes):
            v[1, i], w[1, i], w[2, i] = 1, diagonal[1, i] / 2, between[2, i] / 2
            moments[0, first + i], moments[1, first + i] = 1, w[1, i]
        for m in range(1, count // 2, 2):
            rows = min(n, m + 3)  # T_m+2|0⟩ has no element beyond row m + 2
            for r in range(last_rows if rows == n else 0):
                for i in range(lanes):
                    end[m, r, first + i] = w[n + 1 - last_rows + r, i]
            _two_steps(diagonal, between, v, w, rows, sums)
            for r in range(last_rows if rows == n else 0):
                for i in range(lanes):
                    end[m + 1, r, first + i] = v[n + 1 - last_rows + r, i]
            for i in range(lanes):
                moments[2 * m, first + i] = 2 * sums[EVEN, i] - 1
                moments[2 * m + 1, first + i] = 2 * sums[ODD, i] - moments[1, first + i]
                moments[2 * m + 2, first + i] = 2 * sums[EVEN_NEXT, i] - 1
                moments[2 * m + 3, first + i] = 2 * sums[ODD_NEXT, i] - moments[1, first + i]
    return moments[:count], end[: count // 2]


@instructions
def _pivots(typingctx: Any, side: Any, squared: Any, points: Any, rows: Any, least: Any) -> Any:
    """Smallest pivot of x − T at each of POINTS x, of each lane, from those of row 0 in `least` (POINTS, LANES) on."""
    kinds = (side, squared, points, types.intp, least)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        code = Code(context, builder, kinds, values)
        side, squared, points, rows, least = code.arguments
        x = [code.everywhere(points, code.number(i)) for i in range(POINTS)]
        first = [code.load(least, code.number(i * LANES)) for i in range(POINTS)]

        def body(r: Any, known: list[Any]) -> list[Any]:
            at = code.times(r, LANES)
            s, square = code.load(side, at, LANES), code.load(squared, at)
            pivots = [
                builder.fsub(builder.fsub(point, s), builder.fdiv(square, pivot))
                for point, pivot in zip(x, known[:POINTS], strict=True)
            ]
            smaller = [
                builder.select(builder.fcmp_ordered("<", pivot, low), pivot, low)
                for pivot, low in zip(pivots, known[POINTS:], strict=True)
            ]
            return [*pivots, *smaller]

        lowest = code.loop(builder.sub(rows, code.number(1)), [*first, *first], body)[POINTS:]
        for i, low in enumerate(lowest):
            code.store(low, least, code.number(i * LANES))
        return context.get_dummy_value()

    return types.void(*kinds), generate


@compiled
def lowest_pivots(sides: Real, squared: Real, points: Real) -> Real:
    """Smallest pivot of x − T of P tridiagonal matrices at some x: positive where no eigenvalue is above x.

    Args:
        sides: (S, n, P) float32 diagonals of S kinds of matrices.
        squared: (n − 1, P) float32, couplings squared.
        points: (S, POINTS) float32.

    Returns:
        (S, POINTS) float32, of all matrices.
    """
    kinds, n, pixels = sides.shape
    lowest = points - sides[:, 0, :1]
    side, coupling = np.empty((n, LANES), np.float32), np.empty((n, LANES), np.float32)
    least = np.empty((POINTS, LANES), np.float32)
    for first in range(0, pixels, LANES):
        for r in range(n - 1):
            for i in range(LANES):
                coupling[r, i] = squared[r, min(first + i, pixels - 1)]
        for s in range(kinds):
            for r in range(n):
                for i in range(LANES):
                    side[r, i] = sides[s, r, min(first + i, pixels - 1)]
            for j in range(POINTS):
                for i in range(LANES):
                    least[j, i] = points[s, j] - side[0, i]
            if n > 1:
                _pivots(side, coupling, points[s], n, least)
            for j in range(POINTS):
                for i in range(LANES):
                    lowest[s, j] = min(lowest[s, j], least[j, i])
    return lowest
