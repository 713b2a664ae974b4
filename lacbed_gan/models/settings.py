"""What networks are made of, as typed values: checked where they are made, plain where they go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PositiveFloat,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from lacbed_gan.data.conditions import MEASURED, QUANTITIES, SHORTHAND
from lacbed_gan.models.learning import Decay, LossWeights, Schedule
from lacbed_gan.models.network_settings import (
    WITHOUT_CONDITIONS,
    DiscriminatorSettings,
    Generator,
    SamplerSettings,
    Settings,
)


def condition_names(value: Any) -> Any:
    """The names that a word stands for, or a list as a tuple; anything else as it is, for the schema to refuse."""
    if isinstance(value, str):
        return SHORTHAND.get(value, value)
    return tuple(value) if isinstance(value, list) else value


Direction = Literal["forward", "inverse"]
Origin = Literal["given", "canonical"]
Condition = Annotated[
    tuple[Literal[tuple(QUANTITIES)], ...],
    BeforeValidator(condition_names),
    Field(description="none, cell, scale, net, or a list of log_a, log_span, log_b1, log_b2, log_angle"),
]
Symmetry = Annotated[Literal["none", "2", "2mm"], BeforeValidator(lambda x: str(x) if x == 2 else x)]  # YAML's 2


class ModelSettings(Settings):
    """A file of ``conf/model``: the networks, their loss and what suits them.

    Attributes:
        discriminator: None for none, whatever the losses' weights: trained by the error alone.
        channels: of the networks' images; grey ones are repeated to as many.
        condition: names of the logarithms that networks are given, or none, cell, scale, net.
        symmetry: of every answer, exactly.
        noise: random numbers that the generator is given, so that it draws its answers; 0 for one answer.
        learning_rate, schedule, ema: as in `LearningSettings`, unless the run says otherwise.
    """

    generator: Annotated[Generator, Field(discriminator="name")]
    discriminator: DiscriminatorSettings | None = DiscriminatorSettings()
    channels: Annotated[int, Field(ge=1, le=64)] = 1
    condition: Condition = ()
    loss_weights: LossWeights = LossWeights()
    learning_rate: PositiveFloat = 2e-4
    symmetry: Symmetry = "none"
    schedule: Schedule = "constant"
    ema: Decay = 0.0
    noise: Annotated[int, Field(ge=0, le=4096)] = 0

    @model_serializer(mode="wrap")
    def _named_where_new(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what leaves a model, and the name of its run, as they were before there was the choice."""
        return {name: value for name, value in handler(self).items() if (name, value) != ("noise", 0)}

    @model_validator(mode="after")
    def _of_a_sampler(self) -> ModelSettings:
        if not self.draws:
            return self
        name, drawing = self.generator.name, isinstance(self.generator, SamplerSettings)
        if drawing and self.noise:
            raise ValueError(f"noise={self.noise}: {name} draws its answers anyway; leave it out")
        if drawing and self.loss_weights.needs_discriminator:
            raise ValueError(f"{name} learns without a discriminator: take model.discriminator=null")
        if self.noise and isinstance(self.generator, WITHOUT_CONDITIONS):
            raise ValueError(f"noise={self.noise}: {name} has no place for it; take model=fourier or model=small")
        if self.channels != 1:
            raise ValueError(f"networks that draw their answers have one channel: take channels=1, not {self.channels}")
        if not (self.loss_weights.l1 or self.loss_weights.l2):
            raise ValueError("networks that draw their answers need loss_weights.l2, the weight of their own loss")
        return self

    @property
    def draws(self) -> bool:
        """Whether the generator draws its answers."""
        return self.noise > 0 or isinstance(self.generator, SamplerSettings)

    @model_validator(mode="before")
    @classmethod
    def _without_discriminator(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("discriminator", ...) is not None:
            return values
        weights = values.get("loss_weights", LossWeights())
        plain = weights if isinstance(weights, dict) else weights.model_dump()
        if not (plain.get("l1") or plain.get("l2")):
            raise ValueError("discriminator=null needs loss_weights.l1 or l2: no loss is left for the image")
        return values | {"loss_weights": plain | {"adversarial": 0.0, "feature_matching": 0.0}}

    def conditions(self, direction: Direction) -> tuple[str, ...]:
        """The names for that direction: who has a pattern does not know the range of ρ."""
        return self.condition if direction == "forward" else tuple(n for n in self.condition if n != "log_span")


class NetworkSettings(Settings):
    """All that decides which networks are built, every choice made.

    Attributes:
        size: edge of the images in pixels.
        thickness: in nm. Of several the forward network is told which, as one more number, and the inverse one has
            them all as channels.
        condition: names of the logarithms that the networks are given.
        origin: of ρ.
        measured: patterns are as a microscope gives them: the inverse network has one, at any of the thicknesses, and
            is given `data.conditions.MEASURED` too.
        reflections: whose dark fields the inverse network is given too, at each thickness after the bright fields.
    """

    direction: Direction
    size: Annotated[int, Field(ge=1, le=65536)]
    thickness: Annotated[tuple[PositiveFloat, ...], Field(strict=False, min_length=1)]
    condition: Condition
    origin: Origin
    model: ModelSettings
    measured: bool = False
    reflections: Annotated[tuple[tuple[int, ...], ...], Field(strict=False)] = ()

    @classmethod
    def of_run(cls, settings: Mapping[str, Any]) -> NetworkSettings:
        """From the plain settings of a run, which hold more."""
        needed = {name: settings[name] for name, field in cls.model_fields.items() if field.is_required()}
        measured = settings.get("augment", settings).get("measured", False)
        return cls(**needed, measured=measured, reflections=tuple(map(tuple, settings.get("reflections", ()))))

    @model_validator(mode="after")
    def _fits(self) -> NetworkSettings:
        generator, discriminator = self.model.generator, self.model.discriminator
        parts = [generator, *([discriminator] if self.model.loss_weights.needs_discriminator else [])]
        for part in parts:
            if sizes := part.misfit(self.size):
                values = ", ".join(
                    f"{key}={value}" for key, value in part.model_dump(exclude={"name"}, exclude_none=True).items()
                )
                raise ValueError(f"size={self.size}: {part.name} with {values} takes {sizes}")
        if self.condition and isinstance(generator, WITHOUT_CONDITIONS):
            raise ValueError(f"{generator.name} takes no condition: set condition=none")
        if self.direction == "inverse" and "log_span" in self.condition:
            raise ValueError("a pattern does not tell the range of ρ: direction=inverse takes condition=cell or none")
        if len(self.thickness) > 1 and self.model.channels > 1:
            raise ValueError("several thicknesses need networks of one channel; take model.channels=1")
        if isinstance(generator, SamplerSettings) and self.direction == "inverse" and self.origin != "canonical":
            raise ValueError(f"{generator.name} needs origin=canonical, with the two-fold axis of ρ on its first pixel")
        if isinstance(generator, SamplerSettings) and self.direction == "forward" and generator.counts is not None:
            raise ValueError("model.generator.counts is of patterns that networks are given: direction=inverse")
        if self.few_beams and not self.forward:
            raise ValueError("model.generator.few_beams is of forward networks, which are given ρ: take null")
        if self.few_beams and self.model.channels > 1:
            raise ValueError("model.generator.few_beams needs networks of one channel; take model.channels=1")
        if self.tells_thickness and isinstance(generator, WITHOUT_CONDITIONS):
            raise ValueError(f"{generator.name} cannot be told the thickness: take one, or another model")
        if self.measured:
            self._require_measurable()
        if self.reflections and self.forward:
            raise ValueError("reflections are of the patterns that networks read: direction=inverse")
        if self.reflections and (self.model.draws or self.model.channels > 1):
            raise ValueError("reflections need a network that gives one answer and has model.channels=1")
        return self

    def _require_measurable(self) -> None:
        """Raise ValueError unless such networks can have measured patterns."""
        generator = self.model.generator
        if self.forward:
            raise ValueError("augment.measured is of the patterns that networks are given: direction=inverse")
        if isinstance(generator, WITHOUT_CONDITIONS):
            raise ValueError(f"{generator.name} cannot be told window and thickness of measured patterns")
        if self.model.draws:
            raise ValueError("augment.measured is for networks that give one answer: take model=fourier, and no noise")

    @property
    def forward(self) -> bool:
        return self.direction == "forward"

    @property
    def tells_thickness(self) -> bool:
        """Whether the networks are told the thickness: forward, of several."""
        return self.forward and len(self.thickness) > 1

    @property
    def few_beams(self) -> float | None:
        """Cut-off in 1/Å of the exact pattern that a forward network corrects; None where it is given none."""
        return getattr(self.model.generator, "few_beams", None)

    @property
    def whitened(self) -> bool:
        """Whether the discriminator sees ρ with its high orders as strong as its low ones: of inverse networks."""
        return not self.forward and self.model.discriminator is not None and self.model.discriminator.whitened

    @property
    def bright_fields(self) -> int:
        """Bright fields, or ρ, that the networks are given of a pair."""
        return 1 if self.forward or self.measured else len(self.thickness)

    @property
    def images(self) -> int:
        """Images that the networks are given of a pair: the bright fields, and those of the reflections."""
        return self.bright_fields + self.dark_fields + (self.few_beams is not None)

    @property
    def dark_fields(self) -> int:
        """Dark fields among them, the last ones."""
        return self.bright_fields * len(self.reflections)

    @property
    def input_channels(self) -> int:
        """Channels of the generator's input image."""
        return self.model.channels * self.images

    @property
    def conditions(self) -> int:
        """Numbers that condition the generator: the named ones, the thickness, what is known of measured patterns."""
        return len(self.condition) + self.tells_thickness + len(MEASURED) * self.measured
