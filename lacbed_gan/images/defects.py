"""Single pixels that no pattern has: far above or below all that surrounds them."""

from __future__ import annotations

import numpy as np

from lacbed_gan.images.filling import box_mean

OUT = 0.5  # of the robust range of the image: what a pixel differs from those around it at least
NOISE = 8.0  # standard deviations of the noise that it differs at least
ENDS = (0.005, 0.995)  # quantiles between which the robust range of an image lies
SAMPLE = 1_000_000  # pixels that quantiles are taken of
MOST = 2000  # pixels that are looked at one by one; more are no single pixels
REACH, ALLIES = 2, 2  # pixels around one that it is compared with, and how many of them may be as far off
ABOVE_MAD = 1.4826  # standard deviation of a normal distribution by its median absolute deviation


def without_defects(image: np.ndarray) -> tuple[np.ndarray, int]:
    """The image with NaN at hot and dead pixels, and how many there are.

    A pixel is one where it lies above all but two of the 24 pixels around it, or below all but two, by more than half
    of the image's robust range and by more than eight standard deviations of its noise: a line or a peak of a pattern
    goes on in more pixels than two.

    Args:
        image: (H, W) float64, NaN where a pixel has no value.
    """
    some = sample(image)
    low, high = np.quantile(some, ENDS)
    if not high > low:  # all but a few pixels are alike
        return image, 0
    valid = np.isfinite(image)
    plain = image if valid.all() else np.where(valid, image, np.median(some))
    plain = plain.astype(np.float32) if image.size > SAMPLE else plain  # of which candidates are taken
    difference = plain - box_mean(plain, 1)
    np.abs(difference, out=difference)
    noise = ABOVE_MAD * float(np.median(sample(difference)))
    limit = max(OUT * (high - low), NOISE * noise)
    rows, columns = np.nonzero(valid & (difference > limit / 2))
    if not 0 < len(rows) <= MOST:
        return image, 0
    around = np.stack(
        [
            _at(image, rows + i, columns + j)
            for i in range(-REACH, REACH + 1)
            for j in range(-REACH, REACH + 1)
            if (i, j) != (0, 0)
        ]
    )
    values, around = image[rows, columns], np.sort(around, 0)  # NaN come last
    known = np.isfinite(around).sum(0)
    enough, places = known > 2 * ALLIES, np.arange(len(values))
    above = values - around[np.maximum(known - 1 - ALLIES, 0), places] > limit
    bad = enough & (above | (around[ALLIES] - values > limit))
    if not bad.any():
        return image, 0
    image = image.copy()
    image[rows[bad], columns[bad]] = np.nan
    return image, int(bad.sum())


def with_partners(image: np.ndarray, cleaned: np.ndarray, centre: tuple[float, float]) -> np.ndarray:
    """The cleaned image with those pixels again whose partners by the two-fold axis were left out, too.

    A camera's defects have none; sharp features of a pattern have.

    Args:
        image: (H, W), the one before.
        centre: row and column of the two-fold axis.
    """
    places = np.argwhere(np.isnan(cleaned) & np.isfinite(image))
    if not len(places):
        return cleaned
    partners = np.rint(2 * np.asarray(centre) - places)
    near = (np.abs(partners[:, None] - places[None]).max(-1) <= 1) & (
        np.abs(places[:, None] - places[None]).max(-1) > 2
    )
    paired = places[near.any(1)]
    if not len(paired):
        return cleaned
    result = cleaned.copy()
    result[paired[:, 0], paired[:, 1]] = image[paired[:, 0], paired[:, 1]]
    return result


def sample(image: np.ndarray) -> np.ndarray:
    """Valid values of an image, of a large one every n-th."""
    values = image.ravel()[:: max(1, image.size // SAMPLE)]
    return values[np.isfinite(values)]


def _at(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Values of an image, NaN outside of it."""
    inside = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
    values = image[np.clip(rows, 0, image.shape[0] - 1), np.clip(columns, 0, image.shape[1] - 1)]
    return np.where(inside & np.isfinite(values), values, np.nan)
