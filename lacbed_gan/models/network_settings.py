"""The networks that there are, and their sizes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

Width = Annotated[int, Field(ge=1, le=65536)]
Depth = Annotated[int, Field(ge=1, le=64)]


class Settings(BaseModel):
    """Plain values that do not change: no unknown key, no number that is not finite, no text for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class FourierSettings(Settings):
    """Of `networks.fourier.FourierGenerator`; `quadrants` says that patterns have the symmetry 2mm, else 2.

    `few_beams` is the cut-off in 1/Å of the pattern of few beams that a forward network corrects; None for none.
    """

    name: Literal["fourier"] = "fourier"
    quadrants: bool = True
    few_beams: Annotated[float, Field(gt=0, le=10)] | None = None

    @model_serializer(mode="wrap")
    def _named_where_new(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what leaves a network, and the name of its run, as they were before there was the choice."""
        usual = {"quadrants": True, "few_beams": None}
        return {name: value for name, value in handler(self).items() if (name, value) not in usual.items()}

    order: Annotated[int, Field(ge=1, le=1024)] = 20
    width: Width = 384
    depth: Depth = 3

    def misfit(self, size: int) -> str:
        return "" if size >= 4 and size % 2 == 0 else "even sizes from 4 up"


class SamplerSettings(Settings):
    """Of `networks.sampling.Sampler` of any kind; ``counts`` is the noise of the patterns that it learns from."""

    order: Annotated[int, Field(ge=1, le=1024)] = 20
    width: Width = 384
    depth: Depth = 3
    quadrants: bool = True
    counts: Annotated[float, Field(gt=0)] | None = None

    def misfit(self, size: int) -> str:
        return "" if size >= 4 and size % 2 == 0 else "even sizes from 4 up"


class FlowSettings(SamplerSettings):
    """Of `networks.flow.FlowSampler`."""

    name: Literal["flow"] = "flow"
    steps: Annotated[int, Field(ge=1, le=1000)] = 20


class VariationalSettings(SamplerSettings):
    """Of `networks.vae.VariationalSampler`."""

    name: Literal["vae"] = "vae"
    latent: Annotated[int, Field(ge=1, le=4096)] = 16


class UNetSettings(Settings):
    """Of `networks.unet.GlobalUNet`; `periodic` pads ρ's side with its other end."""

    name: Literal["global_unet"] = "global_unet"
    filters: Annotated[int, Field(ge=8, le=4096, multiple_of=8)] = 32
    bottleneck: Width = 512
    periodic: bool = False

    def misfit(self, size: int) -> str:
        return "" if size in (32, 64, 128) else "sizes of 32, 64 and 128"


class GlobalGeneratorSettings(Settings):
    """Of `networks.pix2pixhd.GlobalGenerator`."""

    name: Literal["global_generator"] = "global_generator"
    filters: Annotated[int, Field(ge=1, le=1024)] = 64
    downsamplings: Annotated[int, Field(ge=1, le=8)] = 4
    blocks: Depth = 9

    def misfit(self, size: int, step: int = 0) -> str:
        step = step or 2**self.downsamplings
        return "" if size >= 2 * step and size % step == 0 else f"multiples of {step}, from {2 * step} up"


class LocalEnhancerSettings(GlobalGeneratorSettings):
    """Of `networks.pix2pixhd.LocalEnhancer`."""

    name: Literal["local_enhancer"] = "local_enhancer"
    filters: Annotated[int, Field(ge=1, le=1024)] = 32
    local_blocks: Depth = 3

    def misfit(self, size: int, step: int = 0) -> str:
        return super().misfit(size, 2 ** (self.downsamplings + 1))


class DiscriminatorSettings(Settings):
    """Of `networks.patchgan.MultiscaleDiscriminator`.

    `window` is the edge in pixels of the part of the pairs that it judges at each step of training, at another place
    each; None for whole pairs. Its judgement is of patches anyway, and the time falls with the window's area.
    `whitened` shows it the ρ of inverse networks with high orders as strong as low ones too.
    """

    name: Literal["multiscale_patchgan"] = "multiscale_patchgan"
    filters: Annotated[int, Field(ge=1, le=1024)] = 64
    layers: Annotated[int, Field(ge=1, le=8)] = 3
    scales: Annotated[int, Field(ge=1, le=8)] = 2
    window: Annotated[int, Field(ge=1)] | None = None
    whitened: bool = False

    @model_serializer(mode="wrap")
    def _named_where_new(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what leaves a discriminator, and the name of its run, as they were before there was the choice."""
        return {name: value for name, value in handler(self).items() if (name, value) != ("whitened", False)}

    @model_validator(mode="after")
    def _large_window(self) -> DiscriminatorSettings:
        if self.window is not None and self.window < self._smallest:
            raise ValueError(f"window={self.window} is smaller than what the layers leave: {self._smallest} or more")
        return self

    @property
    def _smallest(self) -> int:
        """The last scale halves the image scales − 1 times, and its layers do so as often as there are layers."""
        return 2 ** (self.scales - 1 + self.layers)

    def misfit(self, size: int) -> str:
        return "" if size >= self._smallest else f"sizes from {self._smallest} up"


Generator = (
    FourierSettings
    | UNetSettings
    | GlobalGeneratorSettings
    | LocalEnhancerSettings
    | FlowSettings
    | VariationalSettings
)
WITHOUT_CONDITIONS = (GlobalGeneratorSettings,)  # pix2pixHD has no place for a condition; its norm would remove it
