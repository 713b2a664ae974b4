"""Chebyshev series of the propagation through the crystal, and of its derivative with respect to the thickness."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.diffraction.recursion.tridiagonal import cosine_transform

WIDER = 0.05  # the same with absorption
MARGIN = 0.01  # by which the range of a series goes beyond both ends of the spectrum, of half the range
NEGLIGIBLE = {torch.float32: 1e-7, torch.float64: 1e-13}  # coefficients


def propagation(
    ends: tuple[float, float], wave_number: float, depths: Tensor, dtype: torch.dtype
) -> tuple[float, float, Tensor, Tensor]:
    """c_m(t) of exp(2πi t (√(K² + x) − κ)) = Σ c_m T_m((x − centre)/half), κ the mean root, an even number of them.

    Args:
        ends: of the spectrum that x is in, in 1/Å².
        wave_number: K in 1/Å.
        depths: (T,) t in Å.
        dtype: precision of the results.

    Returns:
        centre, half: of the range, in 1/Å².
        coefficients: (T, M) complex.
        derivatives: (T, M) complex, d c_m / dt in 1/Å.
    """
    low, high = ends
    centre, half = (high + low) / 2, max((1 + MARGIN) * (high - low) / 2, 1e-3)
    least, most = (math.sqrt(max(wave_number**2 + centre + s * half, 0.0)) for s in (-1, 1))
    phase = math.pi * float(depths.abs().max()) * (most - least)
    nodes = 2 * math.ceil(1.1 * phase + 12 * max(phase, 1.0) ** (1 / 3) + 40)
    x = centre + half * np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes)
    speed = np.sqrt(np.maximum(wave_number**2 + x, 0.0))
    speed = 2j * np.pi * (speed - (least + most) / 2)
    values = np.exp(speed * depths.double().cpu().numpy()[:, None])
    coefficients, derivatives = cosine_transform(values), cosine_transform(speed * values)
    count = int(np.flatnonzero(np.abs(coefficients).max(0) > NEGLIGIBLE[dtype])[-1]) + 2
    count = max(4, count + count % 2)
    kind = torch.complex64 if dtype == torch.float32 else torch.complex128
    first, second = (torch.from_numpy(c[:, :count]).to(depths.device, kind) for c in (coefficients, derivatives))
    return centre, half, first, second


def slice_propagation(
    centre: complex, half: float, wave_number: float, length: float, dtype: torch.dtype
) -> tuple[list[complex], list[complex]]:
    """c_m of exp(2πi t (√(K² + x) − K)) = Σ c_m T_m((x − centre)/half), x complex, and d c_m / dt; t = length in Å."""
    phase = math.pi * length * half / wave_number
    nodes = 2 * math.ceil(1.2 * phase + 8 * phase ** (1 / 3) + 40)
    x = centre + half * np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes)
    speed = 2j * np.pi * x / (np.sqrt(wave_number**2 + x) + wave_number)  # without cancellation
    values = np.exp(speed * length)
    coefficients, derivatives = cosine_transform(np.stack([values, speed * values]))
    count = max(3, int(np.flatnonzero(np.abs(coefficients) > NEGLIGIBLE[dtype])[-1]) + 2)
    return coefficients[:count].tolist(), derivatives[:count].tolist()
