"""What `predict`, `identify` and `refine` are told of a measured pattern."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveFloat, model_validator

from lacbed_gan.commands.train_settings import Place
from lacbed_gan.models.network_settings import Settings

Index = Annotated[int, Field(ge=0)]
Displacement = Annotated[float, Field(ge=0, lt=100)]
Direction = Annotated[tuple[int, ...], Field(min_length=3, max_length=4)]


class PatternSettings(Settings):
    """How a pattern lies, and which image of a file it is."""

    input: tuple[Place, ...]
    output: Place
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

    @model_validator(mode="after")
    def _one_calibration(self) -> Self:
        if self.pixel_size is not None and self.half_width is not None:
            raise ValueError("pixel_size and half_width both say how large the angles are; give one of them")
        return self

    @property
    def known(self) -> dict[str, Any]:
        """What the user says of the images, of the names that `calibrate` takes."""
        names = ("a", "pixel_size", "half_width", "rotation", "centre", "polarity", "aperture", "energy_kv")
        return {name: getattr(self, name) for name in names}
