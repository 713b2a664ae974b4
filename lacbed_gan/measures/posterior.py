"""Samples judged as a distribution: do their intervals hold the truth as often as they say, and how narrow are they?

Of quantities such as |U_hk| samples are (n, ...) and what is true of the same quantities is (...), tensors of floats.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEVELS = (0.5, 0.8, 0.95)  # of the central intervals


def covered(samples: Tensor, truth: Tensor, level: float) -> Tensor:
    """Whether the truth lies in the central interval of the samples that holds that share of them, (...) bool.

    Right where the mean over many quantities is the level: less is too sure, more too cautious.

    >>> import torch
    >>> samples, truth = torch.arange(101.0), torch.tensor(20.0)
    >>> covered(samples, truth, 0.5), covered(samples, truth, 0.8)
    (tensor(False), tensor(True))
    """
    low, high = interval(samples, level)
    return (low <= truth) & (truth <= high)


def interval(samples: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """Ends of the central interval that holds that share of the distribution of the samples, (...) each.

    The quantile of q lies at rank q (n + 1), between the two samples there: then the truth, if it is one more sample
    of the same distribution, lies inside as often as said, whatever n is (Hyndman and Fan 1996, number 6).

    >>> import torch
    >>> interval(torch.arange(1.0, 10.0), 0.8)
    (tensor(1.), tensor(9.))
    """
    n = len(samples)
    places = (min(max((q * (n + 1) - 1) / max(n - 1, 1), 0.0), 1.0) for q in ((1 - level) / 2, (1 + level) / 2))
    low, high = (samples.quantile(place, 0) for place in places)
    return low, high


def width(samples: Tensor, level: float) -> Tensor:
    """Of the central interval that holds that share of the samples, (...): the sharpness."""
    low, high = interval(samples, level)
    return high - low


def crps(samples: Tensor, truth: Tensor) -> Tensor:
    """Continuous ranked probability score E|X − y| − ½ E|X − X′|, (...): the absolute error of a sure answer.

    Gneiting and Raftery 2007, eq. 21; the mean over all pairs of different samples, which is not biased by their
    number. The lower the better; the least is that of the right distribution. Of one sample it is its absolute error.

    >>> import torch
    >>> crps(torch.tensor([1.0, 1.0]), torch.tensor(3.0)), crps(torch.tensor([0.0, 1.0]), torch.tensor(1.0))
    (tensor(2.), tensor(0.))
    """
    n = len(samples)
    if n == 1:
        return (samples[0] - truth).abs()
    rank = torch.arange(n, dtype=samples.dtype, device=samples.device).view(-1, *[1] * (samples.dim() - 1))
    # Σ_{i<j} |x_j − x_i| of sorted x: each x_k is taken away n − 1 − k times and added k times
    pairs = ((2 * rank - n + 1) * samples.sort(0).values).sum(0) / (n * (n - 1) / 2)
    return (samples - truth).abs().mean(0) - 0.5 * pairs


def rank(samples: Tensor, truth: Tensor) -> Tensor:
    """How many of the n samples lie below the truth, (...) int64 from 0 to n: even where the samples are right.

    >>> import torch
    >>> rank(torch.tensor([1.0, 2.0, 3.0]), torch.tensor(2.5))
    tensor(2)
    """
    return (samples < truth).sum(0)


def effective_number(weights: Tensor) -> Tensor:
    """(Σ w)² / Σ w² of weights (..., n): how many samples of equal weight tell as much.

    >>> import torch
    >>> effective_number(torch.tensor([0.5, 0.5, 0.0]))
    tensor(2.)
    """
    return weights.sum(-1).square() / weights.square().sum(-1)


def nearest_mse(images: Tensor, among: Tensor) -> Tensor:
    """MSE of each image (N, H, W) to the nearest of others (M, H, W), (N,): about 0 for copies of them."""
    flat, others = images.float().flatten(1), among.float().flatten(1)
    centre = others.mean(0)
    flat, others = flat - centre, others - centre
    squares = others.square().sum(1)
    nearest = [torch.addmm(squares, part, others.T, alpha=-2).amin(1) for part in flat.split(512)]
    return ((torch.cat(nearest) + flat.square().sum(1)) / flat.shape[1]).clamp(min=0)


def amplitudes(potential: Tensor, order: int) -> Tensor:
    """|ρ_hk| of images (..., n, n) with the origin anywhere, for h, k = 0 … order but not both 0: (..., Q).

    ρ_hk = n⁻² Σ ρ(r) exp(−2πi (h x + k y)); U_hk = ρ_hk · (ρ_max − ρ_min) if ρ is scaled to [0, 1].
    """
    n = potential.shape[-1]
    order = min(order, (n - 1) // 2)
    waves = torch.fft.rfft2(potential.float(), norm="forward")[..., : order + 1, : order + 1].abs()
    return waves.flatten(-2)[..., 1:]


def strongest(samples: Tensor, count: int) -> Tensor:
    """Places (count,) of the quantities (n, Q) that are largest in the mean: known without the truth."""
    return samples.mean(0).topk(count).indices
