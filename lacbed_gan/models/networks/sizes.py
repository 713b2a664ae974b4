"""The check that generators made for one size of images share."""

from __future__ import annotations

from torch import Tensor


def check_inputs(image: Tensor, condition: Tensor | None, image_size: int, conditions: int) -> None:
    """Raises ValueError unless (B, C, image_size, image_size) comes with (B, conditions), or None if that is 0."""
    if image.shape[-2:] != (image_size, image_size):
        shape = " × ".join(str(side) for side in image.shape[-2:])
        raise ValueError(f"image of {shape} pixels, but the network was made for {image_size}²")
    count = 0 if condition is None else condition.shape[1]
    if count != conditions:
        raise ValueError(f"{count} conditions given, but the network was made for {conditions}")
