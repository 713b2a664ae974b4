import math

import pytest
import torch

from lacbed_gan.models.learning import LossWeights
from lacbed_gan.models.losses import (
    adversarial_loss,
    discriminator_terms,
    feature_matching_loss,
    generator_terms,
    judgement_terms,
    least_squares_loss,
    log_loss,
)


def judgement(value, scales=2, layers=5):
    """Every output of every layer is `value`, the logits, which come last, twice that."""
    values = [value] * (layers - 1) + [2 * value]
    return [[torch.full((2, 1, 3, 3), v) for v in values] for _ in range(scales)]


def test_least_squares_loss_by_hand():
    logits = torch.tensor([0.0, 0.5, 2.0])
    assert least_squares_loss(logits, True).item() == pytest.approx((1 + 0.25 + 1) / 3)
    assert least_squares_loss(logits, False).item() == pytest.approx((0 + 0.25 + 4) / 3)


def test_log_loss_by_hand():
    logits = torch.tensor([0.0, math.log(3)])  # D = 1/2 and 3/4
    assert log_loss(logits, True).item() == pytest.approx(-(math.log(0.5) + math.log(0.75)) / 2)
    assert log_loss(logits, False).item() == pytest.approx(-(math.log(0.5) + math.log(0.25)) / 2)
    assert log_loss(torch.tensor([-1e4]), True).item() == pytest.approx(1e4)  # no overflow


def test_adversarial_loss_uses_the_logits_and_sums_over_scales():
    assert adversarial_loss(judgement(0.25), True).item() == pytest.approx(2 * 0.25)
    assert adversarial_loss(judgement(0.25), False).item() == pytest.approx(2 * 0.25)
    assert adversarial_loss(judgement(0.0), True, "log").item() == pytest.approx(2 * math.log(2))


@pytest.mark.parametrize("scales", [1, 2])
@pytest.mark.parametrize("layers", [4, 5])
def test_feature_matching_is_four_times_the_mean_difference(scales, layers):
    """4/L per layer, 1/S per scale, logits left out: equal differences of 0.3 everywhere give 4 · 0.3."""
    fake, real = judgement(0.5, scales, layers), judgement(0.2, scales, layers)
    assert feature_matching_loss(fake, real).item() == pytest.approx(4 * 0.3)


def test_feature_matching_pulls_only_the_generated_features():
    fake = [[torch.zeros(1, requires_grad=True), torch.zeros(1)]]
    real = [[torch.ones(1, requires_grad=True), torch.zeros(1)]]
    feature_matching_loss(fake, real).backward()
    assert fake[0][0].grad is not None
    assert real[0][0].grad is None


def test_terms_of_weight_zero_are_not_computed():
    prediction, target = torch.full((2, 1, 4, 4), 0.75), torch.full((2, 1, 4, 4), 0.5)
    terms = generator_terms(LossWeights(adversarial=0, feature_matching=0, l1=2), prediction, target)
    assert {name: term.item() for name, term in terms.items()} == {"loss_g_l1": 0.5}
    terms = generator_terms(LossWeights(adversarial=0, feature_matching=0, l2=2), prediction, target)
    assert {name: term.item() for name, term in terms.items()} == {"loss_g_l2": 0.125}
    assert generator_terms(LossWeights(), prediction, target) == {}
    terms = judgement_terms(LossWeights(), judgement(0.5), judgement(0.25))
    expected = {"loss_g_gan": 0.0, "loss_g_feature_matching": 10.0}
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)


def test_discriminator_terms_by_hand():
    terms = discriminator_terms(generated=judgement(0.5), real=judgement(0.25))
    expected = {"loss_d_real": 0.5 * 2 * 0.25, "loss_d_fake": 0.5 * 2 * 1.0}
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)


def test_losses_of_half_precision_outputs_are_float32():
    half = [[layer.bfloat16() for layer in layers] for layers in judgement(0.5)]
    image = torch.zeros(2, 1, 4, 4, dtype=torch.bfloat16)
    terms = generator_terms(LossWeights(l1=1), image, image) | judgement_terms(LossWeights(l1=1), half, half)
    terms |= discriminator_terms(half, half)
    assert {term.dtype for term in terms.values()} == {torch.float32}
