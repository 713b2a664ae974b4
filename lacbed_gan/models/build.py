"""The networks of a run, from the run's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from lacbed_gan.models.losses import LossWeights
from lacbed_gan.models.networks.registry import build_discriminator, build_generator
from lacbed_gan.models.networks.scale_head import ScaleHead
from lacbed_gan.models.networks.symmetry import Symmetrised

CONDITIONS = {"none": 0, "cell": 1, "scale": 2}  # numbers that each choice gives the network
SIZED = ("global_unet", "fourier")  # generators that are made for one size of images


@dataclass
class Networks:
    """The generator, and what else the weights of the losses ask for."""

    generator: nn.Module
    discriminator: nn.Module | None
    scale_head: nn.Module | None


def build_networks(settings: dict[str, Any]) -> Networks:
    """The networks that the configuration of a run describes, with new weights.

    Args:
        settings: plain values of conf/train.yaml, every choice made: ``size`` is the image size in pixels,
            ``condition`` none, cell or scale, and ``thickness`` a number or a list.

    Raises:
        ValueError: a network, an argument of one, or a loss that does not exist.
    """
    model, forward = settings["model"], settings["direction"] == "forward"
    shown, conditions = network_inputs(settings)
    arguments = dict(model["generator"])
    if arguments["name"] in SIZED:
        arguments["image_size"] = settings["size"]
    if model["periodic"] or arguments["name"] == "fourier":
        arguments["periodic"] = "input" if forward else "output"  # where ρ is
    generator = build_generator(**arguments, in_channels=shown, out_channels=model["channels"], conditions=conditions)
    # Where the two-fold axis of ρ lies is known of the canonical origin alone.
    if model["symmetry"] != "none" and (forward or settings["origin"] == "canonical"):
        generator = Symmetrised(generator, model["symmetry"], "angle" if forward else "real")
    weights = LossWeights(**model["weights"])
    discriminator = scale_head = None
    if weights.needs_discriminator:
        told = conditions > CONDITIONS[settings["condition"]]  # the thickness: one more channel
        sizes = {"in_channels": shown + told, "out_channels": model["channels"]}
        discriminator = build_discriminator(**model["discriminator"], **sizes)
    if weights.scale and not forward:
        scale_head = ScaleHead(settings["size"], shown, conditions)
    return Networks(generator, discriminator, scale_head)


def network_inputs(settings: dict[str, Any]) -> tuple[int, int]:
    """Channels of the generator's input image, and numbers that condition it, by the settings of `build_networks`.

    Of several thicknesses the forward network is told which, as one more number, and the inverse one has them all as
    channels.
    """
    several = len(settings["thickness"]) if isinstance(settings["thickness"], list) else 1
    forward = settings["direction"] == "forward"
    channels = settings["model"]["channels"] * (1 if forward else several)
    return channels, CONDITIONS[settings["condition"]] + (forward and several > 1)
