"""The round edge beyond which a detector or a diaphragm leaves an image dark."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lacbed_gan.images.filling import blurred

SMOOTH = 1.5  # pixels
DARK = 0.12  # of the way from the darkest level to the median: what is below may lie outside
FLAT = 0.25  # of the spread inside: the most that what is outside may vary
LEAST_OUTSIDE = 0.01  # of the image
ROUND = 0.03  # of the radius: rms distance of the edge from a circle
AGREES = 0.9  # of the image has to be dark outside of the circle, and bright inside of it
MARGIN = 3.5  # pixels inside of the edge of what is dark that are left out: smoothing moves it outwards
TRIMS = 6


@dataclass(frozen=True)
class Aperture:
    """A circle, in pixels of an image counted from 0.

    Attributes:
        row, column: of its centre.
        radius: beyond which pixels have no value.
    """

    row: float
    column: float
    radius: float

    def inside(self, shape: tuple[int, int], aspect: float = 1.0) -> np.ndarray:
        """(H, W) bool: which pixels have a value; the radius is in steps of columns."""
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        return np.hypot((rows - self.row) * aspect, columns - self.column) <= self.radius

    def at(self, factor: float) -> Aperture:
        """In an image whose pixels are factor × factor pixels of this one, or in the one that has such."""
        shift = (1 / factor - 1) / 2
        return Aperture(self.row / factor + shift, self.column / factor + shift, self.radius / factor)


def aperture_of(image: np.ndarray) -> Aperture | None:
    """The circle outside of which an image is dark; None where there is none.

    What is dark, flat and reaches the edge of the image is taken for its outside, if the border of it is a circle.

    Args:
        image: (H, W) of a few hundred pixels along an edge, NaN where a pixel has no value.
    """
    smooth = blurred(image, SMOOTH)
    values = smooth[np.isfinite(smooth)]
    darkest, median = np.quantile(values, (0.002, 0.5))
    if not median > darkest:
        return None
    dark = _from_the_edge((smooth < darkest + DARK * (median - darkest)) | ~np.isfinite(smooth))
    if not LEAST_OUTSIDE <= dark.mean() <= 0.8:
        return None
    points = np.argwhere(_border(dark) & np.isfinite(smooth)).astype(np.float64)
    circle = _circle(points)
    if circle is None:
        return None
    inside = circle.inside(smooth.shape)
    away = np.abs(np.hypot(points[:, 0] - circle.row, points[:, 1] - circle.column) - circle.radius)
    outside = smooth[~inside & np.isfinite(smooth)]
    if outside.size < LEAST_OUTSIDE * smooth.size or math.sqrt(np.median(away**2)) > ROUND * circle.radius:
        return None
    far = smooth[~Aperture(circle.row, circle.column, circle.radius + 2).inside(smooth.shape) & np.isfinite(smooth)]
    spread = np.nanstd(smooth[inside])
    flat = far.size > 0 and np.subtract(*np.quantile(far, (0.9, 0.1))) < FLAT * spread * 2
    agree = dark[~inside].mean() > AGREES and (~dark[inside]).mean() > AGREES
    return Aperture(circle.row, circle.column, circle.radius - MARGIN) if flat and agree else None


def _from_the_edge(dark: np.ndarray) -> np.ndarray:
    """Those dark pixels from which dark ones lead to the edge of the image."""
    reached = np.zeros_like(dark)
    reached[[0, -1]], reached[:, [0, -1]] = dark[[0, -1]], dark[:, [0, -1]]
    count = -1
    while count != (count := int(reached.sum())):
        for _ in range(8):
            grown = reached.copy()
            grown[1:] |= reached[:-1]
            grown[:-1] |= reached[1:]
            grown[:, 1:] |= reached[:, :-1]
            grown[:, :-1] |= reached[:, 1:]
            reached = grown & dark
    return reached


def _border(dark: np.ndarray) -> np.ndarray:
    """Dark pixels beside bright ones."""
    bright = np.pad(~dark, 1)
    beside = bright[2:, 1:-1] | bright[:-2, 1:-1] | bright[1:-1, 2:] | bright[1:-1, :-2]
    return dark & beside


def _circle(points: np.ndarray) -> Aperture | None:
    """The circle through most of (N, 2) points: x² + y² = 2 x x₀ + 2 y y₀ + c, outliers left out in turn."""
    for _ in range(TRIMS):
        if len(points) < 12:
            return None
        matrix = np.column_stack([2 * points, np.ones(len(points))])
        (row, column, c), *_ = np.linalg.lstsq(matrix, (points**2).sum(1), rcond=None)
        square = c + row**2 + column**2
        if not square > 0:
            return None
        radius = math.sqrt(square)
        away = np.abs(np.hypot(points[:, 0] - row, points[:, 1] - column) - radius)
        near = away <= max(1.5, 2.5 * float(np.median(away)))
        circle = Aperture(float(row), float(column), radius)
        if near.all():
            return circle
        points = points[near]
    return circle
