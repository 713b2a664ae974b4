"""Networks to begin from: what they know stays, at another image size too; what does not fit is said in one line."""

import pytest
import torch
from torch.nn import functional as F

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.models.build import build_gan, build_networks
from lacbed_gan.models.learning import LearningSettings
from lacbed_gan.models.settings import NetworkSettings
from lacbed_gan.models.start import read_start
from lacbed_gan.models.weights import Trained, WeightsError, save_weights

GENERATOR = {"name": "fourier", "width": 16, "depth": 1}
L2 = {"adversarial": 0.0, "feature_matching": 0.0, "l2": 1.0}


def settings(direction="forward", size=32, thickness=(50.0,), condition=("log_a",), order=6, **model):
    model = {"generator": GENERATOR | {"order": order}, "loss_weights": L2, **model}
    model = {"symmetry": "2", **model}
    return NetworkSettings(
        direction=direction, size=size, thickness=thickness, condition=condition, origin="canonical", model=model
    )


@pytest.fixture
def saved(tmp_path):
    """saved(settings) → the networks, and what a run begins from when it is given their file."""

    def save(of):
        torch.manual_seed(0)
        networks = build_networks(of)
        for parameter in networks.generator.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        plain = of.model_dump(mode="json")
        moments = {"log_a": [1.8, 0.3], "log_span": [1.2, 0.8]}
        config = {"settings": plain, "data": {"standardisation": moments, "recipe": {"size": 128, "thickness": [50]}}}
        save_weights(tmp_path / "w.safetensors", Trained.of(networks, config))
        return networks, read_start("w", tmp_path / "w.safetensors")

    return save


def begun(start, of, **learning):
    torch.manual_seed(1)
    module = build_gan(of, LearningSettings(**learning))
    start.require_fit(of)
    return module.eval(), start.fill(module, of)


def smooth(size, seed=0):
    waves = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(waves, size=size, mode="bicubic").clamp(0, 1)


def test_the_same_networks_answer_as_they_did(saved):
    of = settings()
    networks, start = saved(of)
    module, lines = begun(start, of, ema=0.9)
    assert lines == [] and start.standardisation == {"log_a": [1.8, 0.3]}
    image, condition = smooth(32), torch.randn(2, 1)
    for network in (module.generator, module.average):
        torch.testing.assert_close(network(image, condition), networks.generator(image, condition))


def test_an_inverse_network_answers_finer_patterns_as_the_means_of_their_pixels(saved):
    """Exactly: its answer has the same Fourier coefficients, on finer points."""
    of = settings("inverse", 32, loss_weights=L2 | {"span": 1.0})
    networks, start = saved(of)
    finer = of.model_copy(update={"size": 64})
    module, lines = begun(start, finer)
    assert lines == ["networks of 32 × 32 pixels are brought to 64 × 64"]
    image, condition = smooth(64), torch.randn(2, 1)
    coarse = F.avg_pool2d(image, 2)
    expected = networks.generator(coarse, condition)
    torch.testing.assert_close(module.generator(image, condition)[..., ::2, ::2], expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        module.span_head(image, condition), networks.span_head(coarse, condition), atol=1e-4, rtol=1e-4
    )


def test_a_forward_network_draws_finer_patterns_that_are_like_its_own(saved):
    of = settings()
    networks, start = saved(of)
    # a smooth answer, as trained networks give
    layer = networks.generator.generator.decoder.quadrant
    with torch.no_grad():
        layer.weight.copy_(smooth(16).flatten(1).repeat(8, 1).T * 2 - 1)
        layer.bias.copy_(smooth(16, 3)[0].flatten() - 0.5)
    start.weights["generator"] |= {f"decoder.quadrant.{name}": value for name, value in layer.state_dict().items()}
    finer = of.model_copy(update={"size": 64})
    module, _ = begun(start, finer)
    x = 2 * torch.pi * torch.arange(64) / 64
    potential = 0.5 + 0.2 * torch.cos(x)[:, None] * torch.cos(2 * x) * torch.ones(2, 1, 1, 1)
    condition = torch.randn(2, 1)
    answer = module.generator(potential, condition)
    expected = networks.generator(potential[..., ::2, ::2], condition)
    assert (F.avg_pool2d(answer, 2) - expected).square().mean() < 1e-3 * expected.var()
    back, _ = begun(start, of)
    torch.testing.assert_close(back.generator(potential[..., ::2, ::2], condition), expected)


@pytest.mark.parametrize("quadrants", [True, False], ids=["2mm", "2"])
@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("sizes", [(32, 24), (24, 32), (64, 32), (16, 64)])
def test_any_size_begins_from_any_other(saved, direction, sizes, quadrants):
    """Also where the smaller one cannot hold all orders: the sum over constant images is kept."""
    of = settings(direction, sizes[0], generator=GENERATOR | {"order": 10, "quadrants": quadrants})
    networks, start = saved(of)
    module, _ = begun(start, of.model_copy(update={"size": sizes[1]}))
    condition = torch.randn(1, 1)
    flat = [networks.generator(torch.full((1, 1, sizes[0], sizes[0]), 0.3), condition)]
    flat.append(module.generator(torch.full((1, 1, sizes[1], sizes[1]), 0.3), condition))
    assert flat[1].shape[-1] == sizes[1] and flat[1].isfinite().all()
    if direction == "inverse":
        means = [image.mean().item() for image in flat]
        assert means[0] == pytest.approx(means[1], abs=1e-4)


OTHERS = {
    "order": (
        settings(order=5),
        r"w: its networks are of model.generator.order=6, and this run's .*order=5; take model",
    ),
    "thickness": (settings(thickness=(100.0,)), r"of thickness=\[50\], and this run's of thickness=\[100\]"),
    "condition": (settings(condition=()), r"of condition=\[log_a\], and this run's of condition=none"),
    "direction": (settings("inverse"), "of direction=forward, and this run's of direction=inverse"),
    "generator": (
        settings(generator={"name": "global_unet", "filters": 8, "bottleneck": 16}),
        "model.generator.name=fourier, and this run's of model.generator.name=global_unet",
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_networks_are_refused_in_a_line_that_names_both(saved, kind):
    other, line = OTHERS[kind]
    _, start = saved(settings())
    with pytest.raises(SettingsError, match=line):
        start.require_fit(other)


def test_a_network_of_several_thicknesses_can_learn_others(saved):
    _, start = saved(settings(thickness=(50.0, 100.0)))
    start.require_fit(settings(thickness=(75.0, 100.0, 200.0)))
    with pytest.raises(SettingsError, match="thickness"):
        start.require_fit(settings(thickness=(50.0,)))


def test_what_is_no_start_is_said(tmp_path):
    (tmp_path / "other.txt").write_text("no weights")
    (tmp_path / "empty").mkdir()
    for name in ("gone", "empty", "other.txt"):
        with pytest.raises(WeightsError, match=f"start={name}: "):
            read_start(name, tmp_path / name)
