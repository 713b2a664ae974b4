"""How much the discriminator's judgement counts, and through which window it sees the pairs."""

import pytest
import torch
from pydantic import ValidationError

from lacbed_gan.models.build import build_gan, build_networks
from lacbed_gan.models.judging import balanced, slope_at, told_apart, window_at
from lacbed_gan.models.learning import LearningSettings, LossWeights
from lacbed_gan.models.networks.whitening import with_whitened
from lacbed_gan.models.settings import ModelSettings, NetworkSettings

FOURIER = {"name": "fourier", "order": 4, "width": 8, "depth": 1}
LEARNING = LearningSettings()
WEIGHTS = {"adversarial": 1.0, "feature_matching": 10.0, "l2": 100.0}


def network(direction="forward", **model) -> NetworkSettings:
    model = {"generator": FOURIER, "discriminator": {"filters": 4, "layers": 2, "scales": 1}} | model
    return NetworkSettings(
        direction=direction, size=16, thickness=[50], condition=(), origin="given", model=ModelSettings(**model)
    )


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_judgement_gets_its_share_of_the_gradient_whatever_its_size(share):
    error = torch.randn(4, 1, 8, 8)
    for size in (1e-6, 1.0, 1e6):
        judgement = size * torch.randn(4, 1, 8, 8)
        scaled, part = balanced(judgement, error, share)
        assert part == pytest.approx(share) == float(scaled.norm() / (scaled.norm() + error.norm()))
        assert torch.allclose(scaled / scaled.norm(), judgement / judgement.norm())


def test_without_a_share_the_judgement_stays_and_its_share_is_measured():
    judgement, error = torch.full((4,), 3.0), torch.ones(4)
    scaled, part = balanced(judgement, error, None)
    assert torch.equal(scaled, judgement) and part == 0.75
    nothing, part = balanced(torch.zeros(4), error, 0.2)
    assert torch.equal(nothing, torch.zeros(4)) and part == 0


def test_the_slope_is_the_gradient_at_the_prediction():
    prediction = torch.randn(3, requires_grad=True) * 1.0
    assert torch.allclose(slope_at(prediction, prediction.square().sum()), 2 * prediction)
    assert slope_at(prediction, 0).abs().max() == 0 == slope_at(prediction, torch.ones(1, requires_grad=True)).max()


def test_windows_follow_from_the_step_and_reach_every_pixel():
    seen = torch.zeros(12, 12)
    for step in range(200):
        rows, columns = window_at(12, 5, step)
        assert seen[rows, columns].shape == (5, 5) and (rows, columns) == window_at(12, 5, step)
        seen[rows, columns] += 1
    assert seen.min() > 0 and window_at(12, None, 3) == (slice(0, 12), slice(0, 12))


def test_the_discriminator_judges_windows_in_training_and_whole_pairs_in_validation():
    settings = network(loss_weights=WEIGHTS, discriminator={"filters": 4, "layers": 2, "scales": 1, "window": 8})
    module = build_gan(settings, LearningSettings())
    sizes = []
    module.discriminator.register_forward_pre_hook(lambda _, pairs: sizes.append([x.shape[-1] for x in pairs]))
    batch = {"input": torch.rand(2, 1, 16, 16), "target": torch.rand(2, 1, 16, 16)}
    images = batch["input"], batch["target"], torch.rand(2, 1, 16, 16)
    module._judgements(batch, images, module.window)
    answer = told_apart(*module._judgements(batch, images, None))
    assert sizes == [[8, 8], [8, 8], [16, 16], [16, 16]] and answer.shape == (2,)


@pytest.mark.parametrize(("direction", "channels"), [("forward", 2), ("inverse", 3)])
def test_the_whitened_image_is_of_the_whole_potential_and_of_inverse_networks(direction, channels):
    sizes = {"filters": 4, "layers": 2, "scales": 1, "window": 8}
    module = build_gan(network(direction, loss_weights=WEIGHTS, discriminator=sizes | {"whitened": True}), LEARNING)
    seen = []
    module.discriminator.register_forward_pre_hook(lambda _, pair: seen.append(torch.cat(pair, 1)))
    images = tuple(torch.rand(2, 1, 16, 16) for _ in range(3))
    module._judgements({}, images, module.window)
    place = window_at(16, 8, module.steps)
    assert [x.shape for x in seen] == [(2, channels, 8, 8)] * 2
    for x, output in zip(seen, images[1:], strict=True):
        whole = torch.cat([images[0], output if direction == "forward" else with_whitened(output)], 1)
        assert torch.equal(x, whole[(..., *place)])


def test_a_discriminator_of_before_sees_the_pair_alone():
    before = network("inverse", loss_weights=WEIGHTS)
    assert not before.whitened and "whitened" not in before.model_dump()["model"]["discriminator"]
    assert build_networks(before).discriminator.scales[0].blocks[0][0].in_channels == 2
    now = network("inverse", loss_weights=WEIGHTS, discriminator={"whitened": True})
    assert NetworkSettings(**now.model_dump()) == now and now.whitened


def test_one_setting_takes_the_discriminator_away():
    settings = network(loss_weights=WEIGHTS | {"share": 0.2}, discriminator=None)
    assert build_networks(settings).discriminator is None is build_gan(settings, LearningSettings()).discriminator
    weights = settings.model.loss_weights
    assert (weights.adversarial, weights.feature_matching, weights.l2) == (0, 0, 100)
    assert NetworkSettings(**settings.model_dump()) == settings
    with pytest.raises(ValidationError, match="discriminator=null needs loss_weights"):
        ModelSettings(generator=FOURIER, discriminator=None)


def test_a_share_and_a_window_that_cannot_be():
    with pytest.raises(ValidationError, match=r"share=0.2 is between the discriminator's terms and l1 or l2"):
        LossWeights(share=0.2)
    with pytest.raises(ValidationError, match="less than 1"):
        LossWeights(share=1.0, l2=1.0)
    with pytest.raises(ValidationError, match="window=8 is smaller than what the layers leave: 16 or more"):
        network(discriminator={"layers": 3, "scales": 2, "window": 8})
