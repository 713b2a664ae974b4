"""Fourier coefficients of the crystal potential."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.form_factors import electron_form_factor
from lacbed_gan.crystal.plane_symmetry import Basis
from lacbed_gan.diffraction.net import Net

ATOMS_AT_ONCE = 1 << 22  # phases (atoms × reflections) held in memory at a time: 64 MiB
SAME_PLACE = 12  # decimals of fractional coordinates at which atoms are projected onto one another


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


def net_structure_factors(crystal: Crystal, basis: Basis, net: Net, h: Tensor, k: Tensor, *, gamma: float) -> Tensor:
    """U of all reflections h b₁ + k b₂ of a zone: :func:`structure_factors` for a product of ranges.

    exp(−2πi (h ξ + k η)) is a product of two factors, so that the sum over atoms is one of matrices.

    Args:
        basis: Miller indices of b₁ and b₂; net: their vectors.
        h, k: (H,) and (K,) int64.
        gamma: Lorentz factor.

    Returns:
        (H, K) complex128 in 1/Å².
    """
    if crystal.anisotropy is not None:
        hk = torch.stack(torch.meshgrid(h, k, indexing="ij"), -1)
        return structure_factors(crystal, hk @ torch.tensor(basis), gamma=gamma)
    g2, places = _lengths(net, h, k)
    total = np.zeros((len(h), len(k)), dtype=np.complex128)
    place = crystal.positions @ np.asarray(basis, dtype=np.float64).T  # ξ, η
    elements, b_iso = np.asarray(crystal.elements), crystal.b_iso
    for element, b in sorted(set(zip(crystal.elements, b_iso.tolist(), strict=True))):
        member = (elements == element) & (b_iso == b)
        # Atoms above one another are counted, each place once.
        rounded = np.round(place[member] % 1.0, SAME_PLACE) % 1.0
        _, first, which = np.unique(rounded @ [1, 1j], return_index=True, return_inverse=True)
        occupancy = np.bincount(which, crystal.occupancy[member])
        x, y = (
            np.exp(-2j * np.pi * index.numpy()[:, None] * each)
            for index, each in zip((h, k), place[member][first].T, strict=True)
        )
        f = electron_form_factor(element, np.sqrt(g2)) * np.exp(-b / 4 * g2)
        total += f[places] * ((x * occupancy) @ y.T)
    return torch.from_numpy(gamma / (math.pi * crystal.volume) * total)


def _lengths(net: Net, h: Tensor, k: Tensor) -> tuple[NDArray[np.float64], tuple[NDArray[np.int64], ...]]:
    """|g|² in 1/Å² and where in them the (H, K) reflections are: one of ±h, ±k where the net is orthogonal."""
    index = [each.numpy() for each in (h, k)]
    if abs(net.metric[0, 1]) > 1e-12 * net.metric[0, 0]:
        g2 = net.squared_length(np.stack(np.meshgrid(*index, indexing="ij"), -1))
        return g2, np.ix_(*map(np.arange, g2.shape))
    g2 = net.squared_length(np.stack(np.meshgrid(*(np.arange(abs(i).max() + 1) for i in index), indexing="ij"), -1))
    return g2, np.ix_(*map(abs, index))
