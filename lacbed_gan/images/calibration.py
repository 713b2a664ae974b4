"""How a measured image lies in reciprocal space, and which grey is high: as the user or the file says, or assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from lacbed_gan.images.measured import Measured

USER, FILE, ASSUMED = "user", "file", "assumed"
# What is assumed of an image where nobody says: its rotation, and that white is the highest intensity.
ROTATION, POLARITY = 0.0, "bright_high"


@dataclass(frozen=True)
class Calibration:
    """What is known of an image, with the angles from one of pixel_size and half_width.

    Attributes:
        a: cell edge in Å, None where it is not known.
        pixel_size: 1/Å per pixel.
        half_width: half of the image's shorter edge, in reciprocal lattice units 1/a.
        rotation: angle in degrees by which the crystal's axes are turned in the image, counter-clockwise as an image
            is shown (row 0 on top).
        centre: row and column of the zone axis, counted from 0; None for the middle of the image.
        polarity: ``bright_high``, white is the highest intensity, or ``dark_high``.
        source: user, file or assumed, for each of these that is known.
    """

    a: float | None = None
    pixel_size: float | None = None
    half_width: float | None = None
    rotation: float = ROTATION
    centre: tuple[float, float] | None = None
    polarity: str = POLARITY
    source: Mapping[str, str] = field(default_factory=dict)

    def intensities(self, images: np.ndarray) -> np.ndarray:
        """The images (T, H, W) with high intensities as high values."""
        return -images if self.polarity == "dark_high" else images

    @property
    def arguments(self) -> dict[str, Any]:
        """What :meth:`lacbed_gan.predict.predictor.Predictor.predict_potential` is told, which assumes the rest."""
        half_width = None if self.source.get("half_width") == ASSUMED else self.half_width
        known = {"a": self.a, "half_width": half_width, "pixel_size": self.pixel_size}
        return known | {"rotation": self.rotation, "centre": self.centre}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"centre": self.centre and list(self.centre)}

    def __str__(self) -> str:
        angles = f"±{self.half_width:g} /a" if self.pixel_size is None else f"{self.pixel_size:.4g} 1/Å per pixel"
        centre = "in the middle" if self.centre is None else f"at row {self.centre[0]:g}, column {self.centre[1]:g}"
        words = {
            "half_width" if self.pixel_size is None else "pixel_size": angles,
            "centre": f"zone axis {centre}",
            "rotation": f"turned by {self.rotation:g}°",
            "polarity": "white is high" if self.polarity == "bright_high" else "black is high",
        }
        return ", ".join(f"{text} ({self.source[name]})" for name, text in words.items())


def calibrate(measured: Measured, energy_kv: float, window: float, **user: Any) -> Calibration:
    """The calibration of a file's images: what the user says, else what the file says, else what is assumed.

    Args:
        energy_kv: of the beam, which makes lengths of the angles that some files give.
        window: half width that an image without calibration is taken to have, in reciprocal lattice units 1/a.
        user: attributes of `Calibration` as the user says them, None where nothing is said.
    """
    values = {name: value for name, value in user.items() if value is not None}
    source = dict.fromkeys(("rotation", "centre", "polarity"), ASSUMED) | dict.fromkeys(values, USER)
    if "pixel_size" not in values and "half_width" not in values:
        size = measured.pixel_size_at(energy_kv)
        if size is None or "a" not in values:  # without the cell edge a length in 1/Å is no angle in units of it
            values["half_width"], source["half_width"] = window, ASSUMED
        else:
            values["pixel_size"], source["pixel_size"] = size, FILE
    return Calibration(**values, source=source)
