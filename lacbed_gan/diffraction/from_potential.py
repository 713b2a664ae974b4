"""Bright-field patterns from an image of ρ instead of a crystal: its Fourier coefficients are U_hk0 up to scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.constants import G_MAX, HALF_WIDTH
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.window import pixel_axis

# Share of Σ|ρ_hk|² below which coefficients are taken for zero: rounding to 8 bit and the errors of a network.
NOISE = 1e-4
# Lattices that centring and glide planes of cubic groups leave of the (h, k), the sparsest first, as short bases.
LATTICES = (
    ((2, 2), (2, -2)),
    ((2, 0), (0, 2)),
    ((1, 1), (1, -1)),
    ((2, 0), (0, 1)),
    ((1, 0), (0, 2)),
    ((1, 0), (0, 1)),
)
# Parities of (i, j) in h b₁ = i b₁ + j b₂ on which the sign of U(−h, k)/U(h, k) may depend; see `sectors`.
PARITIES = ((0, 0), (1, 1), (1, 0), (0, 1))


@dataclass(frozen=True)
class Coefficients:
    """Fourier coefficients of an image of ρ, those of a cubic crystal that come nearest to them.

    Attributes:
        values: (2m + 1, 2m + 1) float64, ρ_hk for h, k = −m … m (first index h), of the image's own unit; real because
            the origin is on the two-fold axis, with ρ_00 = 0.
        basis: (2, 2) int64, short basis of the lattice of (h, k) where they are not zero.
        asymmetry: share of Σ|ρ_hk|², without ρ_00, that the symmetries of every cubic crystal along [001] take away;
            0 … 1: about 0 for right ones, ½ for images without symmetry.
    """

    values: Tensor
    basis: Tensor
    asymmetry: float


def coefficients(potential: np.ndarray) -> Coefficients:
    """Fourier coefficients of ρ about its two-fold axis, with two lines of reflection through it.

    ρ_hk = n⁻² Σ ρ(r) exp(−2πi (h x + k y)), and U_hk0 = ρ_hk · (ρ_max − ρ_min) if ρ is scaled to [0, 1].

    Args:
        potential: (n, n) real, ρ sampled at r = i/n; row is y, column is x.

    Raises:
        ValueError: it is not square, smaller than 8 pixels, not finite, or the same all over.
    """
    image = np.asarray(potential, dtype=np.float64)
    if image.ndim != 2 or image.shape[0] != image.shape[1] or len(image) < 8:
        raise ValueError(f"ρ is {image.shape}, not a square image of 8 pixels or more")
    if not np.isfinite(image).all() or image.max() == image.min():
        raise ValueError("ρ is the same all over, or holds values that are not finite")
    n = len(image)
    transform = np.fft.fft2(image) / n**2
    transform[0, 0] = 0
    reach = (n - 1) // 2
    index = np.arange(-reach, reach + 1)
    # Σ ρ(p + r) ρ(p − r) for all 2p; where it is largest, p is the two-fold axis
    about = np.fft.ifft2(transform**2).real
    y, x = (place / 2 / n for place in np.unravel_index(about.argmax(), about.shape))
    values = transform[np.ix_(index, index)].T  # first index h
    total = float((np.abs(values) ** 2).sum())
    values = (values * np.exp(2j * np.pi * (index[:, None] * x + index * y))).real
    basis = _lattice(values)
    values = _reflected(np.where(_coordinates(index, basis)[2], values, 0.0), index, basis)
    return Coefficients(torch.from_numpy(values), torch.tensor(basis), 1 - float((values**2).sum()) / total)


def bright_field_at(
    potential: Coefficients,
    span: float,
    a: float,
    thickness: Sequence[float],
    pixels: tuple[np.ndarray, np.ndarray],
    size: int,
    *,
    g_max: float = G_MAX,
    energy_kv: float = 200.0,
    half_width: float = HALF_WIDTH,
) -> Tensor:
    """Intensities at some pixels of the pattern that a crystal with this ρ would give.

    Args:
        potential: of ρ scaled to [0, 1].
        span: ρ_max − ρ_min in 1/Å².
        a: cell edge in Å.
        thickness: T values in nm.
        pixels: rows and columns, (P,) whole numbers each.
        size: of the whole pattern, pixels along an edge.
        g_max: cut-off of the beams in 1/Å.

    Returns:
        (T, P) float32 in [0, 1].

    Raises:
        ValueError: a number that is not positive, or a recursion that does not settle.
    """
    if not (span > 0 and a > 0 and min(thickness) > 0 and math.isfinite(span * a)):
        raise ValueError(f"span {span}, a {a} and thickness {list(thickness)} must be positive")
    beams = _beams(potential, span, a, g_max)
    axis = pixel_axis(size, half_width) / a
    rows, columns = (torch.as_tensor(part) for part in pixels)
    k = torch.stack([axis[columns], axis[rows]], 1)
    order = torch.argsort((k**2).sum(1))  # neighbours of similar |k| take similar numbers of steps
    found, _ = intensities([beams], k[order][None], thickness, energy_kv)
    result = torch.empty_like(found[0, 0])
    result[:, order] = found[0, 0]
    return result


def _beams(potential: Coefficients, span: float, a: float, g_max: float) -> Beams:
    reach = math.floor(g_max * a)
    known = len(potential.values) // 2
    wide = torch.zeros(4 * reach + 1, 4 * reach + 1, dtype=torch.float64)
    m = min(known, 2 * reach)
    inner = slice(known - m, known + m + 1)
    wide[2 * reach - m : 2 * reach + m + 1, 2 * reach - m : 2 * reach + m + 1] = span * potential.values[inner, inner]
    index = np.arange(-reach, reach + 1)
    h, k = np.meshgrid(index, index, indexing="ij")
    inside = (h**2 + k**2 <= (g_max * a) ** 2) & _coordinates(index, potential.basis.tolist())[2]
    hk = torch.from_numpy(np.stack([h[inside], k[inside]], 1))
    return Beams(hk[torch.argsort((hk**2).sum(1), stable=True)], wide, potential.basis, a)


def _lattice(values: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    """The sparsest lattice that holds all of the coefficients but their noise."""
    index = np.arange(len(values)) - len(values) // 2
    power = values**2
    for basis in LATTICES:
        if power[~_coordinates(index, basis)[2]].sum() <= NOISE * power.sum():
            return basis
    raise AssertionError("the last lattice holds everything")


def _coordinates(index: np.ndarray, basis: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """i, j with (h, k) = i b₁ + j b₂, rounded down, and whether (h, k) is on the lattice, over the grid of indices."""
    (p, q), (r, s) = basis
    determinant = p * s - q * r
    h, k = index[:, None], index
    i, j = h * s - k * r, k * p - h * q
    return i // determinant, j // determinant, (i % determinant == 0) & (j % determinant == 0)


def _reflected(values: np.ndarray, index: np.ndarray, basis: Sequence[Sequence[int]]) -> np.ndarray:
    """Mean over U(−h, k) = U(h, −k) = χ U(h, k), with that χ = ±1 which changes them least."""
    values = (values + values[::-1, ::-1]) / 2
    i, j, _ = _coordinates(index, basis)
    candidates = []
    for of_i, of_j in PARITIES:
        chi = 1 - 2 * ((of_i * i + of_j * j) % 2)
        candidates.append((values + chi * values[::-1]) / 2)
    return max(candidates, key=lambda mean: float((mean**2).sum()))
