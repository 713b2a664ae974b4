"""Measured patterns by the shipped network: what happens on the way to a file costs next to nothing, and is said."""

import dataclasses
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lacbed_gan.images.calibration import calibrate
from lacbed_gan.images.measured import Measured
from lacbed_gan.measures.origin import origin_r
from lacbed_gan.predict.loading import load
from lacbed_gan.predict.physics_check import PhysicsCheck
from lacbed_gan.store.packed import open_store
from lacbed_gan.store.recipe import Recipe

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "degradation"


@pytest.fixture(scope="module")
def network():
    return load(direction="inverse")


@pytest.fixture(scope="module")
def crystal(network):
    """Entry, ρ and clean image of a crystal of the shipped store that the network knows well."""
    store = open_store("bundled")
    row = next(row for row, entry in enumerate(store.index) if entry["formula"] == "NiO")
    time = store.thickness.index(network.thicknesses[0])
    return store.index[row], store.potential[row] / 255, store.pattern[row][time] / 255


def agreement(one, other):
    return float(origin_r(*(torch.as_tensor(np.ascontiguousarray(x))[None].float() for x in (one, other)))[0])


@pytest.fixture(scope="module")
def answer(network, crystal):
    entry, _, pattern = crystal
    return network.predict_potential(pattern, entry["a"])


def wide(pattern, by=20):
    """What a camera sees beyond the angles of the network: more of the same kind."""
    return np.pad(pattern, by, mode="reflect")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("off centre", lambda image, rng: wide(image)[12:152, 26:166]),
        ("hot pixel", lambda image, rng: np.where(np.arange(image.size).reshape(image.shape) == 5000, 30.0, image)),
        ("noise", lambda image, rng: rng.poisson(100 * image).astype(float)),
        ("background", lambda image, rng: image + np.linspace(0.1, 0.4, image.shape[1])),
        ("holes", lambda image, rng: np.where(rng.random(image.shape) < 0.02, np.nan, image)),
        ("signed", lambda image, rng: np.rint(200 * image - 100).astype(np.int8)),
    ],
)
def test_what_a_camera_adds(network, crystal, answer, name, make):
    """Half width and a are told, nothing else."""
    entry, _, pattern = crystal
    image = make(pattern, np.random.default_rng(0))
    half_width = network.recipe.half_width * image.shape[0] / len(pattern)
    prediction = network.predict_potential(image, entry["a"], half_width=half_width)
    assert agreement(prediction.potential, answer.potential) > 0.998
    assert not any("check" in line for line in prediction.warnings)  # it is not misaligned


def test_warnings_name_the_cause(network, crystal):
    entry, _, pattern = crystal
    random = np.random.default_rng(0)
    known = {"align": False, "half_width": network.recipe.half_width}
    for image, words in [
        (random.poisson(10 * pattern).astype(float), "it is noisy"),
        (pattern + np.linspace(0, 1, len(pattern)), "its background is brighter on one side"),
        (np.roll(pattern, 5, 1), "turned by 180° it is not the same either; check centre and zone axis"),
    ]:
        lines = network.predict_potential(image, entry["a"], **known).warnings
        assert any(words in line for line in lines), (words, lines)
    hot = pattern.copy()
    hot[50, 50] = 20
    assert "1 hot or dead pixel was left out" in network.predict_potential(hot, entry["a"], **known).warnings


def test_a_wrong_scale_is_noticed_where_the_training_data_tell(network, crystal):
    entry, _, pattern = crystal
    right = network.predict_potential(pattern, entry["a"], half_width=network.recipe.half_width)
    assert not any("angles" in line for line in right.warnings)
    wrong = network.predict_potential(pattern, entry["a"], half_width=1.25 * network.recipe.half_width)
    assert wrong.warnings


def test_what_the_training_data_would_rather_have_is_said(network, crystal):
    """Black for white, and axes along the diagonals."""
    entry, _, pattern = crystal
    lines = network.predict_potential(1 - pattern, entry["a"]).warnings
    assert any("check polarity=dark_high" in line for line in lines)
    lines = network.predict_potential(1 - pattern, entry["a"], polarity="dark_high").warnings
    assert not any("polarity" in line for line in lines)
    lines = network.predict_potential(pattern, entry["a"], rotation=45.0).warnings
    assert any("turned by 45° more" in line for line in lines)


def test_physics_decides_between_two_rotations_where_the_training_data_do_not(network, crystal, monkeypatch):
    """45° are left by symmetry; without familiarity and without a check both are named."""
    entry, _, pattern = crystal
    large = np.kron(wide(pattern, 40), np.ones((2, 2)))
    turned = np.asarray(Image.fromarray(large.astype(np.float32)).rotate(40, Image.Resampling.BICUBIC), dtype=float)
    turned = turned[80:-80, 80:-80]
    monkeypatch.setattr(network, "_distance", lambda inputs: None)
    prediction = network.predict_potential(turned, entry["a"], half_width=network.recipe.half_width)
    assert prediction.calibration.rotation == pytest.approx(-5, abs=0.3)
    assert any(re.search(r"a rotation of (39|40)\S*° as well as -[45]", line) for line in prediction.warnings)

    def check(potential, inputs, *arguments):
        residual = 0.5 - 0.5 * float(np.corrcoef(inputs[0].ravel(), pattern.ravel())[0, 1])
        return PhysicsCheck(residual, 0.0, 1.0, 0.0, 0.0)

    monkeypatch.setattr("lacbed_gan.predict.potentials.check_potential", check)
    prediction = network.predict_potential(turned, entry["a"], half_width=network.recipe.half_width, check=True)
    assert prediction.calibration.rotation == pytest.approx(40, abs=0.3)
    assert not any("as well as" in line for line in prediction.warnings)


def test_another_beam_is_said(network, crystal):
    entry, _, pattern = crystal
    lines = network.predict_potential(pattern, entry["a"], energy_kv=300.0).warnings
    assert any("the beam has 300 kV, the network knows patterns at 200 kV" in line for line in lines)


def test_python_and_the_command_prepare_alike(network, crystal):
    """Of a calibration put together from a file, and of words."""
    entry, _, pattern = crystal
    image = wide(pattern)[12:152, 26:166]
    half_width = network.recipe.half_width * 140 / 128
    known = calibrate(Measured(image[None]), 200.0, 7.266, a=entry["a"], half_width=half_width)
    one = network.predict_potential(image, calibration=known)
    other = network.predict_potential(image, entry["a"], half_width=half_width)
    assert np.array_equal(one.pattern, other.pattern) and np.array_equal(one.potential, other.potential)
    assert one.calibration == other.calibration and one.calibration.source["centre"] == "pattern"


# Where the line on the screen says what each field of the recipe is for a pattern to predict from.
SAID = {
    "size": "i/{size}",
    "thickness": "{thickness[0]:g} nm thick (assumed)",
    "method": "{method}",
    "g_max": "beams ",
    "energy_kv": "{energy_kv:g} kV (assumed)",
    "half_width": "±{half_width:.4g} /a (assumed)",
    "felix_ranks": None,  # of pairs made by FELIX; the recipe in the JSON has it
    "dark_field": None,  # no part of a prediction
    "b_iso_default": "where none is given",
    "rho_g_max": "ρ to {rho_g_max:g} 1/Å",
    "rho_sampling": "r = i/",
    "absorption": "absorption",
    "absorption_ratio": "absorption",
    "zone": "zone axis [001]",
    "x_axis": "k_x along [100] (assumed)",
    "window_unit": "/a (assumed)",
}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Recipe)])
def test_nothing_is_assumed_in_silence(answer, field):
    recipe, line = answer.recipe, answer.assumptions
    assert "\n" not in line and "zone axis [001]" in line and "white is high (assumed)" in line
    assert field in SAID, "a new field of the recipe: say it in the line of assumptions"
    if SAID[field]:
        assert SAID[field].format(**{f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe)}) in line
    assert field in recipe.to_json() or SAID[field]  # absorption, zone and window only where there is some


def test_the_table_of_degradation_is_made_by_its_command(network, crystal, answer, monkeypatch):
    """One crystal of the experiment, all disturbances together."""
    monkeypatch.syspath_prepend(str(EXPERIMENT))
    import disturbances

    entry, _, _ = crystal
    clean = disturbances.clean_image(open_store("bundled"), entry["id"], network.thicknesses[0], g_max=2.5)
    image = disturbances.ALONE["all together"](clean, np.random.default_rng(0))
    assert image.shape == (disturbances.SIZE,) * 2
    prediction = network.predict_potential(image, entry["a"], half_width=disturbances.HALF_WIDTH)
    assert agreement(prediction.potential, answer.potential) > 0.99
    known = prediction.calibration
    assert known.rotation == pytest.approx(disturbances.TURN, abs=0.3)
    assert known.centre == pytest.approx((63.5 + disturbances.DOWN, 63.5 + disturbances.RIGHT), abs=0.4)
    assert known.aperture is not None
    sys.modules.pop("disturbances")
