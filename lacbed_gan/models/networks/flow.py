"""Flow matching: what a regression leaves open is carried along straight lines, on average, from noise."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacbed_gan.models.networks.drawing import normal
from lacbed_gan.models.networks.fourier import DenseBlock
from lacbed_gan.models.networks.sampling import Sampler
from lacbed_gan.models.networks.states import SMALLEST

FREQUENCIES = 8  # of the time that the network is told
DRAWS = 4  # times and noises an image in a step of training, which share its context
ERROR = 100.0  # weight of the regression's error beside that of the velocity
MEMORY = 0.99  # of a step of training, in the mean squares that the regression leaves


class FlowSampler(Sampler):
    """A regression, and conditional flow matching (Lipman et al. arXiv 2210.02747; Liu et al. 2209.03003) of its error.

    One layer on the context gives the mean μ of the answer, learned by the squared error of the image alone, as a
    network without samples learns. What it leaves, x₁ = (answer − μ)/σ with the root mean squares σ of that, is drawn:
    from x₀ ~ N(0, 1) at t = 0 to x₁ at t = 1 along x_t = (1 − t) x₀ + t x₁. A network learns the velocity
    v(x_t, t) = E[x₁ − x₀ | x_t] by least squares, and a sample is x₁ of dx/dt = v(x, t). With s² = t² + (1 − t)²

        v(x, t) = ((2t − 1) x + s F(x/s, t)) / s²

    leaves to F what is not linear in x: numbers of order one at all t. F = a ⊙ x + b with a and b from dense layers on
    x, t and the context, so that numbers which the context tells are carried home one by one. A flow of the answer
    itself has to learn the mean as well, and is further from it than a regression.

    Args:
        sizes: as of `Sampler`.
        steps: of Heun's rule, from t = 0 to 1.
    """

    def __init__(self, steps: int = 20, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.steps = steps
        width = self.first.out_features
        self.regression = nn.Linear(width, self.numbers)
        self.register_buffer("squares", torch.ones(self.numbers))  # of what the regression leaves
        self.time = nn.Linear(width + 2 * FREQUENCIES, width)
        self.entry = nn.Linear(self.numbers + width, width)
        self.layers = nn.ModuleList(DenseBlock(width, width) for _ in range(len(self.blocks)))
        self.last = nn.LayerNorm(width)
        self.answer = nn.Linear(width, 2 * self.numbers)
        for layer in (self.regression, self.answer):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def mean(self, context: Tensor) -> Tensor:
        return self.regression(context).float()

    def draw(self, context: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x = normal((len(context), self.numbers), context, generator)
        x = x * self.spread.factors(len(x), context, generator)
        step = 1 / self.steps
        for number in range(self.steps):
            t = context.new_full((len(context), 1), number * step)
            first = self.velocity(x, t, context)
            x = x + step / 2 * (first + self.velocity(x + step * first, t + step, context))
        return self.mean(context) + self.deviation * x

    def terms(self, context: Tensor, vector: Tensor) -> dict[str, Tensor]:
        """The error of the regression, and Σ w (v − (x₁ − x₀))² over the numbers, Σ w = 1."""
        left = vector - self.mean(context)
        if self.training:
            self.squares.lerp_(left.detach().square().mean(0), 1 - MEMORY)
        context, x1 = (values.repeat_interleave(DRAWS, 0) for values in (context, left.detach() / self.deviation))
        x0 = normal(x1.shape, x1)
        t = torch.rand(len(vector), 1) + torch.arange(DRAWS)
        t = (t / DRAWS).flatten()[:, None].to(x1)
        error = (self.velocity((1 - t) * x0 + t * x1, t, context) - (x1 - x0)).square()
        return {
            "loss_g_error": ERROR * (left.square() @ self.image_weight),
            "loss_g_velocity": (error @ self.weight).view(-1, DRAWS).mean(1),
        }

    @torch.no_grad()
    def loss(self, image: Tensor, condition: Tensor | None, target: Tensor, span: Tensor | None = None) -> Tensor:
        """Logarithm of the regression's error: a few unusual crystals have a hundred times that of others.

        The flow's own loss is in units of what is left of training pairs, which shrinks while they are learned.
        """
        context = self.context(self._noisy(image, torch.Generator().manual_seed(0)), condition)
        left = self.moments.reduced(self._vector(target, span)) - self.mean(context)
        return (left.square() @ self.image_weight).log()

    @property
    def deviation(self) -> Tensor:
        """(numbers,) σ of what the regression leaves of the reduced vector."""
        return self.squares.sqrt().clamp(min=SMALLEST)

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
