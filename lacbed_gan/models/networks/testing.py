"""What every generator has to hold, as tests: the test class of a new one inherits them and says how it is made.

class TestMine(GeneratorInvariants):
    size, conditions, symmetry = 32, 2, "2mm"

    def make(self, **sizes):
        return MyGenerator(image_size=32, conditions=2, **sizes)
"""

from __future__ import annotations

import io
from typing import Any

import torch
from torch import Tensor, nn

from lacbed_gan.images.symmetry import fold
from lacbed_gan.models.networks.symmetry import SYMMETRIES

BATCH = 3


class GeneratorInvariants:
    """Invariants of a generator, called as generator(image, condition).

    Attributes:
        size: edge of its images in pixels.
        conditions: numbers an image that it is given; 0 for none.
        answer: the lowest and the highest value that its output can have.
        symmetry, space: of every answer, exactly; as in `Symmetrised`.
    """

    size: int = 32
    conditions: int = 0
    answer: tuple[float, float] = (0.0, 1.0)
    symmetry: str = "none"
    space: str = "angle"

    def make(self, **sizes: Any) -> nn.Module:
        """A small one with new weights, for images of that size; `sizes` are in_channels and out_channels."""
        raise NotImplementedError

    def network(self, **sizes: Any) -> nn.Module:
        """The same with the same weights every time, none of them zero, in evaluation mode."""
        torch.manual_seed(0)
        network = self.make(**sizes)
        with torch.no_grad():
            for parameter in network.parameters():
                if not parameter.any():
                    parameter.normal_(std=0.02)
        return network.eval()

    def batch(self, channels: int = 1) -> tuple[Tensor, Tensor | None]:
        """Random images (3, channels, size, size) in [0, 1] and conditions (3, conditions), or None."""
        random = torch.Generator().manual_seed(1)
        image = torch.rand(BATCH, channels, self.size, self.size, generator=random)
        return image, torch.randn(BATCH, self.conditions, generator=random) if self.conditions else None

    def test_answers_are_images_in_their_range(self) -> None:
        image, condition = self.batch()
        answer = self.network()(image, condition)
        assert answer.shape == image.shape and answer.dtype == torch.float32
        low, high = self.answer
        assert low <= answer.min() and answer.max() <= high and answer.std() > 1e-4

    def test_channels_of_input_and_output_are_independent(self) -> None:
        image, condition = self.batch(channels=4)
        answer = self.network(in_channels=4, out_channels=2)(image.requires_grad_(), condition)
        assert answer.shape == (BATCH, 2, self.size, self.size)
        assert not torch.allclose(answer[:, 0], answer[:, 1])
        (slope,) = torch.autograd.grad(answer.square().sum(), image)
        assert (slope.abs().amax((0, 2, 3)) > 0).all()

    def test_an_image_is_answered_whatever_else_is_in_the_batch(self) -> None:
        network, (image, condition) = self.network(), self.batch()
        together = network(image, condition)
        for i in range(BATCH):
            alone = network(image[i : i + 1], None if condition is None else condition[i : i + 1])
            torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-5)

    def test_answers_have_their_symmetry_exactly(self) -> None:
        answer = self.network()(*self.batch())
        assert torch.equal(fold(answer, SYMMETRIES[self.symmetry], periodic=self.space == "real"), answer)

    def test_half_precision_stays_in_the_range(self) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            answer = self.network()(*self.batch())
        assert answer.isfinite().all() and self.answer[0] <= answer.min() and answer.max() <= self.answer[1]

    def test_the_same_weights_give_the_same_answer(self) -> None:
        first, second = (self.network()(*self.batch()) for _ in range(2))
        assert torch.equal(first, second)

    def test_saved_and_loaded_it_answers_the_same(self) -> None:
        network, file = self.network(), io.BytesIO()
        torch.save(network.state_dict(), file)
        file.seek(0)
        torch.manual_seed(9)
        loaded = self.make().eval()
        loaded.load_state_dict(torch.load(file, weights_only=True))
        assert torch.equal(loaded(*self.batch()), network(*self.batch()))

    def test_constant_images_have_finite_answers_and_gradients(self) -> None:
        _, condition = self.batch()
        for value in (0.0, 1.0):
            network = self.network().train()
            answer = network(torch.full((BATCH, 1, self.size, self.size), value), condition)
            answer.square().mean().backward()
            assert answer.isfinite().all()
            assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())

    def test_every_weight_learns(self) -> None:
        network = self.network().train()
        (network(*self.batch()) - 0.3).square().mean().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())

    def test_every_condition_counts(self) -> None:
        network, (image, condition) = self.network(), self.batch()
        for i in range(self.conditions):
            changed = condition.clone()
            changed[:, i] += 1
            assert (network(image, changed) - network(image, condition)).abs().mean() > 1e-5

    def test_other_conditions_are_refused(self) -> None:
        image, _ = self.batch()
        for condition in (None, torch.zeros(BATCH, self.conditions + 1)):
            if condition is None and not self.conditions:
                continue
            try:
                self.network()(image, condition)
            except ValueError as error:
                assert "condition" in str(error)
            else:
                raise AssertionError(f"the network takes {self.conditions} conditions, and {condition} all the same")
