"""What a generator that draws answers has, of whatever kind it is."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Draws(NamedTuple):
    """Answers to B inputs, n each.

    Attributes:
        images: (B, n, C, S, S) float32.
        span: (B, n) standardised log(ρ_max − ρ_min); None of networks that do not draw it.
    """

    images: Tensor
    span: Tensor | None


REACH = (0.25, 4.0)  # of the factors


class Spread(NamedTuple):
    """How far from their mean answers are drawn: the random numbers of each times scale · exp(tail · N(0, 1)).

    1 and 0 as a network has learned to. What it learned may be too sure or too cautious, or too sure of a few and too
    cautious of most; other values, found with crystals that were kept out of training, make up for that.
    """

    scale: float = 1.0
    tail: float = 0.0

    def factors(self, count: int, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(count, 1), one for each answer, within `REACH`."""
        if not self.tail:
            return like.new_full((count, 1), self.scale)
        return (self.scale * (self.tail * normal((count, 1), like, generator)).exp()).clamp(*REACH)


AS_LEARNED = Spread()


class Drawing(nn.Module):
    """A generator of a distribution of answers. Called as generator(image, condition) it gives one: about the mean.

    Attributes:
        spread: of the answers that are drawn; training takes no notice of it.
    """

    spread: Spread = AS_LEARNED

    @abstractmethod
    def sample(
        self, image: Tensor, condition: Tensor | None, count: int, generator: torch.Generator | None = None
    ) -> Draws:
        """So many answers to each input.

        Args:
            image: (B, C, S, S) in [0, 1].
            condition: (B, conditions), or None where there are none.
            generator: of random numbers, on the CPU; None: PyTorch's own.
        """

    @abstractmethod
    def learn(
        self, image: Tensor, condition: Tensor | None, target: Tensor, span: Tensor | None = None
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Answers for a discriminator to judge, None of kinds that take none; and the terms of the loss, by name.

        Args:
            target: (B, 1, S, S) in [0, 1].
            span: (B, 1) standardised log range of ρ, where that is drawn.
        """

    @abstractmethod
    def loss(self, image: Tensor, condition: Tensor | None, target: Tensor, span: Tensor | None = None) -> Tensor:
        """(B,) the loss of each pair, with random numbers that are the same every time."""


def normal(shape: tuple[int, ...] | torch.Size, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Standard normal numbers on the device of another tensor; of a generator on the CPU the same on every device."""
    if generator is None:
        return torch.randn(shape, device=like.device)
    return torch.randn(shape, generator=generator).to(like.device)
