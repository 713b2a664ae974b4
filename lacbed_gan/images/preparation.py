"""A measured pattern as a network knows patterns: the same angles, axes, pixels and scaling as in training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from lacbed_gan.base.errors import UserError
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.calibration import ASSUMED, Calibration
from lacbed_gan.images.defects import without_defects
from lacbed_gan.images.filling import binned, smoothly_filled
from lacbed_gan.images.scaling import MASKED, robust_ends, robust_min_max
from lacbed_gan.images.symmetry import MIRRORS, TWO_FOLD, mirror

LEAST_COVERED = 0.5  # of the angles that the network knows; with less it would see mostly what is made up
LEAST_MASKED = 0.1  # the same of networks that know smaller windows
COPIES = (*TWO_FOLD, *reversed(MIRRORS))  # that the symmetry 2mm makes equal
MOST_POINTS = 4  # along an edge of a pixel, at which the image is read
BROKEN = 0.03  # 1 − R of a pattern to its copies from which they are not averaged, but for noise and a slope


class PreparationError(UserError):
    """A pattern that cannot be prepared: one line with reason and remedy, without the file's name."""


@dataclass(frozen=True)
class Asymmetry:
    """How a pattern differs from its copies turned by 180° and mirrored, where the image covers both.

    Attributes:
        turned: 1 − R to the one turned by 180°.
        mirrored: 1 − R to the mirrored ones, the larger.
        slope: share of the larger difference that a plane makes up, as an uneven background is.
        grain: correlation of neighbouring pixels of the rest: 0 for noise, near 1 for a pattern that is shifted.
    """

    turned: float = 0.0
    mirrored: float = 0.0
    slope: float = 0.0
    grain: float = 0.0

    @property
    def largest(self) -> float:
        """Of both."""
        return max(self.turned, self.mirrored)

    @property
    def structure(self) -> float:
        """What of the larger is neither a plane nor noise."""
        return self.largest * (1 - self.slope) * max(0.0, min(1.0, 2 * self.grain))


@dataclass(frozen=True)
class Prepared:
    """A pattern for a network.

    Attributes:
        pattern: (size, size) float32 in [0, 1], scaled from its robust minimum to its maximum.
        covered: share of its pixels that the image covers.
        symmetry: how it differs from its own copies; not at all with the symmetry 2mm, which all cubic crystals give.
        saturated: share of pixels at the image's highest value.
        defects: hot and dead pixels of the image that were left out.
        reach: half an edge of what is known of the pattern over that of the window.
        span: what became 1 less what became 0, in the image's unit.
    """

    pattern: np.ndarray
    covered: float
    symmetry: Asymmetry
    saturated: float
    defects: int = 0
    reach: float = 1.0
    span: float = 0.0

    @property
    def asymmetry(self) -> float:
        """1 − R, largest of the pattern to its copies."""
        return self.symmetry.largest


def prepare_pattern(
    image: np.ndarray,
    window: Window,
    calibration: Calibration,
    defects: int | None = None,
    masked: bool = False,
    symmetric: bool = True,
) -> Prepared:
    """Leave out what has no value, crop to the window, turn to the axes, resample by area, scale to [0, 1].

    Copies that the symmetry 2mm makes equal are averaged, which halves the noise, and stand in for what the image does
    not cover; what they do not cover either goes on smoothly.

    Args:
        image: (H, W) real intensities, bright is high, NaN or infinite where a pixel has no value.
        window: of the result.
        calibration: of the image. Without half_width and pixel_size the image, which has to be square, is taken to
            span the window.
        defects: how many hot and dead pixels were left out already; None: they are sought.
        masked: what neither the image nor its copies cover is `MASKED`, for networks that know smaller windows.
        symmetric: the symmetry 2mm makes copies equal; dark fields have none, and where they are masked they are 0.

    Raises:
        PreparationError: calibration is missing, contradictory or not positive, the image is flat, or covers less than
            half of the window, or with `masked` a tenth.
    """
    if image.ndim != 2 or not np.isfinite(image).any():
        raise PreparationError(f"the pattern is {image.shape}, not an image (H, W) with finite numbers")
    image = np.where(np.isfinite(image), image, np.nan).astype(np.float64)
    low, high = np.nanmin(image), np.nanmax(image)
    if high == low:
        raise PreparationError("the pattern is flat: all pixels have one value")
    height, width = image.shape
    pitch = pixel_pitch(height, width, window, calibration)
    whole = image
    if defects is None:
        whole, defects = without_defects(image)
    top = float(np.nanmax(whole))
    saturated = float((whole == top).mean())
    if (circle := calibration.circle) is not None:
        whole = np.where(circle.inside((height, width), calibration.aspect), whole, np.nan)
    pattern, share = resampled(whole, window, calibration, pitch)
    covered = float(share.mean())
    if covered < (LEAST_MASKED if masked else LEAST_COVERED):
        raise PreparationError(
            f"the image covers {covered:.0%} of the angles that the network knows, ±{window.half_width:g} reciprocal "
            "lattice units; check half_width, pixel_size, a, centre and aperture, measure larger angles, or take a "
            "network of smaller ones"
        )
    known = share > 0
    symmetry = _asymmetry(pattern, known) if symmetric else Asymmetry()
    pattern = _averaged(pattern, known, symmetry) if symmetric else np.where(known, pattern, np.nan)
    whole, reach = np.isfinite(pattern), 1.0
    if not masked:
        pattern, whole = smoothly_filled(pattern), np.ones_like(whole)
    elif whole.any():
        reach = min(1.0, 2 * float(np.abs(np.argwhere(whole) - (window.size - 1) / 2).max() + 0.5) / window.size)
    values = pattern[whole]
    if not len(values) or values.max() == values.min():
        raise PreparationError("the pattern is flat over the angles that the network knows")
    scaled = np.full(pattern.shape, MASKED if symmetric else 0.0, np.float32)
    scaled[whole] = robust_min_max(values)
    low, high = robust_ends(values)
    return Prepared(scaled, covered, symmetry, saturated, defects, reach, high - low)


def resampled(
    image: np.ndarray, window: Window, calibration: Calibration, pitch: float
) -> tuple[np.ndarray, np.ndarray]:
    """The image at the window's pixels, 0 where it has no value, and the share of each pixel that it covers."""
    factor = max(1, int(window.step / pitch / MOST_POINTS))
    row, column = calibration.centre or ((image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2)
    image, (row, column) = binned(image, factor), ((place + 0.5) / factor - 0.5 for place in (row, column))
    pitch *= factor
    height, width = image.shape
    valid = np.isfinite(image)
    points = max(1, min(2 * MOST_POINTS, round(window.step / pitch)))
    fine = Window(window.size * points, window.half_width).axis  # reciprocal lattice units
    angle = math.radians(calibration.rotation)
    cosine, sine = math.cos(angle), math.sin(angle)
    y, x = fine[:, None], fine
    rows = row + (y * cosine - x * sine) / (pitch * calibration.aspect)
    columns = column + (x * cosine + y * sine) / pitch
    inside = (rows > -0.51) & (rows < height - 0.49) & (columns > -0.51) & (columns < width - 0.49)
    if not valid.all():  # pixels by themselves are bridged by those around them
        near = valid | np.isfinite(_bridged(image))
        nearest = np.clip(np.rint(rows), 0, height - 1).astype(int), np.clip(np.rint(columns), 0, width - 1).astype(int)
        inside &= near[nearest]
        image = smoothly_filled(image)
    sampled = _bicubic(image, rows, columns)
    blocks = (window.size, points, window.size, points)
    weight = inside.reshape(blocks).sum((1, 3))
    total = np.where(inside, sampled, 0.0).reshape(blocks).sum((1, 3))
    return total / np.maximum(weight, 1), weight / points**2


def _bridged(image: np.ndarray) -> np.ndarray:
    """The image with values also at pixels without one that have some on both sides, along rows or along columns."""
    padded = np.pad(image, 1, constant_values=np.nan)
    across = (padded[1:-1, 2:] + padded[1:-1, :-2]) / 2
    along = (padded[2:, 1:-1] + padded[:-2, 1:-1]) / 2
    return np.where(np.isfinite(across), across, along)


def pixel_pitch(height: int, width: int, window: Window, known: Calibration) -> float:
    """Reciprocal lattice units per pixel along a row of the image."""
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
    if (known.half_width is None or known.source.get("half_width") == ASSUMED) and height != width:
        raise PreparationError(
            f"{height} × {width} pixels are not square, so that the angles are unknown; give pixel_size=… (1/Å per "
            "pixel) and a=…, or half_width=… (of the shorter edge, in reciprocal lattice units)"
        )
    return 2 * (known.half_width or window.half_width) / min(height * known.aspect, width)


def _bicubic(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The image between its pixels, beyond its edges the nearest of them."""
    height, width = image.shape
    grid = np.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], -1)
    sampled = torch.nn.functional.grid_sample(
        torch.from_numpy(np.ascontiguousarray(image))[None, None],
        torch.from_numpy(grid)[None],
        mode="bicubic",
        padding_mode="border",
        align_corners=False,
    )
    return sampled[0, 0].numpy()


def _asymmetry(pattern: np.ndarray, known: np.ndarray) -> Asymmetry:
    """Over the pixels that are known in both."""
    distance, grain, slope = {}, 0.0, 0.0
    for axes in COPIES:
        both = known & mirror(known, axes)
        pair = np.stack([pattern[both], mirror(pattern, axes)[both]])
        if not both.any() or pair.std(1).min() == 0:
            continue
        distance[axes] = 0.5 - 0.5 * float(np.corrcoef(pair)[0, 1])
        if distance[axes] == max(distance.values()):
            difference = np.where(both, pattern - mirror(pattern, axes), 0.0)
            plane = _plane(difference, both)
            power = float((difference[both] ** 2).sum())
            slope = 0.0 if power == 0 else float((plane[both] ** 2).sum()) / power
            grain = _grain(difference - plane, both)
    turned = distance.get(TWO_FOLD[0], 0.0)
    return Asymmetry(turned, max([distance.get(axes, 0.0) for axes in MIRRORS]), slope, grain)


def _grain(difference: np.ndarray, known: np.ndarray) -> float:
    """Correlation of diagonal neighbours, which resampling ties together less than others."""
    pairs = known[1:, 1:] & known[:-1, :-1]
    power = float((difference[known] ** 2).mean())
    return 0.0 if power == 0 else float((difference[1:, 1:] * difference[:-1, :-1])[pairs].mean()) / power


def _plane(difference: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The plane nearest to a difference."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in known.shape), indexing="ij")
    matrix = np.stack([np.ones_like(x), y, x], -1)
    return matrix @ np.linalg.lstsq(matrix[known], difference[known], rcond=None)[0]


def _averaged(pattern: np.ndarray, known: np.ndarray, symmetry: Asymmetry) -> np.ndarray:
    """Means over the copies that are alike; where none is, the turned one stands in for what is not known; else NaN."""
    alike: tuple[tuple[int, ...], ...] = COPIES
    if symmetry.structure > BROKEN:  # not the mirrored ones, perhaps not even the one turned by 180°
        alike = TWO_FOLD if symmetry.turned <= BROKEN else ()
    total, count = np.where(known, pattern, 0.0), known.astype(np.float64)
    for axes in alike:
        total = total + mirror(np.where(known, pattern, 0.0), axes)
        count = count + mirror(known, axes)
    average, whole = np.where(count > 0, total / np.maximum(count, 1), np.nan), count > 0
    if not whole.all() and not alike:
        missing = ~whole & mirror(known, TWO_FOLD[0])
        average[missing] = mirror(pattern, TWO_FOLD[0])[missing]
    return average
