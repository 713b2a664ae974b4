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
