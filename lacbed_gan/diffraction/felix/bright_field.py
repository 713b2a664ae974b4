"""Bright-field LACBED as FELIX computes it: a truncated Bloch-wave calculation.

FELIX (github.com/WarwickMicroscopy/Felix, commit d1fc195a) made the published patterns. Its numbers are
reproduced here, its thresholds and constants included; its eigenvectors are not needed for that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.constants import HALF_WIDTH
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.felix.pool import WAVELENGTH, reflection_pool
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.structure_factors import structure_factors
from lacbed_gan.diffraction.window import Window

GAMMA = 1.391468597867  # FELIX's Lorentz factor at 200 kV
K = 1 / WAVELENGTH
DEVIATION_STEP = float(np.float32(0.005))  # growth of the limit of |s_g|, 2π/Å: a single-precision literal
STRONG_RATIO = 0.5  # a beam with |U_g/s_g| of at least this is strong (U in 1/Å², s in 2π/Å)
LARGEST_TILE = 16  # pixels on the edge of a block; neighbours share most of their strong beams


def felix_bright_field(
    crystal: Crystal,
    thickness: Sequence[float] = (50, 100, 150, 200),
    size: int = 128,
    ranks: int = 1,
    device: str | torch.device = "cpu",
) -> Tensor:
    """Direct-beam intensity at 200 kV with FELIX's reflection pool and its choice of strong beams.

    For each pixel about a quarter of the pool is strong, and |ψ₀|² = |[exp(2πi t A)]₀₀|² with s_g on the
    diagonal of A, U_{g−h}/2K off it, and each element divided by √(1 + g_z/K_z) of its row and its column.
    Equal to FELIX's own output to 5e-6.

    Args:
        thickness: in nm.
        size: pixels on an edge; the image spans ±7.266 reciprocal lattice units whatever the size.
        ranks: number of MPI processes of the FELIX run to reproduce. FELIX shares pixels among them in
            row-major order and broadcasts half of its scattering matrix only: all processes but the first
            lose the beams in the second half of the pool.
        device: where to compute.

    Returns:
        (T, size, size) float64 in [0, 1]; row is k_y, column is k_x, both ascending.

    Raises:
        CalculationError: size or ranks below 1, no thickness, or a thickness that is not zero or positive.
    """
    if size < 1 or ranks < 1:
        raise CalculationError(f"size and ranks must be at least 1, not {size} and {ranks}")
    kx, ky = (k.to(device) for k in incoming_beams(crystal, size))
    pixel = torch.arange(size**2, device=device)
    truncated = pixel >= size**2 // ranks
    edge = min(LARGEST_TILE, max(4, size // 8))
    row, column = pixel // size, pixel % size
    order = torch.argsort(row // edge * size + column // edge, stable=True)
    intensity = intensities(crystal, kx[order], ky[order], thickness, truncated[order], block=edge**2)
    pattern = torch.empty_like(intensity)
    pattern[:, order] = intensity
    return pattern.reshape(-1, size, size)


def incoming_beams(crystal: Crystal, size: int) -> tuple[Tensor, Tensor]:
    """In-plane components k_x and k_y of the incoming beam in 1/Å, (size²,) float64 each, row by row."""
    axis = torch.from_numpy(Window(size, round(HALF_WIDTH / crystal.a, 5)).axis)  # rounded as in FELIX's input files
    ky, kx = torch.meshgrid(axis, axis, indexing="ij")
    return kx.reshape(-1), ky.reshape(-1)


def intensities(
    crystal: Crystal,
    kx: Tensor,
    ky: Tensor,
    thickness: Sequence[float],
    truncated: Tensor,
    block: int = LARGEST_TILE**2,
) -> Tensor:
    """Direct-beam intensity for single directions of the incoming beam.

    Args:
        kx, ky: (P,) float64, in-plane component of the incoming beam in 1/Å.
        thickness: in nm.
        truncated: (P,) bool, directions computed with the first half of the pool only, as FELIX's
            processes do after the first.
        block: directions solved together; fastest where those of one block are close to each other.

    Returns:
        (T, P) float64 in [0, 1].
    """
    t = 10 * torch.as_tensor(thickness, dtype=torch.float64, device=kx.device).reshape(-1)  # Å
    if len(t) == 0 or not bool((t >= 0).all()):
        raise CalculationError(f"thickness must be one or more numbers in nm, none negative, not {thickness}")
    pool = _Pool.of(crystal, kx.device)
    k = torch.stack([kx, ky, (K**2 - kx**2 - ky**2).sqrt()], -1)
    blocks = zip(k.split(block), truncated.split(block), strict=True)
    return torch.cat([_block(pool, *part, t) for part in blocks], -1)


@dataclass(frozen=True)
class _Pool:
    """The reflection pool: g (N, 3) float64 in 1/Å, and U_{g−h} (N, N) complex128 in 1/Å², U₀ = 0."""

    g: Tensor
    potential: Tensor

    @classmethod
    def of(cls, crystal: Crystal, device: torch.device) -> _Pool:
        hkl = torch.as_tensor(reflection_pool(crystal))
        # One integer for each reflection, such that the difference of two numbers is that of the two.
        span = 4 * int(hkl.abs().max()) + 1
        code = (hkl[:, 0] * span + hkl[:, 1]) * span + hkl[:, 2]
        difference, position = torch.unique(code[:, None] - code[None], return_inverse=True)
        half = span // 2
        code = difference + (half * span + half) * span + half
        hkl_of = torch.stack([code // span**2, code // span % span, code % span], -1) - half
        u = structure_factors(crystal, hkl_of, gamma=GAMMA)
        u[difference == 0] = 0
        # With the origin on a centre of symmetry U is real; on a two-fold axis it is where l = 0.
        negligible = 1e-10 * u.abs().max()
        if bool((u.imag.abs() > negligible).any()):
            axis = Projection(crystal).two_fold_axis or (0.0, 0.0)
            phase = 2 * math.pi * (hkl_of[:, :2].double() @ torch.tensor(axis, dtype=torch.float64))
            u = u * torch.polar(torch.ones_like(phase), phase)
        u.imag[u.imag.abs() <= negligible] = 0
        a = float(np.float32(crystal.a))  # FELIX reads it in single precision, and beams lie on thresholds
        return cls((hkl.double() / a).to(device), u[position].to(device))


def deviation_parameters(k: Tensor, g: Tensor) -> Tensor:
    """s_g = −sign(2k·g + g²) |g| √(2(K² − k₀·k′)) / K, negative where g lies outside the Ewald sphere.

    k₀ = (−|g|/2, √(K² − g²/4)) is the beam at the Bragg condition of g and k′ = (k·ĝ, √(K² − (k·ĝ)²)) the
    incoming one, in the plane of g and its normal.

    Args:
        k: (P, 3) incoming wave vectors, g: (N, 3) reflections; 1/Å.

    Returns:
        (P, N) in 1/Å.
    """
    length = g.norm(dim=-1)
    kg = k @ g.T
    along = kg / length.clamp(min=1e-9)
    product = -length / 2 * along + ((K**2 - length**2 / 4) * (K**2 - along**2)).sqrt()
    magnitude = length * (2 * (K**2 - product)).clamp(min=0).sqrt() / K
    return -torch.sign(2 * kg + length**2) * magnitude


def strong_beams(s: Tensor, u: Tensor) -> Tensor:
    """Which beams FELIX keeps: |s_g| < L or |U_g/s_g| ≥ 0.5, L the least that leaves ⌊N/4⌋.

    Args:
        s: (P, N) deviation parameters in 1/Å, u: (N,) |U_g| in 1/Å².

    Returns:
        (P, N) bool. L is a multiple of 0.005 · 2π/Å, and all beams that qualify at it are kept.
    """
    s = 2 * math.pi * s.abs()
    s = torch.where(u >= STRONG_RATIO * s, 0.0, s)
    limit = torch.kthvalue(s, max(1, s.shape[-1] // 4), dim=-1, keepdim=True).values
    return s < DEVIATION_STEP * ((limit / DEVIATION_STEP).floor() + 1)


def _block(pool: _Pool, k: Tensor, truncated: Tensor, t: Tensor) -> Tensor:
    """|ψ₀|² (T, P) for incoming beams k (P, 3) at thicknesses t in Å."""
    s = deviation_parameters(k, pool.g)
    strong = strong_beams(s, pool.potential[:, 0].abs())
    beyond_half = torch.arange(len(pool.g), device=k.device) >= (len(pool.g) + 1) // 2
    strong &= ~(truncated[:, None] & beyond_half)
    union = strong.any(0).nonzero()[:, 0]  # the direct beam is the first of them
    coupling = pool.potential[union[:, None], union] / (2 * K)
    if not bool(coupling.imag.any()):
        coupling = coupling.real.contiguous()
    # Beams of the block that are not strong at a pixel have weight 0 there, which decouples them.
    s, strong = s[:, union], strong[:, union]
    weight = strong.T / (1 + pool.g[union, 2:] / k[:, 2]).sqrt()
    # Larger diagonal elements raise every eigenvalue, and leaving out beams keeps them inside the range:
    # two matrices bound the eigenvalues at all pixels of the block.
    top = torch.where(strong, s, -math.inf).amax(0)
    bottom = torch.where(strong, s, math.inf).amin(0)
    largest_weight = float(weight.max()) ** 2
    high = largest_weight * float(torch.linalg.eigvalsh(coupling + torch.diag(top))[-1])
    low = largest_weight * float(torch.linalg.eigvalsh(coupling + torch.diag(bottom))[0])
    diagonal = s.T * weight**2 - (high + low) / 2
    # Single precision here costs 3e-6 of intensity and saves half of the time; the choice of beams above needs double.
    single = torch.complex64 if coupling.is_complex() else torch.float32
    return _propagate(coupling.to(single), weight.float(), diagonal.float(), (high - low) / 2, t)


def _propagate(coupling: Tensor, weight: Tensor, diagonal: Tensor, half_width: float, t: Tensor) -> Tensor:
    """|[exp(2πi t A)]₀₀|² for A = diag(diagonal) + weight · coupling · weight, one A for each pixel.

    exp(iz x) = Σ (2 − δ_m0) iᵐ J_m(z) T_m(x) with z = 2πt · half_width and x = A/half_width, whose spectrum
    lies in [−1, 1]: a product with A for all pixels at once is one matrix product, and all thicknesses come
    from the same moments μ_m = [T_m(x)]₀₀. Vectors v_m = T_m(x) e₀ of half the degree give them all:
    μ_2m = 2⟨v_m|v_m⟩ − μ₀ and μ_2m+1 = 2⟨v_m+1|v_m⟩ − μ₁.

    Args:
        coupling: (n, n) real or Hermitian, 1/Å; weight, diagonal: (n, P); t: (T,) in Å.

    Returns:
        (T, P) float64.
    """
    half_width = max(half_width, 1e-12)
    z = 2 * math.pi * half_width * t
    z_max = float(z.max())
    steps = math.ceil((z_max + 8 * z_max ** (1 / 3) + 16) / 2)  # J_m(z) < 1e-11 beyond twice this
    coupling, diagonal = 2 * coupling / half_width, 2 * diagonal / half_width
    previous = torch.zeros_like(diagonal, dtype=coupling.dtype)
    previous[0] = 1
    current = _twice_product(coupling, weight, diagonal, previous) / 2
    moments = [torch.ones_like(diagonal[0]), current[0].real]
    for _ in range(steps):
        moments.append(2 * _overlap(current, current) - moments[0])
        following = _twice_product(coupling, weight, diagonal, current).sub_(previous)
        previous, current = current, following
        moments.append(2 * _overlap(current, previous) - moments[1])
    mu = torch.stack(moments).double()
    # Bessel functions as the Fourier series of exp(iz cos θ); they vanish where the series is cut.
    theta = torch.arange(2 * len(mu), dtype=torch.float64, device=t.device) * (math.pi / len(mu))
    series = torch.fft.fft(torch.exp(1j * z[:, None] * theta.cos()), norm="forward")[:, : len(mu)]
    series[:, 1:] *= 2
    return ((series.real @ mu) ** 2 + (series.imag @ mu) ** 2).clamp(max=1.0)


def _twice_product(coupling: Tensor, weight: Tensor, diagonal: Tensor, v: Tensor) -> Tensor:
    """2x v, columns (n, P), from 2 · coupling and 2 · diagonal."""
    return (diagonal * v).addcmul_(weight, coupling @ (weight * v))


def _overlap(v: Tensor, w: Tensor) -> Tensor:
    """Re ⟨v|w⟩ of the columns: (n, P) and (n, P) to (P,)."""
    if v.is_complex():
        v, w = torch.view_as_real(v), torch.view_as_real(w)
        return (v * w).sum((0, 2))
    return (v * w).sum(0)
