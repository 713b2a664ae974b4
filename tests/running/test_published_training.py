"""Training on the published images: their folds, the numbers of a store, and settings that do not fit."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from kaggle_layout import (
    THICKNESS,
    as_grey,
    as_inverted,
    as_inverted_rgba,
    as_rgb,
    write_folds,
    write_images,
    write_metadata,
)
from run_folders import undrawn

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands import choices, train
from lacbed_gan.commands.config import composed
from lacbed_gan.data.folds import assign_folds
from lacbed_gan.data.sources import open_pairs
from lacbed_gan.models.checkpoints import read_checkpoint
from lacbed_gan.running.folder import run_name
from lacbed_gan.store.store import StoreError
from lacbed_gan.store.writer import StoreWriter


def settings(image_root, tmp_path, **given):
    """Settings of the group data, as plain values."""
    names = ("folds", "metadata", "polarity", "colormap")
    default = dict.fromkeys(names) | {"name": "kaggle", "group": "formula", "skip_bad": False}
    return default | {"root": str(image_root), "cache": str(tmp_path / "stores")} | given


def test_folds_are_those_of_the_lists(tmp_path, shipped, image_root):
    codes = [entry["id"] for entry, _, _ in shipped[::4]]
    folds = write_folds(tmp_path / "folds", [*codes[::-1], "12"], [*range(9, -1, -1), 3], train=True)
    with pytest.raises(StoreError, match=r"1 code \(12\) of the folds .* without images; data.skip_bad=true"):
        open_pairs("bundled", settings(image_root, tmp_path, folds=str(folds)))
    found = open_pairs("bundled", settings(image_root, tmp_path, folds=str(folds), skip_bad=True))
    assert found.fold_of.tolist() == list(range(10)) and found.grouped_by == "lists"
    assert found.lines[1:] == [f"left out: 1 code (12) of the folds {folds} without images"]
    shutil.copytree(image_root / codes[0], image_root / "12")
    shutil.copytree(image_root / codes[0], image_root / "13")
    with pytest.raises(StoreError, match=r"^1 crystal \(13\) in none of the folds"):
        open_pairs("bundled", settings(image_root, tmp_path, folds=str(folds)))
    found = open_pairs("bundled", settings(image_root, tmp_path, folds=str(folds), skip_bad=True))
    assert found.fold_of.tolist() == [3, -1, *range(10)]


def test_folds_without_lists(tmp_path, shipped, image_root):
    entries = [entry for entry, _, _ in shipped[::4]]
    found = open_pairs("bundled", settings(image_root, tmp_path))
    assert sorted(found.fold_of.tolist()) == list(range(10)) and found.grouped_by == "formula"
    metadata = write_metadata(tmp_path / "m.csv", entries)
    found = open_pairs("bundled", settings(image_root, tmp_path, metadata=str(metadata)))
    np.testing.assert_array_equal(found.fold_of, assign_folds([entry["formula"] for entry in entries]))
    with pytest.raises(StoreError, match=r"data.group=prototype needs data.metadata"):
        open_pairs("bundled", settings(image_root, tmp_path, group="prototype"))
    with pytest.raises(StoreError, match=r"groups for 10 folds with data.group=prototype; take more crystals"):
        open_pairs("bundled", settings(image_root, tmp_path, group="prototype", metadata=str(metadata)))
    with pytest.raises(StoreError, match=r"data=kaggle needs data.root"):
        open_pairs("bundled", settings(image_root, tmp_path) | {"root": None})


def trained(words):
    config = composed("train", [*words, "experiment=smoke", "trainer=cpu", "thickness=100", "fold=4", "epochs=1"])
    train.check(config)
    with undrawn():
        train.train(config)
    folder = f"runs/{run_name(config.plain())}"
    with open(f"{folder}/summary.json") as summary, open(f"{folder}/metrics.csv") as metrics:
        measured = {key: value for key, value in json.load(summary).items() if key != "seconds"}
        return measured, metrics.read(), read_checkpoint(f"{folder}/last.ckpt")["state_dict"], f"{folder}/config.yaml"


@pytest.mark.parametrize(
    ("direction", "ways"),
    [
        ("forward", [(as_grey, as_grey), (as_inverted, as_rgb), (as_rgb, as_inverted_rgba)]),
        ("inverse", [(as_inverted_rgba, as_inverted)]),
    ],
)
def test_training_on_images_gives_the_numbers_of_the_store(tmp_path, shipped, monkeypatch, capsys, direction, ways):
    """Bit for bit, and so do inverted and RGB or RGBA versions of them."""
    monkeypatch.chdir(tmp_path)
    choices.say.cache_clear()
    with StoreWriter("reference", 32, THICKNESS, {"rho_sampling": "endpoints"}) as writer:
        for pair in shipped:
            writer.append(*pair)
        writer.finish()
    entries = [entry for entry, _, _ in shipped]
    write_folds(tmp_path / "folds", [e["id"] for e in entries], assign_folds([e["formula"] for e in entries]))
    write_metadata(tmp_path / "metadata.csv", entries)
    expected = trained(["store=reference", "condition=none", f"direction={direction}"])
    capsys.readouterr()
    for potential_as, pattern_as in ways:
        image_root = f"{potential_as.__name__}-{pattern_as.__name__}"
        write_images(tmp_path / image_root, shipped, potential_as, pattern_as)
        tables = ["data.metadata=metadata.csv", "data.folds=folds"]
        result = trained(["data=kaggle", f"data.root={image_root}", *tables, f"direction={direction}"])
        assert result[:2] == expected[:2]
        assert all(torch.equal(value, result[2][name]) for name, value in expected[2].items())
        with open(result[3]) as config:
            assert re.search(r"condition: \[\]\n.*group: lists\n", config.read(), re.DOTALL)
        printed = capsys.readouterr().out
        assert printed.count(f"{image_root}: 40 crystals, 120 images of 32 × 32; ") == 1
    assert len(list((tmp_path / "stores").glob("*/meta.json"))) == len(ways)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "data=kaggle needs data.root"),
        (["store=mine"], "store=mine is not read with data=kaggle, leave one of them out"),
        (["condition=scale"], "condition=scale needs the range of ρ, which data=kaggle does not tell"),
        (["data.polarity=dark"], "data.polarity=dark is not one of null, dark_high, bright_high"),
        (["data.colormap=gray"], "data.colormap=gray is not one of null, greys"),
        (["data.group=element"], "data.group=element is not one of formula, prototype"),
        (["data.root=5"], "5: No such file or directory; data.root is the folder of the images"),
        (["data.folds=a", "data.group=prototype"], "data.group=prototype makes its own folds; leave out data.folds"),
        (["data.root=none"], "none: No such file or directory; data.root is the folder of the images"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as error:
        train.check(composed("train", ["data=kaggle", *words]))
    assert message in str(error.value) and "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_settings_of_kaggle_need_data_kaggle():
    with pytest.raises(SettingsError, match=r"unknown key 'data.root'; keys of data are name, group"):
        composed("train", ["data.root=images"])


def test_the_condition_becomes_none_and_is_said(image_root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    choices.say.cache_clear()
    resolved, _ = choices.prepare(
        composed("train", ["data=kaggle", f"data.root={image_root}"]),
        open_pairs("bundled", settings(image_root, tmp_path)),
    )
    assert resolved.condition == ()
    assert "condition=none: the model's file says log_a, log_span" in capsys.readouterr().out
