"""The paper's measures on images in [0, 1]: one value per image first, statistics of those values after."""

from __future__ import annotations

import torch
from torch import Tensor


def squared_error_map(prediction: Tensor, target: Tensor) -> Tensor:
    """p(i, j) = (y(i, j) − ŷ(i, j))², the difference map of eq. 5 of arXiv 2503.02852.

    Args:
        prediction, target: (B, ..., H, W) in [0, 1], one shape.

    Returns:
        (B, ..., H, W) float32 in [0, 1].

    Raises:
        ValueError: the shapes differ; broadcasting would compare the wrong images.

    >>> import torch
    >>> squared_error_map(torch.tensor([[[0.0, 0.5]]]), torch.tensor([[[0.0, 1.0]]]))
    tensor([[[0.0000, 0.2500]]])
    """
    check_shapes(prediction, target)
    return (prediction.float() - target.float()).square()


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of each image, eq. 3 of arXiv 2503.02852.

    Args:
        prediction, target: (B, ..., H, W) in [0, 1], one shape.

    Returns:
        (B,) float32 in [0, 1].

    >>> import torch
    >>> mse(torch.tensor([[[0.0, 0.5]], [[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]]))
    tensor([0.1250, 0.0000])
    """
    return squared_error_map(prediction, target).flatten(1).mean(1)


def correlation_r(prediction: Tensor, target: Tensor) -> Tensor:
    """R = ½ + ½·(Pearson correlation) of each image, eq. 4 of arXiv 2503.02852.

    1 for a copy (up to scale and offset; exactly for the very same image), 0 for a negative, 0.5 for unrelated
    images and wherever one of the two is constant, which leaves the correlation undefined.

    Args:
        prediction, target: (B, ..., H, W), one shape; any range.

    Returns:
        (B,) float32 in [0, 1].

    >>> import torch
    >>> image = torch.tensor([[[0.0, 0.25], [0.75, 1.0]]])
    >>> correlation_r(torch.cat([image, 1 - image, torch.full_like(image, 0.3)]), image.expand(3, 2, 2))
    tensor([1.0000, 0.0000, 0.5000])
    """
    check_shapes(prediction, target)
    x, y = prediction.float().flatten(1), target.float().flatten(1)
    # Compared exactly: rounding of the mean leaves a constant image a small spurious variance.
    constant = (x.amax(1) == x.amin(1)) | (y.amax(1) == y.amin(1))
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    # Scaled, so that sums of squares neither overflow nor vanish: √(S·S) is then S to the last digit.
    x, y = (z / z.abs().amax(1, keepdim=True).clamp_min(torch.finfo(z.dtype).tiny) for z in (x, y))
    norm = ((x * x).sum(1) * (y * y).sum(1)).sqrt()
    constant = constant | (norm == 0)
    pearson = (x * y).sum(1) / torch.where(constant, 1.0, norm)
    return torch.where(constant, 0.5, 0.5 + 0.5 * pearson.clamp(-1, 1))


def summary(values: Tensor) -> dict[str, float]:
    """Statistics over images, as the paper's tables and box plots need them.

    Args:
        values: (N,), one value per image, N ≥ 1.

    Returns:
        Plain floats: mean, standard_error (s/√N with N − 1 in s; nan for one image), median, and the
        quartiles quartile_1 and quartile_3 (linear interpolation between order statistics).

    Raises:
        ValueError: there are no values.

    >>> import torch
    >>> summary(torch.tensor([1.0, 2.0, 3.0, 4.0, 10.0]))
    {'mean': 4.0, 'standard_error': 1.5811..., 'median': 3.0, 'quartile_1': 2.0, 'quartile_3': 4.0}
    """
    values = values.double().flatten().cpu()
    if values.numel() == 0:
        raise ValueError("no images to summarise")
    several = values.numel() > 1
    error = values.std().item() / values.numel() ** 0.5 if several else float("nan")
    return {
        "mean": values.mean().item(),
        "standard_error": error,
        "median": values.quantile(0.5).item(),
        "quartile_1": values.quantile(0.25).item(),
        "quartile_3": values.quantile(0.75).item(),
    }


def check_shapes(prediction: Tensor, target: Tensor) -> None:
    """ValueError where the shapes differ: broadcasting would compare the wrong images."""
    if prediction.shape != target.shape:
        raise ValueError(f"prediction is {tuple(prediction.shape)} but target is {tuple(target.shape)}")
