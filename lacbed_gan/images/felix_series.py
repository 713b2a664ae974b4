"""A folder of Felix's experimental images, one a reflection, with what its input file says of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lacbed_gan.base.errors import UserError
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.images.file_kinds import reflections
from lacbed_gan.images.grey import ImageError, require_size
from lacbed_gan.images.signals import Axis, Signal

DIRECT = (0, 0, 0)
VALUES = {8: "<f8", 4: "<f4"}  # bytes of a pixel
ENTRY = re.compile(r"^\s*(\w+)[^=#\n]*=\s*(\S+)", re.MULTILINE)  # of felix.inp: name = value


@dataclass(frozen=True)
class Series:
    """A folder's images.

    Attributes:
        signals: one a reflection, the direct beam first, named by their indices such as "0 0 0".
        a: cell edge in Å of felix.cif, None where there is none that can be read.
    """

    signals: list[Signal]
    a: float | None


def read_series(folder: Path) -> Series:
    """Felix's images: square, of 64-bit or 32-bit floats, rows and columns as in its simulations.

    Raises:
        ImageError: an image is not square, or not of the others' size.
    """
    entries = _entries(folder / "felix.inp")
    files = reflections(folder)
    images = {hkl: _image(path) for hkl, path in sorted(files.items(), key=lambda item: (item[0] != DIRECT, item[0]))}
    shapes = {image.shape for image in images.values()}
    if len(shapes) > 1:
        raise ImageError(f"its images are of different sizes, {' and '.join(map(str, sorted(shapes)))}")
    ((size, _),) = shapes
    half_width = entries.get("RConvergenceAngle", entries.get("ROuterConvergenceAngle"))
    axes = None
    if half_width:
        step = 2 * half_width / size
        axis = Axis(step, -step * (size - 1) / 2, "1/Å")
        axes = axis, axis
    energy = entries.get("RAcceleratingVoltage")
    return Series(
        [Signal(image, " ".join(map(str, hkl)), axes, energy) for hkl, image in images.items()], _edge(folder)
    )


def _image(path: Path) -> np.ndarray:
    count = path.stat().st_size
    for width, kind in VALUES.items():
        size = math.isqrt(count // width)
        if size and size * size * width == count:
            require_size(size * size)
            return np.fromfile(path, kind).reshape(size, size).astype(np.float64)
    raise ImageError(f"{path.name} has {count} bytes, which is no square image of 64-bit or 32-bit floats")


def _entries(path: Path) -> dict[str, float]:
    """The numbers of felix.inp; none where it is missing."""
    if not path.is_file():
        return {}
    numbers = {}
    for name, value in ENTRY.findall(path.read_text(errors="replace")):
        try:
            numbers[name] = float(value)
        except ValueError:
            continue
    return numbers


def _edge(folder: Path) -> float | None:
    path = folder / "felix.cif"
    try:
        return Crystal.from_file(path).a if path.is_file() else None
    except UserError:  # it is not what was asked for
        return None
