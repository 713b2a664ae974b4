"""Networks by name, as the configuration writes them."""

from __future__ import annotations

from torch import nn

from lacbed_gan.models.networks.fourier import FourierGenerator
from lacbed_gan.models.networks.patchgan import MultiscaleDiscriminator
from lacbed_gan.models.networks.pix2pixhd import GlobalGenerator, LocalEnhancer
from lacbed_gan.models.networks.unet import GlobalUNet

GENERATORS: dict[str, type[nn.Module]] = {
    "global_generator": GlobalGenerator,
    "local_enhancer": LocalEnhancer,
    "global_unet": GlobalUNet,
    "fourier": FourierGenerator,
}
DISCRIMINATORS: dict[str, type[nn.Module]] = {"multiscale_patchgan": MultiscaleDiscriminator}


def build_generator(name: str, **sizes: int | str) -> nn.Module:
    """The generator called `name`, with its constructor's arguments.

    Raises:
        ValueError: there is no generator of that name, or it has no such argument or size.
    """
    return _build("generator", GENERATORS, name, sizes)


def build_discriminator(name: str, **sizes: int | str) -> nn.Module:
    """The discriminator called `name`, with its constructor's arguments.

    Raises:
        ValueError: there is no discriminator of that name, or it has no such argument or size.
    """
    return _build("discriminator", DISCRIMINATORS, name, sizes)


def _build(kind: str, registry: dict[str, type[nn.Module]], name: str, sizes: dict[str, int | str]) -> nn.Module:
    if name not in registry:
        raise ValueError(f"no {kind} {name!r}: allowed are {', '.join(registry)}")
    try:
        return registry[name](**sizes)
    except TypeError as error:
        raise ValueError(f"{kind} {name!r}: {error}") from error
