import numpy as np
import pytest

from lacbed_gan.store import packed
from lacbed_gan.store.packed import open_packed, open_store, pack
from lacbed_gan.store.store import StoreError


def test_round_trip_of_every_symmetry(make_store, tmp_path):
    """A third each of 4mm, 2mm and patterns without symmetry."""
    store = make_store()
    pack(store, tmp_path / "packed.zip")
    opened = open_packed(tmp_path / "packed.zip")
    assert {packed._symmetry(p) for p in store.pattern} == {"4mm", "2mm", "1"}
    np.testing.assert_array_equal(opened.potential, store.potential)
    np.testing.assert_array_equal(opened.pattern, store.pattern)
    assert opened.index == store.index
    assert opened.thickness == store.thickness and opened.settings == store.settings
    assert opened.checksum == store.checksum
    opened.verify()


def test_intensities_stay_behind(make_store, tmp_path):
    store = make_store(save_intensity=True)
    pack(store, tmp_path / "packed.zip")
    opened = open_packed(tmp_path / "packed.zip")
    assert opened.intensity is None and not opened.meta["intensity"]
    assert opened.checksum == store.checksum
    pack(opened, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "packed.zip").read_bytes()


def test_odd_size_is_kept_whole(make_store, tmp_path):
    store = make_store(size=15)
    pack(store, tmp_path / "packed.zip")
    np.testing.assert_array_equal(open_packed(tmp_path / "packed.zip").pattern, store.pattern)


def test_only_one_part_of_a_symmetric_pattern_is_stored():
    patterns = np.zeros((1, 4, 128, 128), dtype=np.uint8)
    assert packed.SYMMETRIES["4mm"][0](patterns).shape == (1, 4, 2080)
    assert packed.SYMMETRIES["2mm"][0](patterns).shape == (1, 4, 64, 64)
    patterns[0, 3, 0, 0] = 1  # one pixel off
    assert packed._symmetry(patterns[0]) == "1"


def test_damaged_data_is_not_packed(make_store, tmp_path):
    make_store("s")
    with open(tmp_path / "s" / "potential.npy", "r+b") as file:
        file.seek(-1, 2)
        byte = file.read(1)[0]
        file.seek(-1, 2)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(StoreError, match="potential differs"):
        pack(open_store(tmp_path / "s"), tmp_path / "packed.zip")
    assert not (tmp_path / "packed.zip").exists()


def test_open_store_takes_folder_file_and_name(make_store, tmp_path, monkeypatch):
    store = make_store("s")
    pack(store, tmp_path / "packed.zip")
    monkeypatch.setattr(packed, "BUNDLED", tmp_path / "packed.zip")
    for source in (tmp_path / "s", str(tmp_path / "s"), tmp_path / "packed.zip", "bundled"):
        assert open_store(source).checksum == store.checksum
    monkeypatch.setattr(packed, "BUNDLED", tmp_path / "absent.zip")
    with pytest.raises(StoreError, match="ships no store"):
        open_store("bundled")
    with pytest.raises(StoreError, match="no such store"):
        open_store(tmp_path / "nowhere")


def test_any_damaged_byte_is_one_line(make_store, tmp_path):
    pack(make_store(count=12), tmp_path / "packed.zip")
    data = (tmp_path / "packed.zip").read_bytes()
    original = open_packed(tmp_path / "packed.zip")
    random = np.random.default_rng(0)
    refused = 0
    for trial in range(150):
        changed = bytearray(data)
        if trial % 3:
            changed[random.integers(len(data))] ^= 1 << random.integers(8)
        else:
            del changed[random.integers(len(data)) :]
        (tmp_path / "damaged.zip").write_bytes(changed)
        try:
            store = open_packed(tmp_path / "damaged.zip")
            assert store.index is not store.pattern  # expanded
        except StoreError as error:
            refused += 1
            assert "\n" not in str(error) and "damaged.zip" in str(error)
        else:  # a byte of the archive that carries no data, such as a date
            np.testing.assert_array_equal(store.pattern, original.pattern)
            np.testing.assert_array_equal(store.potential, original.potential)
            assert store.index == original.index and dict(store.meta) == dict(original.meta)
    assert refused > 100
