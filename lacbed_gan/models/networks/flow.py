"""Flow matching: answers are carried along straight lines, on average, from noise to where the data is."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacbed_gan.models.networks.drawing import normal
from lacbed_gan.models.networks.fourier import DenseBlock
from lacbed_gan.models.networks.sampling import STRATA, Sampler

FREQUENCIES = 8  # of the time that the network is told
DRAWS = 4  # times and noises an image in a step of training, which share its context


class FlowSampler(Sampler):
    """Conditional flow matching (Lipman et al., arXiv 2210.02747; Liu et al., arXiv 2209.03003).

    From x₀ ~ N(0, 1) at t = 0 to data x₁ at t = 1 along x_t = (1 − t) x₀ + t x₁. A network learns the velocity
    v(x_t, t) = E[x₁ − x₀ | x_t] by least squares, and a sample is x₁ of dx/dt = v(x, t). With s² = t² + (1 − t)²

        v(x, t) = ((2t − 1) x + s F(x/s, t)) / s²

    leaves to F what is not linear in x: numbers of order one at all t. At t = 0, F(0) is the mean of the answers.
    F = a ⊙ x + b with a and b from dense layers on x, t and the context, so that numbers which the context tells are
    carried home one by one.

    Args:
        sizes: as of `Sampler`.
        steps: of Heun's rule, from t = 0 to 1.
        dropout: share of the context that is left out at random in training.
    """

    def __init__(self, steps: int = 20, dropout: float = 0.0, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.steps = steps
        width = self.first.out_features
        self.dropout = nn.Dropout(dropout)
        self.time = nn.Linear(width + 2 * FREQUENCIES, width)
        self.entry = nn.Linear(self.numbers + width, width)
        self.layers = nn.ModuleList(DenseBlock(width, width) for _ in range(len(self.blocks)))
        self.last = nn.LayerNorm(width)
        self.answer = nn.Linear(width, 2 * self.numbers)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def mean(self, context: Tensor) -> Tensor:
        return self._remainder(
            context.new_zeros(len(context), self.numbers), context.new_zeros(len(context), 1), context
        )

    def draw(self, context: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x = normal((len(context), self.numbers), context, generator)
        x = x * self.spread.factors(len(x), context, generator)
        step = 1 / self.steps
        for number in range(self.steps):
            t = context.new_full((len(context), 1), number * step)
            first = self.velocity(x, t, context)
            x = x + step / 2 * (first + self.velocity(x + step * first, t + step, context))
        return x

    def terms(self, context: Tensor, vector: Tensor, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """Σ w (v − (x₁ − x₀))² over the numbers, Σ w = 1."""
        draws = DRAWS if generator is None else STRATA
        context, x1 = (values.repeat_interleave(draws, 0) for values in (self.dropout(context), vector))
        x0 = normal(x1.shape, x1, generator)
        spread = torch.rand(len(vector), 1, generator=generator) + torch.arange(draws)
        t = (spread / draws).flatten()[:, None].to(x1)
        error = (self.velocity((1 - t) * x0 + t * x1, t, context) - (x1 - x0)).square()
        return {"loss_g_velocity": (error @ self.weight).view(-1, draws).mean(1)}

    def loss(self, image: Tensor, condition: Tensor | None, target: Tensor, span: Tensor | None = None) -> Tensor:
        """Its logarithm: a few unusual crystals have a hundred times the loss of others, and decide their mean."""
        return super().loss(image, condition, target, span).log()

    def velocity(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """v at x (B, numbers) and t (B, 1)."""
        s2 = t.square() + (1 - t).square()
        return ((2 * t - 1) * x + s2.sqrt() * self._remainder(x / s2.sqrt(), t, context)) / s2

    def _remainder(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        angle = math.pi * t * 2 ** torch.arange(FREQUENCIES, device=t.device) / 2
        embedding = F.silu(self.time(torch.cat([context, angle.sin(), angle.cos()], 1)))
        y = self.entry(torch.cat([x, context], 1))
        for layer in self.layers:
            y = layer(y, embedding)
        gain, offset = self.answer(F.silu(self.last(y))).float().chunk(2, 1)
        return gain * x + offset
