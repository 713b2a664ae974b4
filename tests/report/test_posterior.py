"""Samples of a test fold judged as a distribution."""

from itertools import product

import numpy as np
import pytest
import torch
from torchmetrics.functional.regression import continuous_ranked_probability_score

from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.measures.posterior import LEVELS, amplitudes, covered, crps, nearest_mse, rank, strongest, width
from lacbed_gan.models.build import Networks, build_networks
from lacbed_gan.models.networks.drawing import AS_LEARNED, Spread
from lacbed_gan.models.settings import NetworkSettings
from lacbed_gan.models.weights import Trained
from lacbed_gan.report.posterior import answers_of, judged, posterior_summary, rank_figure, spread_rows
from lacbed_gan.report.spread import DRAWN, SCALES, TAILS, _nearest, _shares, fitted_spread
from lacbed_gan.store.recipe import Recipe

FOURIER = {"name": "fourier", "order": 3, "width": 16, "depth": 1}
L2 = {"adversarial": 0, "feature_matching": 0, "l2": 1.0}


def test_samples_of_the_right_distribution_are_covered_as_often_as_they_say():
    """Truth and 200 samples of N(0, 1), 4,000 times: ranks are even, coverage the level, the CRPS 1/√π."""
    random = torch.Generator().manual_seed(0)
    samples, truth = torch.randn(200, 4000, generator=random), torch.randn(4000, generator=random)
    for level in (0.5, 0.8, 0.95):
        assert covered(samples, truth, level).float().mean().item() == pytest.approx(level, abs=0.02)
        assert covered(samples / 3, truth, level).float().mean().item() < level - 0.15  # too sure
    assert width(samples, 0.95).mean().item() == pytest.approx(2 * 1.96, rel=0.03)
    assert crps(samples, truth).mean().item() == pytest.approx(torch.pi**-0.5, rel=0.05)
    counts = torch.bincount(rank(samples, truth) // 20, minlength=10)[:10]
    assert counts.min() > 300 and counts.max() < 500


def test_crps_is_that_of_torchmetrics():
    """Theirs is over all pairs, equal ones too: E|X − X′| has n² pairs, ours n (n − 1)."""
    samples, truth = torch.rand(9, 5), torch.rand(5)
    error = (samples - truth).abs().mean(0)
    ours = error - (error - crps(samples, truth)) * 8 / 9
    assert ours.mean().item() == pytest.approx(float(continuous_ranked_probability_score(samples.T, truth)), rel=1e-5)


def test_amplitudes_of_a_wave_wherever_its_origin_is():
    """ρ = ½ + 0.3 cos 2π(2x + y) has |ρ_21| = 0.15; places are (k, h) with h, k = 0 … order, (0, 0) left out."""
    y, x = torch.meshgrid(torch.arange(16) / 16, torch.arange(16) / 16, indexing="ij")
    image = 0.5 + 0.3 * torch.cos(2 * torch.pi * (2 * x + y) + 0.7)
    values = amplitudes(image, 3)
    assert values.shape == (15,) and values[1 * 4 + 2 - 1].item() == pytest.approx(0.15, abs=1e-5)
    assert strongest(values[None], 1).tolist() == [5]


def test_distance_to_the_nearest_image():
    images = torch.rand(6, 8, 8)
    found = nearest_mse(torch.cat([images[:1], images[1:2] + 0.1]), images)
    assert found.tolist() == pytest.approx([0, 0.01], abs=1e-5)


@pytest.fixture
def data(make_store):
    data = PairDataModule(make_store().source, "inverse", 50, 3, 4)
    data.setup()
    return data


def trained_with(noise):
    """A network of 16² pixels with new weights."""
    torch.manual_seed(0)
    settings = NetworkSettings(
        direction="inverse", size=16, thickness=[50], condition="none", origin="given",
        model={"generator": FOURIER, "discriminator": None, "loss_weights": L2, "noise": noise},
    )  # fmt: skip
    networks = build_networks(settings)
    for name, weight in networks.generator.named_parameters():
        if "waves" in name:
            torch.nn.init.normal_(weight, std=0.3)
    config = {"settings": settings.model_dump(mode="json")}
    config["data"] = {"standardisation": {}, "recipe": Recipe(size=16, thickness=(50.0,)).to_json()}
    return Trained.of(Networks(networks.generator), config)


@pytest.mark.parametrize("noise", [3, 0])
def test_a_network_is_judged_on_test_crystals(data, noise):
    trained = trained_with(noise)
    rows = spread_rows(data.test_rows, 2)
    answers = answers_of(trained, data, rows, 8, counts=1000)
    table = judged(answers, data, rows)
    assert [row["id"] for row in table] == [data.store.index[row]["id"] for row in rows]
    count = 8 if noise else 1
    for row, one in zip(table, answers, strict=True):
        assert row["samples"] == count and one.images.shape == (count, 16, 16)
        assert row["best_mse"] <= row["one_mse"] and row["mean_mse"] <= row["one_mse"] + 1e-6
        assert row["copies"] == 0 and 0 <= row["covered_50"] <= row["covered_95"] <= 1
        assert row["width"] == 0 or noise
        assert len(row["ranks"].split()) == 10
    summary = posterior_summary(table)
    assert summary["crps"] == pytest.approx(np.mean([row["crps"] for row in table]))
    assert len(rank_figure([("flow", table), ("vae", table), ("noise", table)]).axes) == 4


@pytest.mark.parametrize(("width", "scale"), [(2.0, 0.5), (0.5, 2.0)])
def test_the_spread_that_is_found_makes_intervals_right(width, scale):
    """Samples twice and half as wide as the truth is: normal ones, at all scales from the same numbers."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(200, 10, generator=generator)
    values = width * torch.randn(1, 64, 200, 10, generator=generator) * torch.tensor(DRAWN).view(-1, 1, 1, 1)
    assert _shares(values, truth, Spread(scale)) == pytest.approx(LEVELS, abs=0.03)
    assert _shares(values, truth, AS_LEARNED) != pytest.approx(LEVELS, abs=0.1)


def test_a_spread_at_an_end_of_the_grid_is_not_taken():
    far = dict.fromkeys(product(SCALES, TAILS), (0.0, 0.1, 0.2))
    assert _nearest(far | {(SCALES[3], TAILS[1]): LEVELS}) == Spread(SCALES[3], TAILS[1])
    for end in (SCALES[0], SCALES[-1]):
        assert _nearest(far | {(end, TAILS[1]): LEVELS}) == AS_LEARNED


def test_the_spread_of_a_network_is_found_on_given_rows(data):
    """A network whose noise decides little: no spread is right, or one nearer to what intervals say than before."""
    trained = trained_with(noise=3)
    found = fitted_spread(trained, data, data.train_rows[:3], None)
    assert trained.network.spread == AS_LEARNED and found.crystals == 3

    def error(shares):
        return sum((share - level) ** 2 for share, level in zip(shares, LEVELS, strict=True))

    assert error(found.after) <= error(found.before) and found.spread.scale in SCALES
    config = trained.config
    config["data"]["spread"] = found.to_json()
    assert Trained.of(Networks(trained.network), config).network.spread == found.spread
    config["data"]["spread"] = {"scale": -1.0, "tail": 0.0}
    with pytest.raises(ValueError, match="no scale and tail"):
        Trained.of(Networks(trained.network), config)
