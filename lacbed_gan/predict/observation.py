"""Measured patterns of one crystal in one orientation, brought to the pixels at which they are calculated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.base.errors import UserError
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.constants import HALF_WIDTH
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.alignment import align as aligned
from lacbed_gan.images.calibration import Calibration, calibrate
from lacbed_gan.images.defects import with_partners, without_defects
from lacbed_gan.images.felix_series import DIRECT
from lacbed_gan.images.measured import Measured
from lacbed_gan.images.preparation import pixel_pitch, resampled

SIZE = 128  # pixels along an edge, or those of the image where it has fewer
LEAST_SIZE = 16
ENERGY = 200.0  # kV, assumed where neither user nor file says
Hkl = tuple[int, ...]


class ObservationError(UserError):
    """Patterns that cannot be compared with calculated ones: one line with reason and remedy."""


@dataclass(frozen=True)
class Observation:
    """Patterns at the pixels of a window whose middle is the zone axis; rows and columns are along its axes.

    Attributes:
        hkl: of each of R reflections; 0 0 0 is the bright field.
        images: (R, n, n) float64, any scale; row is k_y or κ₂, column k_x or κ₁, both rising; 0 where nothing is known.
        known: (n, n) which pixels the images cover.
        half_width: half an edge in reciprocal lattice units 1/a, None where a is not known.
        absolute: the same in 1/Å, None where neither a nor the file tells.
        energy_kv: of the beam.
        noise: (R,) share of each image's variance that is noise, as pixels that symmetry or smoothness make alike tell.
        calibration: how the images lie, as user, file or the pattern say, or as is assumed.
        zone, x_axis: see :meth:`lacbed_gan.Crystal.along`; None for [001] of cubic crystals, x along a*.
    """

    hkl: tuple[Hkl, ...]
    images: NDArray[np.float64]
    known: NDArray[np.bool_]
    half_width: float | None
    absolute: float | None
    energy_kv: float
    noise: NDArray[np.float64]
    calibration: Calibration
    zone: tuple[int, ...] | None = None
    x_axis: tuple[int, ...] | None = None

    @property
    def size(self) -> int:
        """Pixels along an edge."""
        return self.images.shape[-1]

    def window(self, crystal: Crystal) -> Window:
        """The directions of the pixels for a crystal: in units of its net where it is cubic along [001].

        Raises:
            ObservationError: the angles are in units of a cell edge, which the crystal's net has none of.
        """
        if crystal.is_standard_view and self.half_width is not None:
            return Window(self.size, self.half_width)
        if self.absolute is None:
            raise ObservationError(
                f"{crystal.name} is not cubic along [001], and the angles are known in units of 1/a only; give "
                "pixel_size=… in 1/Å per pixel, or a=…"
            )
        return Window(self.size, self.absolute, "1/Å")

    def binned(self, size: int, border: int = 0) -> Observation:
        """The same with blocks of pixels averaged, as near to `size` pixels along an edge as whole blocks give.

        Args:
            border: blocks along the edges that do not count for the share of noise.
        """
        factor = max(1, round(self.size / size))
        n = self.size // factor * factor
        first = (self.size - n) // 2
        cut = slice(first, first + n)
        blocks = (n // factor, factor, n // factor, factor)
        known = self.known[cut, cut].reshape(blocks).all((1, 3))
        images = self.images[:, cut, cut].reshape(-1, *blocks).mean((2, 4))
        share = n / self.size
        half, absolute = (None if x is None else x * share for x in (self.half_width, self.absolute))
        inside = known & np.pad(np.ones((n // factor - 2 * border,) * 2, dtype=bool), border)
        noise = np.array([noise_share(g, image, inside) for g, image in zip(self.hkl, images, strict=True)])
        return replace(self, images=images, known=known, half_width=half, absolute=absolute, noise=noise)


def observe(
    pattern: np.ndarray | Measured,
    hkl: Sequence[Hkl] = (DIRECT,),
    *,
    zone: Sequence[int] | None = None,
    x_axis: Sequence[int] | None = None,
    align: bool = True,
    size: int = SIZE,
    **user: Any,
) -> Observation:
    """Images of one crystal, one a reflection, as an observation.

    Args:
        pattern: (H, W), or (R, H, W) of several reflections, NaN where a pixel has no value; or what a file holds.
        hkl: of each image.
        align: whether the bright field tells centre, rotation and aperture where neither user nor file does.
        size: the most pixels along an edge.
        user: what the user says of the images, see :func:`lacbed_gan.images.calibration.calibrate`.

    Raises:
        ObservationError: numbers of images and reflections differ, one comes twice, or the angles are not known.
        PreparationError: calibration is missing, contradictory or not positive.
    """
    reflections = tuple(tuple(int(i) for i in g) for g in hkl)
    measured = pattern if isinstance(pattern, Measured) else Measured(pattern[None] if pattern.ndim == 2 else pattern)
    images = np.asarray(measured.images, dtype=np.float64)
    if len(images) != len(reflections):
        raise ObservationError(
            f"{len(images)} images for {len(reflections)} reflections; choose one image with frame=…, or name the "
            "reflection of each with reflections=[[0,0,0],[2,0,0],…]"
        )
    if len(set(reflections)) < len(reflections):
        twice = next(g for g in reflections if reflections.count(g) > 1)
        raise ObservationError(f"reflection {' '.join(map(str, twice))} comes twice")
    known = _calibration(measured, user)
    images = np.where(np.isfinite(images), known.intensities(images), np.nan)
    for g, image in zip(reflections, images, strict=True):
        if not np.isfinite(image).any() or np.nanmax(image) == np.nanmin(image):
            raise ObservationError(f"the image of {' '.join(map(str, g))} is flat: all pixels have one value")
    if DIRECT in reflections:  # hot pixels, and not the fine lines of a pattern, which its two-fold axis repeats
        bright = images[reflections.index(DIRECT)]
        clean = without_defects(bright)[0]
        known = aligned(clean, known).calibration if align else known
        centre = known.centre or ((bright.shape[0] - 1) / 2, (bright.shape[1] - 1) / 2)
        images[reflections.index(DIRECT)] = with_partners(bright, clean, centre)
    absolute_only = known.a is None and known.pixel_size is not None
    unit = Window(size)
    pitch = known.pixel_size if absolute_only else pixel_pitch(*images.shape[1:], unit, known)
    assert pitch is not None
    half = _reach(images.shape[1:], known) * pitch
    if not absolute_only:
        half = min(half, HALF_WIDTH)
    n = max(LEAST_SIZE, min(size, round(2 * half / pitch)) // 2 * 2)
    window = Window(n, half)
    if (circle := known.circle) is not None:
        images = np.where(circle.inside(images.shape[1:], known.aspect), images, np.nan)
    values, shares = zip(*(resampled(image, window, known, pitch) for image in images), strict=True)
    covered = np.min(shares, 0) > 0.5
    observed = np.where(covered, np.stack(values), 0.0)
    if covered.mean() < 0.2 or any(np.ptp(image[covered]) == 0 for image in observed):
        raise ObservationError("the images cover too little of the angles around the zone axis; check centre, aperture")
    noise = np.array([noise_share(g, image, covered) for g, image in zip(reflections, observed, strict=True)])
    lengths = (None, half) if absolute_only else (half, half / known.a if known.a else None)
    energy = known.energy_kv or ENERGY
    axes = (None if x is None else tuple(int(i) for i in x) for x in (zone, x_axis))
    return Observation(reflections, observed, covered, *lengths, energy, noise, known, *axes)


def noise_share(hkl: Hkl, image: NDArray[np.float64], known: NDArray[np.bool_]) -> float:
    """Share of an image's variance that is noise from pixel to pixel.

    The less of two estimates: third differences along rows and columns, of which smooth patterns leave next to nothing
    and white noise of variance v has 20 v; and half the difference of a bright field to its copy turned by 180°, which
    is alike whatever the crystal.
    """
    variance = float(image[known].var())
    if variance == 0:
        return 0.0
    spread = []
    for axis in (0, 1):
        whole = np.lib.stride_tricks.sliding_window_view(known, 4, axis).all(-1)
        third = np.diff(image, 3, axis=axis)
        if whole.any():
            spread.append(float(np.median(np.abs(third[whole])) / 0.6745) ** 2 / 20)
    both = known & known[::-1, ::-1]
    if hkl == DIRECT and both.any():
        spread.append(float(((image - image[::-1, ::-1])[both] ** 2).mean()) / 2)
    return min(1.0, min(spread, default=0.0) / variance)


def _calibration(measured: Measured, user: dict[str, Any]) -> Calibration:
    """What is known of the images; the file's 1/Å per pixel serve without a too."""
    says = {name: value for name, value in user.items() if value is not None}
    energy = says.get("energy_kv") or measured.energy_kv or ENERGY
    size = measured.pixel_size_at(energy)
    silent = "a" not in says and measured.a is None and not {"pixel_size", "half_width"} & says.keys()
    calibration = calibrate(measured, energy, HALF_WIDTH, **says)
    if silent and size is not None:
        source = dict(calibration.source) | {"pixel_size": "file"}
        source.pop("half_width", None)
        remarks = tuple(line for line in calibration.remarks if "of no use without a" not in line)
        return replace(calibration, pixel_size=size, half_width=None, source=source, remarks=remarks)
    return calibration


def _reach(shape: tuple[int, int], known: Calibration) -> float:
    """Columns from the zone axis to the farther edge of the image, along its shorter side."""
    height, width = shape
    row, column = known.centre or ((height - 1) / 2, (width - 1) / 2)
    rows = max(row + 0.5, height - row - 0.5) * known.aspect
    return float(min(rows, max(column + 0.5, width - column - 0.5)))
