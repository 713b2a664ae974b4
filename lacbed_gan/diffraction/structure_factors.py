"""Fourier coefficients of the crystal potential."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.form_factors import electron_form_factor

ATOMS_AT_ONCE = 1 << 22  # phases (atoms × reflections) held in memory at a time: 64 MiB


def structure_factors(crystal: Crystal, hkl: Tensor, *, gamma: float) -> Tensor:
    """Fourier coefficients U_hkl of the crystal potential.

    U_g = γ/(πV) Σⱼ occⱼ fⱼ(|g|) exp(−Bⱼ|g|²/4) exp(−h Δβⱼ hᵀ) exp(−2πi g·rⱼ)

    The second exponential is that of anisotropic displacements alone: together they are exp(−2π² gᵀ U g).

    Args:
        hkl: (…, 3) int64 Miller indices.
        gamma: Lorentz factor.

    Returns:
        (…) complex128 in 1/Å².
    """
    shape, hkl = hkl.shape[:-1], hkl.reshape(-1, 3).cpu().double()
    g2 = (hkl @ torch.from_numpy(crystal.reciprocal_metric) * hkl).sum(-1)
    lengths, which = torch.unique(g2, return_inverse=True)
    q = lengths.sqrt().numpy()
    total = torch.zeros(len(hkl), dtype=torch.complex128)
    kinds = sorted(set(zip(crystal.elements, crystal.b_iso.tolist(), strict=True)))
    for element, b in kinds:
        member = [(e, x) == (element, b) for e, x in zip(crystal.elements, crystal.b_iso.tolist(), strict=True)]
        positions = torch.from_numpy(crystal.positions[member])
        beta = None if crystal.anisotropy is None else torch.from_numpy(crystal.anisotropy[member])
        occupancy = torch.from_numpy(crystal.occupancy[member])
        geometric = torch.zeros_like(total)
        step = max(1, ATOMS_AT_ONCE // len(hkl))
        for first in range(0, len(positions), step):
            phase = -2 * math.pi * (positions[first : first + step] @ hkl.T)
            size = torch.ones_like(phase)
            if beta is not None:
                size = torch.exp(-torch.einsum("nh,ahk,nk->an", hkl, beta[first : first + step], hkl))
            geometric += (occupancy[first : first + step, None] * torch.polar(size, phase)).sum(0)
        f = torch.from_numpy(electron_form_factor(element, q)) * torch.exp(-b * lengths / 4)
        total += f[which] * geometric
    return (gamma / (math.pi * crystal.volume) * total).reshape(shape)
