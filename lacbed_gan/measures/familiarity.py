"""How far an image is from those that a network was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lacbed_gan.images.symmetry import fold, quadrant

DETAIL = 8  # Fourier coefficients of ρ, or blocks of a quadrant of a pattern, along an axis
USUAL = 0.95  # share of training images whose nearest other one is within the usual distance
LEAST_SIZE = 2 * DETAIL  # pixels along an edge that these take
CHUNK = 256  # images at once


@dataclass(frozen=True)
class Familiar:
    """What is kept of the training inputs.

    Attributes:
        features: (N, F) float16, those of the training inputs.
        usual: distance that 95 % of the training inputs keep from the nearest other one.
    """

    features: Tensor
    usual: float

    def distance(self, direction: str, images: Tensor) -> float:
        """Distance of one input (1, C, H, W) from the nearest training input, in units of the usual one."""
        return float(nearest(features(direction, images), self.features.float())) / self.usual


def features(direction: str, images: Tensor) -> Tensor:
    """Coarse features of inputs, of length one, on which brightness and contrast have no influence.

    Of ρ the moduli of its first Fourier coefficients, which a shift of the origin leaves as they are; of patterns the
    means over blocks of a quadrant, which their symmetry repeats.

    Args:
        images: (B, C, H, W) float32, of the forward direction ρ first, H and W of `LEAST_SIZE` or more.

    Returns:
        (B, F) float32.
    """
    if direction == "forward":
        potential = images[:, :1]
        coefficients = torch.fft.fft2(potential - potential.mean((-2, -1), keepdim=True))
        values = coefficients.abs()[..., : DETAIL + 1, : DETAIL + 1].flatten(1)
    else:
        values = torch.nn.functional.adaptive_avg_pool2d(quadrant(fold(images)), DETAIL).flatten(1)
        values = values - values.mean(1, keepdim=True)
    return torch.nn.functional.normalize(values)


def usual_distance(points: Tensor) -> float:
    """The distance that 95 % of the features (N, F), N ≥ 2, keep from the nearest other ones."""
    return float(torch.quantile(nearest(points.float(), points.float(), but_itself=True), USUAL))


def nearest(points: Tensor, among: Tensor, but_itself: bool = False) -> Tensor:
    """(N,) distance of each point from the nearest one, other than itself if the points are the first of the others."""
    nearest = []
    for start in range(0, len(points), CHUNK):
        distance = torch.cdist(points[start : start + CHUNK], among, compute_mode="donot_use_mm_for_euclid_dist")
        if but_itself:
            distance.diagonal(start).fill_(torch.inf)
        nearest.append(distance.amin(1))
    return torch.cat(nearest)
