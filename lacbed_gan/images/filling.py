"""Means over pixels that have a value, and values for those that have none."""

from __future__ import annotations

import numpy as np

LARGEST = 10  # doublings of the width of a mean, at most


def box_mean(image: np.ndarray, reach: int) -> np.ndarray:
    """Mean over the (2·reach + 1)² pixels around each, beyond the edges the nearest ones."""
    width = 2 * reach + 1
    height, length = image.shape
    padded = np.pad(image, reach, mode="edge")
    rows = np.zeros((height, length + 2 * reach), dtype=image.dtype)
    for i in range(width):
        rows += padded[i : i + height]
    total = np.zeros((height, length), dtype=image.dtype)
    for i in range(width):
        total += rows[:, i : i + length]
    total /= width**2
    return total


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Means with Gaussian weights of that standard deviation in pixels, over the pixels that have a value.

    Args:
        image: (H, W), NaN where there is none; those get a mean, too, NaN where no pixel within reach has a value.
    """
    valid = np.isfinite(image)
    values, weight = _gaussian(np.where(valid, image, 0.0), sigma), _gaussian(valid.astype(np.float64), sigma)
    return np.where(weight > 1e-6, values / np.maximum(weight, 1e-12), np.nan)


def _gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    """Convolution with a Gaussian, zeros beyond the edges."""
    reach = max(1, round(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        count = image.shape[axis]
        size = count + 2 * reach
        window = np.fft.rfft(kernel, size)
        transform = np.fft.rfft(image, size, axis) * (window[:, None] if axis == 0 else window)
        image = np.take(np.fft.irfft(transform, size, axis), range(reach, reach + count), axis)
    return image


def smoothly_filled(image: np.ndarray) -> np.ndarray:
    """The image with values at NaN: means of the nearest that there are, over ever larger distances."""
    sigma, filled = 1.0, image
    for _ in range(LARGEST):
        missing = ~np.isfinite(filled)
        if not missing.any():
            return filled
        filled = np.where(missing, blurred(filled, sigma), filled)
        sigma *= 2
    return np.where(np.isfinite(filled), filled, np.nanmean(image))


def binned(image: np.ndarray, factor: int) -> np.ndarray:
    """Means over blocks of factor × factor pixels, over those that have a value; what is left at the end is dropped.

    Args:
        image: (H, W), NaN where a pixel has no value.
    """
    if factor == 1:
        return image
    height, width = (count // factor for count in image.shape)
    blocks = image[: height * factor, : width * factor].reshape(height, factor, width, factor)
    valid = np.isfinite(blocks)
    if valid.all():
        return blocks.mean((1, 3))
    count = valid.sum((1, 3))
    return np.where(count > 0, np.where(valid, blocks, 0.0).sum((1, 3)) / np.maximum(count, 1), np.nan)
