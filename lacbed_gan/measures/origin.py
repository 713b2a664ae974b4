"""Measures of ρ that do not depend on the choice of origin: the best over all periodic shifts and inversion.

A pattern is the same for ρ(r), ρ(r − r₀) and ρ(−r), so that a network which predicts ρ from it can be right about the
crystal and wrong about the origin; mse and correlation_r then call a right answer bad (figure 7d of arXiv 2503.02852).
"""

from __future__ import annotations

import torch
from torch import Tensor

from lacbed_gan.measures.metrics import check_shapes, correlation_r, mse

BAD_MSE = 1e-3  # four times the mean of the paper's inverse networks
SHARE = 0.1  # of the plain MSE, at most, that a misjudged image keeps with the best origin


def aligned(prediction: Tensor, target: Tensor) -> Tensor:
    """The target with that one of all origins, and of both senses, which fits the prediction best.

    The senses are ρ(r) and ρ(−r): index i of n goes to −i mod n in both directions. Of all H·W shifts s by whole
    pixels and both senses it is the one with the largest cross-correlation Σ x(r) y(±(r − s)), found by FFT. That is
    the best for both measures: a shift or an inversion changes neither the means x̄, ȳ nor Σx², Σy², so that
    MSE = (Σx² + Σy² − 2 Σxy)/N falls and R = ½ + ½ (Σxy/N − x̄ȳ)/(σₓσᵧ) rises with Σxy alone.
    A shift by a part of a pixel is not undone: half a pixel leaves an MSE of 2.5e-4 in the median (experiments/origin).

    Args:
        prediction, target: (B, ..., H, W), one shape; periodic, sampled at r = i/n. Images of the dimensions between,
            such as channels, are shifted together.

    Returns:
        (B, ..., H, W), values of the target: where that is a shifted, inverted copy of the prediction, the prediction
        bit for bit.

    Raises:
        ValueError: the shapes differ.

    >>> import torch
    >>> image = torch.tensor([[[0.0, 0.1, 0.2], [0.3, 0.4, 0.5], [0.6, 0.7, 1.0]]])
    >>> torch.equal(aligned(image.roll((1, 2), (1, 2)), image), image.roll((1, 2), (1, 2)))
    True
    """
    check_shapes(prediction, target)
    height, width = target.shape[-2:]
    # Double precision tells any two different 8-bit images apart; Apple's GPUs do not have it.
    real = torch.float32 if target.device.type == "mps" else torch.float64
    images = target.reshape(len(target), -1, height, width)
    x, y = torch.fft.rfft2(prediction.reshape(images.shape).to(real)), torch.fft.rfft2(images.to(real))
    x[..., 0, 0] = 0  # the means add one constant to every correlation, which costs digits
    products = torch.stack([x * y.conj(), x * y], 1).sum(2)  # y(−r) has the conjugate coefficients
    best = torch.fft.irfft2(products, s=(height, width)).flatten(1).argmax(1)

    sense = 1 - 2 * (best // (height * width))
    shifts = best % (height * width) // width, best % width
    rows, columns = (
        sense[:, None] * (torch.arange(n, device=best.device) - s[:, None]) % n
        for n, s in zip((height, width), shifts, strict=True)
    )
    moved = images.take_along_dim(rows[:, None, :, None], 2).take_along_dim(columns[:, None, None, :], 3)
    return moved.reshape(target.shape)


def origin_mse(prediction: Tensor, target: Tensor) -> Tensor:
    """The lowest mean squared error of each image over all origins and both senses of the target; see `aligned`.

    Args:
        prediction, target: (B, ..., H, W) in [0, 1], one shape; periodic, sampled at r = i/n.

    Returns:
        (B,) float32 in [0, 1], never more than `mse`; 0 exactly for a shifted, inverted copy.

    >>> import torch
    >>> image = torch.tensor([[[0.0, 0.5], [0.0, 1.0]]])
    >>> mse(image, image.roll(1, -1)), origin_mse(image, image.roll(1, -1))
    (tensor([0.6250]), tensor([0.]))
    """
    return torch.minimum(mse(prediction, aligned(prediction, target)), mse(prediction, target))


def origin_r(prediction: Tensor, target: Tensor) -> Tensor:
    """The highest R of each image over all origins and both senses of the target; see `aligned`.

    Args:
        prediction, target: (B, ..., H, W), one shape; periodic, sampled at r = i/n.

    Returns:
        (B,) float32 in [0, 1], never less than `correlation_r`; 1 exactly for a shifted, inverted copy, 0.5 wherever
        one of the two is constant.

    >>> import torch
    >>> image = torch.tensor([[[0.0, 0.5], [0.0, 1.0]]])
    >>> origin_r(image, image.roll(1, -1))
    tensor([1.])
    """
    return torch.maximum(correlation_r(prediction, aligned(prediction, target)), correlation_r(prediction, target))


def misjudged(plain: Tensor, independent: Tensor) -> int:
    """How many images the plain MSE calls bad although they are right up to the choice of origin.

    Such an image has a plain MSE larger than `BAD_MSE`, and an origin-independent one of at most a tenth of it: nine
    tenths of its error and more are the origin's.

    Args:
        plain, independent: (N,), `mse` and `origin_mse` of the same images.

    >>> import torch
    >>> misjudged(torch.tensor([0.02, 0.02, 0.0005]), torch.tensor([0.0004, 0.01, 0.0]))
    1
    """
    return int(((plain > BAD_MSE) & (independent <= SHARE * plain)).sum())
