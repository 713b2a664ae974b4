"""Inputs unlike those of training are told, and fare worse."""

import numpy as np
import pytest
import torch

import lacbed_gan as lg
from lacbed_gan.commands.config import composed
from lacbed_gan.commands.train import train
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.data.references import familiarity
from lacbed_gan.measures.familiarity import features
from lacbed_gan.measures.metrics import correlation_r
from lacbed_gan.models.weights import load_weights
from lacbed_gan.predict.loading import load
from lacbed_gan.running.folder import run_name
from lacbed_gan.store.packed import open_store


def test_features_do_not_depend_on_brightness_contrast_and_origin():
    image = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    shifted = image.roll((5, 9), (-2, -1))
    assert torch.allclose(features("forward", image), features("forward", 0.2 + 0.5 * shifted), atol=1e-6)
    pattern = image + image.flip(-1) + image.flip(-2) + image.flip((-2, -1))
    assert torch.allclose(features("inverse", pattern), features("inverse", 0.1 + 3 * pattern), atol=1e-6)
    assert (features("inverse", pattern) - features("inverse", shifted)).norm(dim=1).min() > 0.1


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_training_inputs_are_at_no_distance_and_noise_at_that_of_brute_force(shared_store, direction):
    data = PairDataModule(shared_store, direction, 50, 0, 4)
    data.setup()
    kept = familiarity(data)
    inputs = data.batch(data.train_rows)["input"]
    assert all(kept.distance(direction, image[None]) < 0.05 for image in inputs[:5])
    others = torch.cdist(features(direction, inputs), features(direction, inputs)) + 9 * torch.eye(len(inputs))
    assert kept.usual == pytest.approx(float(others.amin(1).quantile(0.95)), abs=2e-3)
    noise = torch.rand(1, 1, *inputs.shape[-2:], generator=torch.Generator().manual_seed(0))
    nearest = float(torch.cdist(features(direction, noise), features(direction, inputs)).amin())
    assert nearest > 0.2 and kept.distance(direction, noise) == pytest.approx(nearest / kept.usual, rel=1e-3)


def test_a_checkpoint_knows_its_training_inputs(shared_store, tmp_path):
    words = ["experiment=smoke", "trainer=cpu", "logger=csv", f"store={shared_store}", f"runs={tmp_path}"]
    config = composed("train", words)
    train(config)
    path = tmp_path / run_name(config.plain()) / "last.ckpt"
    kept = load_weights(path).familiar
    data = PairDataModule(shared_store, "forward", 50, 0, 4, size=load(path).size, validation=config.validation)
    assert len(kept.features) == len(data.train_rows) and kept.usual > 0


def test_the_shipped_network_knows_a_perovskite_that_it_never_saw():
    """SrTiO3, whose formula was left out; and no warning of it, nor of silicon."""
    strontium_titanate = lg.Crystal.from_sites(
        "SrTiO3", "P m -3 m", 3.905, [lg.Site("Sr", (0, 0, 0)), lg.Site("Ti", (0.5,) * 3), lg.Site("O", (0.5, 0.5, 0))]
    )
    silicon = lg.Crystal.from_sites("Si", "F d -3 m:1", 5.431, [lg.Site("Si", (0, 0, 0))])
    network = load()
    answer = network.predict_patterns(strontium_titanate, [50])
    exact = lg.bright_field(strontium_titanate.with_default_b_iso(0.5), (50,), 128, g_max=3.0)
    assert float(correlation_r(torch.from_numpy(answer.pattern)[None], exact[None])) > 0.97
    assert answer.warnings == [] == network.predict_patterns(silicon).warnings


def test_unfamiliar_patterns_fare_worse():
    """Of the shipped network on the fold that it did not see."""
    trained = load(direction="inverse")._trained
    settings = trained.settings
    data = PairDataModule(
        open_store("bundled"),
        "inverse",
        settings.thickness,
        trained.config["settings"]["fold"],
        32,
        condition=settings.condition,
        origin=settings.origin,
        predict_span=True,
    )
    data.setup()
    batch = data.batch(data.test_rows)
    with torch.inference_mode():
        error = (trained.predict(batch["input"], batch["condition"]) - batch["target"]).square().mean((1, 2, 3)).numpy()
    distance = np.array([trained.familiar.distance("inverse", image[None]) for image in batch["input"]])
    assert 0 < (distance > 1).mean() < 0.15  # one of the hundred
    far = distance > np.quantile(distance, 0.9)
    assert error[far].mean() > 2 * error[~far].mean()
