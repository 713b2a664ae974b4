"""How a measured image lies in reciprocal space, and which grey is high: by user, file or pattern, or assumed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from lacbed_gan.images.aperture import Aperture
from lacbed_gan.images.measured import Measured

USER, FILE, PATTERN, ASSUMED = "user", "file", "pattern", "assumed"
# What is assumed of an image where nobody says: its rotation, and that white is the highest intensity.
ROTATION, POLARITY = 0.0, "bright_high"
ZONE = "[001]"  # that networks know
SAME_ENERGY = 0.5  # kV: beam energies that differ by less are one


@dataclass(frozen=True)
class Calibration:
    """What is known of an image, with the angles from one of pixel_size and half_width.

    Attributes:
        a: cell edge in Å, None where it is not known.
        pixel_size: 1/Å per pixel along a row.
        half_width: half of the image's shorter edge, in reciprocal lattice units 1/a.
        rotation: angle in degrees by which the crystal's axes are turned in the image, counter-clockwise as an image
            is shown (row 0 on top).
        centre: row and column of the zone axis, counted from 0; None for the middle of the image.
        polarity: ``bright_high``, white is the highest intensity, or ``dark_high``.
        aspect: step between two rows divided by that between two columns.
        aperture: row, column and radius in pixels of the circle outside of which pixels do not count; None: all do.
        energy_kv: of the beam in kV.
        source: user, file, pattern (found in it) or assumed, for each of these that is known.
        uncertainty: of what was found in the pattern: pixels for centre and aperture, degrees for rotation.
        remarks: one line each on where all this comes from.
    """

    a: float | None = None
    pixel_size: float | None = None
    half_width: float | None = None
    rotation: float = ROTATION
    centre: tuple[float, float] | None = None
    polarity: str = POLARITY
    aspect: float = 1.0
    aperture: tuple[float, float, float] | None = None
    energy_kv: float | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    uncertainty: Mapping[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def intensities(self, images: np.ndarray) -> np.ndarray:
        """The images (T, H, W) with high intensities as high values."""
        return -images if self.polarity == "dark_high" else images

    @property
    def circle(self) -> Aperture | None:
        """The aperture as a circle."""
        return None if self.aperture is None else Aperture(*self.aperture)

    def at(self, factor: float) -> Calibration:
        """That of the image whose pixels are factor × factor pixels of this one, or of the one that has such."""
        shift = (1 / factor - 1) / 2
        centre, circle = self.centre, self.circle
        small = None if circle is None else circle.at(factor)
        spread = {n: s if n == "rotation" else s / factor for n, s in self.uncertainty.items()}
        return replace(
            self,
            pixel_size=None if self.pixel_size is None else self.pixel_size * factor,
            centre=None if centre is None else (centre[0] / factor + shift, centre[1] / factor + shift),
            aperture=None if small is None else (small.row, small.column, small.radius),
            uncertainty=spread,
        )

    def open_to_the_pattern(self, name: str) -> bool:
        """Whether the pattern may decide about rotation, centre or aperture, because nobody has."""
        return self.source.get(name, ASSUMED) == ASSUMED

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = asdict(self)
        lists = {name: values[name] and list(values[name]) for name in ("centre", "aperture", "remarks")}
        return values | lists | {"zone_axis": ZONE, "source": dict(self.source) | {"zone_axis": ASSUMED}}

    def __str__(self) -> str:
        """All of it in one line, each with its source."""
        angles = f"±{self.half_width:.4g} /a" if self.pixel_size is None else f"{self.pixel_size:.4g} 1/Å per pixel"
        centre = "in the middle" if self.centre is None else f"at row {self.centre[0]:.6g}, column {self.centre[1]:.6g}"
        words = {
            "a": f"a = {self.a:g} Å" if self.a is not None else "",
            "half_width" if self.pixel_size is None else "pixel_size": angles,
            "aspect": f"rows {self.aspect:.4g} times as far apart as columns" if self.aspect != 1 else "",
            "centre": f"zone axis {ZONE} {centre}",
            "rotation": f"turned by {self.rotation:.4g}°",
            "aperture": "the whole image counts"
            if self.aperture is None
            else "aperture of radius {2:.4g} px about row {0:.4g}, column {1:.4g}".format(*self.aperture),
            "energy_kv": "" if self.energy_kv is None else f"{self.energy_kv:g} kV",
            "polarity": "white is high" if self.polarity == "bright_high" else "black is high",
        }
        texts = [f"{text} ({self._source(name)})" for name, text in words.items() if text]
        return "; ".join([", ".join(texts), *self.remarks])

    def _source(self, name: str) -> str:
        source, spread = self.source.get(name, ASSUMED), self.uncertainty.get(name)
        if source != PATTERN or spread is None:
            return source
        return f"{source}, ± {spread:.1g}{'°' if name == 'rotation' else ' px'}"


def calibrate(measured: Measured, energy_kv: float, window: float, /, **user: Any) -> Calibration:
    """The calibration of a file's images: what the user says, else what the file says, else what is assumed.

    Args:
        energy_kv: of the beam for the network, which is assumed where neither user nor file says.
        window: half width that an image without calibration is taken to have, in reciprocal lattice units 1/a.
        user: attributes of `Calibration` as the user says them, None where nothing is said.
    """
    values = {name: value for name, value in user.items() if value is not None}
    source = dict.fromkeys(("rotation", "centre", "polarity", "aperture", "energy_kv"), ASSUMED)
    source |= dict.fromkeys(values, USER)
    for name in ("a", "centre", "energy_kv"):
        value = getattr(measured, name)
        if name not in values and value is not None:
            values[name], source[name] = value, FILE
    values.setdefault("energy_kv", energy_kv)
    if measured.aspect != 1:
        values["aspect"], source["aspect"] = measured.aspect, FILE
    remarks = list(measured.remarks)
    if "pixel_size" not in values and "half_width" not in values:
        size = measured.pixel_size_at(values["energy_kv"])
        if size is not None and "a" in values:
            values["pixel_size"], source["pixel_size"] = size, FILE
        else:
            values["half_width"], source["half_width"] = window, ASSUMED
            if size is not None:  # without the cell edge a length in 1/Å is no angle in units of it
                remarks.append(f"the file's {size:.4g} 1/Å per pixel are of no use without a")
    return Calibration(**values, source=source, remarks=tuple(remarks))


def other_energy(calibration: Calibration, energy_kv: float) -> str | None:
    """A warning where the beam is not that of the network's patterns."""
    energy = calibration.energy_kv
    if energy is None or math.isclose(energy, energy_kv, abs_tol=SAME_ENERGY):
        return None
    return (
        f"the beam has {energy:g} kV, the network knows patterns at {energy_kv:g} kV: its answer is of another "
        "wavelength and strength of scattering"
    )
