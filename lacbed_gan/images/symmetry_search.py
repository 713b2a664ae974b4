"""Where a pattern's two-fold axis and its mirror lines are, by correlation of the image with copies of itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lacbed_gan.images.filling import blurred

FINE, COARSE = 0.01, 0.06  # of the shorter edge: widths of the Gaussians between which the band lies
OVERLAP = 0.3  # of the largest: the least number of pixels that a copy has to share with the image
FAR = 0.3  # of an edge: the farthest that the centre is sought from the middle
ANGLES = 720  # directions around the centre
LEAST_RADIUS = 3  # pixels


@dataclass(frozen=True)
class Peak:
    """A best position.

    Attributes:
        position: its coordinates.
        height: correlation there, 1 where image and copy agree.
        uncertainty: of each coordinate, by the width of the peak and what the correlation lacks.
        rival: the highest correlation elsewhere.
    """

    position: tuple[float, ...]
    height: float
    uncertainty: float
    rival: float


def band_passed(image: np.ndarray) -> np.ndarray:
    """Differences of means over a hundredth and a sixteenth of the shorter edge; NaN where there is no value."""
    edge = min(image.shape)
    band = blurred(image, max(0.8, FINE * edge)) - blurred(image, COARSE * edge)
    return np.where(np.isfinite(image), band, np.nan)


def two_fold_centre(band: np.ndarray) -> Peak:
    """Row and column about which an image is most nearly its own copy turned by 180°.

    C(s) = Σ f(x) f(s − x) / Σ f(x)² over the pixels x for which both have a value; the largest is at s = 2 · centre.

    Args:
        band: (H, W) of mean zero, NaN where there is no value.
    """
    valid = np.isfinite(band)
    values = np.where(valid, band, 0.0)
    height, width = band.shape
    shape = tuple(_fast(2 * n) for n in band.shape)
    transform, mask, square = (np.fft.rfft2(a, shape) for a in (values, valid.astype(np.float64), values**2))
    product, both, power = (np.fft.irfft2(a, shape) for a in (transform**2, mask**2, square * mask))
    rows, columns = np.arange(2 * height - 1), np.arange(2 * width - 1)
    near = (np.abs(rows - height + 1)[:, None] <= 2 * FAR * height) & (np.abs(columns - width + 1) <= 2 * FAR * width)
    product, both, power = (a[: len(rows), : len(columns)] for a in (product, both, power))
    allowed = near & (both > OVERLAP * both.max()) & (power > 1e-6 * power.max())
    score = np.where(allowed, product / np.where(allowed, power, 1.0), -1.0)
    best = np.unravel_index(int(score.argmax()), score.shape)
    top = float(score[best])
    offsets, bends = zip(*(_parabola(score, best, axis) for axis in (0, 1)), strict=True)
    grid = np.hypot(rows[:, None] - best[0], columns - best[1])
    rival = float(score[grid > 0.08 * min(height, width)].max(initial=-1.0))
    independent = max(1.0, float(both[best]) * FINE**2 * 4)
    spread = math.sqrt(max(1 - top, 1e-6) / independent / max(min(bends), 1e-6)) / 2
    row, column = ((b + o) / 2 for b, o in zip(best, offsets, strict=True))
    return Peak((float(row), float(column)), top, spread, rival)


def mirror_lines(band: np.ndarray, centre: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """How nearly an image is its own mirror image about lines through its centre, of a pattern with a two-fold axis.

    M(φ) = Σ g(r, θ) g(r, 2φ − θ) / Σ g², the means of φ and φ + 90°.

    Args:
        band: (H, W) of mean zero, NaN where there is no value.

    Returns:
        angles: (N,) of the lines in degrees, 0 to 90, from the direction of rising columns counter-clockwise as an
            image is shown (row 0 on top).
        score: (N,) correlations.
    """
    row, column = centre
    height, width = band.shape
    reach = max(math.hypot(r - row, c - column) for r in (0, height - 1) for c in (0, width - 1))
    radii = np.arange(LEAST_RADIUS, reach)
    theta = 2 * np.pi * np.arange(ANGLES) / ANGLES
    polar = bilinear(band, row - radii[:, None] * np.sin(theta), column + radii[:, None] * np.cos(theta))
    valid = np.isfinite(polar)
    values = np.where(valid, polar, 0.0) * np.sqrt(radii)[:, None]  # each pixel of the image counts once
    transform, mask, square = (np.fft.rfft(a, axis=1) for a in (values, valid.astype(np.float64), values**2))
    product, power = (np.fft.irfft(a.sum(0), ANGLES) for a in (transform**2, square * mask))
    doubled = product / np.maximum(power, 1e-9 * power.max())  # at 2φ; φ and φ + 90° are 180° apart
    half = ANGLES // 2
    return np.arange(half) * 180.0 / ANGLES, (doubled[:half] + doubled[half:]) / 2


def peak_of(angles: np.ndarray, score: np.ndarray) -> Peak:
    """The highest of a periodic curve, between its points by a parabola."""
    best = int(score.argmax())
    around = np.array([score[best - 1], score[best], score[(best + 1) % len(score)]])
    bend = max(2 * around[1] - around[0] - around[2], 1e-9)
    offset = float(np.clip((around[2] - around[0]) / (2 * bend), -0.5, 0.5))
    step = float(angles[1] - angles[0])
    return Peak((float(angles[best] + offset * step),), float(score[best]), step * math.sqrt(1e-3 / bend), -1.0)


def bilinear(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The image between its pixels; NaN outside, and beside pixels without a value."""
    height, width = image.shape
    inside = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    i, j = np.minimum(rows.astype(int), height - 2), np.minimum(columns.astype(int), width - 2)
    y, x = rows - i, columns - j
    upper = image[i, j] * (1 - x) + image[i, j + 1] * x
    lower = image[i + 1, j] * (1 - x) + image[i + 1, j + 1] * x
    return np.where(inside, upper * (1 - y) + lower * y, np.nan)


def _parabola(score: np.ndarray, best: tuple[np.intp, ...], axis: int) -> tuple[float, float]:
    """Offset of the peak from its highest point along an axis, and how sharply it bends there."""
    place = int(best[axis])
    if not 0 < place < score.shape[axis] - 1:
        return 0.0, 1e-6
    line = score[:, best[1]] if axis == 0 else score[best[0]]
    before, here, after = (float(line[place + i]) for i in (-1, 0, 1))
    bend = 2 * here - before - after
    if bend <= 0:
        return 0.0, 1e-6
    return min(0.5, max(-0.5, (after - before) / (2 * bend))), bend


def _fast(size: int) -> int:
    """The next number of factors 2, 3 and 5, for which FFTs are quick."""
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 1
