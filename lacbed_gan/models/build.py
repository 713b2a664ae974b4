"""The networks of a run and the LightningModule that trains them, from typed settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from lacbed_gan.models.learning import LearningSettings
from lacbed_gan.models.network_settings import (
    FlowSettings,
    FourierSettings,
    LocalEnhancerSettings,
    SamplerSettings,
    UNetSettings,
    VariationalSettings,
)
from lacbed_gan.models.networks.flow import FlowSampler
from lacbed_gan.models.networks.fourier import FourierGenerator
from lacbed_gan.models.networks.noise import Noisy
from lacbed_gan.models.networks.patchgan import MultiscaleDiscriminator
from lacbed_gan.models.networks.pix2pixhd import GlobalGenerator, LocalEnhancer
from lacbed_gan.models.networks.span_head import SpanHead
from lacbed_gan.models.networks.symmetry import Symmetrised
from lacbed_gan.models.networks.unet import GlobalUNet
from lacbed_gan.models.networks.vae import VariationalSampler
from lacbed_gan.models.settings import NetworkSettings

if TYPE_CHECKING:
    from lacbed_gan.models.gan import ConditionalGAN


@dataclass
class Networks:
    """The generator, and what else the weights of the losses ask for."""

    generator: nn.Module
    discriminator: nn.Module | None = None
    span_head: nn.Module | None = None


def build_networks(settings: NetworkSettings) -> Networks:
    """The networks that the settings describe, with new weights."""
    model = settings.model
    generator = _generator(settings)
    # Where the two-fold axis of ρ lies is known of the canonical origin alone.
    sampler = isinstance(model.generator, SamplerSettings)  # whose answers are symmetric as they are
    if model.symmetry != "none" and not sampler and (settings.forward or settings.origin == "canonical"):
        generator = Symmetrised(generator, model.symmetry, "angle" if settings.forward else "real")
    if model.noise:
        generator = Noisy(generator, model.noise)
    networks = Networks(generator)
    if model.discriminator and model.loss_weights.needs_discriminator:
        networks.discriminator = MultiscaleDiscriminator(
            in_channels=settings.input_channels + settings.tells_thickness,  # one more channel
            out_channels=model.channels * (1 + settings.whitened),
            **model.discriminator.model_dump(exclude={"name", "window", "whitened"}),
        )
    if model.loss_weights.span and not settings.forward:
        networks.span_head = SpanHead(settings.size, settings.input_channels, settings.conditions)
    return networks


def build_gan(settings: NetworkSettings, learning: LearningSettings) -> ConditionalGAN:
    """The LightningModule of a run, with new weights."""
    from lacbed_gan.models.directions import (  # Lightning takes seconds, and predicting needs none
        ForwardCGAN,
        InverseCGAN,
    )

    networks = build_networks(settings)
    return (ForwardCGAN if settings.forward else InverseCGAN)(
        networks.generator,
        networks.discriminator,
        settings.model.loss_weights,
        learning,
        channels=settings.model.channels,
        span_head=networks.span_head,
        window=settings.model.discriminator.window if settings.model.discriminator else None,
        whitened=settings.whitened,
    )


def _generator(settings: NetworkSettings) -> nn.Module:
    sizes = settings.model.generator.model_dump(exclude={"name"})
    sizes |= {"in_channels": settings.input_channels, "out_channels": settings.model.channels}
    one_size = {"image_size": settings.size, "conditions": settings.conditions + settings.model.noise}
    side = "input" if settings.forward else "output"  # where ρ is
    match settings.model.generator:
        case FourierSettings():
            return FourierGenerator(**sizes, **one_size, potential=side, dark_fields=settings.dark_fields)
        case FlowSettings() | VariationalSettings() as kind:
            sampler = FlowSampler if kind.name == "flow" else VariationalSampler
            span = settings.model.loss_weights.span > 0 and not settings.forward
            return sampler(**sizes, **one_size, potential=side, span=span)
        case UNetSettings(periodic=periodic):
            return GlobalUNet(**sizes | one_size | {"periodic": side if periodic else "none"})
        case LocalEnhancerSettings():
            return LocalEnhancer(**sizes)
        case _:
            return GlobalGenerator(**sizes)
