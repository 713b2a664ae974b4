"""One prediction: what lies between an image in [0, 1], the generator's channels, and an image in [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def to_channels(image: Tensor, channels: int) -> Tensor:
    """Grey images (B, 1, H, W) repeated to (B, channels, H, W); pix2pixHD's own networks take three."""
    return image if channels == 1 else image.expand(-1, channels, -1, -1)


def with_thickness(image: Tensor, thickness: Tensor | None) -> Tensor:
    """(B, C, H, W) with the number (B, 1) of each as one more channel, the same all over; as it is for None."""
    if thickness is None:
        return image
    return torch.cat([image, thickness[:, :, None, None].expand(-1, -1, *image.shape[-2:]).to(image.dtype)], 1)


def predict(generator: nn.Module, image: Tensor, condition: Tensor | None = None, channels: int = 1) -> Tensor:
    """The generator's answer as an image.

    Args:
        generator: called as generator(image, condition), with `channels` channels in and out.
        image: (B, 1, H, W) in [0, 1]; (B, T, H, W) for a generator that takes T patterns.
        condition: (B, C), or None for a generator that takes none.

    Returns:
        (B, 1, H, W) float32, the mean of the channels, clamped to [0, 1] (a tanh also goes below).
    """
    output = generator(to_channels(image, channels), condition)
    return output.float().mean(1, keepdim=True).clamp(0, 1)
