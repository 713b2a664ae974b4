"""Writing a store: what a kill at any moment leaves, and what is refused."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from lacbed_gan.store import writer as store_writer
from lacbed_gan.store.store import Store, StoreError
from lacbed_gan.store.writer import FinishedStore, StoreWriter

THICKNESS = (50, 100)
SETTINGS = {"method": "converged", "g_max": 4.25, "rho_sampling": "endpoints"}


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_cut_at_any_byte_and_continued_gives_the_same_bytes(tmp_path, some_crystals, write, contents):
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
            (folder / "meta.json.part").write_text("{")
        write(folder, crystals)
        assert contents(folder) == expected


def test_killed_between_headers_and_meta(tmp_path, some_crystals, monkeypatch, write, contents):
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


def test_killed_before_meta_was_written(tmp_path, some_crystals, write):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "meta.json.part").write_text("{")
    write(tmp_path / "s", some_crystals)
    assert len(Store.open(tmp_path / "s")) == 30


def test_failed_append_leaves_the_store_as_it_was(tmp_path, some_crystals, monkeypatch, write, contents):
    """A full disk in the middle of a record."""
    write(tmp_path / "whole", some_crystals)
    folder = tmp_path / "s"
    with StoreWriter(folder, 16, THICKNESS, SETTINGS, True) as writer:
        for number, crystal in enumerate(some_crystals):
            if number == 7:
                with monkeypatch.context() as patch:
                    patch.setattr("lacbed_gan.store.writer._write", _half_then_full)
                    with pytest.raises(OSError, match="No space"):
                        writer.append(*crystal)
            writer.append(*crystal)
        writer.finish()
    assert contents(folder) == contents(tmp_path / "whole")


def _half_then_full(file, data):
    file.write(data[: len(data) // 2])
    raise OSError(28, "No space left on device")


def test_killed_in_the_middle_of_every_write(tmp_path, some_crystals, monkeypatch, write, contents):
    """Half of the n-th write is on disk and nothing is put in order, for every n up to the end of the store."""
    crystals = some_crystals[:2]
    write(tmp_path / "whole", crystals)
    works, writes = store_writer._write, 0

    def dies(file, data):
        nonlocal writes
        writes -= 1
        if writes == 0:
            file.write(data[: len(data) // 2])
            monkeypatch.setattr(StoreWriter, "_cut", lambda writer: None)
            raise KeyboardInterrupt
        works(file, data)

    for number in range(1, 100):
        folder, writes = tmp_path / str(number), number
        with monkeypatch.context():
            monkeypatch.setattr(store_writer, "_write", dies)
            try:
                write(folder, crystals)
                break
            except KeyboardInterrupt:
                pass
            finally:
                monkeypatch.undo()
        write(folder, crystals)
        assert contents(folder) == contents(tmp_path / "whole")
    assert number == 1 + 2 * 4 + 3  # four files a crystal, three headers; then none


def test_what_may_lie_beside_a_store(tmp_path, some_crystals, write, contents):
    write(tmp_path / "alone", some_crystals)
    for name in ("shard-03-of-16", ".submitit"):
        (tmp_path / "beside" / name).mkdir(parents=True)
    (tmp_path / "beside" / "multirun.yaml").write_text("")
    write(tmp_path / "beside", some_crystals)
    stored = {path.name: path.read_bytes() for path in (tmp_path / "beside").glob("*.*") if path.is_file()}
    assert stored.items() >= contents(tmp_path / "alone").items()
    (tmp_path / "other" / "shard-of-glass").mkdir(parents=True)
    with pytest.raises(StoreError, match="not empty and not a store"):
        write(tmp_path / "other", some_crystals)


def test_a_finished_store_is_told_from_one_of_other_settings(make_store, tmp_path):
    make_store("s")
    with pytest.raises(FinishedStore, match="holds a finished store; delete it"):
        StoreWriter(tmp_path / "s", 16, THICKNESS, SETTINGS)
    with pytest.raises(StoreError, match=r"a finished store made with other settings \(g_max: 4.25 there") as error:
        StoreWriter(tmp_path / "s", 16, THICKNESS, SETTINGS | {"g_max": 5.0})
    assert not isinstance(error.value, FinishedStore)


def test_only_a_shard_may_be_empty(tmp_path):
    with StoreWriter(tmp_path / "s", 16, THICKNESS, SETTINGS, shard={"k": 2, "n": 2}) as writer:
        writer.finish()
    store = Store.open(tmp_path / "s")
    assert len(store) == 0 and store.pattern.shape == (0, 2, 16, 16) and store.meta["shard"] == {"k": 2, "n": 2}
    store.verify()


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


def test_writer_refuses_other_folders(tmp_path, some_crystals, write, contents):
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


def test_one_process_writes_a_store_at_a_time(tmp_path, some_crystals):
    program = (
        "import sys; from lacbed_gan.store.writer import StoreWriter; "
        f"writer = StoreWriter({str(tmp_path / 'store')!r}, 16, [50, 100], {SETTINGS!r}); "
        "print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"open\n"
        before = {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()}
        with pytest.raises(StoreError, match="another process is writing this store"):
            StoreWriter(tmp_path / "store", 16, [50, 100], SETTINGS)
        assert {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()} == before
        other.kill()
    with StoreWriter(tmp_path / "store", 16, [50, 100], SETTINGS) as writer:
        writer.append(*some_crystals[0][:3])
        writer.finish()
    assert len(Store.open(tmp_path / "store")) == 1
