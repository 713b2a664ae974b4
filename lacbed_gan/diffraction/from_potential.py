"""Bright-field patterns from an image of ρ instead of a crystal: its Fourier coefficients are U_hk up to scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lacbed_gan.crystal.plane_symmetry import PlaneOperation
from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.constants import G_MAX
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.net import Net, grid
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.recursion.slices import absorbed_intensities
from lacbed_gan.diffraction.sublattice import Sublattice
from lacbed_gan.diffraction.window import Window

# Share of Σ|ρ_hk|² below which coefficients are taken for zero: rounding to 8 bit and the errors of a network.
NOISE = 1e-4
# Translations that centring and glide planes of cubic groups leave in the projected cell, the most of them first.
CENTRINGS = (
    ((0.25, 0.25), (0.5, 0.0), (0.0, 0.5)),
    ((0.5, 0.0), (0.0, 0.5)),
    ((0.5, 0.5),),
    ((0.5, 0.0),),
    ((0.0, 0.5),),
    (),
)
NORMAL_TO_X = ((-1, 0), (0, 1))  # the matrix of the line of reflection that every cubic crystal has along [001]


@dataclass(frozen=True)
class Coefficients:
    """Fourier coefficients of an image of ρ, those of a cubic crystal that come nearest to them.

    Attributes:
        values: (2m + 1, 2m + 1) float64, ρ_hk for h, k = −m … m (first index h), of the image's own unit; real because
            the origin is on the two-fold axis, with ρ_00 = 0.
        lattice: of the (h, k) where they are not zero.
        reflection: a line of reflection, ρ_(hW) = χ ρ_h.
        asymmetry: share of Σ|ρ_hk|², without ρ_00, that the symmetries of every cubic crystal along [001] take away;
            0 … 1: about 0 for right ones, ½ for images without symmetry.
    """

    values: Tensor
    lattice: Sublattice
    reflection: PlaneOperation
    asymmetry: float

    def beams(self, span: float, net: Net, g_max: float) -> Beams:
        """Beams with |g| ≤ g_max (1/Å), of ρ scaled to a range of `span` in 1/Å²."""
        return Beams.within(g_max, span * self.values, net, self.lattice, self.reflection)


def coefficients(potential: ArrayLike) -> Coefficients:
    """Fourier coefficients of ρ about its two-fold axis, with two lines of reflection through it.

    ρ_hk = n⁻² Σ ρ(r) exp(−2πi (h x + k y)), and U_hk = ρ_hk · (ρ_max − ρ_min) if ρ is scaled to [0, 1].

    Args:
        potential: (n, n) real, ρ sampled at r = i/n; row is y, column is x.

    Raises:
        CalculationError: it is not square, smaller than 8 pixels, not finite, or the same all over.
    """
    image = np.asarray(potential, dtype=np.float64)
    if image.ndim != 2 or image.shape[0] != image.shape[1] or len(image) < 8:
        raise CalculationError(f"ρ is {image.shape}, not a square image of 8 pixels or more")
    if not np.isfinite(image).all() or image.max() == image.min():
        raise CalculationError("ρ is the same all over, or holds values that are not finite")
    n = len(image)
    transform = np.fft.fft2(image) / n**2
    transform[0, 0] = 0
    x, y = two_fold_axis(transform)
    hk = grid((n - 1) // 2, (n - 1) // 2)
    waves = transform[hk[..., 1], hk[..., 0]]  # negative indices count from the end, as the transform does
    total = float((np.abs(waves) ** 2).sum())
    values = (waves * np.exp(2j * np.pi * (hk @ (x, y)))).real
    lattice = _lattice(values, hk)
    values, reflection = _reflected(np.where(lattice.contains(hk), values, 0.0), hk, lattice)
    return Coefficients(torch.from_numpy(values), lattice, reflection, 1 - float((values**2).sum()) / total)


def two_fold_axis(transform: NDArray[np.complex128]) -> tuple[float, float]:
    """Where ρ has it most nearly, (x, y) in cells, of its discrete Fourier transform (n, n) without ρ_00."""
    about = np.fft.ifft2(transform**2).real  # Σ ρ(p + r) ρ(p − r) for all 2p
    y, x = (place / 2 / len(transform) for place in np.unravel_index(about.argmax(), about.shape))
    return float(x), float(y)


def bright_field_at(
    potential: Coefficients,
    span: float,
    net: Net,
    thickness: Sequence[float],
    pixels: tuple[ArrayLike, ArrayLike],
    window: Window,
    *,
    g_max: float = G_MAX,
    energy_kv: float = 200.0,
    absorption_ratio: float = 0.0,
) -> Tensor:
    """Intensities at some pixels of the pattern that a crystal with this ρ would give.

    Args:
        potential: of ρ scaled to [0, 1].
        span: ρ_max − ρ_min in 1/Å².
        net: of the projected cell.
        thickness: T values in nm.
        pixels: rows and columns, (P,) whole numbers each.
        window: of the whole pattern.
        g_max: cut-off of the beams in 1/Å.
        absorption_ratio: U′/U of absorption proportional to the potential, taken to be zero at the minimum of ρ.

    Returns:
        (T, P) float32 in [0, 1].

    Raises:
        CalculationError: a number that is not positive, or a recursion that does not settle.
    """
    if not (span > 0 and min(thickness) > 0 and math.isfinite(span)):
        raise CalculationError(f"span {span} and thickness {list(thickness)} must be positive")
    return intensities_at(
        potential.beams(span, net, g_max), thickness, pixels, window, energy_kv, absorption_ratio=absorption_ratio
    )


def intensities_at(
    beams: Beams,
    thickness: Sequence[float],
    pixels: tuple[ArrayLike, ArrayLike],
    window: Window,
    energy_kv: float = 200.0,
    absorption_ratio: float = 0.0,
) -> Tensor:
    """(T, P) float32, as :func:`bright_field_at` of these beams."""
    k = window.directions(beams.net, *pixels)
    order = np.argsort((k**2).sum(1))  # neighbours of similar |k| take similar numbers of steps
    sorted_k = torch.from_numpy(k[order])
    if absorption_ratio:
        values = absorbed_intensities(beams, _absorbing(beams, absorption_ratio), sorted_k, thickness, energy_kv)
    else:
        (values,), _ = intensities([beams], sorted_k[None], thickness, energy_kv)
    result = torch.empty_like(values[0])
    result[:, torch.from_numpy(order)] = values[0]
    return result


def _absorbing(beams: Beams, ratio: float) -> Beams:
    """U′ = ratio · U, with the mean that makes its least value in the cell zero: it takes intensity everywhere."""
    u = ratio * beams.potential
    size = [2 * n for n in u.shape]
    image = torch.fft.fft2(u, s=size)  # but for the phase of the middle's place
    wave = [torch.arange(n) * (k // 2) / n for n, k in zip(size, u.shape, strict=True)]
    phase = 2 * math.pi * (wave[0][:, None] + wave[1])
    lowest = (image * torch.polar(torch.ones_like(phase), phase)).real.min()
    mean = torch.zeros_like(u)
    mean[tuple(beams.middle)] = -lowest
    return replace(beams, potential=u + mean)


def _lattice(values: NDArray[np.float64], hk: NDArray[np.int64]) -> Sublattice:
    """The sparsest lattice that holds all of the coefficients but their noise."""
    power = values**2
    for translations in CENTRINGS:
        allowed = np.ones(power.shape, bool)
        for translation in translations:
            allowed &= hk @ translation % 1 == 0
        if power[~allowed].sum() <= NOISE * power.sum():
            break
    return Sublattice.generated(hk[allowed].tolist(), Net.square(1.0))


def _reflected(
    values: NDArray[np.float64], hk: NDArray[np.int64], lattice: Sublattice
) -> tuple[NDArray[np.float64], PlaneOperation]:
    """Mean over U(−h, k) = U(h, −k) = χ U(h, k), with that line of reflection which changes them least."""
    values = (values + values[::-1, ::-1]) / 2
    candidates = []
    for translation in lattice.half_vectors():
        line = PlaneOperation(NORMAL_TO_X, translation)
        basis = np.asarray(lattice.basis)
        if not (line.character(basis) == line.character(line.images(basis))).all():
            continue  # twice the line is a translation that the lattice does not have
        candidates.append(((values + line.character(hk) * values[::-1]) / 2, line))
    return max(candidates, key=lambda candidate: float((candidate[0] ** 2).sum()))
