"""Settings of identify and refine, as in their files in ``conf/``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, model_validator

from lacbed_gan.commands.settings import Direction, Displacement, Index, directions
from lacbed_gan.commands.train_settings import Count, Place, Source, listed
from lacbed_gan.models.network_settings import Settings


class SeriesSettings(Settings):
    """Patterns of one crystal, and what is known of them."""

    input: Annotated[
        tuple[Place, ...],
        BeforeValidator(listed),
        Field(description="an image, a list of them, a folder of a series, or an NPZ with image and hkl"),
    ]
    output: Place
    reflections: Annotated[
        tuple[Direction, ...],
        BeforeValidator(directions),
        Field(description="a list of reflections hkl, one of each image, such as [[0,0,0],[2,0,0]]"),
    ]
    zone: Annotated[
        Direction | None,
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
        Field(description="three whole numbers uvw such as [1,1,0]"),
    ]
    x_axis: Annotated[
        Direction | None,
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
        Field(description="three whole numbers hkl"),
    ]
    a: PositiveFloat | None
    pixel_size: PositiveFloat | None
    half_width: PositiveFloat | None
    rotation: Annotated[float | None, Field(description="an angle in degrees")]
    centre: Annotated[
        tuple[float, float] | None,
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
        Field(description="[row, column]"),
    ]
    polarity: Literal["dark_high", "bright_high"] | None
    aperture: Annotated[
        tuple[float, float, PositiveFloat] | None,
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
        Field(description="[row, column, radius] in pixels"),
    ]
    energy_kv: PositiveFloat | None
    align: Literal["auto", "none"]
    frame: Annotated[
        Index | tuple[Index, ...] | None,
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
        Field(description="a number from 0, or [row, column] of a scan"),
    ]
    mask: Place | None
    absorption: Literal["none", "proportional", "tds"]
    g_max: PositiveFloat
    b_iso: Annotated[Displacement, Field(description="a number of Å² from 0 to 100")]
    figure: bool

    @model_validator(mode="after")
    def _one_calibration(self) -> SeriesSettings:
        if self.pixel_size is not None and self.half_width is not None:
            raise ValueError("pixel_size and half_width both say how large the angles are; give one of them")
        return self

    @property
    def known(self) -> dict[str, Any]:
        """What the user says of the images, of the names that `calibrate` takes."""
        names = ("a", "pixel_size", "half_width", "rotation", "centre", "polarity", "aperture", "energy_kv")
        return {name: getattr(self, name) for name in names}


class IdentifySettings(SeriesSettings):
    """Which structures to compare the patterns with, and how closely."""

    structures: Annotated[
        tuple[Source, ...],
        BeforeValidator(listed),
        Field(description="a path, one of catalogue, prototypes, bundled, standard, open, noncubic, or a list"),
    ]
    thickness: Annotated[
        tuple[PositiveFloat, ...],
        BeforeValidator(lambda value: () if value is None else listed(value)),
        Field(max_length=2, description="a positive number of nm, or [least, largest]"),
    ]
    a_tolerance: Annotated[float, Field(gt=0, lt=1)]
    checkpoint: Annotated[Source | None, Field(description="a path, or shipped")]
    best: Count
    limit: Annotated[float | None, Field(gt=0, lt=1)]
    workers: Count | None


class RefineSettings(SeriesSettings):
    """Which crystal is fitted to the patterns, and what of it."""

    crystal: Place
    free: Annotated[
        tuple[Literal["thickness", "blur", "centre", "rotation", "scale", "b_iso", "occupancy", "u_hk"], ...],
        BeforeValidator(listed),
        Field(
            min_length=1,
            description="a list of some of thickness, blur, centre, rotation, scale, b_iso, occupancy, u_hk",
        ),
    ]
    thickness: Annotated[
        tuple[PositiveFloat, ...],
        BeforeValidator(lambda value: () if value is None else listed(value)),
        Field(description="a number of nm, or one of each image"),
    ]
    size: Annotated[int, Field(ge=16, le=128)]
    orders: Count
