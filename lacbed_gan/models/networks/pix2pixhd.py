"""The generators of pix2pixHD (Wang et al., arXiv 1711.11585, section 3.1 and appendix).

Their last layer is a tanh, in (−1, 1), while the images of the reference configuration are scaled to [0, 1]:
the network has to learn to stay above 0, and evaluation clamps to [0, 1].
"""

from __future__ import annotations

from torch import Tensor, nn

from lacbed_gan.models.networks.init import init_normal


class GlobalGenerator(nn.Module):
    """G1: a convolutional encoder, residual blocks at the coarsest resolution, and a decoder.

    c7s1-f, d2f … d(2ⁿf), R × blocks, u … uf, c7s1-out, tanh; instance norm without scale or offset, and
    reflection padding. With the default sizes and three-channel images it has 182.44 M parameters.

    Args:
        in_channels, out_channels: channels of input and output image.
        filters: channels f after the first convolution.
        downsamplings: n, stride-2 convolutions; channels double with each.
        blocks: residual blocks.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        filters: int = 64,
        downsamplings: int = 4,
        blocks: int = 9,
    ) -> None:
        super().__init__()
        self.smallest_side = 2 ** (downsamplings + 1)
        self.features = _encoder_decoder(in_channels, filters, downsamplings, blocks)
        self.to_image = _to_image(filters, out_channels)
        init_normal(self)

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Image (B, in_channels, H, W) → (B, out_channels, H, W) in (−1, 1).

        Raises:
            ValueError: H or W is no multiple of 2ⁿ, or smaller than 2ⁿ⁺¹, where reflection padding ends;
                or a condition is given.
        """
        no_condition(condition)
        check_sides(image, self.smallest_side)
        return self.to_image(self.features(image))


class LocalEnhancer(nn.Module):
    """G2 around G1: G1 works on the image at half resolution, and its features join G2's at full resolution.

    G2 is c7s1-f, d2f, (+ features of G1), R × local_blocks, uf, c7s1-out, tanh. G1 is a `GlobalGenerator`
    with 2f filters and without its last convolution. With the default sizes and three-channel images it has
    182.70 M parameters.

    Args:
        in_channels, out_channels: channels of input and output image.
        filters: channels f outside; G1 has 2f.
        downsamplings, blocks: of G1.
        local_blocks: residual blocks of G2.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        filters: int = 32,
        downsamplings: int = 4,
        blocks: int = 9,
        local_blocks: int = 3,
    ) -> None:
        super().__init__()
        self.smallest_side = 2 ** (downsamplings + 2)
        self.shrink = half_resolution()
        self.global_features = _encoder_decoder(in_channels, 2 * filters, downsamplings, blocks)
        self.encoder = nn.Sequential(*_first(in_channels, filters), *_down(filters))
        self.decoder = nn.Sequential(*(ResidualBlock(2 * filters) for _ in range(local_blocks)), *_up(filters))
        self.to_image = _to_image(filters, out_channels)
        init_normal(self)

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Image (B, in_channels, H, W) → (B, out_channels, H, W) in (−1, 1).

        Raises:
            ValueError: H or W is no multiple of 2ⁿ⁺¹, or smaller than 2ⁿ⁺², where reflection padding ends;
                or a condition is given.
        """
        no_condition(condition)
        check_sides(image, self.smallest_side)
        features = self.encoder(image) + self.global_features(self.shrink(image))
        return self.to_image(self.decoder(features))


class ResidualBlock(nn.Module):
    """x + two 3 × 3 convolutions of x, each normalised, with one ReLU between: (B, channels, H, W) → same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.convolutions(x)


def half_resolution() -> nn.Module:
    """pix2pixHD's image pyramid: 3 × 3 means at every second pixel, borders averaged over what is there."""
    return nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)


def no_condition(condition: Tensor | None) -> None:
    """Raises ValueError unless it is None.

    pix2pixHD has no place for a condition: as constant input channels its instance norm would remove it.
    """
    if condition is not None:
        raise ValueError("the pix2pixHD generators take no condition: set condition=none")


def check_sides(image: Tensor, smallest: int) -> None:
    """Raises ValueError unless both sides of (..., H, W) are multiples of smallest/2, at least smallest."""
    step = smallest // 2
    if any(side < smallest or side % step for side in image.shape[-2:]):
        shape = " × ".join(str(side) for side in image.shape[-2:])
        raise ValueError(f"image of {shape} pixels: this generator needs multiples of {step}, from {smallest} up")


def _encoder_decoder(in_channels: int, filters: int, downsamplings: int, blocks: int) -> nn.Sequential:
    """G1 without its last convolution: (B, in_channels, H, W) → (B, filters, H, W)."""
    widths = [filters * 2**level for level in range(downsamplings)]
    layers = _first(in_channels, filters)
    for width in widths:
        layers += _down(width)
    layers += [ResidualBlock(filters * 2**downsamplings) for _ in range(blocks)]
    for width in reversed(widths):
        layers += _up(width)
    return nn.Sequential(*layers)


def _first(in_channels: int, filters: int) -> list[nn.Module]:
    convolution = nn.Conv2d(in_channels, filters, 7)
    return [nn.ReflectionPad2d(3), convolution, nn.InstanceNorm2d(filters), nn.ReLU()]


def _down(filters: int) -> list[nn.Module]:
    """Half the resolution, filters → 2 · filters channels."""
    convolution = nn.Conv2d(filters, 2 * filters, 3, stride=2, padding=1)
    return [convolution, nn.InstanceNorm2d(2 * filters), nn.ReLU()]


def _up(filters: int) -> list[nn.Module]:
    """Twice the resolution, 2 · filters → filters channels."""
    convolution = nn.ConvTranspose2d(2 * filters, filters, 3, stride=2, padding=1, output_padding=1)
    return [convolution, nn.InstanceNorm2d(filters), nn.ReLU()]


def _to_image(filters: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(filters, out_channels, 7), nn.Tanh())
