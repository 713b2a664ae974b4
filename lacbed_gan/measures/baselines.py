"""What two predictors without a network reach: the floor that a trained model is held against."""

from __future__ import annotations

import torch
from torch import Tensor

from lacbed_gan.images.scaling import to_unit

CHUNK = 512  # images held as float32 at once: 32 MiB at 128 × 128


def mean_image_mse(train_targets: Tensor, test_targets: Tensor) -> Tensor:
    """MSE per test image of predicting the mean training image.

    Args:
        train_targets: (n, 1, H, W) uint8.
        test_targets: (m, 1, H, W) uint8.

    Returns:
        (m,) float32, on images in [0, 1].
    """
    total = sum(chunk.sum(0, dtype=torch.int64) for chunk in train_targets.split(CHUNK))
    mean = (total.double() / len(train_targets) / 255).float()
    return torch.cat([(to_unit(c) - mean).square().mean((1, 2, 3)) for c in test_targets.split(CHUNK)])


def nearest_inputs(train_inputs: Tensor, test_inputs: Tensor) -> Tensor:
    """Position of the training input closest (L2) to each test input.

    Args:
        train_inputs: (n, 1, H, W) uint8.
        test_inputs: (m, 1, H, W) uint8.

    Returns:
        (m,) int64 in 0…n−1.
    """
    # |a − b|² = |a|² − 2 a·b + |b|². About a point amid the images the numbers stay small, so that float32 is
    # exact enough, and |a|² is the same for all b.
    centre = to_unit(train_inputs[:CHUNK]).mean(0)
    test = torch.cat([(to_unit(c) - centre).flatten(1) for c in test_inputs.split(CHUNK)])
    best = torch.full((len(test),), torch.inf, device=test.device)
    nearest = torch.zeros(len(test), dtype=torch.int64, device=test.device)
    for number, images in enumerate(train_inputs.split(CHUNK)):
        train = (to_unit(images) - centre).flatten(1)
        distance, position = torch.addmm(train.square().sum(1), test, train.T, alpha=-2).min(1)
        closer = distance < best
        best = torch.where(closer, distance, best)
        nearest = torch.where(closer, position + number * CHUNK, nearest)
    return nearest


def nearest_mse(train_inputs: Tensor, train_targets: Tensor, test_inputs: Tensor, test_targets: Tensor) -> Tensor:
    """MSE per test image of answering with the target of the nearest training input.

    Args:
        train_inputs, train_targets: (n, 1, H, W) uint8.
        test_inputs, test_targets: (m, 1, H, W) uint8.

    Returns:
        (m,) float32, on images in [0, 1].
    """
    answers = train_targets[nearest_inputs(train_inputs, test_inputs)]
    pairs = zip(answers.split(CHUNK), test_targets.split(CHUNK), strict=True)
    return torch.cat([(to_unit(a) - to_unit(b)).square().mean((1, 2, 3)) for a, b in pairs])


def baselines(inputs: Tensor, targets: Tensor, train: Tensor, test: Tensor) -> Tensor:
    """Errors of both predictors, of each channel of the targets by itself.

    Args:
        inputs: (N, C, H, W) uint8.
        targets: (N, T, H, W) uint8.
        train, test: (n,) and (m,) int64, rows.

    Returns:
        (2, m · T) float32, of the mean image and of the nearest input; the channels of an image follow each other.
    """
    answers = targets.split(1, 1)
    mean = [mean_image_mse(target[train], target[test]) for target in answers]
    nearest = [nearest_mse(inputs[train], target[train], inputs[test], target[test]) for target in answers]
    return torch.stack([torch.stack(part, 1).flatten() for part in (mean, nearest)])
