"""Stores, weights and runs that commit a7113ce wrote, in tests/data/before, are read as what they were."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from lacbed_gan.crystal.vibration import DrawnB
from lacbed_gan.models.checkpoints import read_checkpoint
from lacbed_gan.models.migrations import migrated, migrated_names, migrated_settings
from lacbed_gan.models.settings import NetworkSettings
from lacbed_gan.models.weights import load_weights, save_weights
from lacbed_gan.predict.loading import load
from lacbed_gan.report.collect import collect_runs, grouped
from lacbed_gan.report.predicted import predict_cases
from lacbed_gan.store.recipe import Recipe
from lacbed_gan.store.store import Store

BEFORE = Path(__file__).parents[1] / "data" / "before"
RUNS = {path.name.partition("-")[0]: path for path in sorted(BEFORE.glob("*-fold*"))}
NAMES = {"forward": ("log_a", "log_span"), "inverse": ("log_a",)}
THICKNESS = {"forward": (50.0, 100.0), "inverse": (50.0,)}


@pytest.mark.parametrize("direction", RUNS)
@pytest.mark.parametrize("file", ["last.ckpt", "weights.safetensors"])
def test_networks_answer_as_they_did(tmp_path, direction, file):
    trained = load_weights(RUNS[direction] / file)
    random = torch.Generator().manual_seed(0)
    image = torch.rand(2, 1, 16, 16, generator=random)
    condition = torch.randn(2, trained.settings.conditions, generator=random)
    expected = torch.from_numpy(np.load(RUNS[direction] / "answer.npy"))
    with torch.inference_mode():
        torch.testing.assert_close(trained.predict(image, condition), expected)
        save_weights(tmp_path / "w", trained)  # as this version writes it
        torch.testing.assert_close(load_weights(tmp_path / "w").predict(image, condition), expected)
    assert trained.settings.condition == NAMES[direction] and trained.settings.thickness == THICKNESS[direction]
    assert trained.recipe == Recipe(128, THICKNESS[direction])
    data = read_checkpoint(RUNS[direction] / "last.ckpt")["config"]["data"]
    for name, mean, std in zip(NAMES[direction], data["condition_mean"], data["condition_std"], strict=True):
        assert trained.standardisation[name] == (mean, std)
    assert len(trained.familiar.features) == 26


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The working directory, with a copy: what follows from a store is kept beside it."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(BEFORE, tmp_path, dirs_exist_ok=True))


def test_runs_are_reported_and_predict_again(copy):
    runs, left_out = collect_runs(copy)
    assert left_out == {} and [run.thickness for run in runs] == [50.0, 100.0, 50.0]
    groups, left_out = grouped(runs)
    assert left_out == {} and sum(len(group.runs) for group in groups) == 3
    for run in runs:
        (row, *_) = run.of("test")
        case = predict_cases({"case": (run, row["id"])})["case"]
        assert case.mse == pytest.approx(float(row["mse"]), rel=1e-4)


def test_a_store_is_the_same_data(copy):
    store = Store.open(copy / "store")
    store.verify()
    assert store.checksum == read_checkpoint(RUNS["forward"] / "last.ckpt")["config"]["data"]["checksum"]
    assert len(store) == 30 and (store.recipe.size, store.recipe.thickness) == (16, (50.0, 100.0))


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_shipped_networks_are_of_the_default_recipe(direction):
    predictor = load(direction=direction)
    assert predictor.recipe == Recipe(128, (50, 100, 150, 200), g_max=3.0, b_iso_default=DrawnB(0.2, 1.2))
    assert predictor.direction == direction and predictor.needs_a


def old_settings(**model):
    settings = yaml.safe_load((RUNS["forward"] / "config.yaml").read_text())
    settings["model"] |= model
    return settings


def test_every_step_of_the_settings():
    settings = migrated_settings(old_settings() | {"thickness": 50})
    assert settings["thickness"] == [50]
    assert settings["condition"] == settings["model"]["condition"] == ["log_a", "log_span"]
    assert settings["model"]["loss_weights"] == {
        "adversarial": 1,
        "feature_matching": 0.0,
        "l1": 0.0,
        "l2": 100.0,
        "span": 0.0,
    }
    assert {"weights", "periodic"}.isdisjoint(settings["model"]) and "periodic" not in settings["model"]["generator"]
    assert NetworkSettings.of_run(settings).model.loss_weights.adversarial == 1
    unet = migrated_settings(old_settings(generator={"name": "global_unet", "filters": 8}))
    assert unet["model"]["generator"] == {"name": "global_unet", "filters": 8, "periodic": True}


def test_steps_leave_what_is_of_today_and_what_they_are_given():
    before = {"settings": old_settings(), "data": {"condition_mean": [1.0, 2.0], "condition_std": [3.0, 4.0]}}
    text = json.dumps(before)
    today = migrated(before)
    assert json.dumps(before) == text and migrated(today) == today
    assert today["data"]["standardisation"] == {"log_a": [1.0, 3.0], "log_span": [2.0, 4.0]}


def test_networks_of_the_published_images_are_of_their_recipe():
    settings = old_settings() | {"data": {"name": "kaggle", "group": "formula"}, "condition": "none", "size": 64}
    data = {"condition_mean": None, "condition_std": None, "scale_mean": None, "scale_std": None}
    today = migrated({"settings": settings, "data": data})
    recipe = Recipe.from_json(today["data"]["recipe"])
    assert (recipe.method, recipe.rho_sampling, recipe.size) == ("published", "endpoints", 128)
    assert today["data"]["standardisation"] == {}


def test_the_range_of_the_potential_is_standardised_by_its_name():
    settings = old_settings() | {"direction": "inverse", "condition": "cell"}
    data = {"condition_mean": [1.0], "condition_std": [2.0], "scale_mean": [3.0], "scale_std": [4.0]}
    today = migrated({"settings": settings, "data": data})
    assert today["data"]["standardisation"] == {"log_a": [1.0, 2.0], "log_span": [3.0, 4.0]}


@pytest.mark.parametrize("part", ["network", "average"])
def test_a_flow_without_a_regression_is_refused(part):
    names = [f"{part}.{name}.weight" for name in ("first", "time", "regression")]
    assert list(migrated_names(dict.fromkeys(names))) == names
    with pytest.raises(ValueError, match=r"no errors of a regression.*train model=flow again"):
        migrated_names(dict.fromkeys(names[:2]))
