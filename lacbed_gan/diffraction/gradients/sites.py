"""The sites of a crystal, and what each of them contributes to the structure factors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import gemmi
import numpy as np
import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.form_factors import electron_form_factor
from lacbed_gan.diffraction.absorption_factors import absorptive_form_factor
from lacbed_gan.diffraction.constants import lorentz_factor
from lacbed_gan.diffraction.errors import CalculationError

SAME = 1e-3  # of a cell edge, positions that are equal
STEP = 1e-3  # of a B, of the difference quotient of absorptive form factors


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


@dataclass(frozen=True)
class SiteFactors:
    """Structure factors of some reflections as a function of B and occupancy of each of Z sites.

    Attributes:
        elements: of the sites.
        b_iso, occupancy: (Z,) those of the crystal.
        squared: (M,) |g|² of the reflections in 1/Å².
        scattering: (Z, M) γ/(πV) Re Σⱼ fⱼ(|g|) exp(−h Δβⱼ hᵀ) exp(−2πi g·rⱼ), over the atoms of a site, in 1/Å².
        places: (Z, M) the same without fⱼ and anisotropy, in 1/Å³.
        energy_kv: of the beam.
    """

    elements: tuple[str, ...]
    b_iso: Tensor
    occupancy: Tensor
    squared: Tensor
    scattering: Tensor
    places: Tensor
    energy_kv: float

    @classmethod
    def of(cls, crystal: Crystal, hkl: Tensor, turn: Tensor, energy_kv: float) -> SiteFactors:
        """Those of reflections (M, 3), whose U is multiplied by a phase (M,) that makes it real, or a part of it."""
        site, hkl = site_of_atoms(crystal), hkl.double()
        squared = (hkl @ torch.from_numpy(crystal.reciprocal_metric) * hkl).sum(-1).clamp_min(0)
        first = [int((site == number).nonzero()[0, 0]) for number in range(int(site.max()) + 1)]
        scattering, places = (torch.zeros(len(first), len(hkl), dtype=torch.float64) for _ in range(2))
        unit = turn * lorentz_factor(energy_kv) / (math.pi * crystal.volume)
        for atom, element in enumerate(crystal.elements):
            f = torch.from_numpy(electron_form_factor(element, squared.sqrt().numpy()))
            if crystal.anisotropy is not None:
                f = f * torch.exp(-(hkl @ torch.from_numpy(crystal.anisotropy[atom]) * hkl).sum(-1))
            angle = -2 * math.pi * (hkl @ torch.from_numpy(crystal.positions[atom]))
            place = (unit * torch.polar(torch.ones_like(angle), angle)).real
            scattering[site[atom]] += f * place
            places[site[atom]] += place
        elements = tuple(crystal.elements[i] for i in first)
        b, occupancy = (torch.from_numpy(x)[first] for x in (crystal.b_iso, crystal.occupancy))
        return cls(elements, b, occupancy, squared, scattering, places, energy_kv)

    def elastic(self, b_iso: Tensor | None, occupancy: Tensor | None) -> Tensor:
        """(M,) U in 1/Å², of B in Å² and occupancies (Z,), or of those of the crystal."""
        b, share = self._given(b_iso, occupancy)
        return (share[:, None] * torch.exp(-b[:, None] * self.squared / 4) * self.scattering).sum(0)

    def absorptive(self, b_iso: Tensor | None, occupancy: Tensor | None) -> Tensor:
        """(M,) U′ in 1/Å² of thermal diffuse scattering, as :meth:`elastic`; differentiable once."""
        b, share = self._given(b_iso, occupancy)
        factors = absorptive_factors(self.elements, self.squared.sqrt(), b, self.energy_kv)
        return (share[:, None] * factors * self.places).sum(0)

    def _given(self, b_iso: Tensor | None, occupancy: Tensor | None) -> tuple[Tensor, Tensor]:
        b, share = (self.b_iso if b_iso is None else b_iso), (self.occupancy if occupancy is None else occupancy)
        if not b.shape == share.shape == self.b_iso.shape:
            count = len(self.elements)
            raise CalculationError(f"the crystal has {count} sites, each of which needs one B and one occupancy")
        return b, share


def absorptive_factors(elements: Sequence[str], q: Tensor, b_iso: Tensor, energy_kv: float) -> Tensor:
    """(Z, M) f′(q/2, B) exp(−Bq²/4) in Å of sites, differentiable once by B.

    The derivative is a difference quotient of tables that :func:`absorptive_form_factor` makes for each B.

    Args:
        elements: of Z sites.
        q: (M,) in 1/Å.
        b_iso: (Z,) in Å².

    Raises:
        CalculationError: a B for which f′ has no meaning.
    """
    factors = []
    for element, b in zip(elements, b_iso, strict=True):
        at = float(b.detach())
        factor = torch.from_numpy(absorptive_form_factor(element, q.numpy(), at, energy_kv))
        if b.requires_grad:
            step = STEP * at
            above, below = (
                torch.from_numpy(absorptive_form_factor(element, q.numpy(), x, energy_kv))
                for x in (at + step, at - step)
            )
            factor = factor + (b - at) * (above - below) / (2 * step)
        factors.append(factor)
    return torch.stack(factors)
