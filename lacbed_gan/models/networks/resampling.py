"""Weights of a network for images of one size, as those of the same network for images of another size."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from lacbed_gan.images.symmetry import quadrant, unfold
from lacbed_gan.models.networks.fourier import FourierGenerator, FromPattern, ToPattern
from lacbed_gan.models.networks.span_head import WORKING_SIZE

State = dict[str, Tensor]


def resampled_fourier(state: Mapping[str, Tensor], generator: FourierGenerator, size: int) -> State:
    """The weights of a Fourier generator for images of `size` pixels, as `generator` takes them.

    All sizes span the same angles and the same cell. The last layer of a forward network holds an image for each
    feature, which is interpolated (bicubic, pixel centres at i + ½). The first layer of an inverse one takes sums over
    pixels: its answer to a finer pattern is that to the mean of the finer pixels, to a coarser one that to the
    interpolated pattern, so that the sum of its weights is kept. Where the size limits the order of the Fourier
    coefficients, those that are missing start at zero.
    """
    state, was = dict(state), size // 2
    least = min(generator.order, size // 2 - 1)
    if isinstance(generator.decoder, ToPattern):
        channels, height, width = generator.decoder.shape
        for name in ("decoder.quadrant.weight", "decoder.quadrant.bias"):
            images = state[name].reshape(channels, was, was * width // height, -1).movedim(-1, 0)
            images = _pattern(images, height, generator.decoder.quadrants).movedim(0, -1)
            state[name] = images.reshape(-1, *state[name].shape[1:])
    else:
        channels, order = generator.decoder.channels, generator.decoder.order
        for name in ("decoder.waves.weight", "decoder.waves.bias"):
            waves = state[name].reshape(channels, 2 * least + 1, least + 1, 2, -1).movedim(-1, 0)
            waves = _of_order(waves, order).movedim(0, -1)
            state[name] = waves.reshape(-1, *state[name].shape[1:])
    first = state["first.weight"]
    if isinstance(generator.encoder, FromPattern):
        height, aspect = generator.image_size // 2, 1 if generator.encoder.quadrants else 2
        embedding = generator.first.in_features - generator.in_channels * aspect * height**2
        pixels, rest = first.tensor_split([first.shape[1] - embedding], 1)
        images = pixels.reshape(len(first), -1, was, aspect * was)
        images = _coarser_sums(images, height, aspect * height)
    else:
        embedding = generator.first.in_features - generator.in_channels * generator.encoder.count
        waves, rest = first.tensor_split([first.shape[1] - embedding], 1)
        images = _of_order(waves.reshape(len(first), -1, 2 * least + 1, least + 1, 2), generator.encoder.order)
    state["first.weight"] = torch.cat([images.flatten(1), rest], 1)
    return state


def resampled_span_head(state: Mapping[str, Tensor], size: int, image_size: int) -> State:
    """The weights of a span head for patterns of `size` pixels, as one for `image_size` pixels takes them.

    Its first convolution works on blocks of pixels: what it does to a mean of pixels goes to each of them in shares.
    """
    state, name = dict(state), "features.1.weight"
    was, new = (max(1, pixels // WORKING_SIZE) for pixels in (size, image_size))
    weight = state[name]
    blocks = weight.reshape(len(weight), -1, was, was, *weight.shape[2:]).movedim((2, 3), (-2, -1))
    state[name] = _coarser_sums(blocks, new, new).movedim((-2, -1), (2, 3)).reshape(len(weight), -1, *weight.shape[2:])
    return state


def _pattern(parts: Tensor, height: int, quadrants: bool) -> Tensor:
    """Quadrants (N, C, h, h), or lower halves (N, C, h, 2h), of patterns brought to the same with another height."""
    was = parts.shape[-2]
    if was % height == 0:
        return F.avg_pool2d(parts, was // height)  # as patterns of a store are made smaller
    whole = unfold(parts, 2 * was) if quadrants else torch.cat([parts.flip((-2, -1)), parts], -2)
    whole = F.interpolate(whole, size=(2 * height, 2 * height), mode="bicubic", antialias=True)
    return quadrant(whole) if quadrants else whole[..., height:, :]


def _coarser_sums(weights: Tensor, height: int, width: int) -> Tensor:
    """(..., h, w), by which images of h × w pixels are multiplied, for images of height × width pixels.

    The transpose of bringing such images to h × w pixels: by means where they are finer, else by interpolation.
    """
    leading, was = weights.shape[:-2], weights.shape[-2:]
    images = torch.zeros(1, leading.numel(), height, width, requires_grad=True)
    with torch.enable_grad():
        if height % was[0] == 0:
            brought = F.avg_pool2d(images, height // was[0])
        else:
            brought = F.interpolate(images, size=tuple(was), mode="bilinear", antialias=True)
        (transposed,) = torch.autograd.grad(brought, images, weights.detach().float().reshape_as(brought))
    return transposed.reshape(*leading, height, width)


def _of_order(waves: Tensor, order: int) -> Tensor:
    """Coefficients (N, C, 2n + 1, n + 1, 2) for |h|, k ≤ n, cut to another order, or with zeros for what is missing."""
    more = order - (waves.shape[3] - 1)
    return F.pad(waves, (0, 0, 0, more, more, more))
