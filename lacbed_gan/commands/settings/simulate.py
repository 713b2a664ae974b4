"""Settings of ``python -m lacbed_gan.simulate``: ``conf/simulate.yaml``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from lacbed_gan.commands.settings.words import Count, Place, Positive, Source
from lacbed_gan.models.settings import Settings
from lacbed_gan.store.recipe import Recipe
from lacbed_gan.store.shards import Shard

REFLECTIONS = "a list of reflections hk0, such as [[2,0],[2,2]]"
# What FELIX's own numbers were made with.
FELIX = {"energy_kv": 200.0, "half_width": 7.266}


def reflections(value: Any) -> Any:
    """Pairs (h, k) of a list of hk or hk0; anything but a list as it is.

    Raises:
        ValueError: one is no reflection of the zone [001], is the direct beam, or comes twice.
    """
    if not isinstance(value, list | tuple):
        return value  # for the schema to refuse
    pairs: list[tuple[int, int]] = []
    for indices in value:
        if not isinstance(indices, list | tuple) or len(indices) not in (2, 3) or {type(i) for i in indices} != {int}:
            raise ValueError(f"{indices} is not a reflection; give {REFLECTIONS}")
        pair = (indices[0], indices[1])
        if indices[2:] and indices[2] != 0:
            raise ValueError(f"{indices} is not in the zone [001]; give {REFLECTIONS}")
        if pair == (0, 0):
            raise ValueError(f"{indices} is the direct beam, which every store has")
        if pair in pairs:
            raise ValueError(f"{indices} comes twice")
        pairs.append(pair)
    return tuple(pairs)


class SimulateSettings(Settings):
    """A store to be made: from what, where, by which rule and on what."""

    structures: Annotated[Source, Field(description="a path or one of catalogue, prototypes, bundled")]
    output: Place
    method: Literal["converged", "felix"]
    thickness: Annotated[
        tuple[Positive, ...],
        BeforeValidator(lambda value: tuple(value) or None if isinstance(value, list) else value),
        Field(description="a list of positive numbers in nm, such as [50,100]"),
    ]
    size: Count
    half_width: Positive
    energy_kv: Positive
    g_max: Positive
    felix_ranks: Count
    dark_field: Annotated[tuple[tuple[int, int], ...], BeforeValidator(reflections), Field(description=REFLECTIONS)]
    b_iso_default: Annotated[float, Field(ge=0, lt=100, description="a number of Å² from 0 to 100")]
    rho_g_max: Positive
    rho_sampling: Literal["periodic", "endpoints"]
    save_intensity: bool
    tolerance: Positive
    count: Count | None
    seed: int
    shard: Annotated[Shard | None, BeforeValidator(lambda text: text if text is None else Shard.parse(text))]
    device: Literal["cpu", "cuda"] | None
    workers: Count | None

    @model_validator(mode="after")
    def _of_one_method(self) -> SimulateSettings:
        if self.method == "converged":
            if self.felix_ranks != 1:
                raise ValueError(f"felix_ranks={self.felix_ranks} needs method=felix")
            return self
        for key, value in FELIX.items():
            if getattr(self, key) != value:
                raise ValueError(f"{key}={getattr(self, key):g}, but method=felix is made for {key}={value:g}")
        if self.dark_field:
            raise ValueError("dark_field needs method=converged; felix has the direct beam alone")
        return self

    @property
    def recipe(self) -> Recipe:
        """The rule by which all pairs of the store are made."""
        return Recipe(**{name: getattr(self, name) for name in Recipe.__dataclass_fields__})
