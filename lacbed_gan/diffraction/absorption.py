"""Absorption: the imaginary part iU′ of the potential, by which waves lose intensity on their way."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.absorption_factors import absorptive_form_factor, check_b
from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.constants import ABSORPTION_RATIO, ABSORPTIONS, lorentz_factor
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.net import grid
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.structure_factors import structure_factors


@dataclass(frozen=True)
class Absorption:
    """How the imaginary part of the potential follows from the crystal.

    Attributes:
        model: ``none``; ``proportional``, U′_g = ratio · U_g; ``tds``, what thermal diffuse scattering takes away.
        ratio: U′_g/U_g of ``proportional``.

    Raises:
        CalculationError: an unknown model, or a ratio outside 0 … 1.
    """

    model: str = "none"
    ratio: float = ABSORPTION_RATIO

    def __post_init__(self) -> None:
        if self.model not in ABSORPTIONS:
            raise CalculationError(f"absorption '{self.model}' is not one of {', '.join(ABSORPTIONS)}")
        if not 0 <= self.ratio <= 1:
            raise CalculationError(f"absorption_ratio {self.ratio} is outside 0 … 1")

    def __bool__(self) -> bool:
        return self.model != "none"

    def check(self, crystal: Crystal) -> None:
        """CalculationError for an atom with a B for which ``tds`` has no meaning; before any work."""
        if self.model == "tds":
            for element, b in sorted(set(zip(crystal.elements, crystal.b_iso.tolist(), strict=True))):
                check_b(element, b)

    def structure_factors(self, crystal: Crystal, hkl: Tensor, energy_kv: float = 200.0) -> Tensor:
        """U′ of reflections (…, 3), (…) complex128 in 1/Å², the mean absorption U′₀ among them.

        Raises:
            CalculationError: an atom has a B for which ``tds`` has no meaning.
        """
        if self.model == "proportional":
            return self.ratio * structure_factors(crystal, hkl, gamma=lorentz_factor(energy_kv))
        return diffuse_structure_factors(crystal, hkl, energy_kv)

    def beams(self, projection: Projection, beams: Beams, energy_kv: float = 200.0) -> Beams:
        """The same beams with U′ for their potential: real where U is, with the origin on a two-fold axis."""
        h_max, k_max = (n // 2 for n in beams.potential.shape)
        hk = torch.from_numpy(grid(h_max, k_max))
        u = self.structure_factors(projection.crystal, hk @ torch.tensor(projection.basis), energy_kv)
        if not beams.potential.is_complex():
            shift = 2 * math.pi * (hk.double() @ torch.tensor(projection.two_fold_axis, dtype=torch.float64))
            u = (u * torch.polar(torch.ones_like(shift), shift)).real
        return replace(beams, potential=u.contiguous())


def diffuse_structure_factors(crystal: Crystal, hkl: Tensor, energy_kv: float = 200.0) -> Tensor:
    """U′_g = γ/(πV) Σⱼ occⱼ f′ⱼ(|g|/2, Bⱼ) exp(−Bⱼ|g|²/4) exp(−2πi g·rⱼ), of thermal diffuse scattering.

    Its Fourier sum over the plane is positive everywhere: waves only ever lose.

    Args:
        hkl: (…, 3) int64 Miller indices.

    Returns:
        (…) complex128 in 1/Å².

    Raises:
        CalculationError: an atom has a B for which f′ has no meaning.
    """
    shape, hkl = hkl.shape[:-1], hkl.reshape(-1, 3).cpu().double()
    g2 = (hkl @ torch.from_numpy(crystal.reciprocal_metric) * hkl).sum(-1)
    lengths, which = torch.unique(g2, return_inverse=True)
    q = lengths.clamp_min(0).sqrt().numpy()
    total = torch.zeros(len(hkl), dtype=torch.complex128)
    kinds = list(zip(crystal.elements, crystal.b_iso.tolist(), strict=True))
    for element, b in sorted(set(kinds)):
        member = [kind == (element, b) for kind in kinds]
        factor = torch.from_numpy(absorptive_form_factor(element, q, b, energy_kv))[which]
        for position, occupancy in zip(crystal.positions[member], crystal.occupancy[member], strict=True):
            phase = -2 * math.pi * (hkl @ torch.from_numpy(position))
            total += factor * torch.polar(torch.full_like(phase, float(occupancy)), phase)
    return (lorentz_factor(energy_kv) / (math.pi * crystal.volume) * total).reshape(shape)
