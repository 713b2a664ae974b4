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


class Drawing(nn.Module):
    """A generator of a distribution of answers. Called as generator(image, condition) it gives one: about the mean."""

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
