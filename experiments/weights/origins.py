"""The error of inverse answers at the best origin, by their Fourier coefficients: a tenth of the work of images.

Coefficients are (…, 2 m + 1, m + 1), h = −m … m in rows, k = 0 … m in columns; they are real because ρ has its two-fold
axis at the origin, and those of (−h, −k) the same.
"""

from __future__ import annotations

import torch
from torch import Tensor


def coefficients(potential: Tensor, order: int) -> Tensor:
    """Of ρ (…, n, n), sampled at r = i/n: n⁻² Σ ρ(r) cos(2π (h x + k y)), float32."""
    waves = torch.fft.rfft2(potential.float(), norm="forward").real[..., : order + 1]
    return torch.cat([waves[..., -order:, :], waves[..., : order + 1, :]], dim=-2)


def error_at_best_origin(answer: Tensor, target: Tensor) -> Tensor:
    """(B,) mean squared error over the cell about the best of four points half a cell apart, as far as these go.

    Σ |Δ_hk|² over all h, k, by Parseval. The target is moved: by half a cell, which changes signs.

    Args:
        answer, target: (B, 2 m + 1, m + 1); of the answer's h, 0 and −h, 0 the mean counts.
    """
    order = target.shape[-1] - 1
    column = answer[..., 0]
    answer = torch.cat([((column + column.flip(-1)) / 2)[..., None], answer[..., 1:]], -1)
    h = torch.arange(-order, order + 1, device=target.device)[:, None]
    k = torch.arange(order + 1, device=target.device)
    signs = torch.stack([(-1.0) ** (x * h + y * k) for x, y in ((0, 0), (1, 1), (1, 0), (0, 1))])
    weight = torch.where(k == 0, 1.0, 2.0)
    power = (answer[:, None] - signs * target[:, None]).square()
    return (weight * power).sum((-2, -1)).amin(1)
