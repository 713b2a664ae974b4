"""Reading a store: what comes back, and what is refused."""

import hashlib
import json
import os
import shutil

import numpy as np
import pytest

from lacbed_gan.store.store import Store, StoreError
from lacbed_gan.store.writer import StoreWriter

THICKNESS = (50, 100)
SETTINGS = {"method": "converged", "g_max": 4.25, "rho_sampling": "endpoints"}


def test_round_trip(tmp_path, some_crystals, write):
    write(tmp_path / "s", some_crystals)
    store = Store.open(tmp_path / "s")
    entries, potential, pattern, intensity = zip(*some_crystals, strict=True)
    assert store.index == list(entries)
    assert len(store) == len(entries) and store.size == 16
    assert store.thickness == THICKNESS and store.settings == SETTINGS
    np.testing.assert_array_equal(store.potential, potential)
    np.testing.assert_array_equal(store.pattern, pattern)
    np.testing.assert_array_equal(store.intensity, intensity)
    assert isinstance(store.potential, np.memmap)
    store.verify()


def test_plain_numpy_reads_the_arrays(tmp_path, some_crystals, write):
    write(tmp_path / "s", some_crystals, save_intensity=False)
    assert np.load(tmp_path / "s" / "pattern.npy", allow_pickle=False).shape == (30, 2, 16, 16)
    assert Store.open(tmp_path / "s").intensity is None


def test_checksum_identifies_the_data(make_store, tmp_path, some_crystals, write):
    store = make_store("a")
    assert make_store("b").checksum == store.checksum
    assert make_store("with-intensity", save_intensity=True).checksum == store.checksum
    changed = [(entry, 255 - potential, *rest) for entry, potential, *rest in some_crystals]
    write(tmp_path / "c", changed)
    assert Store.open(tmp_path / "c").checksum != store.checksum


def test_dark_field_patterns(tmp_path, some_crystals, contents):
    """Two reflections: shape, checksum, and what a cut leaves."""
    settings = SETTINGS | {"dark_field": [[1, 0], [2, 2]]}
    random = np.random.default_rng(0)
    dark = random.random((3, 2, 2, 16, 16), dtype=np.float32)
    for name in ("s", "cut"):
        for stop in (2, 3):
            with StoreWriter(tmp_path / name, 16, THICKNESS, settings) as writer:
                for i in range(len(writer.done), stop):
                    entry, potential, pattern, _ = some_crystals[i]
                    with pytest.raises(ValueError, match="dark_field is missing"):
                        writer.append(entry, potential, pattern)
                    writer.append(entry, potential, pattern, dark_field=dark[i])
                if stop == 3:
                    writer.finish()
            if name == "cut" and stop == 2:
                os.truncate(tmp_path / name / "dark_field.npy", 128 + dark[0].size + 5)
    assert contents(tmp_path / "s") == contents(tmp_path / "cut")
    store = Store.open(tmp_path / "s")
    assert store.dark_field.images.dtype == np.uint8 and store.meta["version"] == 2
    ends = np.stack([dark.min((-2, -1)), dark.max((-2, -1))], -1)
    np.testing.assert_array_equal(store.dark_field.range, ends)
    for row in range(3):
        np.testing.assert_allclose(store.dark_field.intensity(row), dark[row], atol=0.5 / 255 + 1e-6)
    store.verify()
    data = bytearray((tmp_path / "s" / "dark_field.npy").read_bytes())
    data[-1] ^= 1
    (tmp_path / "s" / "dark_field.npy").write_bytes(data)
    with pytest.raises(StoreError, match="dark_field differs"):
        Store.open(tmp_path / "s").verify()
    (tmp_path / "s" / "dark_field.npy").unlink()
    with pytest.raises(StoreError, match=r"dark_field.npy: missing"):
        Store.open(tmp_path / "s")


def test_dark_fields_of_an_older_store_are_brought_to_8_bit(tmp_path, some_crystals):
    """A store of version 1, which kept them as float32, is opened, verified and seen like one of today."""
    settings = SETTINGS | {"dark_field": [[1, 0], [2, 2]]}
    dark = np.random.default_rng(0).random((3, 2, 2, 16, 16), dtype=np.float32)
    dark[1, 0] = 0  # forbidden
    for name in ("new", "old"):
        with StoreWriter(tmp_path / name, 16, THICKNESS, settings) as writer:
            for i in range(3):
                entry, potential, pattern, _ = some_crystals[i]
                writer.append(entry, potential, pattern, dark_field=dark[i])
            writer.finish()
    new, old = Store.open(tmp_path / "new"), tmp_path / "old"
    np.save(old / "dark_field.npy", dark)
    (old / "dark_field_range.npy").unlink()
    sums = {name: value for name, value in new.meta["sha256"].items() if name != "dark_field_range"}
    edit_meta(old, version=1, sha256=sums | {"dark_field": hashlib.sha256(dark.tobytes()).hexdigest()})
    store = Store.open(old)
    store.verify()
    np.testing.assert_array_equal(store.dark_field.images, new.dark_field.images)
    np.testing.assert_array_equal(store.dark_field.range, new.dark_field.range)
    assert new.dark_field.forbidden.tolist() == [[False, False], [True, False], [False, False]]
    assert not new.dark_field.images[1, 0].any() and not new.dark_field.intensity(1)[0].any()


def edit_meta(folder, **changes):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | changes))


def cut_index(folder):
    lines = (folder / "index.jsonl").read_text().splitlines(keepends=True)
    (folder / "index.jsonl").write_text("".join(lines[:-1]))


def flip_index(folder):
    text = (folder / "index.jsonl").read_bytes()
    (folder / "index.jsonl").write_bytes(text.replace(b"crystal-3", b"crystal_3"))


def pickle_pattern(folder):
    np.save(folder / "pattern.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


def zip_potential(folder):
    with open(folder / "potential.npy", "wb") as file:
        np.savez(file, potential=np.zeros(3))


def cut_pattern(folder):
    data = (folder / "pattern.npy").read_bytes()
    (folder / "pattern.npy").write_bytes(data[:-1])


@pytest.mark.parametrize(
    ("damage", "names"),
    [
        (lambda f: (f / "pattern.npy").unlink(), "pattern.npy: missing"),
        (lambda f: (f / "index.jsonl").unlink(), "index.jsonl"),
        (lambda f: (f / "meta.json").unlink(), "not a store"),
        (shutil.rmtree, "no such store"),
        (lambda f: (f / "meta.json").write_text("{"), "not JSON"),
        (lambda f: (f / "meta.json").write_text("[]"), "does not describe"),
        (lambda f: (f / "meta.json").write_bytes(b"\xff\xfe"), "cannot be read"),
        (lambda f: edit_meta(f, version=3), "version 3, this program reads up to 2"),
        (lambda f: edit_meta(f, finished=False), "unfinished"),
        (lambda f: edit_meta(f, thickness=None), "thickness missing"),
        (lambda f: edit_meta(f, sha256={}), "sha256.index"),
        (lambda f: edit_meta(f, count=31), "shape"),
        (lambda f: np.save(f / "potential.npy", np.zeros((30, 8, 8), np.uint8)), "shape"),
        (lambda f: np.save(f / "potential.npy", np.zeros((30, 16, 16))), "float64"),
        (lambda f: (f / "potential.npy").write_bytes(b""), "potential.npy: cannot be read"),
        (cut_pattern, "pattern.npy: cannot be read"),
        (pickle_pattern, "pattern.npy: cannot be read"),
        (zip_potential, "not a NumPy array"),
        (cut_index, "29 lines for 30 crystals"),
        (flip_index, "checksum"),
    ],
)
def test_damaged_store_is_refused_in_one_line(make_store, tmp_path, damage, names):
    make_store("s")
    damage(tmp_path / "s")
    with pytest.raises(StoreError) as error:
        Store.open(tmp_path / "s")
    text = str(error.value)
    assert names in text and str(tmp_path / "s") in text and "\n" not in text


def test_flipped_byte_is_found_by_verify(make_store, tmp_path):
    make_store("s")
    with open(tmp_path / "s" / "pattern.npy", "r+b") as file:
        file.seek(1000)
        byte = file.read(1)[0]
        file.seek(1000)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(StoreError, match="pattern differs"):
        Store.open(tmp_path / "s").verify()
