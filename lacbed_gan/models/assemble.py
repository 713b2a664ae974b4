"""The LightningModule of a run, from the run's configuration."""

from __future__ import annotations

from typing import Any

from lacbed_gan.models.build import build_discriminator, build_generator
from lacbed_gan.models.cgan import ConditionalGAN, ForwardCGAN, InverseCGAN
from lacbed_gan.models.losses import LossWeights
from lacbed_gan.models.scale_head import ScaleHead
from lacbed_gan.models.symmetry import Symmetrised

CONDITIONS = {"none": 0, "cell": 1, "scale": 2}  # numbers that each choice gives the network
SIZED = ("global_unet", "fourier")  # generators that are made for one size of images
DIRECTIONS: dict[str, type[ConditionalGAN]] = {"forward": ForwardCGAN, "inverse": InverseCGAN}


def build_cgan(settings: dict[str, Any]) -> ConditionalGAN:
    """The LightningModule that the configuration of a run describes.

    Args:
        settings: plain values of conf/train.yaml, every choice made: ``size`` is the image size in pixels,
            ``condition`` none, cell or scale, and ``thickness`` a number or a list.

    Raises:
        ValueError: a network, an argument of one, or a loss that does not exist.
    """
    model, forward = settings["model"], settings["direction"] == "forward"
    shown, conditions = network_inputs(settings)
    generator = dict(model["generator"])
    if generator["name"] in SIZED:
        generator["image_size"] = settings["size"]
    if model["periodic"]:
        generator["periodic"] = "input" if forward else "output"  # where ρ is
    made = build_generator(**generator, in_channels=shown, out_channels=model["channels"], conditions=conditions)
    if model["symmetry"] != "none":
        made = Symmetrised(made, model["symmetry"], "angle" if forward else "real")
    weights = LossWeights(**model["weights"])
    discriminator = None
    if weights.needs_discriminator:
        told = conditions > CONDITIONS[settings["condition"]]  # the thickness: one more channel
        sizes = {"in_channels": shown + told, "out_channels": model["channels"]}
        discriminator = build_discriminator(**model["discriminator"], **sizes)
    return DIRECTIONS[settings["direction"]](
        made,
        discriminator,
        weights,
        settings["gan_loss"],
        settings["learning_rate"],
        tuple(settings["betas"]),
        channels=model["channels"],
        schedule=settings["schedule"],
        ema=settings["ema"],
        scale_head=ScaleHead(settings["size"], shown, conditions) if weights.scale and not forward else None,
    )


def network_inputs(settings: dict[str, Any]) -> tuple[int, int]:
    """Channels of the generator's input image, and numbers that condition it, by the settings of `build_cgan`.

    Of several thicknesses the forward network is told which, as one more number, and the inverse one has them all as
    channels.
    """
    several = len(settings["thickness"]) if isinstance(settings["thickness"], list) else 1
    forward = settings["direction"] == "forward"
    channels = settings["model"]["channels"] * (1 if forward else several)
    return channels, CONDITIONS[settings["condition"]] + (forward and several > 1)
