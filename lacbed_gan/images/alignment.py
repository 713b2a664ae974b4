"""Where the zone axis is in an image, how the crystal is turned, and what of it lies behind an aperture.

A bright-field pattern has a two-fold axis in the direct beam, and that of a cubic crystal along [001] mirror lines
along the axes, whatever the crystal: the pattern itself tells where these are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lacbed_gan.images.aperture import Aperture, aperture_of
from lacbed_gan.images.calibration import PATTERN, Calibration
from lacbed_gan.images.filling import binned
from lacbed_gan.images.symmetry_search import Peak, band_passed, bilinear, mirror_lines, peak_of, two_fold_centre

EDGE = 256  # pixels along the shorter edge of the image in which all this is sought, or up to twice as many
PLAIN = 0.4  # correlation from which a two-fold axis is taken, if it stands out; at 3 counts a pixel patterns have 0.7
RIVAL = 0.7  # of it: the most that the next one elsewhere may have
EVIDENT = 0.85  # correlation from which it is taken anyway
MIRROR = 0.4  # correlation from which mirror lines are taken
ALIKE = 0.85  # of the higher: lines 45° apart that are as good as this are mirror lines both
STAYS = (0.35, 0.35)  # pixels of that image, and degrees: what is this near to the middle and to 0° is there
DIAGONAL, QUARTER = 45.0, 90.0


@dataclass(frozen=True)
class Alignment:
    """What a pattern says of how it lies.

    Attributes:
        calibration: with centre, rotation and aperture where the pattern decided.
        alternatives: rotations in degrees that its symmetry allows as well.
    """

    calibration: Calibration
    alternatives: tuple[float, ...] = ()


def align(image: np.ndarray, calibration: Calibration) -> Alignment:
    """Find centre, rotation and aperture where neither user nor file says.

    What the pattern does not tell stays as it is assumed, with a remark.

    Args:
        image: (H, W) intensities, bright is high, NaN where a pixel has no value.
    """
    factor = max(1, min(image.shape) // EDGE)
    coarse = _square(binned(image, factor), calibration.aspect)
    stretch = image.shape[0] / factor / coarse.shape[0]  # rows of the image for a row of the square one
    known = calibration
    circle: Aperture | None = None
    if calibration.aperture is not None:
        circle = _to_coarse(Aperture(*calibration.aperture), factor, stretch)
    elif calibration.open_to_the_pattern("aperture") and (circle := aperture_of(coarse)) is not None:
        fine = circle.at(1 / factor)
        row = (circle.row * stretch + (stretch - 1) / 2 + 0.5) * factor - 0.5
        known = _with(known, "aperture", (row, fine.column, fine.radius), float(factor))
    if circle is not None:
        coarse = np.where(circle.inside((coarse.shape[0], coarse.shape[1])), coarse, np.nan)
    band = band_passed(coarse)
    middle = ((coarse.shape[0] - 1) / 2, (coarse.shape[1] - 1) / 2)
    remarks = []
    centre, told = middle, True
    if calibration.centre is not None:
        row, column = ((place + 0.5) / factor - 0.5 for place in calibration.centre)
        centre = ((row + 0.5) / stretch - 0.5, column)
    elif calibration.open_to_the_pattern("centre"):
        peak = two_fold_centre(band)
        told = peak.height >= EVIDENT or (peak.height >= PLAIN and peak.rival <= RIVAL * peak.height)
        if not told:
            remarks.append("the pattern does not tell its centre")
        elif max(abs(a - b) for a, b in zip(peak.position, middle, strict=True)) > max(STAYS[0], peak.uncertainty):
            centre = (peak.position[0], peak.position[1])
            row, column = (centre[0] + 0.5) * stretch - 0.5, centre[1]
            place = ((row + 0.5) * factor - 0.5, (column + 0.5) * factor - 0.5)
            known = _with(known, "centre", place, peak.uncertainty * factor)
        else:
            known = _with(known, "centre", None, peak.uncertainty * factor)
    alternatives: tuple[float, ...] = ()
    if calibration.open_to_the_pattern("rotation"):
        lines, rival = _rotation(band, centre) if told else (None, False)
        if lines is None:
            remarks.append("the pattern does not tell its rotation")
        else:
            angle = lines.position[0]
            angle = 0.0 if abs(angle) <= max(STAYS[1], lines.uncertainty) else angle
            known = _with(known, "rotation", angle, lines.uncertainty)
            alternatives = (_turned(angle + DIAGONAL, QUARTER),) if rival else ()
    return Alignment(replace(known, remarks=(*known.remarks, *remarks)), alternatives)


def _rotation(band: np.ndarray, centre: tuple[float, float]) -> tuple[Peak | None, bool]:
    """The mirror lines nearest to the image's edges, and whether those 45° away are as good."""
    angles, score = mirror_lines(band, centre)
    diagonal = np.roll(score, len(score) // 2)
    peak = peak_of(angles, score)
    if peak.height < MIRROR:
        return None, False
    rival = diagonal[int(score.argmax())] > ALIKE * peak.height
    if rival:  # both are used, and the one nearer to the edges is taken
        peak = peak_of(angles, (score + diagonal) / 2)
    return replace(peak, position=(_turned(peak.position[0], DIAGONAL if rival else QUARTER),)), bool(rival)


def _turned(angle: float, period: float) -> float:
    """The same lines by an angle in (−period/2, period/2]."""
    return -(((-angle + period / 2) % period) - period / 2)


def _with(known: Calibration, name: str, value: object, uncertainty: float) -> Calibration:
    source, spread = dict(known.source) | {name: PATTERN}, dict(known.uncertainty) | {name: uncertainty}
    return replace(known, **{name: value, "source": source, "uncertainty": spread})  # type: ignore[arg-type]


def _square(image: np.ndarray, aspect: float) -> np.ndarray:
    """The image with rows as far apart as columns."""
    if aspect == 1:
        return image
    height = max(8, round(image.shape[0] * aspect))
    rows = (np.arange(height) + 0.5) * image.shape[0] / height - 0.5
    return bilinear(image, *np.meshgrid(np.clip(rows, 0, image.shape[0] - 1), np.arange(image.shape[1]), indexing="ij"))


def _to_coarse(circle: Aperture, factor: int, stretch: float) -> Aperture:
    coarse = circle.at(factor)
    return replace(coarse, row=(coarse.row + 0.5) / stretch - 0.5)
