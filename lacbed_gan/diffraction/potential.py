"""Projected potential: the image ρ of a crystal seen along [001]."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.constants import RHO_G_MAX, lorentz_factor
from lacbed_gan.diffraction.structure_factors import structure_factors


def projected_potential(
    crystal: Crystal,
    size: int = 128,
    *,
    g_max: float = RHO_G_MAX,
    sampling: str = "periodic",
    energy_kv: float = 200.0,
) -> Tensor:
    """Projected potential ρ(r) = Σ_{hk0} U_g exp(2πi g·r) over one unit cell (paper eq. 1).

    Args:
        size: pixels along an edge of the cell.
        g_max: every reflection hk0 with |g| ≤ g_max, in 1/Å, is summed, the mean potential among them.
        sampling: ``periodic`` puts pixel i at i/size; ``endpoints`` at i/(size − 1), both edges of the cell
            present, as the published images have it.

    Returns:
        (size, size) float32 in 1/Å²; row is y, column is x, row 0 at y = 0.
    """
    if sampling not in ("periodic", "endpoints"):
        raise ValueError(f"sampling '{sampling}' is not one of periodic, endpoints")
    reach = math.floor(g_max * crystal.a)
    index = torch.arange(-reach, reach + 1)
    h, k = torch.meshgrid(index, index, indexing="xy")  # row k, column h
    u = structure_factors(crystal, h, k, gamma=lorentz_factor(energy_kv))
    u[(h**2 + k**2) > (g_max * crystal.a) ** 2] = 0
    position = torch.arange(size, dtype=torch.float64) / (size if sampling == "periodic" else size - 1)
    phase = 2 * math.pi * position[:, None] * index
    wave = torch.polar(torch.ones_like(phase), phase)  # exp(2πi h x), (size, 2·reach + 1)
    return (wave @ u @ wave.T).real.float()
