"""Measured patterns as batches: by seed and epoch, at every thickness, with absorption where there are such pairs."""

import numpy as np
import pytest
import torch

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.data.disturbances import ABSORBED, TOLD, column
from lacbed_gan.data.references import familiarity
from lacbed_gan.store.writer import StoreWriter


@pytest.fixture
def module(make_store, tmp_path):
    """module(…) → a set-up data module of measured patterns, 30 crystals at 16 × 16 and two thicknesses."""
    make_store("s")

    def make(**arguments):
        defaults = {"direction": "inverse", "thickness": "all", "fold": 3, "batch_size": 64, "measured": True}
        made = PairDataModule(tmp_path / "s", **(defaults | arguments))
        made.setup()
        return made

    return make


def absorbing_store(folder, crystals, **settings):
    """A store of white patterns, said to be of some of the crystals with absorption."""
    values = {"rho_sampling": "endpoints", "g_max": 4.25, "absorption": "tds"} | settings
    with StoreWriter(folder, 16, (50, 100), values) as writer:
        for entry, potential, pattern, _ in crystals:
            writer.append(entry, potential, 255 - pattern)
        writer.finish()
    return folder


def batch_of(data, epoch):
    loader = data.train_dataloader()
    loader.batch_sampler.set_epoch(epoch)
    return next(iter(loader))


def test_training_patterns_follow_from_seed_and_epoch(module):
    first, again, later, other = (
        batch_of(module(seed=seed), epoch) for seed, epoch in ((0, 1), (0, 1), (0, 2), (1, 1))
    )
    assert torch.equal(first["input"], again["input"]) and torch.equal(first["condition"], again["condition"])
    assert not torch.equal(first["condition"], later["condition"])
    assert not torch.equal(first["condition"], other["condition"])


def test_an_item_is_a_crystal_at_one_thickness(module):
    data = module()
    batch = next(iter(data.test_dataloader()))
    assert len(batch["index"]) == 2 * len(data.test_rows) and batch["input"].shape[1:] == (1, 16, 16)
    assert batch["time"].tolist() == [0, 1] * len(data.test_rows) and data.by_thickness
    thickness, told, reach = batch["condition"].T
    assert set(told.tolist()) <= {0.0, 1.0} and ((reach > 0) & (reach <= 1)).all()
    nm = torch.tensor([50.0, 100.0])[batch["time"]]
    torch.testing.assert_close(thickness, torch.where(told == 1, nm / 100 - 1, 0.0))
    potential = torch.from_numpy(data.store.potential[batch["index"].numpy()]).float() / 255
    assert torch.equal(batch["target"][:, 0], potential)
    assert torch.equal(batch["input"], next(iter(data.test_dataloader()))["input"])  # always the same ones


def test_about_half_are_told_their_thickness(module):
    told = torch.cat([batch_of(module(), epoch)["condition"][:, 1] for epoch in range(4)])
    assert abs(float(told.mean()) - TOLD) < 0.15


def test_patterns_with_absorption_stand_in_for_half_where_there_are_some(module, tmp_path, some_crystals):
    store = absorbing_store(tmp_path / "a", list(some_crystals)[:10])
    data, plain = module(absorbing=store), module()
    batch, without = (next(iter(one.test_dataloader())) for one in (data, plain))
    has = torch.tensor([int(data.store.index[row]["id"].split("-")[1]) < 10 for row in batch["index"]])
    items = 2 * batch["index"] + batch["time"]
    taken = has & (column(data.dataset(data.test_rows).measuring.numbers(items), "absorbed") < ABSORBED)
    differs = (batch["input"] != without["input"]).flatten(1).any(1)
    assert torch.equal(differs, taken) and taken.any() and (has & ~taken).any()


def test_pairs_that_cannot_stand_in_are_refused(module, tmp_path, some_crystals):
    crystals = list(some_crystals)[:2]
    for name, settings, message in (
        ("none", {"absorption": "none"}, "has no absorption"),
        ("angles", {"half_width": 5.0}, "has other angles"),
    ):
        with pytest.raises(SettingsError, match=message):
            module(absorbing=absorbing_store(tmp_path / name, crystals, **settings))
    strangers = [(entry | {"id": f"other-{entry['id']}"}, *images) for entry, *images in crystals]
    with pytest.raises(SettingsError, match="no crystal in common"):
        module(absorbing=absorbing_store(tmp_path / "strangers", strangers))
    with pytest.raises(SettingsError, match="direction=inverse"):
        module(direction="forward")


def test_one_thickness_stays_one(module):
    data = module(thickness=100)
    batch = data.batch(np.array([4, 7]))
    assert batch["index"].tolist() == [4, 7] and not data.by_thickness and familiarity(data) is None
