"""Projected potential: the image ρ of a crystal seen along its zone axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.constants import RHO_G_MAX
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.projection import Projection


def projected_potential(
    crystal: Crystal,
    size: int = 128,
    *,
    zone: Sequence[int] | None = None,
    x_axis: Sequence[int] | None = None,
    g_max: float = RHO_G_MAX,
    sampling: str = "periodic",
    energy_kv: float = 200.0,
) -> Tensor:
    """Projected potential ρ(r) = Σ_g U_g exp(2πi g·r) over one cell of the zone's net (paper eq. 1).

    The cell is that of the reduced basis b₁, b₂ of all hkl of the zone, drawn as a square: pixel (i, j) is at
    r = (j a₁ + i a₂)/size with aᵢ · bⱼ = δᵢⱼ. For cubic [001] it is the cell itself.

    Args:
        size: pixels along an edge of the cell.
        zone, x_axis: see :meth:`lacbed_gan.Crystal.along`; unless given, that of the crystal.
        g_max: every reflection of the zone with |g| ≤ g_max, in 1/Å, is summed, the mean potential among them.
        sampling: ``periodic`` puts pixel i at i/size; ``endpoints`` at i/(size − 1), both edges of the cell
            present, as the published images have it.

    Returns:
        (size, size) float32 in 1/Å²; row is y (along a₂), column is x (along a₁), row 0 at y = 0.

    Raises:
        CalculationError: an unknown sampling.
        CrystalError: no zone axis, or an x axis that is not normal to it.
    """
    if sampling not in ("periodic", "endpoints"):
        raise CalculationError(f"sampling '{sampling}' is not one of periodic, endpoints")
    projection = Projection(crystal.seen(zone, x_axis))
    h, k = (torch.arange(-most, most + 1) for most in projection.net.reach(g_max))
    u = projection.net_structure_factors(h, k, energy_kv)
    u[torch.from_numpy(~projection.net.inside(torch.stack(torch.meshgrid(h, k, indexing="ij"), -1), g_max))] = 0
    position = torch.arange(size, dtype=torch.float64) / (size if sampling == "periodic" else size - 1)
    # exp(2πi h x) and exp(2πi k y), (size, indices) each
    x, y = (torch.exp(2j * math.pi * position[:, None] * index) for index in (h, k))
    return (y @ u.T @ x.T).real.float()
