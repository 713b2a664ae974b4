"""Images as vectors of numbers of order one, in which answers are drawn: whatever they are, they have the symmetry."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lacbed_gan.images.symmetry import MIRRORS, TWO_FOLD, fold, quadrant, unfold
from lacbed_gan.models.networks.fourier import coefficient_scale

SMALLEST = 1e-3  # deviation below which a number counts as a constant


class PotentialState(nn.Module):
    """ρ (B, 1, n, n) with a two-fold axis on pixel (0, 0) ↔ its Fourier coefficients, which are real, (B, count).

    ρ_hk = n⁻² Σ ρ(r) cos 2π(h x + k y) for |h| ≤ order and 0 < k ≤ order, or k = 0 and h ≥ 0: one of each pair ρ_hk,
    ρ_-h-k, each divided by its usual magnitude.

    Attributes:
        weight: (count,) of the squares of the numbers in the mean square of the image.
    """

    def __init__(self, size: int, order: int) -> None:
        super().__init__()
        self.size, self.order = size, order
        self.register_buffer("scale", coefficient_scale(order), persistent=False)
        independent = torch.ones(2 * order + 1, order + 1, dtype=torch.bool)
        independent[:order, 0] = False
        self.register_buffer("independent", independent, persistent=False)
        self.count = int(independent.sum())
        pair = torch.full(independent.shape, 2.0)  # ρ_hk and ρ_-h-k
        pair[order, 0] = 1
        self.register_buffer("weight", (pair * self.scale.square())[independent], persistent=False)

    def encode(self, potential: Tensor) -> Tensor:
        n = self.order
        waves = torch.fft.rfft2(potential[:, 0].float(), norm="forward").real[..., : n + 1]
        waves = torch.cat([waves[:, -n:], waves[:, : n + 1]], dim=1)
        return (waves / self.scale)[:, self.independent]

    def decode(self, vector: Tensor) -> Tensor:
        n = self.order
        waves = vector.new_zeros(len(vector), 2 * n + 1, n + 1).masked_scatter(self.independent, vector.float())
        waves = waves * self.scale
        column = torch.cat([waves[:, n + 1 :, :1].flip(1), waves[:, n:, :1]], dim=1)  # ρ_-h0 = ρ_h0
        waves = torch.cat([column, waves[..., 1:]], dim=-1)
        between = waves.new_zeros(len(vector), self.size - 2 * n - 1, n + 1)
        waves = torch.cat([waves[:, n:], between, waves[:, :n]], dim=1)
        image = torch.fft.irfft2(waves.to(torch.complex64), s=(self.size, self.size), norm="forward")
        return fold(image, TWO_FOLD, periodic=True)[:, None]  # to the last bit


class PatternState(nn.Module):
    """Pattern (B, 1, S, S) in [0, 1] ↔ the pixels of its mean quadrant, or half, of order one, (B, count).

    Attributes:
        weight: (count,) of the squares of the numbers in the mean square of the image.
    """

    def __init__(self, size: int, quadrants: bool = True) -> None:
        super().__init__()
        self.size, self.quadrants = size, quadrants
        self.count = size**2 // (4 if quadrants else 2)
        self.register_buffer("weight", torch.full((self.count,), 1 / (16 * self.count)), persistent=False)

    def encode(self, pattern: Tensor) -> Tensor:
        folded = fold(pattern.float(), MIRRORS if self.quadrants else TWO_FOLD)
        part = quadrant(folded) if self.quadrants else folded[..., self.size // 2 :, :]
        return 4 * (part - 0.5).flatten(1)

    def decode(self, vector: Tensor) -> Tensor:
        part = (vector.float() / 4 + 0.5).clamp(0, 1)
        part = part.view(len(vector), 1, self.size // 2, -1)
        return unfold(part, self.size) if self.quadrants else torch.cat([part.flip((-2, -1)), part], -2)


class Moments(nn.Module):
    """Mean and deviation of the numbers of all vectors so far, to which others are brought.

    The count of vectors weighs each batch as much as all before it together, one by one.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("square", torch.ones(count))
        self.register_buffer("vectors", torch.zeros(()))

    @torch.no_grad()
    def update(self, vectors: Tensor) -> None:
        """Take (B, count) in."""
        self.vectors += len(vectors)
        share = len(vectors) / self.vectors
        self.mean += share * (vectors.mean(0) - self.mean)
        self.square += share * (vectors.square().mean(0) - self.square)

    @property
    def deviation(self) -> Tensor:
        return (self.square - self.mean.square()).clamp(min=SMALLEST**2).sqrt()

    def reduced(self, vectors: Tensor) -> Tensor:
        return (vectors - self.mean) / self.deviation

    def restored(self, vectors: Tensor) -> Tensor:
        return vectors * self.deviation + self.mean
