"""Projected potential: the image ρ of a crystal seen along [001]."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.constants import RHO_G_MAX
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.net import grid
from lacbed_gan.diffraction.projection import Projection


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
        raise CalculationError(f"sampling '{sampling}' is not one of periodic, endpoints")
    projection = Projection(crystal)
    hk = grid(*projection.net.reach(g_max))
    u = projection.structure_factors(torch.from_numpy(hk), energy_kv)
    u[torch.from_numpy(~projection.net.inside(hk, g_max))] = 0
    position = torch.arange(size, dtype=torch.float64) / (size if sampling == "periodic" else size - 1)
    # exp(2πi h x) and exp(2πi k y), (size, indices) each
    x, y = (torch.exp(2j * math.pi * position[:, None] * torch.arange(-(n // 2), n // 2 + 1)) for n in u.shape)
    return (y @ u.T @ x.T).real.float()
