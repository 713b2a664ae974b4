"""LACBED intensities of few beams at many thicknesses, absorption to first order: for a quick look at many crystals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.constants import wavelength

BATCH = 1 << 21  # elements of the matrices of a batch


@torch.inference_mode()
def perturbed_intensities(
    beams: Beams,
    absorption: Beams,
    k: Tensor,
    thickness: Sequence[float],
    energy_kv: float = 200.0,
    reflections: Tensor | None = None,
) -> Tensor:
    """I_g(t) = |Σ_j C_gj C*_0j exp(2πi t (√(k₀² + x_j) − k₀) − π t ⟨j|U′|j⟩/√(k₀² + x_j))|², with A C_j = x_j C_j.

    The absorption of each Bloch wave is the expectation value of U′, as Hall and Hirsch have it: right to about 1e-2 of
    the intensity of the beam.

    Args:
        beams, absorption: the same beams with U and with U′ for their potential.
        k: (P, 2) float64 in 1/Å, in-plane components of the incoming beams.
        thickness: T values in nm.
        reflections: (G,) indices into the beams, −1 for one that is not among them and stays dark.

    Returns:
        (1 + G, T, P) float32 in [0, 1], the direct beam first.
    """
    wave_number = 1 / wavelength(energy_kv)
    depths = 10.0 * torch.tensor(thickness, dtype=torch.float32)
    chosen = torch.cat([torch.tensor([0]), *([] if reflections is None else [reflections])])
    potential, imaginary = beams.coupling().to(_single(beams)), absorption.coupling().to(_single(absorption))
    results = []
    for batch in k.split(max(1, BATCH // len(beams) ** 2)):
        tilt = -2 * (batch @ beams.g.T) - (beams.g**2).sum(1)
        x, c = torch.linalg.eigh(potential + torch.diag_embed(tilt.float()))
        absorbed = (c.conj() * (imaginary @ c)).sum(-2).real  # (P, N)
        speed = (wave_number**2 - (batch**2).sum(1, keepdim=True) + x).clamp_min(1e-6).sqrt()
        # √(k₀² + x) − k₀, but for a phase that all waves have
        exponent = torch.complex(-math.pi * absorbed / speed, 2 * math.pi * (speed - wave_number)).to(torch.complex64)
        weight = c[:, chosen] * c[:, :1].conj() * (chosen >= 0)[:, None]  # (P, G, N)
        waves = torch.exp(depths[:, None, None] * exponent)  # (T, P, N)
        results.append(torch.einsum("pgn,tpn->gtp", weight.to(torch.complex64), waves).abs() ** 2)
    return torch.cat(results, -1).clamp_(0, 1)


def _single(beams: Beams) -> torch.dtype:
    return torch.complex64 if beams.potential.is_complex() else torch.float32
