"""The number that an 8-bit ρ has lost, from the pattern: how far ρ ranges."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

WORKING_SIZE = 32  # pixels at which the convolutions work, whatever the image


class SpanHead(nn.Module):
    """Predicts standardised log(ρ_max − ρ_min) from patterns and what is known of the cell.

    The range of ρ decides how fast the intensities oscillate with thickness and angle, which a few convolutions on
    the folded image and means over all of it can read. 0.08 M parameters with one pattern.

    Args:
        image_size: side of the square patterns, a multiple of 32.
        in_channels: patterns an image.
        conditions: numbers per image, of order one.
        filters: channels after the first convolution.
    """

    def __init__(self, image_size: int, in_channels: int = 1, conditions: int = 0, filters: int = 32) -> None:
        super().__init__()
        fold = max(1, image_size // WORKING_SIZE)
        widths = [in_channels * fold**2, filters, 2 * filters, 2 * filters]
        layers: list[nn.Module] = [nn.PixelUnshuffle(fold)]
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.GroupNorm(8, outputs), nn.SiLU()]
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())
        hidden = 4 * widths[-1] + conditions
        self.answer = nn.Sequential(nn.Linear(hidden, 64), nn.SiLU(), nn.Linear(64, 1))

    def forward(self, pattern: Tensor, condition: Tensor | None = None) -> Tensor:
        """Patterns (B, in_channels, S, S) in [0, 1], (B, conditions) or None → (B, 1)."""
        features = self.features(pattern)
        return self.answer(features if condition is None else torch.cat([features, condition], 1))
