"""The sites of a crystal, and what each of them contributes to the structure factors."""

from __future__ import annotations

import math

import gemmi
import numpy as np
import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.form_factors import electron_form_factor

SAME = 1e-3  # of a cell edge, positions that are equal


def site_of_atoms(crystal: Crystal) -> Tensor:
    """(n,) int64, for each atom of the cell the number of its site: atoms that symmetry makes equal share one."""
    kinds = list(zip(crystal.elements, crystal.b_iso.tolist(), crystal.occupancy.tolist(), strict=True))
    operations = [gemmi.Op(triplet) for triplet in crystal.operations]
    rotations = np.array([op.rot for op in operations]) / gemmi.Op.DEN
    translations = np.array([op.tran for op in operations]) / gemmi.Op.DEN
    site = np.full(len(kinds), -1)
    for atom, kind in enumerate(kinds):
        if site[atom] >= 0:
            continue
        images = rotations @ crystal.positions[atom] + translations
        alike = np.array([other == kind for other in kinds]) & (site < 0)
        away = crystal.positions[:, None] - images
        near = (np.abs(away - np.rint(away)) < SAME).all(-1).any(1)
        site[alike & near] = site.max() + 1
    return torch.from_numpy(site)


def geometric_factors(crystal: Crystal, hkl: Tensor) -> tuple[Tensor, Tensor]:
    """Σⱼ fⱼ(|g|) exp(−h Δβⱼ hᵀ) exp(−2πi g·rⱼ) over the atoms of each site, which all else of U_g multiplies.

    Args:
        hkl: (M, 3) int64 Miller indices.

    Returns:
        factors: (Z, M) complex128 in Å.
        squared: (M,) |g|² in 1/Å².
    """
    site, hkl = site_of_atoms(crystal), hkl.double()
    squared = (hkl @ torch.from_numpy(crystal.reciprocal_metric) * hkl).sum(-1)
    factors = torch.zeros(int(site.max()) + 1, len(hkl), dtype=torch.complex128)
    for atom, element in enumerate(crystal.elements):
        f = torch.from_numpy(electron_form_factor(element, squared.sqrt().numpy()))
        if crystal.anisotropy is not None:
            f = f * torch.exp(-(hkl @ torch.from_numpy(crystal.anisotropy[atom]) * hkl).sum(-1))
        phase = -2 * math.pi * (hkl @ torch.from_numpy(crystal.positions[atom]))
        factors[site[atom]] += f * torch.polar(torch.ones_like(phase), phase)
    return factors, squared
