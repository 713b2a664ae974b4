import json
import shutil

import numpy as np
import pytest

from lacbed_gan.data.store import Store, StoreError, scale_to_uint8
from lacbed_gan.data.store_writer import StoreWriter

THICKNESS = (50, 100)
SETTINGS = {"method": "converged", "g_max": 4.25}


def write(folder, crystals, save_intensity=True):
    with StoreWriter(folder, 16, THICKNESS, SETTINGS, save_intensity) as writer:
        for entry, potential, pattern, intensity in crystals:
            if entry["id"] not in writer.done:
                writer.append(entry, potential, pattern, intensity if save_intensity else None)
        writer.finish()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_scaling_spans_0_to_255_and_rounds_to_nearest():
    images = np.array([[[-1.0, 0.0], [1.0, 3.0]], [[7.0, 7.0], [7.0, 7.0]], [[0.0, 2.49], [2.51, 255.0]]])
    scaled = scale_to_uint8(images)
    assert scaled.dtype == np.uint8
    assert scaled.tolist() == [[[0, 64], [128, 255]], [[0, 0], [0, 0]], [[0, 2], [3, 255]]]
    with pytest.raises(ValueError, match="finite"):
        scale_to_uint8(np.array([[0.0, np.nan]]))


def test_round_trip(tmp_path, some_crystals):
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


def test_plain_numpy_reads_the_arrays(tmp_path, some_crystals):
    write(tmp_path / "s", some_crystals, save_intensity=False)
    assert np.load(tmp_path / "s" / "pattern.npy", allow_pickle=False).shape == (30, 2, 16, 16)
    assert Store.open(tmp_path / "s").intensity is None


def test_checksum_identifies_the_data(make_store, tmp_path, some_crystals):
    store = make_store("a")
    assert make_store("b").checksum == store.checksum
    assert make_store("with-intensity", save_intensity=True).checksum == store.checksum
    changed = [(entry, 255 - potential, *rest) for entry, potential, *rest in some_crystals]
    write(tmp_path / "c", changed)
    assert Store.open(tmp_path / "c").checksum != store.checksum


def test_cut_at_any_byte_and_continued_gives_the_same_bytes(tmp_path, some_crystals):
    """What a kill leaves: records whole or in part in some files and not in others, meta.json unfinished."""
    crystals = some_crystals[:4]
    write(tmp_path / "whole", crystals)
    expected = contents(tmp_path / "whole")
    unfinished = tmp_path / "unfinished"
    with StoreWriter(unfinished, 16, THICKNESS, SETTINGS, True) as writer:
        for crystal in crystals:
            writer.append(*crystal)
    random = np.random.default_rng(0)
    for trial in range(40):
        folder = tmp_path / f"cut-{trial}"
        shutil.copytree(unfinished, folder)
        for name in ("potential.npy", "pattern.npy", "intensity.npy", "index.jsonl"):
            length = (folder / name).stat().st_size
            kept = random.choice([0, 1, 127, 128, length, int(random.integers(length + 1))])
            with open(folder / name, "r+b") as file:
                file.truncate(min(int(kept), length))
        if trial % 5 == 0:
            (folder / "pattern.npy").unlink()
        if trial % 3 == 0:
            (folder / "meta.json.tmp").write_text("{")
        write(folder, crystals)
        assert contents(folder) == expected


def test_killed_between_headers_and_meta(tmp_path, some_crystals, monkeypatch):
    """`finish` died before meta.json said so: opening it again goes on from all crystals."""
    write(tmp_path / "whole", some_crystals)
    folder = tmp_path / "s"
    with StoreWriter(folder, 16, THICKNESS, SETTINGS, True) as writer:
        for crystal in some_crystals:
            writer.append(*crystal)
        monkeypatch.setattr(writer, "_write_meta", lambda meta: None)
        writer.finish()
    with pytest.raises(StoreError, match="unfinished"):
        Store.open(folder)
    with StoreWriter(folder, 16, THICKNESS, SETTINGS, True) as writer:
        assert writer.done == [entry["id"] for entry, *_ in some_crystals]
        writer.finish()
    assert contents(folder) == contents(tmp_path / "whole")


def test_killed_before_meta_was_written(tmp_path, some_crystals):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "meta.json.tmp").write_text("{")
    write(tmp_path / "s", some_crystals)
    assert len(Store.open(tmp_path / "s")) == 30


def test_failed_append_leaves_the_store_as_it_was(tmp_path, some_crystals, monkeypatch):
    """A full disk in the middle of a record."""
    write(tmp_path / "whole", some_crystals)
    folder = tmp_path / "s"
    with StoreWriter(folder, 16, THICKNESS, SETTINGS, True) as writer:
        for number, crystal in enumerate(some_crystals):
            if number == 7:
                with monkeypatch.context() as patch:
                    patch.setattr("lacbed_gan.data.store_writer._write", _half_then_full)
                    with pytest.raises(OSError, match="No space"):
                        writer.append(*crystal)
            writer.append(*crystal)
        writer.finish()
    assert contents(folder) == contents(tmp_path / "whole")


def _half_then_full(file, data):
    file.write(data[: len(data) // 2])
    raise OSError(28, "No space left on device")


def test_append_refuses_what_does_not_fit(tmp_path, some_crystals):
    entry, potential, pattern, intensity = some_crystals[0]
    with StoreWriter(tmp_path / "s", 16, THICKNESS, SETTINGS) as writer:
        for arguments in (
            (entry, potential[:8], pattern),
            (entry, potential, pattern[:1]),
            (entry, potential, pattern.astype(np.float32)),
            (entry, potential, pattern, intensity),
            (entry | {"formula": None}, potential, pattern),
            ({"id": "x"}, potential, pattern),
            (entry | {"a": float("nan")}, potential, pattern),
        ):
            with pytest.raises(ValueError) as error:
                writer.append(*arguments)
            one_line(error)
        writer.append(entry | {"a": np.float32(4.0), "number": np.int64(225)}, potential, pattern)
        with pytest.raises(StoreError, match="crystal-0 is already"):
            writer.append(entry, potential, pattern)
        writer.finish()
    assert len(Store.open(tmp_path / "s")) == 1


def test_writer_refuses_other_folders(tmp_path, some_crystals):
    def refusal(folder, size=16, thickness=THICKNESS, settings=SETTINGS):
        with pytest.raises(StoreError) as error:
            StoreWriter(folder, size, thickness, settings)
        return one_line(error)

    write(tmp_path / "finished", some_crystals)
    assert "finished store" in refusal(tmp_path / "finished")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    before = contents(tmp_path / "other")
    assert "not a store" in refusal(tmp_path / "other")
    assert contents(tmp_path / "other") == before
    assert "not a folder" in refusal(tmp_path / "other" / "notes.txt")
    StoreWriter(tmp_path / "open", 16, THICKNESS, SETTINGS).close()
    other = refusal(tmp_path / "open", settings=SETTINGS | {"g_max": 5.0})
    assert "g_max: 4.25 there, 5.0 asked for" in other
    assert "size" in refusal(tmp_path / "open", size=32)
    assert "thickness" in refusal(tmp_path / "open", thickness=(50,))
    with StoreWriter(tmp_path / "open", 16, THICKNESS, SETTINGS) as writer:
        with pytest.raises(StoreError, match="no crystal"):
            writer.finish()


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
        (lambda f: edit_meta(f, version=2), "version 2, this program reads 1"),
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
    assert names in one_line(error) and str(tmp_path / "s") in one_line(error)


def test_flipped_byte_is_found_by_verify(make_store, tmp_path):
    make_store("s")
    with open(tmp_path / "s" / "pattern.npy", "r+b") as file:
        file.seek(1000)
        byte = file.read(1)[0]
        file.seek(1000)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(StoreError, match="pattern differs"):
        Store.open(tmp_path / "s").verify()
