"""Many answers to one pattern: what is said of them, and how physics weighs them."""

import asyncio
import csv
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import lacbed_gan as lg
from lacbed_gan.base.errors import SettingsError, UserError
from lacbed_gan.commands import predict
from lacbed_gan.commands.config import composed
from lacbed_gan.images.calibration import calibrate
from lacbed_gan.images.measured import Measured
from lacbed_gan.predict import weighing
from lacbed_gan.predict.prediction import PotentialPrediction
from lacbed_gan.predict.samples import PotentialSamples
from lacbed_gan.predict.weighing import compared, weighed
from lacbed_gan.store.recipe import Recipe

A = 5.64
SMALL = ["model.generator.width=32", "model.generator.depth=1", "model.generator.order=6"]
KINDS = {
    "flow": ["model=flow", "model.generator.steps=4", *SMALL],
    "vae": ["model=vae", *SMALL],
    "noise": ["model.noise=3", *SMALL],
}


@pytest.fixture
def pattern():
    """Of 32² pixels with the symmetry 2mm."""
    k = (np.arange(32) - 15.5) / 16
    image = np.cos(9 * k[:, None] ** 2) * np.cos(9 * k**2) + np.hypot(k[:, None], k)
    return ((image - image.min()) / np.ptp(image)).astype(np.float32)


def wave_samples(pattern, amplitudes, span, size=32):
    """Samples of ρ = ½ + c cos 2πx (cos 2πy + 1)/2 with some c, of a cell of 4 Å."""
    x = 2 * np.pi * np.arange(size) / size
    images = np.stack([0.5 + c * np.cos(x) * np.cos(x)[:, None] for c in amplitudes]).astype(np.float32)
    recipe = Recipe(size=size, thickness=(20.0,), g_max=1.5)
    calibration = calibrate(Measured(pattern[None]), 200.0, recipe.half_width, a=4.0)
    prediction = PotentialPrediction(images[0], span[0], pattern[None], (20.0,), recipe, calibration)
    n = len(images)
    return PotentialSamples(images, np.array(span), np.full(n, 1 / n), prediction)


def test_mean_deviation_and_coefficients_of_samples_by_hand(pattern):
    """c = 0.1 and 0.3 with ranges of 1 and 2 1/Å²: U_11 = c/4 · range is 0.025 and 0.15, mean 0.0875 ± 0.0625."""
    samples = wave_samples(pattern, [0.1, 0.3], [1.0, 2.0])
    assert samples.mean[0, 0] == pytest.approx(0.7) and samples.deviation[0, 0] == pytest.approx(0.1)
    table = samples.table()
    assert {(row["h"], row["k"]) for row in table[:2]} == {(1, 1), (-1, 1)} and len(table) == 144
    assert table[0]["mean"] == pytest.approx(0.0875, abs=1e-6)
    assert table[0]["deviation"] == pytest.approx(0.0625, abs=1e-6)
    assert abs(table[2]["mean"]) < 1e-7
    assert samples.effective_number == pytest.approx(2) and "2 samples" in samples.lines[0]


@pytest.mark.parametrize("kind", KINDS)
def test_samples_from_python(kind, pattern, make_weights):
    network = lg.load(make_weights("inverse", *KINDS[kind]))
    samples, again = (network.sample(pattern, A, 6, align=False) for _ in range(2))
    assert samples.images.shape == (6, 32, 32) and samples.span.shape == (6,)
    assert np.array_equal(samples.images, again.images)
    assert 0 <= samples.images.min() and samples.images.max() <= 1 and samples.deviation.max() > 0
    assert not np.array_equal(samples.images, network.sample(pattern, A, 6, seed=1, align=False).images)


def test_a_sample_with_the_right_pattern_has_the_weight(pattern, monkeypatch):
    """The exact pattern of one of three samples, brighter and flatter than computed, picks that one."""
    samples = wave_samples(pattern, [0.2, 0.4, 0.3], [4.0, 4.0, 4.0])
    half = np.arange(16, 32)
    rows, columns = (x.ravel() for x in np.meshgrid(half, half, indexing="ij"))
    prediction = samples.prediction
    exact = weighing.pattern_of(samples.images[1], 4.0, 4.0, prediction.recipe, (20.0,), (rows, columns), 32)
    quadrant = exact.reshape(16, 16)
    half_pattern = np.concatenate([quadrant[:, ::-1], quadrant], 1)
    whole = np.concatenate([half_pattern[::-1], half_pattern])
    given = (0.1 + 0.8 * (whole - whole.min()) / np.ptp(whole)).astype(np.float32)
    samples = PotentialSamples(samples.images, samples.span, samples.weights, prediction)
    object.__setattr__(prediction, "pattern", given[None])
    result = weighed(samples, 4.0, 1000)
    assert result.weights.argmax() == 1 and result.weights[1] > 0.99 and result.weights.sum() == pytest.approx(1)
    assert result.residual[1] < 1e-4 < result.residual[0] and result.effective_number == pytest.approx(1, abs=0.02)
    assert "as much as 1.0 samples" in result.lines[1]


def test_likelihoods_do_not_depend_on_brightness_and_contrast():
    random = np.random.default_rng(0)
    measured, variance = random.random((2, 20)), np.full((2, 20), 0.01)
    computed = np.stack([measured, 3 * measured - 1, random.random((2, 20)), -measured])
    log_likelihood, residual = compared(computed, measured, variance)
    assert log_likelihood[:2] == pytest.approx(0, abs=1e-9) and residual[:2] == pytest.approx(0, abs=1e-9)
    assert log_likelihood[2] < -1 and log_likelihood[3] < -50  # a negative is no fit
    assert log_likelihood[2] == pytest.approx(-0.5 * 40 * residual[2] ** 2 / 0.01)


def test_the_command_writes_samples(tmp_path, make_weights, pattern, capsys, monkeypatch):
    random = np.random.default_rng(0)  # an untrained network's ρ has no symmetry, and takes minutes
    monkeypatch.setattr(weighing, "pattern_of", lambda *_: random.random((1, 64)))
    image = tmp_path / "film.png"
    Image.fromarray(np.rint(255 * pattern).astype(np.uint8)).save(image)
    words = [f"input={image}", f"checkpoint={make_weights('inverse', *KINDS['flow'])}", f"a={A}", "check=false"]
    settings = composed("predict", [*words, "samples=5", "weigh=true", "counts=500", f"output={tmp_path / 'out'}"])
    predict.check(settings)
    predict.predict(settings)
    out = tmp_path / "out"
    drawn = np.load(out / "film_samples.npy")
    numbers = json.loads((out / "film.json").read_text())["samples"]
    assert drawn.shape == (5, 32, 32) and np.load(out / "film_deviation.npy").shape == (32, 32)
    assert np.allclose(np.load(out / "film.npy"), drawn.mean(0), atol=1e-6)
    assert np.allclose(np.load(out / "film_weighed.npy"), np.tensordot(numbers["weights"], drawn, 1), atol=1e-6)
    assert numbers["count"] == 5 and 1 <= numbers["effective_number"] <= 5 and numbers["counts"] == 500
    rows = list(csv.DictReader((out / "film_coefficients.csv").open()))
    assert len(rows) == 144 and float(rows[0]["size_2.5"]) <= float(rows[0]["size_97.5"])
    with Image.open(out / "film_samples.png") as figure:
        assert figure.width > 800
    assert "weighed by physics, for 500 electrons" in capsys.readouterr().out


def test_a_network_with_one_answer_draws_none(tmp_path, make_weights, pattern):
    image = tmp_path / "film.png"
    Image.fromarray(np.rint(255 * pattern).astype(np.uint8)).save(image)
    weights = make_weights("inverse")
    remedy = r"samples=… needs a network that draws its answers.*model=flow.*checkpoint=…"
    with pytest.raises(UserError, match=remedy):
        predict.check(composed("predict", [f"input={image}", f"checkpoint={weights}", f"a={A}", "samples=64"]))
    with pytest.raises(UserError, match=remedy):
        lg.load(weights).sample(pattern, A)


def test_samples_of_patterns_are_refused(make_weights, pattern):
    with pytest.raises(UserError, match="direction=forward"):
        lg.load(make_weights("forward", *KINDS["vae"])).sample(pattern, A)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["weigh=true", f"a={A}"], "give their number, such as samples=64"),
        (["weigh=true", "samples=64"], "weigh=true needs a=…"),
        (["counts=100", "samples=64"], "add weigh=true"),
        (["samples=0"], "samples=0 is not a whole number from 1 up"),
    ],
)
def test_settings_that_do_not_go_together(words, message):
    with pytest.raises(SettingsError, match=message):
        composed("predict", ["input=film.png", *words])


@pytest.mark.parametrize("kind", ["flow", None])
def test_the_page_shows_the_spread_of_networks_that_draw(kind, pattern, make_weights):
    pytest.importorskip("nicegui")
    from nicegui import ui
    from nicegui.testing import user_simulation

    from lacbed_gan.app.inverse_tab import InverseTab
    from lacbed_gan.app.widgets import Colours

    predictor, shown = lg.load(make_weights("inverse", *(KINDS[kind] if kind else []))), []
    measured = Measured(pattern[None])
    prediction = predictor.predict_potential(pattern, A, align=False)

    async def look():
        async with user_simulation() as user:

            @ui.page("/", response_timeout=60)
            async def page():
                tab = InverseTab(predictor, None, Colours())
                tab._show(prediction, measured)
                await tab._draw(prediction)
                shown.append(tab._spread and tab._spread._picture)

            await user.open("/")

    with ThreadPoolExecutor(1) as thread:  # a browser of other tests has its loop in this one
        thread.submit(asyncio.run, look()).result()
    if kind:
        assert np.array_equal(shown[0].image, predictor.sampled(prediction, 64).deviation)
    else:
        assert shown == [None]
