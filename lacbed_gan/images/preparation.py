"""A measured pattern as a network knows patterns: the same angles, axes, pixels and scaling as in training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from lacbed_gan.base.errors import UserError
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.calibration import Calibration
from lacbed_gan.images.scaling import min_max
from lacbed_gan.images.symmetry import MIRRORS, TWO_FOLD, mirror

LEAST_COVERED = 0.5  # of the angles that the network knows; with less it would see mostly what is made up
COPIES = (*TWO_FOLD, *reversed(MIRRORS))  # that the symmetry 2mm makes equal
MOST_POINTS = 16  # along an edge of a pixel, at which the image is read


class PreparationError(UserError):
    """A pattern that cannot be prepared: one line with reason and remedy, without the file's name."""


@dataclass(frozen=True)
class Prepared:
    """A pattern for a network.

    Attributes:
        pattern: (size, size) float32 in [0, 1], min–max scaled.
        covered: share of its pixels that lie in the image.
        asymmetry: 1 − R, largest of the pattern to its copies turned by 180° and mirrored, where the image covers
            both; 0 for a pattern with the symmetry 2mm, which all cubic crystals give.
        saturated: share of pixels at the image's highest value.
    """

    pattern: np.ndarray
    covered: float
    asymmetry: float
    saturated: float


def prepare_pattern(image: np.ndarray, window: Window, calibration: Calibration) -> Prepared:
    """Crop to the window, turn to the axes, resample by area, scale to [0, 1].

    What the image does not cover is taken from the pixels that the symmetry 2mm makes equal, else it is the mean.

    Args:
        image: (H, W) real intensities, bright is high.
        window: of the result.
        calibration: of the image. Without half_width and pixel_size the image, which has to be square, is taken to
            span the window.

    Raises:
        PreparationError: calibration is missing, contradictory or not positive, the image is flat, or covers less than
            half of the window.
    """
    image = np.array(image, dtype=np.float64)  # a copy: PyTorch complains of a file's map, which cannot be written
    if image.ndim != 2 or not np.isfinite(image).all():
        raise PreparationError(f"the pattern is {image.shape}, not an image (H, W) of finite numbers")
    if image.max() == image.min():
        raise PreparationError("the pattern is flat: all pixels have one value")
    height, width = image.shape
    pitch = _pitch(height, width, window, calibration)
    row, column = calibration.centre or ((height - 1) / 2, (width - 1) / 2)
    points = max(1, min(MOST_POINTS, round(window.step / pitch)))
    fine = Window(window.size * points, window.half_width).axis  # reciprocal lattice units
    angle = math.radians(calibration.rotation)
    cosine, sine = math.cos(angle), math.sin(angle)
    y, x = fine[:, None], fine
    rows, columns = row + (y * cosine - x * sine) / pitch, column + (x * cosine + y * sine) / pitch
    inside = (rows > -0.51) & (rows < height - 0.49) & (columns > -0.51) & (columns < width - 0.49)
    sampled = _bicubic(image, rows, columns)
    blocks = (window.size, points, window.size, points)
    weight = inside.reshape(blocks).sum((1, 3))
    known = weight > 0
    covered = float(inside.mean())
    if covered < LEAST_COVERED:
        raise PreparationError(
            f"the image covers {covered:.0%} of the angles that the network knows, ±{window.half_width:g} reciprocal "
            "lattice units; check half_width, pixel_size, a and centre, measure larger angles, or take a network of "
            "smaller ones"
        )
    pattern = np.where(inside, sampled, 0.0).reshape(blocks).sum((1, 3)) / np.maximum(weight, 1)
    asymmetry = _asymmetry(pattern, known)
    pattern = _filled(pattern, known)
    if pattern.max() == pattern.min():
        raise PreparationError("the pattern is flat over the angles that the network knows")
    saturated = float((image == image.max()).mean())
    return Prepared(min_max(pattern).astype(np.float32), covered, asymmetry, saturated)


def _pitch(height: int, width: int, window: Window, known: Calibration) -> float:
    """Reciprocal lattice units per pixel of the image."""
    for name in ("half_width", "pixel_size", "a"):
        value = getattr(known, name)
        if value is not None and not (math.isfinite(value) and value > 0):
            raise PreparationError(f"{name}={value} is not a positive number")
    if known.half_width is not None and known.pixel_size is not None:
        raise PreparationError("half_width and pixel_size both say how large the angles are; give one of them")
    if known.pixel_size is not None:
        if known.a is None:
            raise PreparationError("pixel_size=… in 1/Å per pixel needs a=…, the cell edge in Å")
        return known.pixel_size / Net.square(known.a).lengths[0]
    if known.half_width is None and height != width:
        raise PreparationError(
            f"{height} × {width} pixels are not square, so that the angles are unknown; give pixel_size=… (1/Å per "
            "pixel) and a=…, or half_width=… (of the shorter edge, in reciprocal lattice units)"
        )
    return 2 * (known.half_width or window.half_width) / min(height, width)


def _bicubic(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The image between its pixels, beyond its edges the nearest of them."""
    height, width = image.shape
    grid = np.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], -1)
    sampled = torch.nn.functional.grid_sample(
        torch.from_numpy(image)[None, None],
        torch.from_numpy(grid)[None],
        mode="bicubic",
        padding_mode="border",
        align_corners=False,
    )
    return sampled[0, 0].numpy()


def _asymmetry(pattern: np.ndarray, known: np.ndarray) -> float:
    """1 − R, the largest of the pattern to its copies, over the pixels that are known in both."""
    worst = 0.0
    for axes in COPIES:
        both = known & mirror(known, axes)
        pair = np.stack([pattern[both], mirror(pattern, axes)[both]])
        if both.any() and pair.std(1).min() > 0:
            worst = max(worst, 0.5 - 0.5 * float(np.corrcoef(pair)[0, 1]))
    return worst


def _filled(pattern: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The pattern with what is not known from its copies, the nearest operation first, else their mean."""
    pattern, whole = pattern.copy(), known.copy()
    for axes in COPIES:
        missing = ~whole & mirror(known, axes)
        pattern[missing] = mirror(pattern, axes)[missing]
        whole |= missing
    pattern[~whole] = pattern[whole].mean()
    return pattern
