"""A conditional variational autoencoder: what the input leaves open is a few hidden numbers."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacbed_gan.models.networks.drawing import normal
from lacbed_gan.models.networks.fourier import DenseBlock
from lacbed_gan.models.networks.noise import JUDGED, energy
from lacbed_gan.models.networks.sampling import Sampler

DIVERGENCE = 1e-3  # weight of KL beside the squared error: twice the error that a hidden number has to explain to pay
LEAST, MOST = -5.0, 2.0  # of the logarithm of a deviation


class VariationalSampler(Sampler):
    """Conditional variational autoencoder (Kingma and Welling, arXiv 1312.6114; Sohn et al., NIPS 2015).

    Hidden numbers z ~ N(0, 1) and the context c are decoded to the mean of the answer's numbers, about which each has
    a deviation σ(c) of its own. In training z comes from an encoder q(z | answer, c), and what is minimised is

        Σ w_i (x_i − μ_i(z, c))² + λ KL(q ‖ N(0, 1)),

    and, for σ alone, the likelihood of what is left. With 1/σ² in place of w, the ELBO, numbers that are nearly always
    zero, as extinct reflections are, drown the others, and μ does not depend on the pattern.

    Args:
        sizes: as of `Sampler`.
        latent: count of the hidden numbers.
    """

    def __init__(self, latent: int = 16, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.latent = latent
        width = self.first.out_features
        self.entry = nn.Linear(self.numbers + width, width)
        self.reader = DenseBlock(width, 0)
        self.hidden = nn.Linear(width, 2 * latent)
        self.decoder = nn.Linear(latent + width, width)
        self.layers = nn.ModuleList(DenseBlock(width, latent) for _ in range(len(self.blocks)))
        self.last = nn.LayerNorm(width)
        self.answer = nn.Linear(width, self.numbers)
        self.deviation = nn.Linear(width, self.numbers)
        for layer in (self.answer, self.deviation):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def mean(self, context: Tensor) -> Tensor:
        return self._decoded(context.new_zeros(len(context), self.latent), context)

    def draw(self, context: Tensor, generator: torch.Generator | None = None) -> Tensor:
        z = normal((len(context), self.latent), context, generator)
        factors = self.spread.factors(len(z), context, generator)
        mean = self._decoded(factors * z, context)
        return mean + factors * self._log_deviation(context).exp() * normal(mean.shape, mean, generator)

    def terms(self, context: Tensor, vector: Tensor) -> dict[str, Tensor]:
        mean, log_std = self._encoded(vector, context)
        divergence = 0.5 * (mean.square() + (2 * log_std).exp() - 1).sum(1) - log_std.sum(1)
        z = mean + log_std.exp() * normal(mean.shape, mean)
        error = (vector - self._decoded(z, context)).square()
        log_sigma = self._log_deviation(context)
        likelihood = 0.5 * error.detach() / (2 * log_sigma).exp() + log_sigma
        return {
            "loss_g_error": error @ self.weight,
            "loss_g_deviation": likelihood.mean(1),
            "loss_g_divergence": DIVERGENCE * divergence,
        }

    def loss(self, image: Tensor, condition: Tensor | None, target: Tensor, span: Tensor | None = None) -> Tensor:
        """The energy score of samples: a few unusual crystals decide the mean of the ELBO."""
        generator = torch.Generator().manual_seed(0)
        return energy(self.sample(self._noisy(image, generator), condition, JUDGED, generator).images, target)

    def _encoded(self, vector: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the deviation of the hidden numbers, (B, latent) each."""
        y = self.reader(self.entry(torch.cat([vector, context], 1)), None)
        mean, log_std = self.hidden(F.silu(y)).float().chunk(2, 1)
        return mean, log_std.clamp(LEAST, MOST)

    def _decoded(self, z: Tensor, context: Tensor) -> Tensor:
        y = self.decoder(torch.cat([z, context], 1))
        for layer in self.layers:
            y = layer(y, z)
        return self.answer(F.silu(self.last(y))).float()

    def _log_deviation(self, context: Tensor) -> Tensor:
        return self.deviation(context.detach()).float().clamp(LEAST, MOST)
