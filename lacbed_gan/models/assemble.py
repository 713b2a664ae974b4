"""The LightningModule of a run, from the run's configuration."""

from __future__ import annotations

from typing import Any

from lacbed_gan.models.build import build_discriminator, build_generator
from lacbed_gan.models.cgan import ConditionalGAN, ForwardCGAN, InverseCGAN
from lacbed_gan.models.losses import LossWeights

DIRECTIONS: dict[str, type[ConditionalGAN]] = {"forward": ForwardCGAN, "inverse": InverseCGAN}


def build_cgan(settings: dict[str, Any]) -> ConditionalGAN:
    """The LightningModule that the configuration of a run describes.

    Args:
        settings: plain values of conf/train.yaml; ``size`` is the image size in pixels and ``condition`` is
            none or scale, both already chosen.

    Raises:
        ValueError: a network, an argument of one, or a loss that does not exist.
    """
    model = settings["model"]
    channels = {"in_channels": model["channels"], "out_channels": model["channels"]}
    conditions = {"none": 0, "scale": 2}[settings["condition"]]
    generator = dict(model["generator"])
    if generator["name"] == "global_unet":
        generator["image_size"] = settings["size"]
    weights = LossWeights(**model["weights"])
    return DIRECTIONS[settings["direction"]](
        build_generator(**generator, **channels, conditions=conditions),
        build_discriminator(**model["discriminator"], **channels) if weights.needs_discriminator else None,
        weights,
        settings["gan_loss"],
        settings["learning_rate"],
        tuple(settings["betas"]),
        channels=model["channels"],
    )
