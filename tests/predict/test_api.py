"""The package from Python: names without delay, networks from one file, arrays in and arrays out."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import lacbed_gan as lg
from lacbed_gan.images.origin import canonical
from lacbed_gan.images.preparation import PreparationError
from lacbed_gan.images.scaling import to_uint8
from lacbed_gan.models.build import build_gan
from lacbed_gan.models.learning import LearningSettings
from lacbed_gan.models.weights import WeightsError, load_weights
from lacbed_gan.predict.trust import PredictionError

SILICON = ("Si", "F d -3 m:1", 5.431, [lg.Site("Si", (0.0, 0.0, 0.0))])


@pytest.fixture
def silicon():
    return lg.Crystal.from_sites(*SILICON)


def test_names_are_there_without_torch():
    program = "import time, sys; t = time.perf_counter(); import lacbed_gan as lg; names = dir(lg); "
    program += "lg.Crystal; took = time.perf_counter() - t; "
    program += "print(took, [n for n in ('torch', 'lightning', 'wandb', 'hydra') if n in sys.modules], sep='|')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    took, loaded = done.stdout.strip().split("|")
    assert json.loads(loaded.replace("'", '"')) == []
    assert float(took) < 3  # a second on an idle machine
    for name in lg.__all__:
        assert getattr(lg, name) is not None and name in dir(lg)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        lg.nothing  # noqa: B018


def test_predicting_imports_neither_lightning_nor_wandb(make_weights):
    program = (
        "import sys, lacbed_gan as lg; from lacbed_gan import predict; "
        f"network = lg.load({str(make_weights('forward'))!r}); "
        f"network.forward_pattern(lg.Crystal.from_sites('Si', 'F d -3 m:1', 5.4, [lg.Site('Si', (0, 0, 0))])); "
        "print([n for n in ('lightning', 'wandb', 'torchmetrics', 'matplotlib') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_forward_is_given_what_it_was_trained_with(make_weights, silicon):
    path = make_weights("forward")
    predictor = lg.load(path)
    assert (predictor.direction, predictor.thicknesses, predictor.size) == ("forward", (50.0, 200.0), 32)
    found = predictor.forward_pattern(silicon)
    assert found.shape == (2, 32, 32) and found.dtype == np.float32
    rho = lg.projected_potential(silicon, 32).numpy()
    image = torch.from_numpy(canonical(to_uint8(rho)[None])[0] / np.float32(255))
    z = (np.log([silicon.a, np.ptp(rho)]) - [1.8, 1.2]) / [0.3, 0.8]
    condition = torch.tensor([[*z, -0.5], [*z, 1.0]], dtype=torch.float32)
    with torch.inference_mode():
        expected = load_weights(path).predict(image.expand(2, 1, -1, -1), condition)[:, 0].numpy()
    assert np.allclose(found, expected, atol=1e-6) and not np.array_equal(found[0], found[1])
    assert np.allclose(predictor.forward_pattern(silicon, [200]), found[1:], atol=1e-5)
    with pytest.raises(PredictionError, match=r"thickness=75 nm: the network never saw it; it knows 50, 200 nm"):
        predictor.forward_pattern(silicon, [75])
    with pytest.raises(PredictionError, match="direction=forward, which takes crystals"):
        predictor.potential(found[0])


def test_a_run_s_checkpoint_predicts_as_its_weights_do(make_weights, tmp_path, silicon):
    trained = load_weights(make_weights("forward"))
    module = build_gan(trained.settings, LearningSettings(ema=0.5))
    module.generator.load_state_dict(trained.network.state_dict())
    module.average.load_state_dict(trained.network.state_dict())
    torch.save({"config": trained.config, "state_dict": module.state_dict()}, tmp_path / "last.ckpt")
    found, expected = (
        lg.load(tmp_path / name).forward_pattern(silicon) for name in ("last.ckpt", "forward.safetensors")
    )
    assert np.array_equal(found, expected)


def test_crystals_unlike_the_training_data_are_named(make_weights):
    predictor = lg.load(make_weights("forward"))
    name, group, _, sites = SILICON
    with pytest.warns(lg.TrustWarning, match=r"a \(Å\) is 25, 4\.7 standard deviations"):
        predictor.forward_pattern(lg.Crystal.from_sites(name, group, 25.0, sites))


def test_inverse_takes_a_pattern_and_a(make_weights):
    path = make_weights("inverse")
    predictor = lg.load(path, direction="inverse")
    pattern = symmetric_pattern()
    found = predictor.predict_potential(1000 * pattern, a=5.43)
    trained = load_weights(path)
    condition = torch.tensor([[(np.log(5.43) - 1.8) / 0.3]], dtype=torch.float32)
    with torch.inference_mode():
        shown = torch.from_numpy(found.pattern)[None]
        expected = trained.predict(shown, condition)[0, 0].numpy()
        span = np.exp(float(trained.span_head(shown, condition)) * 0.8 + 1.2)
    assert np.array_equal(found.pattern[0], np.rint(255 * pattern).astype(np.float32) / np.float32(255))
    assert np.array_equal(found.potential, expected) and found.span == pytest.approx(span)
    (line,) = found.warnings  # an untrained network
    assert line.startswith("few beams make another pattern") and found.check is None
    assert np.allclose(predictor.potential(pattern[None], a=5.43), found.potential, atol=1e-5)
    for message, arguments in [
        ("a=… is needed", {}),
        ("a=-1 is not a positive", {"a": -1}),
        ("never saw it; it knows 50 nm", {"a": 5.0, "thickness": 100}),
    ]:
        with pytest.raises(PredictionError, match=message):
            predictor.potential(pattern, **arguments)
    with pytest.raises(PredictionError, match="takes those at 50 nm together"):
        predictor.potential(np.stack([pattern, pattern]), a=5.0)
    with pytest.raises(PreparationError, match="flat"):
        predictor.potential(np.ones((32, 32)), a=5.0)
    with pytest.warns(lg.TrustWarning, match="not its own mirror image"):
        predictor.potential(np.random.default_rng(0).random((32, 32)), a=5.43)
    with pytest.warns(lg.TrustWarning, match="saturated"):
        predictor.potential(np.minimum(pattern, 0.7), a=5.43)


def test_the_physics_check_flags_what_is_not_right(make_weights):
    predictor = lg.load(make_weights("inverse"))
    found = predictor.predict_potential(symmetric_pattern(), a=4.0, check=True)
    assert found.check.flagged and found.check.residual > 0.01
    assert any("recomputed from ρ differs" in line for line in found.warnings)


def test_what_cannot_be_loaded_is_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="direction=sideways is not one of forward, inverse"):
        lg.load(direction="sideways")
    with pytest.raises(WeightsError, match="no such file"):
        lg.load(tmp_path / "gone.safetensors")
    (tmp_path / "last.ckpt").write_bytes(b"PK\x03\x04 not a checkpoint")
    with pytest.raises(WeightsError, match="not a checkpoint, or cut short"):
        lg.load(tmp_path / "last.ckpt")
    monkeypatch.setattr("lacbed_gan.models.shipped_weights.FOLDER", tmp_path)
    with pytest.raises(WeightsError, match="ships no weights for direction=inverse"):
        lg.load(direction="inverse")


def symmetric_pattern(size=32):
    k = (np.arange(size) - (size - 1) / 2) / size
    pattern = np.cos(9 * k[:, None] ** 2) * np.cos(20 * k**2) + np.hypot(k[:, None], k)
    return ((pattern - pattern.min()) / np.ptp(pattern)).astype(np.float32)
