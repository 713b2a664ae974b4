"""How networks learn, as typed values: the weights of their losses, and the steps of generator and discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, model_validator

from lacbed_gan.models.network_settings import Settings

Schedule = Literal["constant", "linear", "cosine"]
GanLoss = Literal["lsgan", "log"]
Weight = Annotated[float, Field(ge=0)]
Decay = Annotated[float, Field(ge=0, lt=1)]
WeightDecay = Annotated[float, Field(ge=0, le=10)]
Betas = Annotated[tuple[Decay, Decay], Field(strict=False, description="a list of two numbers in [0, 1)")]


class LossWeights(Settings):
    """Weights of the generator's loss terms; a term of weight 0 is not computed.

    The defaults are the reference configuration, pix2pixHD without its VGG term. `span` is the weight of the number
    that inverse networks predict beside the image, the range of ρ. `share` is the part that the discriminator's two
    terms have in the gradient at the image, see `judging.balanced`: their weights then count against each other alone;
    None for the weights as they are.
    """

    adversarial: Weight = 1.0
    feature_matching: Weight = 10.0
    l1: Weight = 0.0
    l2: Weight = 0.0
    span: Weight = 0.0
    share: Annotated[float, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _of_an_image(self) -> LossWeights:
        if not (self.needs_discriminator or self.l1 or self.l2):
            raise ValueError("adversarial, feature_matching, l1 and l2 are all 0: no loss is left for the image")
        if self.share is not None and self.needs_discriminator and not (self.l1 or self.l2):
            raise ValueError(f"share={self.share:g} is between the discriminator's terms and l1 or l2: both are 0")
        return self

    @property
    def needs_discriminator(self) -> bool:
        return self.adversarial > 0 or self.feature_matching > 0


class DiscriminatorLearning(Settings):
    """How the discriminator learns, where that is not as the generator does.

    Attributes:
        learning_rate: of Adam; None: the generator's.
        steps: of the discriminator for each of the generator, on the same batch.
        delay: epochs that the generator learns without it at first.
    """

    learning_rate: PositiveFloat | None = None
    steps: Annotated[int, Field(ge=1, le=100)] = 1
    delay: Annotated[int, Field(ge=0)] = 0


class LearningSettings(Settings):
    """How networks learn, beside their losses' weights.

    Attributes:
        learning_rate, betas: of Adam, for both networks.
        weight_decay: of the generator, at each step times the learning rate (AdamW).
        discriminator: what is different for the discriminator.
        gradient_clip: largest Euclidean norm of the gradients of each network, to which larger ones are scaled down;
            None for no limit.
        accumulate: parts of a batch that go through the networks one after the other, for less memory; the steps are
            those of the whole batch.
        schedule: of the learning rate, one of `schedules.SCHEDULES`.
        ema: decay of the moving average of the generator's weights, which then makes the predictions; 0 for none.
        gan_loss: one of `losses.GAN_LOSSES`.
    """

    learning_rate: PositiveFloat = 2e-4
    betas: Betas = (0.5, 0.999)
    weight_decay: WeightDecay = 0.0
    schedule: Schedule = "constant"
    ema: Decay = 0.0
    gan_loss: GanLoss = "lsgan"
    discriminator: DiscriminatorLearning = DiscriminatorLearning()
    gradient_clip: PositiveFloat | None = None
    accumulate: Annotated[int, Field(ge=1, le=65536)] = 1

    @classmethod
    def of_run(cls, settings: Mapping[str, Any]) -> LearningSettings:
        """From the plain settings of a run, which hold more, or, of an older version, less."""
        return cls(**{name: settings[name] for name in cls.model_fields if name in settings})
