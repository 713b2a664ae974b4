"""Dark fields of a store as channels of the inverse network's input."""

import numpy as np
import pytest
import torch

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.data.reading import forbidden_lines
from lacbed_gan.store.store import Store
from lacbed_gan.store.writer import StoreWriter

REFLECTIONS = [[2, 0], [1, 1]]
EMPTY = 7  # crystals in which 1 1 0 is forbidden


@pytest.fixture
def store(tmp_path, some_crystals):
    """30 crystals with random dark fields of two reflections at two thicknesses."""
    random = np.random.default_rng(3)
    with StoreWriter(tmp_path / "d", 16, (50, 100), {"rho_sampling": "endpoints", "dark_field": REFLECTIONS}) as writer:
        for i, (entry, potential, pattern, _) in enumerate(some_crystals):
            dark = 0.3 * random.random((2, 2, 16, 16), dtype=np.float32)
            dark[1] *= i >= EMPTY
            writer.append(entry, potential, pattern, dark_field=dark)
        writer.finish()
    return Store.open(tmp_path / "d")


def module(store, **arguments):
    made = PairDataModule(store, **{"direction": "inverse", "thickness": "all", "fold": 3, "batch_size": 4} | arguments)
    made.setup()
    return made


def test_they_follow_the_bright_fields_thickness_by_thickness(store):
    data = module(store, reflections=[[1, 1, 0], [2, 0, 0]])
    rows = np.array([3, 11])
    found = data.batch(rows)["input"].numpy()
    assert found.shape == (2, 6, 16, 16)
    np.testing.assert_array_equal((255 * found[:, :2]).round(), store.pattern[rows])
    for row, series in zip(rows, found, strict=True):
        images, ends = store.dark_field.images[row] / 255, store.dark_field.range[row]
        for time in (0, 1):  # the strongest of that thickness to 1, others to the root of their share
            span = np.diff(ends[[1, 0], time])[..., None]
            expected = images[[1, 0], time] * np.sqrt(span / span.max())
            np.testing.assert_allclose(series[2 + 2 * time : 4 + 2 * time], expected, atol=1e-5)
    assert not found[0, [2, 4]].any() and found[1, [2, 4]].any()


def test_measured_patterns_have_those_of_their_thickness(store):
    data = module(store, reflections=[[1, 1]], measured=True)
    batch = data.batch(np.arange(30), 100)
    assert batch["input"].shape == (30, 2, 16, 16) and (batch["time"] == 1).all()
    assert not batch["input"][:EMPTY, 1].any() and batch["input"][EMPTY:, 1].any()
    assert torch.equal(batch["input"], data.batch(np.arange(30), 100)["input"])
    bright = module(store, measured=True).batch(np.arange(30), 100)["input"]
    torch.testing.assert_close(batch["input"][:, :1].mean((-2, -1)), bright.mean((-2, -1)), atol=0.1, rtol=0)


def test_it_is_said_which_are_forbidden(store):
    (line,) = forbidden_lines(store, [(1, 1), (2, 0)])
    assert line == f"reflection 1 1 0 is forbidden in {EMPTY} of 30 crystals, whose channel is empty"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reflections": [[3, 1]]}, "has no dark field of 3 1 0; it has 2 0 0, 1 1 0"),
        ({"reflections": [[2, 0]], "direction": "forward"}, "direction=inverse"),
        ({"reflections": [[2, 0]], "point_group": True, "origin": "given"}, "augment.point_group=false"),
    ],
)
def test_what_there_is_not_is_refused(store, arguments, message):
    with pytest.raises(SettingsError, match=message):
        module(store, **arguments)


def test_a_store_without_dark_fields_is_refused(make_store):
    with pytest.raises(SettingsError, match="keeps no dark fields"):
        module(make_store("plain"), reflections=[[2, 0]])
