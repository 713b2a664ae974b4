"""How much the discriminator's judgement counts, and which part of the images it sees."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from lacbed_gan.models.losses import Judgement


def slope_at(prediction: Tensor, loss: Tensor) -> Tensor:
    """Gradient of a loss at the prediction, of its shape; zero where the loss does not depend on it."""
    if not (isinstance(loss, Tensor) and loss.requires_grad):
        return torch.zeros_like(prediction)
    (slope,) = torch.autograd.grad(loss, prediction, retain_graph=True, allow_unused=True)
    return torch.zeros_like(prediction) if slope is None else slope


def balanced(judgement: Tensor, error: Tensor, share: float | None) -> tuple[Tensor, Tensor]:
    """The judgement's gradient at the prediction, scaled to its share beside that of the error.

    |judgement| = share · (|judgement| + |error|), whatever either has come to, as in the adaptive weight of Esser et
    al., arXiv 2012.09841, eq. 7: a judgement of fixed weight is nothing at first and all there is in the end.

    Args:
        judgement, error: gradients at the prediction, of one shape.
        share: from 0 to below 1; None leaves the judgement as it is.

    Returns:
        The judgement's gradient, and its share, a scalar.
    """
    size, other = judgement.norm(), error.norm()
    if share is not None:
        scale = share / (1 - share) * other / size.clamp(min=torch.finfo(size.dtype).tiny)
        judgement, size = judgement * scale, size * scale
    return judgement, (size / (size + other).clamp(min=torch.finfo(size.dtype).tiny)).detach()


def told_apart(true: Judgement, generated: Judgement) -> Tensor:
    """(B,) 1 where the mean answer to the true pair is higher than to the generated one, else 0; float32."""
    answers = (
        torch.stack([layers[-1].float().mean((1, 2, 3)) for layers in judgement]).mean(0)
        for judgement in (true, generated)
    )
    return torch.gt(*answers).float()


def window_at(size: int, window: int | None, step: int) -> tuple[slice, slice]:
    """Rows and columns of a square part of an image, at a place that follows from the step alone.

    >>> window_at(128, 32, 7) == window_at(128, 32, 7)
    True
    >>> window_at(16, 32, 7)
    (slice(0, 16, None), slice(0, 16, None))
    """
    if window is None or window >= size:
        return slice(0, size), slice(0, size)
    places = random.Random(step)
    row, column = (places.randrange(size - window + 1) for _ in range(2))
    return slice(row, row + window), slice(column, column + window)
