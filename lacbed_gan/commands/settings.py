"""Settings of the commands beside train, as in their files in ``conf/``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, ValidationInfo, model_validator

from lacbed_gan.commands.pattern_settings import Direction, Displacement, Index, PatternSettings
from lacbed_gan.commands.train_settings import Count, Logger, Name, Place, Source, Thickness, listed
from lacbed_gan.crystal.vibration import DrawnB
from lacbed_gan.diffraction.constants import ABSORPTION_RATIO, HALF_WIDTH
from lacbed_gan.diffraction.cut_off import AutoCutOff
from lacbed_gan.models.network_settings import Settings
from lacbed_gan.models.settings import Direction as Side
from lacbed_gan.store.recipe import Recipe
from lacbed_gan.store.shards import Shard

REFLECTIONS = "a list of reflections hk0, such as [[2,0],[2,2]]"
# What FELIX's own numbers were made with.
FELIX = {"energy_kv": 200.0, "half_width": 7.266}
B_RANGE = (0.2, 1.2)  # Å², that of most real crystals at room temperature


def reflections(value: Any, info: ValidationInfo) -> Any:
    """Indices (h, k) of a list of hk or hk0, hkl of another zone; anything but a list as it is.

    Raises:
        ValueError: one is no reflection, or none of the zone [001], is the direct beam, or comes twice.
    """
    if not isinstance(value, list | tuple):
        return value  # for the schema to refuse
    any_zone = bool(info.data.get("zone"))
    known: list[tuple[int, ...]] = []
    for indices in value:
        numbers = indices if isinstance(indices, list | tuple) else ()
        if len(numbers) not in (2, 3, 4) or {type(i) for i in numbers} != {int}:
            raise ValueError(f"{indices} is not a reflection; give {REFLECTIONS}")
        if indices[2:] and indices[-1] != 0 and not any_zone:
            raise ValueError(f"{indices} is not in the zone [001]; give {REFLECTIONS}")
        g = tuple(indices) if any_zone else (indices[0], indices[1])
        if not any(g):
            raise ValueError(f"{indices} is the direct beam, which every store has")
        if g in known:
            raise ValueError(f"{indices} comes twice")
        known.append(g)
    return tuple(known)


def directions(value: Any) -> Any:
    """One zone axis uvw, or a list of them, as a list; anything else as it is."""
    if value is None:
        return ()
    if isinstance(value, list | tuple) and value and not any(isinstance(one, list | tuple) for one in value):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    return tuple(tuple(one) if isinstance(one, list | tuple) else one for one in value)


class SimulateSettings(Settings):
    """A store to be made: from what, where, by which rule and on what."""

    structures: Annotated[
        Source, Field(description="a path or one of catalogue, prototypes, bundled, standard, open, noncubic")
    ]
    output: Place
    method: Literal["converged", "felix"]
    thickness: Annotated[
        tuple[PositiveFloat, ...],
        BeforeValidator(lambda value: listed(value) if isinstance(value, list) else value),
        Field(description="a list of positive numbers in nm, such as [50,100]"),
    ]
    size: Count
    zone: Annotated[
        tuple[Direction, ...],
        BeforeValidator(directions),
        Field(description="three whole numbers uvw such as [1,1,0], or a list of such"),
    ]
    x_axis: Annotated[
        Direction | None,
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
        Field(description="three whole numbers hkl"),
    ]
    window: Annotated[
        Literal["reciprocal", "1/Å", "mrad"],
        BeforeValidator(lambda text: "1/Å" if text in ("1/A", "1/Å") else text),
    ]
    half_width: PositiveFloat | None
    energy_kv: PositiveFloat
    g_max: Annotated[PositiveFloat | Literal["auto"], Field(description="a positive number of 1/Å, or auto")]
    felix_ranks: Count
    absorption: Literal["none", "proportional", "tds"]
    absorption_ratio: Annotated[float, Field(ge=0, le=1)]
    dark_field: Annotated[tuple[tuple[int, ...], ...], BeforeValidator(reflections), Field(description=REFLECTIONS)]
    b_iso_default: Annotated[
        Displacement | tuple[Displacement, Displacement] | None,
        Field(description="a number of Å² from 0 to 100, or a range of them, such as [0.2,1.2]"),
    ]
    rho_g_max: PositiveFloat
    rho_sampling: Literal["periodic", "endpoints"]
    save_intensity: bool
    tolerance: PositiveFloat
    count: Count | None
    seed: Annotated[int, Field(ge=0)]
    shard: Annotated[Shard | None, BeforeValidator(lambda text: text if text is None else Shard.parse(text))]
    device: Literal["cpu", "cuda"] | None
    workers: Count | None

    @model_validator(mode="after")
    def _rising_range(self) -> SimulateSettings:
        if isinstance(self.b_iso_default, tuple) and self.b_iso_default[0] >= self.b_iso_default[1]:
            low, high = self.b_iso_default
            raise ValueError(f"b_iso_default=[{low:g},{high:g}] does not rise; give [{high:g},{low:g}] or one number")
        return self

    @model_validator(mode="after")
    def _of_one_absorption(self) -> SimulateSettings:
        if self.absorption != "proportional" and self.absorption_ratio != ABSORPTION_RATIO:
            raise ValueError(f"absorption_ratio={self.absorption_ratio:g} needs absorption=proportional")
        return self

    @model_validator(mode="after")
    def _of_the_window(self) -> SimulateSettings:
        if self.window != "reciprocal" and self.half_width is None:
            raise ValueError(f"half_width=… is needed with window={self.window}: half an edge of the pattern in it")
        if self.x_axis and len(self.zone) > 1:
            raise ValueError("x_axis is of one zone; give one, or leave x_axis out")
        return self

    @model_validator(mode="after")
    def _of_one_method(self) -> SimulateSettings:
        if self.method == "converged":
            if self.felix_ranks != 1:
                raise ValueError(f"felix_ranks={self.felix_ranks} needs method=felix")
            return self
        if self.zone or self.window != "reciprocal":
            raise ValueError("zone and window need method=converged; felix is of cubic crystals along [001]")
        for key, value in FELIX.items():
            if getattr(self, key) not in (value, None):
                raise ValueError(f"{key}={getattr(self, key):g}, but method=felix is made for {key}={value:g}")
        if self.g_max == "auto":
            raise ValueError("g_max=auto needs method=converged; felix has a cut-off of its own")
        if self.dark_field:
            raise ValueError("dark_field needs method=converged; felix has the direct beam alone")
        if self.absorption != "none":
            raise ValueError(f"absorption={self.absorption} needs method=converged; felix has none")
        return self

    @property
    def recipe(self) -> Recipe:
        """The rule by which all pairs of the store are made."""
        b_iso = self.b_iso_default
        if b_iso is None:
            b_iso = B_RANGE if self.method == "converged" else 0.0
        rule = DrawnB(*b_iso, self.seed) if isinstance(b_iso, tuple) else b_iso
        g_max = AutoCutOff(self.tolerance) if self.g_max == "auto" else self.g_max
        values = {name: getattr(self, name) for name in Recipe.__dataclass_fields__ if name != "window_unit"}
        values |= {"b_iso_default": rule, "g_max": g_max, "x_axis": self.x_axis or (), "window_unit": self.window}
        return Recipe(**values | {"half_width": self.half_width or HALF_WIDTH})


class PredictSettings(PatternSettings):
    """What to predict from, with which networks, and what a measured pattern does not say of itself."""

    input: Annotated[
        tuple[Place, ...],
        BeforeValidator(listed),
        Field(description="a CIF, an image, a folder of them, or a list"),
    ]
    checkpoint: Source | None
    thickness: Thickness | None
    figure: bool
    compare: bool
    samples: Count | None
    weigh: bool
    counts: PositiveFloat | None
    b_iso: Annotated[Displacement | None, Field(description="a number of Å² from 0 to 100")]
    check: bool
    fit: bool
    signal: Annotated[
        Index | str | tuple[int, ...] | None,
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
        Field(description="a name, a number from 0, or [h, k, l] of a series"),
    ]

    @model_validator(mode="after")
    def _samples_to_weigh(self) -> PredictSettings:
        if self.weigh and not self.samples:
            raise ValueError("weigh=true weighs samples: give their number, such as samples=64")
        if self.weigh and self.a is None:
            raise ValueError("weigh=true needs a=…, the cell edge in Å")
        if self.counts is not None and not self.weigh:
            raise ValueError(f"counts={self.counts:g} is the noise that samples are weighed by: add weigh=true")
        return self


class EvaluateSettings(Settings):
    """The report on a folder of runs, or on weights with a store."""

    runs: Place
    checkpoint: Annotated[Source | None, Field(description="a path, or forward or inverse, the shipped weights")]
    store: Source | None
    output: Place
    group: str | None
    crystal: Annotated[str | None, BeforeValidator(lambda name: str(name) if isinstance(name, int) else name)]
    timing: bool
    logger: Logger

    @model_validator(mode="after")
    def _weights_and_store(self) -> EvaluateSettings:
        if (self.checkpoint is None) != (self.store is None):
            absent = "store" if self.store is None else "checkpoint"
            raise ValueError(f"{absent}=… is needed: checkpoint and store go together; without them runs are reported")
        return self


class JoinSettings(Settings):
    """A folder of shards."""

    output: Annotated[Place, Field(description="the folder that holds the shards")]
    tolerance: PositiveFloat


class AppSettings(Settings):
    """The page for the lab."""

    port: Annotated[int, Field(ge=1, le=65535)]
    open_browser: bool
    forward: Source | None
    inverse: Source | None


class DashboardSettings(Settings):
    """Runs in W&B to be shown there."""

    entity: Name
    project: Name
    group: Name | None
    direction: Annotated[
        tuple[Side, ...], BeforeValidator(listed), Field(min_length=1, description="forward, inverse or both")
    ]
    runs: Place
