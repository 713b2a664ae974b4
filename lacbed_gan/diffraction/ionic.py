"""What becomes of the structure factors where atoms are ions."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.crystal.ions import formal_charges, ionic_difference
from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.constants import lorentz_factor
from lacbed_gan.diffraction.net import grid
from lacbed_gan.diffraction.projection import Projection


def ionic_change(
    projection: Projection, beams: Beams, energy_kv: float = 200.0, charges: NDArray[np.float64] | None = None
) -> Tensor | None:
    """U of ions with their formal charges minus U of neutral atoms, in 1/Å²; None of a crystal that has no such ions.

    ΔU_g = γ/(πV) Σⱼ occⱼ Δfⱼ(|g|) exp(−Bⱼ|g|²/4) exp(−2πi g·rⱼ), Δf of :func:`ionic_difference`. Crystals are in
    between: the share of ΔU that is added to U of neutral atoms is their ionicity here, from 0 to 1.

    Args:
        charges: (n,) of each atom in units of e; the formal ones unless given.

    Returns:
        Of the shape and kind of the beams' potential, with the same origin.
    """
    crystal = projection.crystal
    charges = formal_charges(crystal) if charges is None else charges
    if charges is None:
        return None
    rows, columns = beams.potential.shape
    hk = torch.from_numpy(grid(rows // 2, columns // 2)).reshape(-1, 2)
    hkl = (hk @ torch.tensor(projection.basis)).double()
    lengths, which = torch.unique(torch.from_numpy(projection.net.squared_length(hk.numpy())), return_inverse=True)
    q = lengths.clamp_min(0).sqrt()
    total = torch.zeros(len(hk), dtype=torch.complex128)
    kinds = list(zip(crystal.elements, crystal.b_iso.tolist(), charges.tolist(), strict=True))
    for element, b, charge in sorted(set(kinds)):
        f = torch.from_numpy(ionic_difference(element, charge, q[1:].numpy())) * torch.exp(-b * lengths[1:] / 4)
        factor = torch.cat([torch.zeros(1, dtype=torch.float64), f])[which]  # U₀ only shifts the phase
        for atom in [i for i, kind in enumerate(kinds) if kind == (element, b, charge)]:
            phase = -2 * math.pi * (hkl @ torch.from_numpy(crystal.positions[atom]))
            total += factor * torch.polar(torch.full_like(phase, float(crystal.occupancy[atom])), phase)
    if not beams.potential.is_complex():
        shift = 2 * math.pi * (hk.double() @ torch.tensor(projection.two_fold_axis, dtype=torch.float64))
        total = (total * torch.polar(torch.ones_like(shift), shift)).real
    return (lorentz_factor(energy_kv) / (math.pi * crystal.volume) * total).reshape(rows, columns)
