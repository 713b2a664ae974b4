"""Loops over waves (4, R, P) in four blocks, compiled by Numba: each wave is gone through once a step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.diffraction.recursion.kernels import compiled

Real = NDArray[np.floating[Any]]


@compiled
def turn(out: Real, wave: Real, offset: Real, g: Real, k: Real) -> None:
    """out ← out + (offset + tilt) wave; x turns the first sign of (+, +), (+, −), (−, +), (−, −), y the second.

    Args:
        out, wave: (4, R, P).
        offset: (P,).
        g: (2, R) and k: (2, P), whose products are the tilts by x and by y.
    """
    for r in range(out.shape[1]):
        gx, gy = g[0, r], g[1, r]
        for p in range(out.shape[2]):
            a, b, c, d = wave[0, r, p], wave[1, r, p], wave[2, r, p], wave[3, r, p]
            x, y, o = gx * k[0, p], gy * k[1, p], offset[p]
            out[0, r, p] += o * a + x * c + y * b
            out[1, r, p] += o * b + x * d + y * a
            out[2, r, p] += o * c + x * a + y * d
            out[3, r, p] += o * d + x * b + y * c


@compiled
def recur(
    before: Real,
    now: Real,
    matrix: Real,
    offset: Real,
    g: Real,
    k: Real,
    squares: Real,
    crossed: Real,
) -> None:
    """Steps before ← (matrix + offset + tilt) now − before, each time with the two waves exchanged.

    For small matrices, whose steps take less time than it takes to call them one by one.

    Args:
        before, now: (4, R, P), which are overwritten; after an odd number of steps `before` is the last wave.
        matrix: (4, R, R).
        offset, g, k: as of :func:`turn`.
        squares, crossed: (N, P) of N steps, filled with now · now and now · the new wave.
    """
    product = np.empty_like(now)
    for step in range(len(squares)):
        for s in range(4):
            np.dot(matrix[s], now[s], product[s])
        squares[step], crossed[step] = 0, 0
        for r in range(now.shape[1]):
            gx, gy = g[0, r], g[1, r]
            for p in range(now.shape[2]):
                a, b, c, d = now[0, r, p], now[1, r, p], now[2, r, p], now[3, r, p]
                x, y, o = gx * k[0, p], gy * k[1, p], offset[p]
                e = product[0, r, p] - before[0, r, p] + o * a + x * c + y * b
                f = product[1, r, p] - before[1, r, p] + o * b + x * d + y * a
                q = product[2, r, p] - before[2, r, p] + o * c + x * a + y * d
                h = product[3, r, p] - before[3, r, p] + o * d + x * b + y * c
                before[0, r, p], before[1, r, p], before[2, r, p], before[3, r, p] = e, f, q, h
                squares[step, p] += a * a + b * b + c * c + d * d
                crossed[step, p] += a * e + b * f + c * q + d * h
        before, now = now, before


@compiled
def turn_and_multiply(out: Real, wave: Real, offset: Real, g: Real, k: Real, squares: Real, crossed: Real) -> None:
    """As :func:`turn`, with (P,) wave · wave and out · wave of the result, which are added to."""
    for r in range(out.shape[1]):
        gx, gy = g[0, r], g[1, r]
        for p in range(out.shape[2]):
            a, b, c, d = wave[0, r, p], wave[1, r, p], wave[2, r, p], wave[3, r, p]
            x, y, o = gx * k[0, p], gy * k[1, p], offset[p]
            e = out[0, r, p] + o * a + x * c + y * b
            f = out[1, r, p] + o * b + x * d + y * a
            q = out[2, r, p] + o * c + x * a + y * d
            h = out[3, r, p] + o * d + x * b + y * c
            out[0, r, p], out[1, r, p], out[2, r, p], out[3, r, p] = e, f, q, h
            squares[p] += a * a + b * b + c * c + d * d
            crossed[p] += a * e + b * f + c * q + d * h


@compiled
def turn_and_add(
    out: Real,
    wave: Real,
    offset: Real,
    g: Real,
    k: Real,
    here: Real,
    below: Real,
    above: Real,
    weights: Real,
) -> None:
    """As :func:`turn`, and out ← out + w₀ here + w₁ below + w₂ above, of weights (3, P)."""
    for r in range(out.shape[1]):
        gx, gy = g[0, r], g[1, r]
        for p in range(out.shape[2]):
            a, b, c, d = wave[0, r, p], wave[1, r, p], wave[2, r, p], wave[3, r, p]
            x, y, o = gx * k[0, p], gy * k[1, p], offset[p]
            u, v, w = weights[0, p], weights[1, p], weights[2, p]
            out[0, r, p] += o * a + x * c + y * b + u * here[0, r, p] + v * below[0, r, p] + w * above[0, r, p]
            out[1, r, p] += o * b + x * d + y * a + u * here[1, r, p] + v * below[1, r, p] + w * above[1, r, p]
            out[2, r, p] += o * c + x * a + y * d + u * here[2, r, p] + v * below[2, r, p] + w * above[2, r, p]
            out[3, r, p] += o * d + x * b + y * c + u * here[3, r, p] + v * below[3, r, p] + w * above[3, r, p]
