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
