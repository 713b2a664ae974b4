"""A generator of any kind that is given random numbers too, so that it has many answers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lacbed_gan.models.networks.drawing import Drawing, Draws, normal

JUDGED = 8  # answers by which the loss of an image is measured
CHUNK = 256  # inputs that go through the generator at once


class Noisy(Drawing):
    """A generator whose last conditions are random numbers z ~ N(0, 1): the noise of a conditional GAN.

    Without a reason to use z a generator leaves it alone: an error such as L2 is least for one answer, the mean. What
    it learns by is the energy score of two answers to each input (Gneiting and Raftery 2007, eq. 21), which is least
    for the right distribution,

        ½ |G(z) − y| + ½ |G(z′) − y| − ½ |G(z) − G(z′)|,  |·| the root mean square over the pixels,

    beside what a discriminator says.

    Args:
        generator: called as generator(image, condition), with `numbers` conditions more than there are others.
        numbers: count of the random ones.
    """

    def __init__(self, generator: nn.Module, numbers: int) -> None:
        super().__init__()
        self.generator, self.numbers = generator, numbers

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """As the generator, with noise that is drawn in training, else 0."""
        z = normal((len(image), self.numbers), image) if self.training else image.new_zeros(len(image), self.numbers)
        return self._answer(image, condition, z)

    @torch.no_grad()
    def sample(
        self, image: Tensor, condition: Tensor | None, count: int, generator: torch.Generator | None = None
    ) -> Draws:
        z = normal((len(image) * count, self.numbers), image, generator)
        z = z * self.spread.factors(len(z), image, generator)
        images = image.repeat_interleave(count, 0)
        conditions = None if condition is None else condition.repeat_interleave(count, 0)
        answers = [
            self._answer(images[part], None if conditions is None else conditions[part], z[part])
            for part in torch.arange(len(images), device=image.device).split(CHUNK)
        ]
        return Draws(torch.cat(answers).unflatten(0, (len(image), count)), None)

    def learn(
        self, image: Tensor, condition: Tensor | None, target: Tensor, span: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The first answer, for a discriminator to judge, and the energy score of two."""
        z = normal((2 * len(image), self.numbers), image)
        twice = None if condition is None else condition.repeat(2, 1)
        first, second = self._answer(image.repeat(2, 1, 1, 1), twice, z).chunk(2)
        return first, {"loss_g_energy": energy(torch.stack([first, second], 1), target).mean()}

    def loss(self, image: Tensor, condition: Tensor | None, target: Tensor, span: Tensor | None = None) -> Tensor:
        draws = self.sample(image, condition, JUDGED, torch.Generator().manual_seed(0))
        return energy(draws.images, target)

    def _answer(self, image: Tensor, condition: Tensor | None, z: Tensor) -> Tensor:
        return self.generator(image, z if condition is None else torch.cat([condition, z], 1))


def energy(answers: Tensor, target: Tensor) -> Tensor:
    """(B,) energy scores of answers (B, n, C, H, W), n ≥ 2, to what is true, (B, C, H, W)."""
    n = answers.shape[1]
    flat, true = answers.float().flatten(2), target.float().flatten(1)
    error = _root_mean_square(flat - true[:, None]).mean(1)
    first, second = torch.triu_indices(n, n, 1, device=flat.device)
    return error - 0.5 * _root_mean_square(flat[:, first] - flat[:, second]).mean(1)


def _root_mean_square(difference: Tensor) -> Tensor:
    return (difference.square().mean(-1) + 1e-12).sqrt()  # whose slope at 0 is finite
