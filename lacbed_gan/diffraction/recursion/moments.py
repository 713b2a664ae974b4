"""Bright-field intensities by Chebyshev moments of A itself, on a GPU.

The series is that of :mod:`lacbed_gan.diffraction.recursion.tridiagonal`, in A instead of in a tridiagonal matrix. Its
moments μ_m = ⟨0|T_m(A)|0⟩ need 1.5 to 2.5 times as many products as the recursion (experiments/gradients), because
bounds of the spectrum replace what the direct beam excites of it. But their number is known beforehand, nothing is
normalised, tested or kept, and no second stage follows. A core, to which products are dear, is quicker with the
recursion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.operators.scaled_sectors import ScaledSectors
from lacbed_gan.diffraction.recursion.tridiagonal import chebyshev_series

CHUNK = 1040  # pixels: of similar |k|, on which the width of the spectrum depends, and enough to keep a GPU busy
GPU_SHARE = 0.2  # of the free memory, for the arrays of a chunk; several processes may share a GPU
TYPICAL_TERMS = 2000  # for the memory that their moments will take


def moment_intensities(beams: Sequence[Beams], k: Tensor, thickness: Sequence[float], wave_number: float) -> Tensor:
    """I(t) = |Σ_m c_m(t) ⟨0|T_m|0⟩|² with T_m of A − k_t² scaled to [−1, 1].

    Args:
        beams: of C crystals that have lines of reflection.
        k: (C, P, 2) float64 in 1/Å, by rising |k|.
        thickness: T values in Å.
        wave_number: K in 1/Å.

    Returns:
        (C, T, P) float32.

    Raises:
        CalculationError: the potential is not finite.
    """
    operator = ScaledSectors(beams, k.device)
    chunks = math.ceil(k.shape[1] / min(CHUNK, _pixels_at_once(beams, k.device)))
    return torch.cat([_intensities(operator, chunk, thickness, wave_number) for chunk in k.chunk(chunks, 1)], -1)


def _pixels_at_once(beams: Sequence[Beams], device: torch.device) -> int:
    if device.type != "cuda":
        return CHUNK
    free, _ = torch.cuda.mem_get_info(device)
    return max(16, int(GPU_SHARE * free / (4 * len(beams) * (3 * max(map(len, beams)) + 2 * TYPICAL_TERMS))))


def _intensities(operator: ScaledSectors, k: Tensor, thickness: Sequence[float], wave_number: float) -> Tensor:
    operator.aim(k)
    ranges = zip(operator.centre.tolist(), operator.half.tolist(), strict=True)
    series = [chebyshev_series(centre, half, wave_number, thickness) for centre, half in ranges]
    count = max(each.shape[1] for each in series)
    weights = torch.zeros(len(series), 2, len(thickness), count)
    for place, each in zip(weights, series, strict=True):
        place[..., : each.shape[1]] = torch.from_numpy(np.stack([each.real, each.imag]))
    moments = _moments(operator, count // 2)
    amplitude = weights.flatten(1, 2).to(k.device) @ moments.transpose(0, 1)  # (C, 2T, P)
    return amplitude.unflatten(1, (2, -1)).square().sum(1)


def _moments(operator: ScaledSectors, pairs: int) -> Tensor:
    """μ_m, m < 2 pairs: (2 pairs, C, P), of a scaled operator: μ_2m = 2⟨v_m|v_m⟩ − μ₀, μ_2m+1 = 2⟨v_m|v_m+1⟩ − μ₁."""
    v = operator.start()
    w = torch.zeros_like(v)
    moments = v.new_empty(pairs, 2, v.shape[0], v.shape[-1])
    for m in range(pairs):
        operator.advance(w, v, moments[m])
        if not m:  # T_1 = x T_0, not 2x T_0
            w /= 2
            moments[0, 1] /= 2
        v, w = w, v
    moments[1:, 0] = 2 * moments[1:, 0] - 1
    moments[1:, 1] = 2 * moments[1:, 1] - moments[0, 1]
    return moments.flatten(0, 1)
