"""What is kept beside a store is taken again, of this store and no other, and may be gone or damaged at any time."""

import os

import numpy as np
import pytest

from lacbed_gan.store.cache import kept, verify_once
from lacbed_gan.store.packed import open_packed, pack
from lacbed_gan.store.store import Store, StoreError


class Counted:
    """A calculation that knows how often it was done."""

    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1
        return np.arange(5) + self.times


@pytest.fixture
def compute():
    return Counted()


@pytest.fixture
def user_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    return tmp_path / "user" / "lacbed_gan"


def test_computed_once_for_what_decides(make_store, tmp_path, compute):
    store = make_store("s")
    first = kept(store, "numbers", ["forward", 3], compute)
    again = kept(Store.open(tmp_path / "s"), "numbers", ["forward", 3], compute)
    assert compute.times == 1 and np.array_equal(first, again)
    kept(store, "numbers", ["forward", 4], compute)
    kept(store, "others", ["forward", 3], compute)
    assert compute.times == 3
    assert [path.name.partition("-")[0] for path in sorted((tmp_path / "s" / "cache").iterdir())] == [
        "numbers",
        "numbers",
        "others",
    ]


def test_those_of_another_store_are_not_taken(make_store, tmp_path, compute):
    kept(make_store("s"), "numbers", [], compute)
    other = make_store("other", count=20)
    (tmp_path / "s" / "cache").rename(tmp_path / "other" / "cache")
    kept(other, "numbers", [], compute)
    assert compute.times == 2


def test_damaged_or_deleted_it_is_computed_again(make_store, compute):
    store = make_store("s")
    kept(store, "numbers", [], compute)
    (file,) = store.files[0].parent.glob("cache/*")
    file.write_bytes(file.read_bytes()[:100])
    assert kept(store, "numbers", [], compute)[0] == 2
    file.unlink()
    assert kept(store, "numbers", [], compute)[0] == 3 and file.exists()


def test_of_a_packed_store_it_is_the_users(make_store, tmp_path, compute, user_cache):
    pack(make_store("s"), tmp_path / "packed.zip")
    before = set(tmp_path.iterdir())
    store = open_packed(tmp_path / "packed.zip")
    for _ in range(2):
        kept(store, "numbers", [], compute)
    assert compute.times == 1 and set(tmp_path.iterdir()) - before == {user_cache.parent}
    assert len(list(user_cache.glob("*/numbers-*.npy"))) == 1


def test_where_nothing_can_be_written_it_is_computed(make_store, compute, user_cache):
    store = make_store("s")
    (store.files[0].parent / "cache").write_text("no folder")
    user_cache.parent.write_text("none either")
    assert [kept(store, "numbers", [], compute)[0] for _ in range(2)] == [1, 2]


def test_arrays_are_read_once_until_they_change(make_store, tmp_path, monkeypatch):
    store = make_store("s")
    verify_once(store)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "verify", lambda self: pytest.fail("read again"))
        verify_once(Store.open(tmp_path / "s"))
    path = tmp_path / "s" / "pattern.npy"
    times, data = os.stat(path), path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as some programs do
    for _ in range(2):
        with pytest.raises(StoreError, match="pattern differs"):
            verify_once(Store.open(tmp_path / "s"))


def test_opening_a_packed_store_expands_nothing(make_store, tmp_path, monkeypatch):
    store = make_store("s")
    pack(store, tmp_path / "packed.zip")
    monkeypatch.setattr("lacbed_gan.store.packed._read_npy", lambda *_: pytest.fail("expanded"))
    described = open_packed(tmp_path / "packed.zip")
    assert (described.index, described.recipe, described.checksum) == (store.index, store.recipe, store.checksum)
