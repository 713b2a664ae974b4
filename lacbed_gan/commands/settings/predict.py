"""Settings of ``python -m lacbed_gan.predict``: ``conf/predict.yaml``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from lacbed_gan.commands.settings.words import Place, Positive, Source, Thickness
from lacbed_gan.models.settings import Settings


def listed(value: Any) -> Any:
    """One value, or a list of them, as a tuple."""
    several = value if isinstance(value, list | tuple) else [value]
    return tuple(several) if several else None


class PredictSettings(Settings):
    """What to predict from, with which networks, and what a measured pattern does not say of itself."""

    input: Annotated[
        tuple[Place, ...],
        BeforeValidator(lambda value: value if value is None else listed(value)),
        Field(description="a CIF, an image, a folder of them, or a list"),
    ]
    output: Place
    checkpoint: Source | None
    thickness: Thickness | None
    figure: bool
    compare: bool
    check: bool
    a: Positive | None
    pixel_size: Positive | None
    half_width: Positive | None
    rotation: Annotated[float | None, Field(description="an angle in degrees")]
    centre: Annotated[
        tuple[float, float] | None,
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
        Field(description="[row, column]"),
    ]
    polarity: Literal["dark_high", "bright_high"] | None

    @model_validator(mode="after")
    def _one_calibration(self) -> PredictSettings:
        if self.pixel_size is not None and self.half_width is not None:
            raise ValueError("pixel_size and half_width both say how large the angles are; give one of them")
        return self
