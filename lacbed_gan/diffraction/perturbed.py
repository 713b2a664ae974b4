"""LACBED intensities at many thicknesses, most beams by perturbation: a quick look at many crystals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.constants import wavelength

BATCH = 1 << 21  # elements of the matrices of a batch
WEAK = 150  # beams of each direction that count by perturbation; those beyond are left out
FLOOR = 0.02  # of the largest |U|: what a beam of no U of its own counts as, since others lead to it
MIXED = 16  # Bloch waves of each direction that absorption mixes: those that hold most of the direct beam
NEAREST = 0.05  # 1/Å²: weak beams nearer to their Bragg condition count as if they were that far


@torch.inference_mode()
def perturbed_intensities(
    beams: Beams,
    absorption: Beams,
    k: Tensor,
    thickness: Sequence[float],
    energy_kv: float = 200.0,
    reflections: Tensor | None = None,
    strong: int | None = None,
) -> Tensor:
    """I_g(t) = |Σ_j C_gj C̃_j0 exp(2πi t (√(k₀² + x_j) − k₀))|² with (A + iU′) C_j = x_j C_j and C̃ = C⁻¹.

    A is that of the strong beams of each direction, those of least |A_gg|/|U_g|. Weak ones, q, change it to
    A_gh − Σ_q U_g−q U_q−h/A_qq (Bethe's potentials, at the energy of the direct beam). U′ mixes the Bloch waves of A
    that the direct beam excites most; the others have its expectation value, as Hall and Hirsch have it.

    Args:
        beams, absorption: the same beams with U and with U′ for their potential.
        k: (P, 2) float64 in 1/Å, in-plane components of the incoming beams.
        thickness: T values in nm, evenly spaced.
        reflections: (G,) indices into the beams, −1 for one that is not among them and stays dark; they are strong.
        strong: how many beams, the reflections and half as many others at least; all unless given.

    Returns:
        (1 + G, T, P) float32 in [0, 1], the direct beam first.
    """
    wave_number = 1 / wavelength(energy_kv)
    chosen = torch.cat([torch.tensor([0]), *([] if reflections is None else [reflections])])
    single = torch.complex64 if beams.potential.is_complex() else torch.float32
    potential, imaginary = beams.coupling().to(single), absorption.coupling().to(single)
    kept = torch.unique(chosen[chosen >= 0])
    count = len(beams) if strong is None else min(len(beams), max(strong, len(kept) + strong // 2))
    weak = min(WEAK, len(beams) - count)
    size = potential[0].abs()
    likely = size / size.max().clamp_min(1e-12) + FLOOR
    results = []
    for batch in k.split(max(1, BATCH // (count * (count + weak)))):
        tilt = (-2 * (batch @ beams.g.T) - (beams.g**2).sum(1)).float()
        distance = tilt.abs() / likely
        distance[:, kept] = -1.0
        distance[:, 0] = -2.0
        order = distance.argsort(1)
        near, far = order[:, :count], order[:, count : count + weak]
        matrix = potential[near[:, :, None], near[:, None, :]]
        if weak:
            away = tilt.gather(1, far)
            away = torch.where(away.abs() < NEAREST, NEAREST * torch.where(away < 0, -1.0, 1.0), away)
            between = potential[near[:, :, None], far[:, None, :]]
            matrix = matrix - (between / away[:, None, :]) @ between.mH
        x, c = torch.linalg.eigh(matrix + torch.diag_embed(tilt.gather(1, near)))
        likeliest = c[:, 0].abs().argsort(1, descending=True)
        x, c = x.gather(1, likeliest), c.gather(2, likeliest[:, None].expand(-1, count, -1))
        lost = imaginary[near[:, :, None], near[:, None, :]] @ c
        mixed, waves = torch.linalg.eig(torch.diag_embed(x[:, :MIXED]) + 1j * (c[..., :MIXED].mH @ lost[..., :MIXED]))
        x = torch.complex(x, (c.conj() * lost).sum(-2).real)
        x[:, :MIXED] = mixed
        speed = (wave_number**2 - (batch**2).sum(1, keepdim=True) + x).sqrt()
        exponent = 2j * math.pi * (speed - speed[:, :1].real)  # but for a phase that all waves have
        row = (near[:, None, :] == chosen[:, None]).float().argmax(-1)  # (P, G): where the reflections are
        entering = c[:, 0].conj().to(torch.complex64)
        leaving = c.gather(1, row[..., None].expand(-1, -1, count)).to(torch.complex64)
        entering[:, :MIXED] = torch.linalg.solve(waves, entering[:, :MIXED])
        leaving[..., :MIXED] = leaving[..., :MIXED] @ waves
        weight = leaving * entering[:, None] * (chosen >= 0)[:, None]
        results.append(_sums(weight, exponent.to(torch.complex64), thickness).abs() ** 2)
    return torch.cat(results, -1).clamp_(0, 1)


def _sums(weight: Tensor, exponent: Tensor, thickness: Sequence[float]) -> Tensor:
    """(G, T, P) Σ_j w_gj exp(10 t x_j) of (P, G, N) and (P, N): of T thicknesses about 2 √T exponentials."""
    count = len(thickness)
    step = (thickness[-1] - thickness[0]) / max(1, count - 1)
    within = math.ceil(math.sqrt(count))
    starts = 10 * (thickness[0] + step * within * torch.arange(math.ceil(count / within)))
    fine = torch.exp(exponent[:, :, None] * (10 * step * torch.arange(within)))  # (P, N, S)
    coarse = torch.exp(exponent[:, None, :] * starts[:, None])  # (P, J, N)
    sums = (weight[:, :, None, :] * coarse[:, None]).flatten(1, 2) @ fine  # (P, G · J, S)
    return sums.unflatten(1, (weight.shape[1], len(starts))).flatten(2)[..., :count].permute(1, 2, 0)
