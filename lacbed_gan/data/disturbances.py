"""Patterns as a microscope gives them, from calculated ones: drawn anew for each pair, on the device of the images.

Blur of the beam and the detector, errors of the camera length (scale) and of the zone axis (centre), background and
slope, counting noise, an aperture, and windows smaller than the network's. Then they are prepared as those of a user
are before prediction: averaged over copies that symmetry makes equal, scaled by robust ends, masked where nothing was
measured. Half of the pairs are left as they are, so that networks lose nothing on clean patterns. Absorption is not
drawn: no function of a pattern without it gives the one with it (`experiments/series`), so that pairs which were
calculated with it are needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lacbed_gan.images.scaling import BEYOND, ENDS, MASKED, by_strength
from lacbed_gan.images.symmetry import Axes, fold

LEFT = 0.5  # share of the pairs that are left as they are
BLUR = 0.15  # reciprocal lattice units, largest deviation of the Gaussian
SCALE = 0.02  # largest relative error of the angles
CENTRE = 0.1  # reciprocal lattice units, largest error of the zone axis along each axis, once it was sought
BACKGROUND = 0.5  # largest constant background, of the pattern's maximum
SLOPE = 0.2  # largest slope along each axis from the middle to the edge, of the pattern's maximum
COUNTS = (1e2, 1e4)  # electrons at the brightest pixel; the logarithm is drawn
LEAST_HALF_WIDTH = 3.0  # reciprocal lattice units of the smallest window
WHOLE = 0.3  # share of the windows that are as large as the network's
APERTURE = (0.9, 1.45)  # radius over half the window's edge; beyond √2 there is none
ABSORBED = 0.5  # share of the pairs that are taken with absorption, where there are such
TOLD = 0.5  # share of the pairs whose thickness is told

NAMES = (
    "left", "absorbed", "told", "blur", "scale", "row", "column", "background", "slope_row", "slope_column", "counts",
    "window", "aperture", "seed",
)  # fmt: skip


def draw(count: int, generator: torch.Generator) -> Tensor:
    """Numbers that decide what happens to each pair: (count, len(NAMES)) float32 in [0, 1) on the CPU.

    Args:
        generator: on the CPU; its state alone decides.
    """
    return torch.rand(count, len(NAMES), generator=generator)


def column(numbers: Tensor, name: str) -> Tensor:
    """The number of that name of each pair, (B,)."""
    return numbers[:, NAMES.index(name)]


def reach_of(numbers: Tensor, half_width: float) -> Tensor:
    """Half an edge of each pair's window over that of the network's, (B,) in (0, 1]."""
    least = min(1.0, LEAST_HALF_WIDTH / half_width)
    drawn = least + (1 - least) * column(numbers, "window") / (1 - WHOLE)
    return torch.where(column(numbers, "left") < LEFT, torch.ones_like(drawn), drawn.clamp(max=1))


def disturbed(
    patterns: Tensor,
    numbers: Tensor,
    half_width: float,
    copies: Sequence[Axes],
    ranges: Tensor | None = None,
) -> Tensor:
    """Patterns as they would be measured and prepared.

    Args:
        patterns: (B, C, n, n) float32 in [0, 1]: the bright field, then dark fields of the same crystal, which share
            window, blur and errors; empty ones stay empty, others are scaled `by_strength`.
        numbers: (B, len(NAMES)) of `draw`, on the device of the patterns.
        half_width: half an edge of the pattern in reciprocal lattice units.
        copies: operations that take the bright field to itself, over which it is averaged.
        ranges: (B, C − 1) of the dark fields, as shares of the incident beam, which divide the electrons among the
            channels; the bright field has as many as one of 1.

    Returns:
        (B, C, n, n) float32 in [0, 1]; where nothing was measured `MASKED` of the bright field, 0 of dark ones.
    """
    n, active = patterns.shape[-1], (column(numbers, "left") >= LEFT).float()
    empty = patterns.amax((-2, -1), keepdim=True) == 0
    unit = half_width / (n / 2)  # of a pixel

    def spread(name: str, largest: float) -> Tensor:
        return active * largest * (2 * column(numbers, name) - 1)

    sigma = active * column(numbers, "blur") * BLUR / unit
    scale = 1 + spread("scale", SCALE)
    rows = resampling(n, scale, spread("row", CENTRE / unit), sigma)
    columns = resampling(n, scale, spread("column", CENTRE / unit), sigma)
    moved = rows[:, None] @ patterns @ columns[:, None].mT
    axis = (torch.arange(n, device=patterns.device) + 0.5) / (n / 2) - 1
    slopes = [spread(f"slope_{name}", SLOPE)[:, None, None, None] for name in ("row", "column")]
    background = (active * BACKGROUND * column(numbers, "background"))[:, None, None, None]
    electrons = (moved + background + slopes[0] * axis[:, None] + slopes[1] * axis).clamp(min=0)
    low, high = (math.log(x) for x in COUNTS)
    brightness = torch.ones_like(numbers[:, :1])
    if ranges is not None:
        brightness = torch.cat([brightness, ranges.clamp(1e-4, 1)], 1)
    counts = (torch.exp(low + (high - low) * column(numbers, "counts"))[:, None] * brightness)[..., None, None]
    noise = (electrons / counts).sqrt() * normal_numbers(column(numbers, "seed"), patterns.shape[1:])
    measured = electrons + active[:, None, None, None] * noise
    measured = torch.cat([fold(measured[:, :1], copies), measured[:, 1:]], 1)
    known = _window(numbers, half_width, axis)
    scaled, spans = robust_scaled(measured, known)
    bright = torch.where(known[:, None], scaled[:, :1], MASKED)
    if ranges is None:
        return bright
    dark = scaled[:, 1:] * (known[:, None] & ~empty[:, 1:])
    return torch.cat([bright, by_strength(dark, ranges * spans[:, 1:])], 1)


def resampling(size: int, scale: Tensor, shift: Tensor, sigma: Tensor) -> Tensor:
    """Matrices (B, size, size) that read images along one axis where they are, blurred.

    Pixel i of the result is read at centre + scale · (i − centre) + shift by cubic convolution (Keys 1981, a = −½),
    after a Gaussian of deviation `sigma` pixels; beyond the edges the outermost pixels go on.

    Args:
        scale, shift, sigma: (B,); shift and sigma in pixels.
    """
    place = torch.arange(size, device=scale.device, dtype=torch.float32)
    centre = (size - 1) / 2
    read = (centre + scale[:, None] * (place - centre) + shift[:, None]).clamp(0, size - 1)
    distance = (read[..., None] - place).abs()
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    cubic = torch.where(distance < 1, near, torch.where(distance < 2, far, 0.0))
    blur = torch.exp(-0.5 * ((place[:, None] - place) / sigma.clamp(min=1e-3)[:, None, None]) ** 2)
    cubic, blur = (matrix / matrix.sum(-1, keepdim=True) for matrix in (cubic, blur))
    return cubic @ blur


def robust_scaled(images: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """As `images.scaling.robust_min_max` of the pixels that are known.

    Args:
        images: (B, C, n, n).
        known: (B, n, n) bool.

    Returns:
        (B, C, n, n) in [0, 1], and (B, C) what became 1 less what became 0.
    """
    values = torch.where(known[:, None], images, torch.inf).flatten(2).sort(-1).values
    last = known.flatten(1).sum(1, keepdim=True)[:, None] - 1
    low, high = (_quantile(values, last, end) for end in ENDS)
    beyond = BEYOND * (high - low)
    bottom = torch.maximum(values[..., :1], low - beyond)
    top = torch.minimum(values.gather(-1, last.expand(-1, values.shape[1], -1)), high + beyond)
    bottom, span = bottom[..., None], (top - bottom)[..., None].clamp(min=1e-12)
    return ((images - bottom) / span).clamp(0, 1), span.flatten(1)


def normal_numbers(seed: Tensor, shape: Sequence[int]) -> Tensor:
    """Standard normal numbers (B, *shape) that follow from each seed (B,) in [0, 1), on any device the same.

    A hash of seed and place makes them, so that they do not depend on the batch that a pair is in.
    """
    place = torch.arange(math.prod(shape), device=seed.device)
    bits = place * 2654435761 + ((seed.double() * 2**31).long() * 40503 + 977)[:, None]
    for factor in (0x7FEB352D, 0x45D9F3B, 0x119DE1F3):
        bits = bits & 0xFFFFFFFF
        bits = (bits ^ (bits >> 16)) * factor
    bits = bits & 0xFFFFFFFF
    return normal_of(bits ^ (bits >> 16)).unflatten(1, tuple(shape))


def normal_of(bits: Tensor) -> Tensor:
    """Normal numbers, none infinite, of 32 random bits each (int64)."""
    odd = 2 * (bits >> 9) + 1 - 2**23  # exact in single precision, and never ±2²³
    return math.sqrt(2) * torch.erfinv(odd.float() / 2**23)


def _window(numbers: Tensor, half_width: float, axis: Tensor) -> Tensor:
    """(B, n, n) which pixels lie inside of the window and of the aperture."""
    reach = reach_of(numbers, half_width)[:, None, None]
    low, high = APERTURE
    radius = reach * (low + (high - low) * column(numbers, "aperture")[:, None, None])
    square = torch.maximum(axis.abs()[:, None], axis.abs()) <= reach
    left = (column(numbers, "left") < LEFT)[:, None, None]
    return square & (left | (torch.hypot(axis[:, None], axis) <= radius))


def _quantile(ordered: Tensor, last: Tensor, share: float) -> Tensor:
    """Of the first last + 1 values (B, 1, 1) of ordered ones (B, C, P), by linear interpolation: (B, C, 1)."""
    place = share * last
    below, last = place.floor().long(), last.expand(-1, ordered.shape[1], -1)
    low = ordered.gather(-1, below.expand_as(last))
    high = ordered.gather(-1, torch.minimum(below + 1, last))
    return low + (place - below) * (high - low)
