import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from lacbed_gan.models.learning import LearningSettings, LossWeights
from lacbed_gan.models.settings import ModelSettings, NetworkSettings

UNET = {"name": "global_unet", "filters": 8}
NO_RIVAL = {"discriminator": None, "loss_weights": {"l2": 1.0}}
SAMPLER = {"generator": {"name": "flow"}}
GOOD = {"direction": "forward", "size": 32, "thickness": [50], "condition": "scale", "origin": "given"}


def settings(generator=UNET, **changes):
    model = {"generator": generator, "discriminator": {"scales": 1}} | changes.pop("model", {})
    return NetworkSettings(**GOOD | {"model": model} | changes)


def test_words_stand_for_names_of_conditions():
    for word, names in {"none": (), "cell": ("log_a",), "scale": ("log_a", "log_span")}.items():
        model = ModelSettings(generator=UNET, condition=word)
        assert model.condition == model.conditions("forward") == names
        assert model.conditions("inverse") == names[:1]
        assert ModelSettings(generator=UNET, condition=list(names)).condition == names


def test_noise_is_named_only_where_there_is_some():
    """A run that gives its generator none keeps the name that it had before there was the choice."""
    without, with_noise = (settings(model={"noise": noise, "loss_weights": {"l2": 1.0}}) for noise in (0, 4))
    assert "noise" not in without.model.model_dump() and with_noise.model.model_dump()["noise"] == 4
    assert NetworkSettings(**with_noise.model_dump(mode="json")) == with_noise and with_noise.model.draws


def test_plain_values_give_the_same_settings_back():
    once = settings(model={"symmetry": 2})
    assert NetworkSettings(**json.loads(json.dumps(once.model_dump(mode="json")))) == once
    assert NetworkSettings.of_run(once.model_dump() | {"epochs": 3}) == once
    assert once.model.symmetry == "2" and once.thickness == (50.0,)


@pytest.mark.parametrize(
    ("direction", "thickness", "channels", "conditions"),
    [("forward", [50], 1, 1), ("forward", [50, 100], 1, 2), ("inverse", [50], 1, 1), ("inverse", [50, 100], 2, 1)],
)
def test_inputs_of_one_thickness_and_of_several(direction, thickness, channels, conditions):
    one = settings(direction=direction, thickness=thickness, condition="cell")
    assert (one.input_channels, one.conditions) == (channels, conditions)


def test_networks_of_measured_patterns_take_one_and_are_told_more():
    """Runs of before say nothing of measured patterns and have none."""
    made = settings(direction="inverse", thickness=[50, 100], condition="cell", measured=True)
    assert (made.images, made.input_channels, made.conditions) == (1, 1, 4)
    plain = made.model_dump(mode="json")
    assert NetworkSettings.of_run(plain) == made
    del plain["measured"]
    assert NetworkSettings.of_run(plain | {"augment": {"shift": False, "measured": True}}) == made
    assert not NetworkSettings.of_run(plain | {"augment": {"shift": False}}).measured


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"measured": True}, "augment.measured is of the patterns that networks are given: direction=inverse"),
        ({"size": 48}, "size=48: global_unet with filters=8, bottleneck=512, periodic=False takes sizes of 32, 64 and"),
        ({"size": 33, "generator": {"name": "fourier"}}, "even sizes from 4 up"),
        ({"size": 24, "generator": {"name": "global_generator"}, "condition": "none"}, "multiples of 16, from 32 up"),
        ({"size": 32, "generator": {"name": "local_enhancer"}, "condition": "none"}, "multiples of 32, from 64 up"),
        ({"model": {"discriminator": {"scales": 8}}}, "scales=8 takes sizes from 1024 up"),
        ({"generator": {"name": "global_generator"}}, "global_generator takes no condition: set condition=none"),
        ({"generator": {"name": "global_generator"}, "condition": [], "thickness": [50, 100]}, "cannot be told the"),
        ({"direction": "inverse"}, "a pattern does not tell the range of ρ"),
        ({"thickness": [50, 100], "model": {"channels": 3}}, "take model.channels=1"),
        (SAMPLER | {"model": {"discriminator": {"scales": 1}}}, "flow learns without a discriminator"),
        (SAMPLER | {"model": NO_RIVAL | {"noise": 4}}, "flow draws its answers anyway"),
        (SAMPLER | {"model": NO_RIVAL | {"channels": 3}}, "take channels=1, not 3"),
        (SAMPLER | {"direction": "inverse", "condition": "none", "model": NO_RIVAL}, "flow needs origin=canonical"),
        ({"generator": {"name": "vae", "counts": 100.0}, "model": NO_RIVAL}, "counts is of patterns that networks are"),
        (SAMPLER | {"model": NO_RIVAL, "size": 33}, "even sizes from 4 up"),
        (
            {"generator": {"name": "global_generator"}, "condition": "none", "model": {"noise": 4}},
            "has no place for it",
        ),
        ({"condition": "all"}, "valid tuple"),
        ({"condition": ["a"]}, "'log_a' or 'log_span'"),
        ({"generator": {"name": "resnet"}}, "'fourier', 'global_unet', 'global_generator', 'local_enhancer'"),
        ({"generator": UNET | {"filters": 12}}, "multiple of 8"),
        ({"generator": UNET | {"filters": "8"}}, "valid integer"),
        ({"generator": UNET | {"width": 8}}, "Extra inputs are not permitted"),
        ({"model": {"learning_rate": float("inf")}}, "finite number"),
        ({"model": {"loss_weights": {"l1": float("nan")}}}, "finite number"),
        ({"model": {"loss_weights": {"l1": -1.0}}}, "greater than or equal to 0"),
        ({"model": {"loss_weights": {"adversarial": 0, "feature_matching": 0, "span": 1}}}, "are all 0"),
        ({"model": {"symmetry": "4mm"}}, "'none', '2' or '2mm'"),
        ({"thickness": []}, "at least 1 item"),
        ({"thickness": [float("nan")]}, "finite number"),
    ],
)
def test_what_cannot_be_built_is_refused_with_what_can(change, message):
    with pytest.raises(ValidationError, match=message):
        settings(**change)


def test_a_discriminator_that_nobody_uses_may_be_of_any_size():
    weights = {"adversarial": 0, "feature_matching": 0, "l1": 1}
    assert settings(model={"discriminator": {"scales": 8}, "loss_weights": weights}).model.discriminator.scales == 8


def test_learning_settings_of_a_run():
    run = {"learning_rate": 1e-3, "betas": [0.5, 0.9], "schedule": "cosine", "ema": 0.9, "gan_loss": "log", "fold": 1}
    assert LearningSettings.of_run(run).betas == (0.5, 0.9)
    with pytest.raises(ValidationError, match="less than 1"):
        LearningSettings(betas=(0.5, 1))


def test_weights_say_whether_a_discriminator_is_needed():
    assert LossWeights().needs_discriminator
    assert LossWeights(adversarial=0).needs_discriminator
    assert not LossWeights(adversarial=0, feature_matching=0, l1=1).needs_discriminator


def test_settings_are_checked_without_torch():
    code = "import sys, lacbed_gan.models.settings; sys.exit('torch' in sys.modules or 'lightning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
