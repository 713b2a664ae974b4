"""Settings of identify and refine, as in their files in ``conf/``."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, PositiveFloat

from lacbed_gan.commands.pattern_settings import Direction, Displacement, PatternSettings
from lacbed_gan.commands.settings import directions
from lacbed_gan.commands.train_settings import Count, Place, Source, listed

Free = Literal["thickness", "blur", "centre", "rotation", "scale", "b_factor", "b_iso", "occupancy", "ionicity", "u_hk"]


class SeriesSettings(PatternSettings):
    """Patterns of one crystal, and what is known of them."""

    input: Annotated[
        tuple[Place, ...],
        BeforeValidator(listed),
        Field(description="an image, a list of them, a folder of a series, or an NPZ with image and hkl"),
    ]
    reflections: Annotated[
        tuple[Direction, ...],
        BeforeValidator(directions),
        Field(description="a list of reflections hkl, one of each image, such as [[0,0,0],[2,0,0]]"),
    ]
    absorption: Literal["none", "proportional", "tds"]
    g_max: PositiveFloat
    b_iso: Annotated[Displacement, Field(description="a number of Å² from 0 to 100")]
    figure: bool


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
        tuple[Free, ...],
        BeforeValidator(listed),
        Field(
            min_length=1,
            description=f"a list of some of {', '.join(get_args(Free))}",
        ),
    ]
    thickness: Annotated[
        tuple[PositiveFloat, ...],
        BeforeValidator(lambda value: () if value is None else listed(value)),
        Field(description="a number of nm, or one of each image"),
    ]
    size: Annotated[int, Field(ge=16, le=128)]
    orders: Count
    start: Literal["crystal", "network"]
    checkpoint: Annotated[Source, Field(description="a path, or shipped")]
