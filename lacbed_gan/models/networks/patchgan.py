"""The multiscale PatchGAN discriminator of pix2pixHD (Wang et al., arXiv 1711.11585, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lacbed_gan.models.networks.init import init_normal
from lacbed_gan.models.networks.pix2pixhd import half_resolution


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches of a pair: stride-2 convolutions to f, 2f …, one of stride 1, then logits.

    Kernels 4 × 4, instance norm from the second convolution on, LeakyReLU 0.2.

    Args:
        in_channels: channels of the concatenated pair.
        filters: channels f after the first convolution; they double up to 8f.
        layers: stride-2 convolutions.
    """

    def __init__(self, in_channels: int = 2, filters: int = 64, layers: int = 3) -> None:
        super().__init__()
        widths = [filters * min(2**level, 8) for level in range(layers + 1)]
        blocks = [nn.Sequential(_convolution(in_channels, filters, stride=2), nn.LeakyReLU(0.2))]
        for level in range(1, layers + 1):
            stride = 2 if level < layers else 1
            blocks.append(
                nn.Sequential(
                    _convolution(widths[level - 1], widths[level], stride),
                    nn.InstanceNorm2d(widths[level]),
                    nn.LeakyReLU(0.2),
                )
            )
        blocks.append(_convolution(widths[-1], 1, stride=1))
        self.blocks = nn.ModuleList(blocks)

    def forward(self, pair: Tensor) -> list[Tensor]:
        """Pair (B, in_channels, H, W) → outputs of the layers + 2 blocks, logits (B, 1, h, w) last."""
        outputs = []
        for block in self.blocks:
            pair = block(pair)
            outputs.append(pair)
        return outputs


class MultiscaleDiscriminator(nn.Module):
    """`scales` patch discriminators with their own weights, each on the pair at half the previous resolution.

    With the default sizes and three-channel images it has 5.54 M parameters.

    Args:
        in_channels, out_channels: channels of the generator's input and output image.
        filters, layers: of each patch discriminator.
        scales: how many resolutions, from the full one down.
    """

    def __init__(
        self, in_channels: int = 1, out_channels: int = 1, filters: int = 64, layers: int = 3, scales: int = 2
    ) -> None:
        super().__init__()
        pair = in_channels + out_channels
        self.scales = nn.ModuleList(PatchDiscriminator(pair, filters, layers) for _ in range(scales))
        self.shrink = half_resolution()
        init_normal(self)

    def forward(self, image: Tensor, output: Tensor) -> list[list[Tensor]]:
        """Judges `output` as the generator's answer to `image`.

        Args:
            image: (B, in_channels, H, W), the generator's input.
            output: (B, out_channels, H, W), true or generated.

        Returns:
            For each scale the outputs of all layers, logits (B, 1, h, w) last, as `losses` takes them.
        """
        pair = torch.cat([image, output], dim=1)
        judgements = []
        for scale, discriminator in enumerate(self.scales):
            if scale:
                pair = self.shrink(pair)
            judgements.append(discriminator(pair))
        return judgements


def _convolution(in_channels: int, out_channels: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 4, stride=stride, padding=2)
