"""A measured pattern as a network knows patterns: the same angles, axes, pixels and scaling as in training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from lacbed_gan.base.errors import UserError
from lacbed_gan.diffraction.constants import HALF_WIDTH
from lacbed_gan.diffraction.window import pixel_axis

LEAST_COVERED = 0.5  # of the angles that the network knows; with less it would see mostly what is made up
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


def prepare_pattern(
    image: np.ndarray,
    size: int,
    *,
    half_width: float | None = None,
    scale: float | None = None,
    a: float | None = None,
    rotation: float = 0.0,
    centre: tuple[float, float] | None = None,
) -> Prepared:
    """Crop to ±7.266 reciprocal lattice units, turn to the axes, resample by area, scale to [0, 1].

    What the image does not cover is taken from the pixels that the symmetry 2mm makes equal, else it is the mean.

    Args:
        image: (H, W) real intensities, bright is high.
        size: pixels along an edge of the result.
        half_width: half of the image's shorter edge, in reciprocal lattice units 1/a.
        scale: 1/Å per pixel of the image, instead of half_width; needs `a`.
        a: cell edge in Å. Without half_width and scale the image is taken to span ±7.266, and has to be square.
        rotation: angle in degrees by which the crystal's axes are turned in the image, counter-clockwise as an image
            is shown (row 0 on top).
        centre: row and column of the zone axis, counted from 0; the middle of the image unless given.

    Raises:
        PreparationError: calibration is missing, contradictory or not positive, the image is flat, or covers less than
            half of the angles.
    """
    image = np.asarray(image, dtype=np.float64)
    if image.ndim != 2 or not np.isfinite(image).all():
        raise PreparationError(f"the pattern is {image.shape}, not an image (H, W) of finite numbers")
    if image.max() == image.min():
        raise PreparationError("the pattern is flat: all pixels have one value")
    height, width = image.shape
    pitch = _pitch(height, width, half_width, scale, a)
    row, column = centre if centre is not None else ((height - 1) / 2, (width - 1) / 2)
    k = pixel_axis(size).numpy()
    step = 2 * HALF_WIDTH / size
    points = max(1, min(MOST_POINTS, round(step / pitch)))
    inner = ((np.arange(points) + 0.5) / points - 0.5) * step
    fine = (k[:, None] + inner).ravel()  # reciprocal lattice units
    angle = math.radians(rotation)
    cosine, sine = math.cos(angle), math.sin(angle)
    y, x = fine[:, None], fine
    rows, columns = row + (y * cosine - x * sine) / pitch, column + (x * cosine + y * sine) / pitch
    inside = (rows > -0.51) & (rows < height - 0.49) & (columns > -0.51) & (columns < width - 0.49)
    sampled = _bicubic(image, rows, columns)
    blocks = (size, points, size, points)
    weight = inside.reshape(blocks).sum((1, 3))
    known = weight > 0
    covered = float(inside.mean())
    if covered < LEAST_COVERED:
        raise PreparationError(
            f"the image covers {covered:.0%} of the angles that the network knows, ±{HALF_WIDTH} reciprocal lattice "
            "units; check half_width, scale, a and centre, or measure larger angles"
        )
    pattern = np.where(inside, sampled, 0.0).reshape(blocks).sum((1, 3)) / np.maximum(weight, 1)
    asymmetry = _asymmetry(pattern, known)
    pattern = _filled(pattern, known)
    low, high = pattern.min(), pattern.max()
    if high == low:
        raise PreparationError("the pattern is flat over the angles that the network knows")
    saturated = float((image == image.max()).mean())
    return Prepared(((pattern - low) / (high - low)).astype(np.float32), covered, asymmetry, saturated)


def _pitch(height: int, width: int, half_width: float | None, scale: float | None, a: float | None) -> float:
    """Reciprocal lattice units per pixel of the image."""
    for name, value in (("half_width", half_width), ("scale", scale), ("a", a)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise PreparationError(f"{name}={value} is not a positive number")
    if half_width is not None and scale is not None:
        raise PreparationError("half_width and scale both say how large the angles are; give one of them")
    if scale is not None:
        if a is None:
            raise PreparationError("scale=… in 1/Å per pixel needs a=…, the cell edge in Å")
        return scale * a
    if half_width is None:
        if height != width:
            raise PreparationError(
                f"{height} × {width} pixels are not square, so that the angles are unknown; give scale=… (1/Å per "
                "pixel) and a=…, or half_width=… (of the shorter edge, in reciprocal lattice units)"
            )
        half_width = HALF_WIDTH
    return 2 * half_width / min(height, width)


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


def _copies(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return image[::-1, ::-1], image[::-1], image[:, ::-1]


def _asymmetry(pattern: np.ndarray, known: np.ndarray) -> float:
    worst = 0.0
    for copy, also in zip(_copies(pattern), _copies(known), strict=True):
        both = known & also
        one, other = pattern[both], copy[both]
        if both.any() and one.std() > 0 and other.std() > 0:
            worst = max(worst, 0.5 - 0.5 * float(np.corrcoef(one, other)[0, 1]))
    return worst


def _filled(pattern: np.ndarray, known: np.ndarray) -> np.ndarray:
    pattern, have = pattern.copy(), known.copy()
    for copy, also in zip(_copies(pattern.copy()), _copies(known), strict=True):
        new = ~have & also
        pattern[new] = copy[new]
        have |= new
    pattern[~have] = pattern[have].mean()
    return pattern
