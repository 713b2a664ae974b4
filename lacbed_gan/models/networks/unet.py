"""The small generator, quick enough for a CPU: a U-Net that sees the whole image through a dense layer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacbed_gan.models.networks.sizes import check_inputs

INTERNAL_SIZE = 32  # pixels at which the convolutions work, whatever the image
COARSEST_SIZE = 4  # pixels at the bottleneck
EMBEDDING = 64  # width of the embedded condition


class GlobalUNet(nn.Module):
    """U-Net at 32 × 32 pixels whose 4 × 4 bottleneck is fully connected.

    The map between real space and angle space is not local: every pixel of a LACBED pattern depends on the
    whole unit cell, hence the dense bottleneck. Larger images are folded to 32 × 32 (each block of pixels
    becomes channels, nothing is averaged away) and unfolded at the end. Conditions scale and shift the
    features after every norm (FiLM, Perez et al., arXiv 1709.07871), which would remove them if they came
    before it, and enter the bottleneck. 3.3 to 3.5 M parameters with the default sizes.

    Args:
        image_size: side of the square images in pixels: 32, 64 or 128.
        in_channels, out_channels: channels of input and output image.
        conditions: numbers per image that condition the output, each of order one; 0 for none.
        filters: channels at 32 × 32; they double at 16 × 16 and again at 8 × 8, then stay.
        bottleneck: width of the dense layer.
        periodic: which image repeats beyond its edges as ρ does, the "input" (forward), the "output" (inverse), or
            "none" to ignore it. On that image's side, encoder or decoder, convolutions are padded with its other end,
            so that a shifted cell has shifted features; everywhere else with zeros, since a pattern ends at its edges.

    Raises:
        ValueError: the image size or the side is none of those.
    """

    def __init__(
        self,
        image_size: int = 128,
        in_channels: int = 1,
        out_channels: int = 1,
        conditions: int = 0,
        filters: int = 32,
        bottleneck: int = 512,
        periodic: str = "none",
    ) -> None:
        super().__init__()
        if image_size not in (32, 64, 128):
            raise ValueError(f"image_size is 32, 64 or 128 for the U-Net, not {image_size}")
        if periodic not in ("none", "input", "output"):
            raise ValueError(f"periodic is none, input or output for the U-Net, not {periodic}")
        at_input, at_output = ("circular" if periodic == side else "zeros" for side in ("input", "output"))
        self.image_size = image_size
        self.conditions = conditions
        fold = image_size // INTERNAL_SIZE
        width = EMBEDDING if conditions else 0
        self.embed = nn.Sequential(nn.Linear(conditions, width), nn.SiLU()) if conditions else None

        widths = [filters, 2 * filters, 4 * filters, 4 * filters]  # at 32, 16, 8 and 4 pixels
        self.fold = nn.PixelUnshuffle(fold)
        inputs = [in_channels * fold**2, *widths[:-1]]
        self.encoder = nn.ModuleList(Level(*io, width, at_input) for io in zip(inputs, widths, strict=True))
        features = widths[-1] * COARSEST_SIZE**2
        self.dense_in = nn.Linear(features + width, bottleneck)
        self.dense_out = nn.Linear(bottleneck, features)
        # From coarse to fine; each level's output is as wide as the encoder's features it is added to.
        outputs = [filters, *widths[:-1]]
        inputs = [*widths[:-1], 2 * widths[-1]]
        levels = zip(inputs[::-1], outputs[::-1], strict=True)
        self.decoder = nn.ModuleList(Level(*io, width, at_output) for io in levels)
        to_image = nn.Conv2d(filters, out_channels * fold**2, 3, padding=1, padding_mode=at_output)
        self.unfold = nn.Sequential(to_image, nn.PixelShuffle(fold))

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Image (B, in_channels, S, S) and (B, conditions) or None → (B, out_channels, S, S) in [0, 1].

        Raises:
            ValueError: the image or the condition is not of the size the network was made for.
        """
        check_inputs(image, condition, self.image_size, self.conditions)
        embedding = self.embed(condition) if self.conditions else None
        x = self.fold(image)
        levels = []
        for depth, level in enumerate(self.encoder):
            x = level(F.avg_pool2d(x, 2) if depth else x, embedding)
            levels.append(x)

        whole = x.flatten(1)
        if embedding is not None:
            whole = torch.cat([whole, embedding], dim=1)
        whole = self.dense_out(F.silu(self.dense_in(whole))).view_as(x)
        x = self.decoder[0](torch.cat([x, whole], dim=1), embedding)
        for level, skip in zip(self.decoder[1:], reversed(levels[:-1]), strict=True):
            x = level(F.interpolate(x, scale_factor=2) + skip, embedding)
        return torch.sigmoid(self.unfold(x))


class Level(nn.Module):
    """Two 3 × 3 convolutions at one resolution, each with group norm, FiLM and SiLU.

    (B, in_channels, H, W), embedded condition (B, embedding) or None → (B, out_channels, H, W).

    Args:
        padding: of the convolutions, as PyTorch calls it: "zeros" or "circular".
    """

    def __init__(self, in_channels: int, out_channels: int, embedding: int, padding: str = "zeros") -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, out_channels, 3, padding=1, padding_mode=padding)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1, padding_mode=padding)
        self.norms = nn.ModuleList(nn.GroupNorm(8, out_channels) for _ in range(2))
        self.film = nn.Linear(embedding, 4 * out_channels) if embedding else None

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        if self.film is None:
            x = F.silu(self.norms[0](self.first(x)))
            return F.silu(self.norms[1](self.second(x)))
        scale_1, shift_1, scale_2, shift_2 = self.film(embedding)[:, :, None, None].chunk(4, dim=1)
        x = F.silu(self.norms[0](self.first(x)) * (1 + scale_1) + shift_1)
        return F.silu(self.norms[1](self.second(x)) * (1 + scale_2) + shift_2)
