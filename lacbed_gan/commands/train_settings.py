"""Settings of ``python -m lacbed_gan.train``: ``conf/train.yaml`` and the groups data, model, trainer and logger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PositiveFloat,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from lacbed_gan.models.learning import Betas, Decay, DiscriminatorLearning, GanLoss, Schedule, WeightDecay
from lacbed_gan.models.settings import Condition, Direction, ModelSettings, Origin, Settings

CONDITION = "null, none, cell, scale, net, or a list of log_a, log_span, log_b1, log_b2, log_angle"
Count = Annotated[int, Field(ge=1)]
Place = Annotated[Path, BeforeValidator(lambda path: path or None), Field(description="a path")]
# A folder or a file, or a word that stands for data of the package; its name is kept as it was typed.
Source = Annotated[str, Field(min_length=1, description="a path", json_schema_extra={"format": "path"})]
# Of W&B, whose names these are.
Name = Annotated[
    str,
    Field(
        pattern=r"^[^/\\#?%:]{1,128}$",
        description="a name without / \\ # ? % : (figures alone take quotes: '\"7\"')",
    ),
]


def listed(value: Any) -> Any:
    """One value, or a list of them, as a tuple; nothing, and no value, as they are, for the schema to refuse."""
    return value if value in (None, [], ()) else tuple(value) if isinstance(value, list | tuple) else (value,)


Thickness = Annotated[
    tuple[PositiveFloat, ...], BeforeValidator(listed), Field(description="a number of nm or a list of them")
]


def of_the_zone(value: Any) -> Any:
    """Reflections as a store's recipe names them; anything else as it is, for the schema to refuse."""
    from lacbed_gan.store.recipe import shortened  # it reads crystals

    try:
        return tuple(map(shortened, value)) if isinstance(value, list | tuple) else value
    except (TypeError, ValueError):
        return value


Reflections = Annotated[
    tuple[tuple[int, ...], ...],
    BeforeValidator(of_the_zone),
    Field(description="a list of reflections of the store such as [[2,0],[1,1]]"),
]


class StoreData(Settings):
    """The pairs that the setting store names."""

    name: Literal["store"]
    group: Literal["formula", "prototype"]


class PublishedData(Settings):
    """The published images, or others kept in the same way."""

    name: Literal["kaggle"]
    root: Place | None
    folds: Place | None
    metadata: Place | None
    group: Literal["formula", "prototype", "lists"]
    polarity: Literal["dark_high", "bright_high"] | None
    colormap: Literal["greys"] | None
    skip_bad: bool
    cache: Place

    @model_validator(mode="after")
    def _one_rule_for_folds(self) -> PublishedData:
        if self.group == "lists" and self.folds is None:
            raise ValueError("data.group=lists needs data.folds; without it, take formula or prototype")
        if self.folds is not None and self.group == "prototype":
            raise ValueError("data.group=prototype makes its own folds; leave out data.folds, or data.group")
        return self


class Augmentation(Settings):
    """What is drawn anew for every training pair.

    Attributes:
        measured: patterns such as a microscope gives, see `data.disturbances`.
        absorbing: pairs of the same crystals with absorption, for half of the measured patterns.
    """

    point_group: bool
    shift: bool
    measured: bool = False
    absorbing: Source | None = None

    @model_serializer(mode="wrap")
    def _named_where_new(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what leaves a run, and its name, as they were before there was the choice."""
        return {key: value for key, value in handler(self).items() if value or key in ("point_group", "shift")}

    @model_validator(mode="after")
    def _of_measured_patterns(self) -> Augmentation:
        if self.absorbing and not self.measured:
            raise ValueError("augment.absorbing is for measured patterns: take augment.measured=true")
        return self


class Machine(Settings):
    """What computes; only the precision changes results."""

    accelerator: Literal["auto", "cpu", "gpu"]
    devices: Annotated[
        Count | Literal["auto"] | Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)],
        Field(description="auto, a whole number from 1 up, or a list of GPUs' numbers"),
    ]
    strategy: Literal["auto", "ddp", "ddp_find_unused_parameters_true"]
    precision: Literal["32-true", "bf16-mixed"]
    compile: bool


class FilesOnly(Settings):
    """Nothing but the run's own files."""

    name: Literal["csv"]


class WeightsAndBiases(Settings):
    """Curves and panels in W&B."""

    name: Literal["wandb"]
    project: Name
    group: Name | None
    every_steps: Count | None = None
    weights: bool = False


# true and false are the words of before for fold and none.
Validation = Annotated[
    Literal["part", "fold", "none"],
    BeforeValidator(
        lambda value: {True: "fold", False: "none"}.get(value, value) if isinstance(value, bool) else value
    ),
]
Data = Annotated[StoreData | PublishedData, Field(discriminator="name")]
Logger = Annotated[FilesOnly | WeightsAndBiases, Field(discriminator="name")]


class TrainSettings(Settings):
    """One run.

    Attributes:
        thickness: in nm; () for all of the store's.
        size, condition, origin: None where they are left to the store, the model and the start.
        reflections: whose dark fields the inverse network is given too.
        start: "shipped", a file of weights, a run's checkpoint or its folder: networks to begin from.
    """

    direction: Direction
    thickness: Annotated[
        tuple[PositiveFloat, ...],
        BeforeValidator(lambda value: () if value == "all" else listed(value)),
        Field(description="a number of nm, a list of them, or all"),
    ]
    fold: Annotated[int, Field(ge=0, le=9, description="one of 0 … 9")]
    store: Source
    reflections: Reflections = ()
    size: Annotated[int, Field(ge=1, le=65536)] | None
    condition: Annotated[Condition | None, Field(description=CONDITION)]
    origin: Origin | None
    augment: Augmentation
    validation: Validation
    early_stopping: Count | None
    start: Source | None
    epochs: Count
    batch_size: Count
    learning_rate: PositiveFloat
    schedule: Schedule
    ema: Decay
    betas: Betas
    weight_decay: WeightDecay
    gan_loss: GanLoss
    gradient_clip: PositiveFloat | None
    accumulate: Count
    discriminator: DiscriminatorLearning
    deterministic: bool
    checkpoint_every: Count | None
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    profile: bool
    allow_data_change: bool
    runs: Place
    data: Data
    model: ModelSettings
    trainer: Machine
    logger: Logger

    @model_validator(mode="after")
    def _go_together(self) -> TrainSettings:
        if self.early_stopping and self.validation == "none":
            raise ValueError("early_stopping goes by the validation part: take validation=part or fold")
        if self.accumulate > self.batch_size:
            raise ValueError(
                f"accumulate={self.accumulate} parts of batch_size={self.batch_size} pairs: take as many at most"
            )
        weights = self.model.loss_weights
        if self.discriminator != DiscriminatorLearning() and not weights.needs_discriminator:
            raise ValueError(
                "discriminator has no effect: model.loss_weights.adversarial and feature_matching are 0, so that there "
                "is none"
            )
        if self.discriminator.delay and not (weights.l1 or weights.l2):
            raise ValueError("discriminator.delay needs model.loss_weights.l1 or l2, to learn by until then")
        several = self.trainer.devices != 1 and self.trainer.strategy != "auto"
        if several and (self.accumulate > 1 or self.discriminator.steps > 1):
            raise ValueError(
                "accumulate and discriminator.steps are for one device; with trainer=ddp take a smaller batch_size, or "
                "another discriminator.learning_rate"
            )
        return self

    @model_validator(mode="after")
    def _of_the_published_images(self) -> TrainSettings:
        if self.data.name == "kaggle" and self.store != "bundled":
            raise ValueError(f"store={self.store} is not read with data=kaggle, leave one of them out")
        if self.data.name == "kaggle" and "log_span" in (self.condition or ()):
            raise ValueError("condition=scale needs the range of ρ, which data=kaggle does not tell")
        return self

    def plain(self) -> dict[str, Any]:
        """As JSON values, which files and checkpoints hold."""
        return self.model_dump(mode="json")
