"""Networks of measured patterns: what `predict` gives them is what they were trained on."""

import numpy as np
import pytest
import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.images.scaling import MASKED
from lacbed_gan.models.build import build_networks
from lacbed_gan.models.settings import NetworkSettings
from lacbed_gan.models.weights import Trained, load_weights, save_weights
from lacbed_gan.predict.identification.network import first_ranking, reason_against
from lacbed_gan.predict.observation import observe
from lacbed_gan.predict.predictor import Predictor
from lacbed_gan.predict.trust import PredictionError

SIZE = 32


def measured_network(path, data):
    """A network with random weights, saved and read again."""
    torch.manual_seed(0)
    model = {"generator": {"name": "fourier", "order": 4, "width": 16, "depth": 1}, "discriminator": None}
    settings = {"direction": "inverse", "size": SIZE, "thickness": [50, 100], "condition": "cell", "origin": "given"}
    settings |= {"model": model | {"loss_weights": {"l2": 1.0}}, "augment": {"measured": True}}
    networks = build_networks(NetworkSettings.of_run(settings))
    for weight in networks.generator.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    config = {"settings": settings, "data": {"standardisation": data.standardisation}}
    config["data"]["recipe"] = data.store.recipe.to_json()
    save_weights(path, Trained.of(networks, config))
    return Predictor(load_weights(path))


@pytest.fixture
def data(make_store):
    data = PairDataModule(make_store(size=SIZE).source, "inverse", "all", 3, 4, condition="cell", measured=True)
    data.setup()
    return data


@pytest.fixture
def network(data, tmp_path):
    return measured_network(tmp_path / "n.safetensors", data)


def test_it_is_told_the_thickness_or_not(data, network):
    """At any thickness between those of its pairs, and what it answers is what a batch of training would get."""
    pattern, a = data.store.pattern[0, 0] / 255, data.store.index[0]["a"]
    told, other, untold = (network.predict_potential(pattern, a, thickness=t, align=False) for t in (50, 73.5, None))
    assert not np.array_equal(told.potential, other.potential)
    assert told.thickness == (50.0,) and other.thickness == (73.5,) and untold.thickness == (50.0, 100.0)
    assert "50 to 100 nm thick (assumed)" in untold.assumptions
    mean, std = data.standardisation["log_a"]
    for prediction, facts in ((told, [-0.5, 1.0, 1.0]), (untold, [0.0, 0.0, 1.0])):
        condition = torch.tensor([[(np.log(a) - mean) / std, *facts]], dtype=torch.float32)
        expected = network._trained.predict(torch.from_numpy(prediction.pattern)[None], condition)
        np.testing.assert_allclose(prediction.potential, expected[0, 0].detach(), atol=1e-5)


def test_small_windows_are_masked_where_others_are_refused(data, network):
    pattern, a = data.store.pattern[0, 0] / 255, data.store.index[0]["a"]
    prediction = network.predict_potential(pattern, a, half_width=3.5, thickness=50, align=False, check=True)
    seen = prediction.pattern[0] != np.float32(np.rint(255 * MASKED) / 255)
    rows = np.flatnonzero(seen.any(1))
    assert (rows.max() - rows.min() + 1) / SIZE == pytest.approx(3.5 / network.recipe.half_width, abs=2 / SIZE)
    assert prediction.check is None and any("smaller angles" in line for line in prediction.warnings)
    assert not any("goes on smoothly" in line for line in prediction.warnings)


def test_it_ranks_crystals_for_identify(data, network):
    """At any of its thicknesses, of a small window, which the shipped networks do not take."""
    pattern = data.store.pattern[0, 0] / 255
    seen = observe(pattern, [(0, 0, 0)], a=3.6, half_width=3.5, align=False)
    assert reason_against(network, seen, (60.0, 90.0)) is None
    assert "knows between 50 and 100 nm" in reason_against(network, seen, (20.0, 200.0))
    crystals = [catalogue()[name] for name in ("Cu", "Ag")]
    told, untold = (first_ranking(network, seen, crystals, range_) for range_ in ((62.0, 66.0), (55.0, 95.0)))
    assert told.prediction.thickness == (64.0,) and untold.prediction.thickness == (50.0, 100.0)
    assert sorted(told.order) == [0, 1]


def test_what_it_does_not_know_is_refused(data, network):
    pattern, a = data.store.pattern[0, 0] / 255, data.store.index[0]["a"]
    with pytest.raises(PredictionError, match="the network knows 50 to 100 nm"):
        network.predict_potential(pattern, a, thickness=120)
    with pytest.raises(PredictionError, match="takes one"):
        network.predict_potential(np.stack([pattern, pattern]), a)
