"""A measured image → what the network is given: the one way from pixels of a file to those of training."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch

from lacbed_gan.images.alignment import DIAGONAL, align
from lacbed_gan.images.calibration import ASSUMED, Calibration
from lacbed_gan.images.defects import with_partners, without_defects
from lacbed_gan.images.filling import binned
from lacbed_gan.images.preparation import (
    MOST_POINTS,
    Asymmetry,
    PreparationError,
    Prepared,
    pixel_pitch,
    prepare_pattern,
)
from lacbed_gan.images.reduction import reduced_pattern
from lacbed_gan.images.scaling import by_strength, to_unit
from lacbed_gan.store.recipe import Recipe

NEARER = 1.3  # times as near to the training data decides between two rotations
MOVED = 2.0  # times as near decides against the rotation that nobody would doubt, 0°
FAMILIAR = 1.0  # distance up to which the training data can judge
SCALES = (0.94, 0.96, 0.98, 1.02, 1.04, 1.06)
ANY_SCALE = tuple(float(s) for s in np.geomspace(0.5, 2.0, 29))  # of an image of which nobody says it
OTHER_SCALE = 0.75  # times as far as now, and within `SEEN`: another scale is the likelier one
SEEN = 0.6

Distance = Callable[[np.ndarray], float | None]


@dataclass(frozen=True)
class Candidate:
    """One way in which an image may lie.

    Attributes:
        calibration: of the file's image, with all that was found or assumed.
        prepared: of each image.
        inputs: (T, n, n) float32 in [0, 1], what the network is given.
        distance: from the training data in units of the usual one; None where it is not known.
    """

    calibration: Calibration
    prepared: tuple[Prepared, ...]
    inputs: np.ndarray
    distance: float | None


@dataclass(frozen=True)
class Reading:
    """What was made of a measured image.

    Attributes:
        best: how it lies.
        rival: another way that nothing but physics can rule out; None where there is none.
        warnings: one line each.
    """

    best: Candidate
    rival: Candidate | None
    warnings: list[str]

    @property
    def ambiguity(self) -> list[str]:
        """A warning where two rotations are possible."""
        if self.rival is None:
            return []
        first, second = (one.calibration.rotation for one in (self.best, self.rival))
        return [
            f"the pattern's symmetry allows a rotation of {second:.4g}° as well as {first:.4g}°; give rotation=… if "
            "you know it"
        ]


def read_pattern(
    images: np.ndarray,
    calibration: Calibration,
    recipe: Recipe,
    size: int,
    distance: Distance,
    auto: bool = True,
    masked: bool = False,
    bright: int | None = None,
) -> Reading:
    """Leave out defects, align where nobody says how the image lies, prepare, and judge by the training data.

    Args:
        images: (T, H, W) as the file has them; NaN where a pixel has no value.
        calibration: what is known of them.
        size: pixels along an edge of the network's images.
        distance: of an input (T, size, size) from the training data.
        auto: whether the pattern may tell centre, rotation and aperture.
        masked: the network knows smaller windows, see `prepare_pattern`.
        bright: how many of the images, the first ones, are bright fields, which tell how all lie; None: all. Of the
            others, dark fields, those that are flat are empty: the reflection is forbidden.

    Raises:
        PreparationError: it cannot be prepared.
    """
    window, known = recipe.window, calibration
    bright = len(images) if bright is None else bright
    empty = [i >= bright and np.ptp(image[np.isfinite(image)]) == 0 for i, image in enumerate(images)]
    whole = calibration.intensities(images.astype(np.float64, copy=False))
    cleaned = [without_defects(image) for image in whole]
    pitch = pixel_pitch(images.shape[-2], images.shape[-1], window, known)
    factor = max(1, int(window.step / pitch / (2 * MOST_POINTS)))
    small = [binned(image, factor) for image, _ in cleaned]
    height, width = images.shape[-2:]
    if known.half_width is not None:  # of what is left of the shorter edge
        rest = min(small[0].shape[0] * known.aspect, small[0].shape[1]) * factor / min(height * known.aspect, width)
        known = replace(known, half_width=known.half_width * rest)
    known, alternatives = known.at(factor), ()
    if auto and not all(np.ptp(image[np.isfinite(image)]) == 0 for image in small[:bright]):
        alignment = align(_mean(small[:bright]), known)
        known, alternatives = alignment.calibration, alignment.alternatives
    if factor == 1:  # features of a pattern are larger than the pixels of a larger frame
        centre = known.centre or ((height - 1) / 2, (width - 1) / 2)
        small[:bright] = [with_partners(*pair, centre) for pair in zip(whole[:bright], small[:bright], strict=True)]
        cleaned = [
            (clean, int((np.isnan(clean) & np.isfinite(image)).sum()))
            for image, clean in zip(whole, small, strict=True)
        ]

    def candidate(one: Calibration) -> Candidate:
        prepared = tuple(
            Prepared(np.zeros((window.size, window.size), np.float32), 1.0, Asymmetry(), 0.0)
            if empty[i]
            else prepare_pattern(image, window, one, cleaned[i][1], masked, symmetric=i < bright)
            for i, image in enumerate(small)
        )
        inputs = to_unit(reduced_pattern(np.stack([255 * each.pattern for each in prepared]), size))
        if bright < len(images):  # at each thickness those of one series
            spans = torch.tensor([0.0 if none else each.span for each, none in zip(prepared, empty, strict=True)])
            series = torch.from_numpy(inputs[bright:]).unflatten(0, (bright, -1))
            inputs[bright:] = by_strength(series, spans[bright:].view(bright, -1)).flatten(0, 1).numpy()
        whole = replace(one.at(1 / factor), half_width=calibration.half_width)
        return Candidate(whole, prepared, inputs, distance(inputs))

    best = candidate(known)
    lines: list[str] = []
    rival = None
    for rotation in alternatives:
        best, rival = _settled(best, candidate(replace(known, rotation=rotation)))
    if not alternatives:
        lines += _doubts_about_rotation(best, candidate(replace(known, rotation=known.rotation + DIAGONAL)))
    lines += _doubts_about_polarity(best, distance)
    straight = replace(known, rotation=best.calibration.rotation)
    lines += _doubts_about_scale(best, lambda scale: candidate(_scaled(straight, scale, window.half_width)))
    return Reading(best, rival, lines)


def _settled(first: Candidate, second: Candidate) -> tuple[Candidate, Candidate | None]:
    """The likelier one, and the other where it is not ruled out."""
    near, far = first.distance, second.distance
    if near is None or far is None or min(near, far) > FAMILIAR:
        return first, second
    if near * NEARER < far:
        return first, None
    if far * (MOVED if first.calibration.rotation == 0 else NEARER) < near:
        return second, None
    return first, second


def _doubts_about_rotation(best: Candidate, other: Candidate) -> list[str]:
    if best.distance is None or other.distance is None or other.distance > SEEN:
        return []
    if other.distance * MOVED > best.distance:
        return []
    return [
        f"turned by 45° more the pattern is {best.distance / other.distance:.2g} times as near to the training data: "
        "check rotation"
    ]


def _doubts_about_polarity(best: Candidate, distance: Distance) -> list[str]:
    other = distance(1 - best.inputs)
    if best.distance is None or other is None or other > min(SEEN, best.distance / MOVED):
        return []
    name = "bright_high" if best.calibration.polarity == "dark_high" else "dark_high"
    return [f"with black and white exchanged the pattern would be nearer to the training data: check polarity={name}"]


def _doubts_about_scale(best: Candidate, scaled: Callable[[float], Candidate]) -> list[str]:
    known = best.calibration
    guessed = known.pixel_size is None and known.source.get("half_width") == ASSUMED
    if best.distance is None or (best.distance > 2 * FAMILIAR and not guessed):
        return []
    distances = {}
    for scale in ANY_SCALE if guessed and best.distance > FAMILIAR else SCALES:
        with suppress(PreparationError):  # angles that the network does not know
            distances[scale] = scaled(scale).distance or np.inf
    scale = min(distances, key=lambda s: distances[s], default=1.0)
    if scale == 1.0 or distances[scale] > min(SEEN, OTHER_SCALE * best.distance):
        return []
    near = (
        f"nearer to the training data ({distances[scale]:.2g} instead of {best.distance:.2g} times the usual distance)"
    )
    if guessed:
        return [
            f"nobody says how large the angles are: with half_width={known.half_width * scale:.2g} it would be {near}"
        ]
    size = f"{abs(scale - 1):.0%} {'larger' if scale > 1 else 'smaller'}"
    return [f"with angles {size} the pattern would be {near}: check the scale and a"]


def _scaled(known: Calibration, scale: float, window: float) -> Calibration:
    if known.pixel_size is not None:
        return replace(known, pixel_size=known.pixel_size * scale)
    return replace(known, half_width=(known.half_width or window) * scale)


def _mean(images: list[np.ndarray]) -> np.ndarray:
    """The mean of images of one place, each scaled to a range of one."""
    if len(images) == 1:
        return images[0]
    return np.mean([image / np.nanstd(image) for image in images], 0)
