"""Grey values: minimum to maximum on 0 … 1, and as the 8 bit that stores and networks have."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Images = TypeVar("Images", np.ndarray, "Tensor")
ENDS = (0.002, 0.998)  # quantiles of an image between which most of it lies
MASKED = 0.5  # of pixels that were not measured, where networks know such; a Fourier network reads it as nothing
BEYOND = 0.3  # of the range between them: as far as the minimum and the maximum of a pattern lie beyond them


def min_max(images: np.ndarray, axis: int | tuple[int, ...] = (-2, -1)) -> np.ndarray:
    """(x − min x) / (max x − min x) of each image by itself.

    Args:
        images: (..., H, W) real and finite.
        axis: those over which an image extends.

    Returns:
        the same shape, float64 in [0, 1]; zeros where an image is constant.
    """
    images = np.asarray(images, dtype=np.float64)
    low = images.min(axis=axis, keepdims=True)
    span = images.max(axis=axis, keepdims=True) - low
    return (images - low) / np.where(span > 0, span, 1.0)


def robust_min_max(image: np.ndarray) -> np.ndarray:
    """As `min_max`, but the ends lie no farther than 0.3 of the range of quantiles beyond these; the rest is cut off.

    A few pixels far off do not decide, and an image without such is scaled as those of training are.

    Args:
        image: real and finite, of any shape.

    Returns:
        the same shape, float64 in [0, 1].
    """
    return min_max(np.clip(image, *robust_ends(image)), tuple(range(image.ndim)))


def robust_ends(image: np.ndarray) -> tuple[float, float]:
    """What `robust_min_max` makes 0 and 1."""
    low, high = np.quantile(image, ENDS)
    beyond = BEYOND * (high - low)
    least, largest = float(image.min()), float(image.max())
    return (max(least, float(low - beyond)), min(largest, float(high + beyond))) if beyond > 0 else (least, largest)


def by_strength(images: Tensor, ranges: Tensor) -> Tensor:
    """Dark fields of one series as networks are given them: from 0 to the square root of each one's share.

    Weak reflections stay weak, which minimum to maximum of each would not tell; the root, of which the kinematic value
    is |U_g|, leaves something of them beside strong ones.

    Args:
        images: (..., G, H, W) in [0, 1], each from its minimum to its maximum.
        ranges: (..., G) maximum − minimum of each before, in one unit; 0 of an empty one.

    Returns:
        (..., G, H, W) in [0, 1]; 1 is the maximum of the strongest.

    >>> import torch
    >>> by_strength(torch.ones(2, 1, 1), torch.tensor([0.36, 0.09])).flatten()
    tensor([1.0000, 0.5000])
    """
    share = ranges / ranges.amax(-1, keepdim=True).clamp(min=1e-12)
    return images * share.sqrt()[..., None, None]


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Min–max scale each image to 0 … 255, rounded to the nearest integer.

    Args:
        images: (..., H, W) real; each image of the leading dimensions is scaled by itself.

    Returns:
        (..., H, W) uint8; zeros where an image is constant.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    images = np.asarray(images)
    if not np.isfinite(images).all():
        raise ValueError("an image holds values that are not finite")
    return np.rint(min_max(images) * 255).astype(np.uint8)


def to_unit(images: Images) -> Images:
    """uint8 on 0 … 255 → float32 on [0, 1], any shape, array or tensor alike."""
    if isinstance(images, np.ndarray):
        return images.astype(np.float32) / np.float32(255)
    return images.float() / 255
