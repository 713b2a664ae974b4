"""What a file holds: signals, each an array with axes, and what their axes say of a pattern's angles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lacbed_gan.images.grey import ImageError
from lacbed_gan.images.units import ANGLE, LARGEST, LENGTH, PIXEL, RECIPROCAL, parse_unit


@dataclass(frozen=True)
class Axis:
    """One axis of an image: pixel i lies at offset + i · scale.

    Attributes:
        unit: of scale and offset, as the file spells it.
    """

    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""


@dataclass(frozen=True)
class Signal:
    """One array of a file.

    Attributes:
        data: (…, H, W), the file's own values.
        name: what the file calls it, or empty.
        axes: of rows and of columns; None where the file says nothing.
        energy_kv: of the beam in kV, None where the file does not say.
        remarks: one line each.
    """

    data: Any
    name: str = ""
    axes: tuple[Axis, Axis] | None = None
    energy_kv: float | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Angles:
    """What two axes say of the angles at the pixels.

    Attributes:
        pixel_size: 1/Å per pixel along a row, None where they do not say.
        pixel_angle: radians per pixel along a row, None where they do not say.
        aspect: step between two rows divided by that between two columns.
        centre: row and column of k = 0, None where they do not say.
        remarks: one line each, of what was not understood.
    """

    pixel_size: float | None = None
    pixel_angle: float | None = None
    aspect: float = 1.0
    centre: tuple[float, float] | None = None
    remarks: tuple[str, ...] = field(default=())


def angles_of(axes: tuple[Axis, Axis] | None, shape: tuple[int, int]) -> Angles:
    """The angles that the axes of an image (H, W) tell.

    Raises:
        ImageError: they are of an image in real space.
    """
    if axes is None:
        return Angles()
    units = [parse_unit(axis.unit) for axis in axes]
    spelling = " and ".join(dict.fromkeys(repr(axis.unit) for axis in axes))
    if None in units:
        return Angles(remarks=(f"the unit {spelling} of its axes is not understood",))
    kinds = {unit.kind for unit in units if unit is not None}
    steps = [abs(axis.scale) * unit.size for axis, unit in zip(axes, units, strict=True) if unit is not None]
    if kinds == {PIXEL}:
        return Angles()
    if LENGTH in kinds and max(unit.size for unit in units if unit is not None and unit.kind == LENGTH) < LARGEST:
        raise ImageError(f"is an image in real space, its axes are in {spelling}; a pattern has 1/nm, 1/Å or mrad")
    if len(kinds) > 1 or not kinds <= {RECIPROCAL, ANGLE} or not all(np.isfinite(steps)) or min(steps) <= 0:
        return Angles(remarks=(f"the scales {axes[0].scale:g} and {axes[1].scale:g} in {spelling} tell no angles",))
    centre, remark = _centre(axes, shape)
    aspect = steps[0] / steps[1]
    aspect = 1.0 if abs(aspect - 1) < 1e-3 else aspect
    lengths, angle = kinds == {RECIPROCAL}, kinds == {ANGLE}
    return Angles(steps[1] if lengths else None, steps[1] if angle else None, aspect, centre, remark)


def _centre(axes: tuple[Axis, Axis], shape: tuple[int, int]) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Row and column of k = 0; axes that begin at 0 were given no offset."""
    if all(axis.offset == 0 for axis in axes):
        return None, ()
    row, column = (-axis.offset / axis.scale for axis in axes)
    if all(-0.5 <= place <= count - 0.5 for place, count in zip((row, column), shape, strict=True)):
        return (float(row), float(column)), ()
    return None, (f"its axes have k = 0 at row {row:.4g}, column {column:.4g}, outside of the image: not used",)
