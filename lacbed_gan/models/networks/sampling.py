"""Generators that draw answers instead of giving one: what those of all kinds have in common."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacbed_gan.models.networks.drawing import Drawing, Draws, normal
from lacbed_gan.models.networks.fourier import EMBEDDING, DenseBlock, FromPattern, FromPotential
from lacbed_gan.models.networks.sizes import check_inputs
from lacbed_gan.models.networks.states import Moments, PatternState, PotentialState

SPAN_SHARE = 0.02  # of the squared errors that a sampler learns by
CHUNK = 4096  # vectors that go through a network at once


class Sampler(Drawing):
    """A generator of a distribution: called as generator(image, condition) it answers with the mean.

    Input image → coefficients of ρ, or a quadrant of the pattern → dense layers → context (B, width), from which a
    kind of sampler draws the vector of the output: see `PotentialState`, `PatternState`. Where it is told, in training,
    that ρ has a range, the logarithm of that is one more number of the vector, drawn together with ρ.

    Args:
        image_size, in_channels, conditions, potential, order, width, depth, quadrants: as of `FourierGenerator`.
        out_channels: 1.
        span: the range of ρ is drawn too.
        counts: electrons at the brightest pixel of a pattern of which the inputs of training have the noise; None for
            none.

    Raises:
        ValueError: sizes that `FourierGenerator` refuses too, or several channels of the output.
    """

    def __init__(
        self,
        image_size: int = 128,
        in_channels: int = 1,
        out_channels: int = 1,
        conditions: int = 0,
        potential: str = "output",
        order: int = 20,
        width: int = 384,
        depth: int = 3,
        quadrants: bool = True,
        span: bool = False,
        counts: float | None = None,
    ) -> None:
        super().__init__()
        if image_size < 4 or image_size % 2:
            raise ValueError(f"image_size is an even number from 4 up for a sampler, not {image_size}")
        if out_channels != 1:
            raise ValueError(f"out_channels is 1 for a sampler, not {out_channels}")
        self.image_size, self.conditions, self.counts = image_size, conditions, counts
        order = min(order, image_size // 2 - 1)
        embedding = EMBEDDING if conditions else 0
        self.embed = nn.Sequential(nn.Linear(conditions, embedding), nn.SiLU()) if conditions else None
        self.state: PotentialState | PatternState
        if potential == "output":
            self.encoder: nn.Module = FromPattern(quadrants)
            features = in_channels * image_size**2 // (4 if quadrants else 2)
            self.state = PotentialState(image_size, order)
        else:
            self.encoder = FromPotential(order)
            features = in_channels * self.encoder.count
            self.state = PatternState(image_size, quadrants)
        self.first = nn.Linear(features + embedding, width)
        self.blocks = nn.ModuleList(DenseBlock(width, embedding) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.span = span
        self.numbers = self.state.count + span
        self.moments = Moments(self.numbers)

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Image (B, in_channels, S, S) and (B, conditions) or None → the mean answer (B, 1, S, S)."""
        return self._image(self.mean(self.context(image, condition)))

    @torch.no_grad()
    def sample(
        self, image: Tensor, condition: Tensor | None, count: int, generator: torch.Generator | None = None
    ) -> Draws:
        context = self.context(image, condition).repeat_interleave(count, 0)
        parts = [self.draw(part, generator) for part in context.split(CHUNK)]
        vector = torch.cat(parts)
        images = self._image(vector).unflatten(0, (len(image), count))
        span = vector[:, -1] * self.moments.deviation[-1] + self.moments.mean[-1] if self.span else None
        return Draws(images, None if span is None else span.view(len(image), count))

    def learn(
        self, image: Tensor, condition: Tensor | None, target: Tensor, span: Tensor | None = None
    ) -> tuple[None, dict[str, Tensor]]:
        vector = self._vector(target, span)
        self.moments.update(vector)
        context = self.context(self._noisy(image), condition)
        terms = self.terms(context, self.moments.reduced(vector))
        return None, {name: term.mean() for name, term in terms.items()}

    @property
    def weight(self) -> Tensor:
        """(numbers,) the deviations in the data, as strong waves matter more, and `SPAN_SHARE` for the range of ρ."""
        weight = self._with_span(self.moments.deviation[: self.state.count])
        return weight / weight.sum()

    @property
    def image_weight(self) -> Tensor:
        """(numbers,) of squared errors of the reduced vector in the image's, and `SPAN_SHARE` for the range of ρ."""
        return self._with_span(self.moments.deviation[: self.state.count].square() * self.state.weight)

    def context(self, image: Tensor, condition: Tensor | None) -> Tensor:
        """What the network reads from inputs: (B, width)."""
        check_inputs(image, condition, self.image_size, self.conditions)
        embedding = None if self.embed is None else self.embed(condition)
        x = self.encoder(image)
        x = self.first(x if embedding is None else torch.cat([x, embedding], dim=1))
        for block in self.blocks:
            x = block(x, embedding)
        return F.silu(self.norm(x))

    def mean(self, context: Tensor) -> Tensor:
        """(B, width) → the mean of the reduced vector, (B, numbers)."""
        raise NotImplementedError

    def draw(self, context: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B, width) → one reduced vector each, (B, numbers)."""
        raise NotImplementedError

    def terms(self, context: Tensor, vector: Tensor) -> dict[str, Tensor]:
        """The terms of the loss (B,) of reduced vectors (B, numbers) by name."""
        raise NotImplementedError

    def _vector(self, target: Tensor, span: Tensor | None) -> Tensor:
        vector = self.state.encode(target)
        if not self.span:
            return vector
        if span is None:
            raise ValueError("this sampler draws the range of ρ too, and is not told it")
        return torch.cat([vector, span.float()], 1)

    def _with_span(self, weight: Tensor) -> Tensor:
        """Weights of the image's numbers, and that of the range of ρ where it is one of them."""
        return torch.cat([weight, SPAN_SHARE / (1 - SPAN_SHARE) * weight.sum()[None]]) if self.span else weight

    def _image(self, vector: Tensor) -> Tensor:
        return self.state.decode(self.moments.restored(vector)[:, : self.state.count])

    def _noisy(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        if self.counts is None or isinstance(self.state, PatternState):
            return image
        return with_counting_noise(image, self.counts, generator)


def with_counting_noise(pattern: Tensor, counts: float, generator: torch.Generator | None = None) -> Tensor:
    """A pattern in [0, 1] as so many electrons at its brightest pixel would show it.

    Poisson noise, as the normal distribution of the same variance: pattern + √(pattern/counts) · N(0, 1).
    """
    return pattern + (pattern.clamp(min=0) / counts).sqrt() * normal(pattern.shape, pattern, generator)
