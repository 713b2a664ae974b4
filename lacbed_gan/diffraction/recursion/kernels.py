"""Loops over the numbers of one core's batch, compiled by Numba: a vector stays in the fastest cache from end to end.

Vectors are rows: (P, N) for P pixels and N symmetry-adapted beams, (P, n) for the n rows of a tridiagonal matrix.
Compiled code is kept beside this file, or in the user's cache where that cannot be written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

FAST = {"contract", "reassoc", "nsz", "arcp"}  # sums in any order, which vector instructions need; NaN stays NaN
TINY = np.float32(np.finfo(np.float32).tiny)

Function = TypeVar("Function", bound=Callable[..., Any])
Real = NDArray[np.float32]
Places = NDArray[np.uint32]
Rows = tuple[Places, Places, Places, Places, Places, Real]


def compiled(function: Function) -> Function:
    """Compile when it is first called."""
    return cast(Function, njit(cache=True, fastmath=FAST, error_model="numpy")(function))


@compiled
def advance(
    u: Real,
    before: Real,
    product: Real,
    beta: Real,
    beta_before: Real,
    k: Real,
    tilt: tuple[tuple[np.uint64, ...], Real, Real],
    others: tuple[Places, Places, Places, Real, Real],
) -> Real:
    """One step of the recursion of P pixels, in place: u = β v, before = β₋₁ v₋₁ and U v → β' v' in `before`.

    w = A v − β v₋₁, α = w · v, w ← w − α v, β' = |w|. The tilt is added here.

    Args:
        u, before, product: (P, N) float32; product is U − |g|² times u.
        beta, beta_before: (P,) float32, norms of u and of before; overwritten by β' and β.
        k: (P, 2) float32, −2 k along the axes of the sectors.
        tilt, others: see :class:`..operators.blocks.Blocks`.

    Returns:
        (P,) float32 α.
    """
    alpha = np.empty(len(u), np.float32)
    for p in range(len(u)):
        v, w = u[p], before[p]
        inverse = np.float32(1) / max(beta[p], TINY)
        _scale_and_subtract(w, product[p], inverse, beta[p] / max(beta_before[p], TINY))
        kx, ky = k[p, 0] * inverse, k[p, 1] * inverse
        _turn(v, w, kx, ky, tilt[0], tilt[1], tilt[2])
        _turn_others(v, w, kx, ky, others[0], others[1], others[2], others[3], others[4])
        alpha[p] = _dot(v, w) * inverse
        beta_before[p] = beta[p]
        beta[p] = np.sqrt(_subtract(v, w, alpha[p] * inverse))
    return alpha


@compiled
def _scale_and_subtract(w: Real, product: Real, inverse: np.float32, last: np.float32) -> None:
    """w ← product/β − last w."""
    for i in range(len(w)):
        w[i] = product[i] * inverse - last * w[i]


@compiled
def _dot(v: Real, w: Real) -> np.float32:
    total = np.float32(0)
    for i in range(len(v)):
        total += v[i] * w[i]
    return total


@compiled
def _subtract(v: Real, w: Real, factor: np.float32) -> np.float32:
    """w · w after w ← w − factor v."""
    total = np.float32(0)
    for i in range(len(v)):
        new = w[i] - factor * v[i]
        w[i] = new
        total += new * new
    return total


@compiled
def _turn(v: Real, w: Real, kx: np.float32, ky: np.float32, places: tuple[np.uint64, ...], gx: Real, gy: Real) -> None:
    """The tilt of beams off the axes in (+, +), (+, −), (−, +), (−, −): x turns the first sign, y the second."""
    a, b, c, d = places
    _add_two(w, a, v, c, b, kx, ky, gx, gy)
    _add_two(w, b, v, d, a, kx, ky, gx, gy)
    _add_two(w, c, v, a, d, kx, ky, gx, gy)
    _add_two(w, d, v, b, c, kx, ky, gx, gy)


@compiled
def _add_two(
    w: Real, to: np.uint64, v: Real, x: np.uint64, y: np.uint64, kx: np.float32, ky: np.float32, gx: Real, gy: Real
) -> None:
    """w ← w + k_x g_x v_x + k_y g_y v_y, of rows from `to`, x and y on."""
    for i in range(np.uint64(len(gx))):  # unsigned: an index that may be negative is looked at each time
        w[to + i] += kx * gx[i] * v[x + i] + ky * gy[i] * v[y + i]


@compiled
def _turn_others(
    v: Real, w: Real, kx: np.float32, ky: np.float32, rows: Places, x: Places, y: Places, gx: Real, gy: Real
) -> None:
    """The tilt of the other beams, each with the rows that x and y take it to."""
    for i in range(len(rows)):
        w[rows[i]] += kx * gx[i] * v[x[i]] + ky * gy[i] * v[y[i]]


@compiled
def advance_rows(
    u: Real, before: Real, product: Real, beta: Real, beta_before: Real, along: tuple[Real, Real, Real], rows: Rows
) -> Real:
    """As :func:`advance`, of vectors (M, P I) on a folded lattice: M rows of I columns for each of P pixels.

    Args:
        product: U times u, with numbers where there are no beams, which are left out here.
        along: −g_x² and −2 k_x g_x, (strands, P I) each, and −2 k_y, (P I,).
        rows: see :meth:`..operators.folded_fourier.FoldedFourierOperator.rows`.
    """
    strand, turned_x, turned_y, begin, end, gy = rows
    square, x, y = along
    pixels, wide = len(beta), u.shape[1] // len(beta)
    inverse, factor, total = np.empty_like(y), np.empty_like(y), np.zeros_like(y)
    for p in range(pixels):
        inverse[p * wide : (p + 1) * wide] = np.float32(1) / max(beta[p], TINY)
        factor[p * wide : (p + 1) * wide] = beta[p] / max(beta_before[p], TINY)
    for r in range(len(u)):
        w, v, e = before[r], u[r], strand[r]
        _scale_row(w, product[r], inverse, factor)
        _turn_row(w, v, u[turned_x[r]], u[turned_y[r]], square[e], x[e], y, inverse, gy[r])
        for p in range(pixels):
            w[p * wide : p * wide + begin[r]] = 0
            w[p * wide + end[r] : (p + 1) * wide] = 0
        _add_product(total, v, w)
    alpha = np.empty_like(beta)
    for p in range(pixels):
        alpha[p] = total[p * wide : (p + 1) * wide].sum() * inverse[p * wide]
        factor[p * wide : (p + 1) * wide] = alpha[p] * inverse[p * wide]
    total[:] = 0
    for r in range(len(u)):
        _subtract_row(before[r], u[r], factor, total)
    for p in range(pixels):
        beta_before[p] = beta[p]
        beta[p] = np.sqrt(total[p * wide : (p + 1) * wide].sum())
    return alpha


@compiled
def _scale_row(w: Real, product: Real, inverse: Real, last: Real) -> None:
    for i in range(len(w)):
        w[i] = product[i] * inverse[i] - last[i] * w[i]


@compiled
def _turn_row(
    w: Real, v: Real, vx: Real, vy: Real, square: Real, x: Real, y: Real, inverse: Real, gy: np.float32
) -> None:
    for i in range(len(w)):
        w[i] += ((square[i] - gy * gy) * v[i] + x[i] * vx[i] + gy * y[i] * vy[i]) * inverse[i]


@compiled
def _add_product(total: Real, v: Real, w: Real) -> None:
    for i in range(len(w)):
        total[i] += v[i] * w[i]


@compiled
def _subtract_row(w: Real, v: Real, factor: Real, total: Real) -> None:
    for i in range(len(w)):
        new = w[i] - factor[i] * v[i]
        w[i] = new
        total[i] += new * new


@compiled
def moments(diagonal: Real, coupling: Real, count: int, last_rows: int) -> tuple[Real, Real]:
    """μ_m = ⟨0|T_m|0⟩, m = 0 … count − 1 (even), of P tridiagonal matrices scaled to [−1, 1].

    Args:
        diagonal, coupling: (P, n) and (P, n − 1) float32, of twice the scaled matrices.
        last_rows: how many of the last rows of T_m|0⟩ are wanted.

    Returns:
        moments: (P, count) float32.
        end: (P, count/2, last_rows) float32, the last rows of the vectors T_m|0⟩.
    """
    pixels, n = diagonal.shape
    moments = np.empty((pixels, count), np.float32)
    end = np.zeros((pixels, count // 2, last_rows), np.float32)
    between = np.zeros(n + 1, np.float32)  # coupling of row r to r − 1
    for p in range(pixels):
        between[1:n] = coupling[p]
        # Rows 0 and n + 1 stay zero, so that both neighbours exist everywhere.
        v, w = np.zeros(n + 2, np.float32), np.zeros(n + 2, np.float32)
        v[1] = 1
        w[1] = diagonal[p, 0] / 2
        w[2] = between[1] / 2 if n > 1 else np.float32(0)
        moments[p, 0], moments[p, 1] = 1, w[1]
        for m in range(1, count // 2):
            rows = min(n, m + 2)  # T_m+1|0⟩ has no element beyond row m + 1
            even, odd = _chebyshev_step(diagonal[p], between, v, w, rows)
            moments[p, 2 * m] = 2 * even - 1
            moments[p, 2 * m + 1] = 2 * odd - moments[p, 1]
            if rows == n:
                end[p, m] = w[n + 1 - last_rows : n + 1]
            v, w = w, v
    return moments, end


@compiled
def _chebyshev_step(diagonal: Real, between: Real, v: Real, w: Real, rows: int) -> tuple[np.float32, np.float32]:
    """v ← 2x w − v of some rows; w · w and the new v · w."""
    even, odd = np.float32(0), np.float32(0)
    for r in range(rows):
        here = w[r + 1]
        new = diagonal[r] * here + between[r + 1] * w[r + 2] + between[r] * w[r] - v[r + 1]
        v[r + 1] = new
        even += here * here
        odd += new * here
    return even, odd


@compiled
def lowest_pivots(sides: Real, squared: Real, points: Real) -> Real:
    """Smallest pivot of x − T of P tridiagonal matrices at some x: positive where no eigenvalue is above x.

    Args:
        sides: (S, P, n) float32 diagonals of S kinds of matrices.
        squared: (P, n − 1) float32, couplings squared.
        points: (S, X) float32.

    Returns:
        (S, X) float32, of all matrices.
    """
    kinds, pixels, n = sides.shape
    lowest = points - sides[:, :1, 0]
    count = points.shape[1]
    pivot = np.empty(count, np.float32)
    for s in range(kinds):
        x, least = points[s], lowest[s]
        for p in range(pixels):
            side = sides[s, p]
            for i in range(count):
                pivot[i] = x[i] - side[0]
                least[i] = min(least[i], pivot[i])
            for r in range(1, n):
                for i in range(count):
                    pivot[i] = x[i] - side[r] - squared[p, r - 1] / pivot[i]
                    least[i] = min(least[i], pivot[i])
    return lowest
