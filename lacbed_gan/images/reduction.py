"""Images of a store as networks for fewer pixels have them: the same for training and for prediction."""

from __future__ import annotations

import numpy as np

from lacbed_gan.images.origin import canonical


def reduced_potential(potential: np.ndarray, size: int, origin: str) -> np.ndarray:
    """Every n-th pixel of each ρ, with its origin moved by one rule first where networks know it so.

    Args:
        potential: (N, n, n) uint8, n a multiple of size.
        origin: ``given``, or ``canonical`` for :func:`lacbed_gan.images.origin.canonical`, which needs a periodic ρ.

    Returns:
        (N, size, size) uint8.
    """
    step = potential.shape[-1] // size
    return (canonical(potential) if origin == "canonical" else potential)[..., ::step, ::step]


def reduced_pattern(pattern: np.ndarray, size: int) -> np.ndarray:
    """Means over blocks of pixels, rounded to nearest.

    Args:
        pattern: (N, n, n) on 0 … 255, n a multiple of size.

    Returns:
        (N, size, size) uint8.
    """
    step = pattern.shape[-1] // size
    if step == 1 and pattern.dtype == np.uint8:
        return pattern
    reduced = np.empty((len(pattern), size, size), dtype=np.uint8)
    for image, out in zip(pattern, reduced, strict=True):  # one at a time: the sums of all would not fit
        np.rint(image.reshape(size, step, size, step).mean((1, 3)), out=out, casting="unsafe")
    return reduced
