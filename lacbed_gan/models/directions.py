"""The GAN of each direction, and what is measured of its answers."""

from __future__ import annotations

from typing import ClassVar

from lacbed_gan.measures.origin import origin_mse, origin_r
from lacbed_gan.models.gan import ConditionalGAN


class ForwardCGAN(ConditionalGAN):
    """Projected potential ρ → bright-field LACBED pattern."""

    direction = "forward"


class InverseCGAN(ConditionalGAN):
    """Bright-field LACBED pattern → projected potential ρ."""

    direction = "inverse"
    measured: ClassVar = ConditionalGAN.measured | {"origin_mse": origin_mse, "origin_r": origin_r}
