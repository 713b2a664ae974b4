"""ρ with all of its Fourier coefficients of one size, so that what is wrong in high orders shows."""

from __future__ import annotations

import torch
from torch import Tensor

from lacbed_gan.models.networks.fourier import DECAY, MAGNITUDE

SMALLEST = 1e-4  # magnitude of ρ_hk from |h| = 22 on; eight bits round each coefficient of a 64² image by 2e-5


def whitened(potential: Tensor) -> Tensor:
    """ρ (B, C, n, n) in [0, 1] → (B, C, n, n) with ρ_hk / n by their usual magnitudes, of order one, without ρ_00.

    ρ's power falls by six decades from the lowest to the highest orders of 64 × 64 pixels: a network that sees ρ alone
    sees the lowest.
    """
    n = potential.shape[-1]
    h, k = torch.fft.fftfreq(n, 1 / n, device=potential.device), torch.fft.rfftfreq(n, 1 / n, device=potential.device)
    magnitude = MAGNITUDE * torch.exp(-torch.hypot(h[:, None], k) / DECAY)
    weight = 1 / (n * magnitude.clamp(min=SMALLEST))
    weight[0, 0] = 0
    return torch.fft.irfft2(torch.fft.rfft2(potential.float(), norm="forward") * weight, s=(n, n), norm="forward")


def with_whitened(potential: Tensor) -> Tensor:
    """ρ (B, C, n, n) in [0, 1] → (B, 2C, n, n): in eight bits, and whitened after it.

    True images are in eight bits, and what rounding adds to their high orders would tell them from answers that are
    not. The gradient is that of the image before it is rounded.
    """
    rounded = potential + ((255 * potential).round().clamp(0, 255) / 255 - potential).detach()
    return torch.cat([rounded, whitened(rounded)], dim=1)
