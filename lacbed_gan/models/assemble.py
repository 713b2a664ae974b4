"""The LightningModule of a run, from the run's configuration."""

from __future__ import annotations

from typing import Any

from lacbed_gan.models.build import build_networks
from lacbed_gan.models.cgan import ConditionalGAN, ForwardCGAN, InverseCGAN
from lacbed_gan.models.losses import LossWeights

DIRECTIONS: dict[str, type[ConditionalGAN]] = {"forward": ForwardCGAN, "inverse": InverseCGAN}


def build_cgan(settings: dict[str, Any]) -> ConditionalGAN:
    """The LightningModule that the configuration of a run describes; `build_networks` says what settings are.

    Raises:
        ValueError: a network, an argument of one, or a loss that does not exist.
    """
    networks = build_networks(settings)
    return DIRECTIONS[settings["direction"]](
        networks.generator,
        networks.discriminator,
        LossWeights(**settings["model"]["weights"]),
        settings["gan_loss"],
        settings["learning_rate"],
        tuple(settings["betas"]),
        channels=settings["model"]["channels"],
        schedule=settings["schedule"],
        ema=settings["ema"],
        scale_head=networks.scale_head,
    )
