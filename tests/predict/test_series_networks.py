"""Networks of series: bright and dark fields of one crystal together."""

import numpy as np
import pytest
import torch

from lacbed_gan.images.scaling import by_strength
from lacbed_gan.models.build import build_networks
from lacbed_gan.models.networks.fourier import FourierGenerator
from lacbed_gan.models.settings import NetworkSettings
from lacbed_gan.models.weights import Trained, load_weights, save_weights
from lacbed_gan.predict.predictor import Predictor
from lacbed_gan.predict.trust import PredictionError
from lacbed_gan.store.recipe import Recipe

SIZE = 32
MODEL = {"generator": {"name": "fourier", "order": 4, "width": 16, "depth": 1}, "discriminator": None}
SETTINGS = {"direction": "inverse", "size": SIZE, "thickness": [50], "condition": "none", "origin": "given"}
SETTINGS |= {"model": MODEL | {"loss_weights": {"l2": 1.0}}, "reflections": [[2, 0], [1, 1]]}


@pytest.fixture
def network(tmp_path):
    torch.manual_seed(0)
    networks = build_networks(NetworkSettings.of_run(SETTINGS))
    for weight in networks.generator.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    recipe = Recipe(SIZE, (50.0,), dark_field=((2, 0), (1, 1)))
    config = {"settings": SETTINGS, "data": {"standardisation": {}, "recipe": recipe.to_json()}}
    save_weights(tmp_path / "n.safetensors", Trained.of(networks, config))
    return Predictor(load_weights(tmp_path / "n.safetensors"))


@pytest.fixture
def series():
    """A symmetric bright field, and two dark fields that are not."""
    images = np.random.default_rng(0).random((3, SIZE, SIZE))
    bright = images[0] + images[0][::-1]
    images[0] = (bright + bright[:, ::-1]) / 4
    return images


def test_settings_of_series_count_their_images():
    made = NetworkSettings.of_run(SETTINGS)
    assert (made.images, made.bright_fields, made.input_channels) == (3, 1, 3) and made.reflections == ((2, 0), (1, 1))
    assert NetworkSettings.of_run(made.model_dump(mode="json")) == made
    assert NetworkSettings.of_run({key: value for key, value in SETTINGS.items() if key != "reflections"}).images == 1
    assert NetworkSettings.of_run(SETTINGS | {"thickness": [50, 100]}).images == 6
    with pytest.raises(ValueError, match="direction=inverse"):
        NetworkSettings.of_run(SETTINGS | {"direction": "forward"})


def test_bright_fields_are_folded_and_dark_ones_are_read_whole():
    torch.manual_seed(0)
    generator = FourierGenerator(8, in_channels=2, potential="output", order=2, width=16, depth=1, dark_fields=1)
    torch.nn.init.normal_(generator.decoder.waves.weight)
    assert generator.first.in_features == 8 * 8 // 4 + 8 * 8
    assert float(generator.encoder.dark_weight) == 0.5  # 16 numbers of the bright field, 64 of the dark one
    image = torch.rand(1, 2, 8, 8)
    with torch.no_grad():
        answer = generator(image)
    turned = [torch.cat([image[:, :1].flip(-1), image[:, 1:]], 1), torch.cat([image[:, :1], image[:, 1:].flip(-1)], 1)]
    with torch.no_grad():
        mirrored_bright, mirrored_dark = map(generator, turned)
    torch.testing.assert_close(mirrored_bright, answer, atol=1e-4, rtol=1e-4)
    assert float((mirrored_dark - answer).abs().max()) > 1e-3


def test_a_forbidden_reflection_is_an_empty_channel(network, series):
    flat = series.copy()
    flat[2] = 0.3
    full, empty = (network.predict_potential(images, align=False) for images in (series, flat))
    assert network.reflections == ((2, 0), (1, 1)) and network.images == 3
    assert full.pattern.shape == (3, SIZE, SIZE) and not empty.pattern[2].any() and full.pattern[2].any()
    np.testing.assert_allclose(full.pattern[:2], empty.pattern[:2], atol=2e-3)  # of which one may be the strongest
    assert not np.array_equal(full.potential, empty.potential)
    assert np.corrcoef(full.pattern[1].ravel(), series[1].ravel())[0, 1] > 0.99


def test_dark_fields_keep_their_strengths(network, series):
    weak = series.copy()
    weak[2] *= 0.04
    brighter = 7 * weak
    found, other = (network.predict_potential(images, align=False).pattern for images in (weak, brighter))
    assert found[1].max() > 0.99 and found[2].max() == pytest.approx(0.2, abs=0.01)
    np.testing.assert_allclose(found, other, atol=1e-5)
    full = network.predict_potential(series, align=False).pattern
    batch = torch.from_numpy(full)[None]  # what training gives, of these images: see `by_strength`
    share = torch.tensor([[np.ptp(image) for image in series[1:]]])
    scaled = torch.from_numpy(np.stack([(x - x.min()) / np.ptp(x) for x in series[1:]]))[None]
    np.testing.assert_allclose(by_strength(scaled, share)[0], batch[0, 1:], atol=0.05)


def test_the_bright_field_alone_is_not_enough(network, series):
    with pytest.raises(PredictionError, match="dark fields of 2 0 0, 1 1 0, 3 images"):
        network.predict_potential(series[0])
