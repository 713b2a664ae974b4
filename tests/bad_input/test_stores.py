"""Stores that cannot be used, given to train and join; and what an archive may hold besides."""

import json
import shutil
import zipfile

import numpy as np
import pytest
from bad_input.conftest import tree

from lacbed_gan.store.packed import open_packed, pack
from lacbed_gan.store.store import Store, StoreError


def edit_meta(folder, **changes):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | changes))


def edit(folder, name, change):
    (folder / name).write_bytes(change((folder / name).read_bytes()))


def flip(place):
    return lambda data: data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :]


def forged_index(folder):
    """A line that is no crystal, and a checksum that says so."""
    import hashlib

    edit(folder, "index.jsonl", lambda data: b"[]\n" + data.partition(b"\n")[2])
    meta = json.loads((folder / "meta.json").read_text())
    meta["sha256"]["index"] = hashlib.sha256((folder / "index.jsonl").read_bytes()).hexdigest()
    (folder / "meta.json").write_text(json.dumps(meta))


STORES = {
    "missing array": (lambda f: (f / "pattern.npy").unlink(), "s/pattern.npy: missing; make the store again"),
    "wrong shape": (lambda f: np.save(f / "potential.npy", np.zeros((30, 8, 8), np.uint8)), "s/potential.npy: shape"),
    "wrong type": (lambda f: np.save(f / "potential.npy", np.zeros((30, 128, 128))), "float64 where meta.json says"),
    "wrong version": (
        lambda f: edit_meta(f, version=99),
        "store format version 99, this program reads up to 2; use the",
    ),
    "version of text": (lambda f: edit_meta(f, version="1\n2"), "store format version 1 2, this program reads up to 2"),
    "index shorter than the arrays": (
        lambda f: edit(f, "index.jsonl", lambda data: data[: data.rindex(b"\n", 0, -1) + 1]),
        "s: index.jsonl has 29 lines for 30 crystals in the arrays",
    ),
    "index of other crystals": (
        lambda f: edit(f, "index.jsonl", lambda data: data.replace(b"crystal-3", b"crystal_3")),
        "s: index.jsonl differs from its checksum",
    ),
    "index without crystals": (forged_index, "s: index.jsonl, line 1 tells no crystal"),
    "flipped byte of a pattern": (
        lambda f: edit(f, "pattern.npy", flip(-5000)),
        "s: pattern differs from its checksum",
    ),
    "flipped byte of ρ": (lambda f: edit(f, "potential.npy", flip(5000)), "s: potential differs from its checksum"),
    "flipped byte of a header": (lambda f: edit(f, "pattern.npy", flip(20)), "s/pattern.npy: cannot be read"),
    "cut array": (lambda f: edit(f, "pattern.npy", lambda data: data[:-1]), "s/pattern.npy: cannot be read"),
    "unfinished": (lambda f: edit_meta(f, finished=False), "s: the store is unfinished; run the command"),
    "no description": (lambda f: (f / "meta.json").unlink(), "s: not a store (it has no meta.json)"),
    "description cut short": (lambda f: edit(f, "meta.json", lambda data: data[:40]), "s/meta.json: not JSON"),
    "nested description": (lambda f: (f / "meta.json").write_text("[" * 100_000), "s/meta.json: not JSON"),
    "thickness of text": (
        lambda f: edit_meta(f, thickness=["a", "b"]),
        "s/meta.json: thickness missing or of the wrong",
    ),
    "negative size": (lambda f: edit_meta(f, size=-128), "s/meta.json: size missing or of the wrong type"),
}


@pytest.mark.parametrize("name", STORES)
def test_store(here, refused, shared_store, name):
    damage, reason = STORES[name]
    shutil.copytree(shared_store, "s")
    damage(here / "s")
    line = refused("train", "store=s")
    assert line.startswith("error: s") and reason in line


def archive(change):
    """Writes a packed store whose members `change` has changed: name → content."""

    def write(path):
        with zipfile.ZipFile(path) as old:
            members = {name: old.read(name) for name in old.namelist()}
        change(members)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as new:
            for name, data in members.items():
                new.writestr(name, data)

    return write


def in_meta(**changes):
    def change(members):
        members["meta.json"] = json.dumps(json.loads(members["meta.json"]) | changes).encode()

    return archive(change)


def in_arrays(members):
    data = members["potential.npy"]
    members["potential.npy"] = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


def bomb(path):
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("more", bytes(8_000_000))
    data, size = path.read_bytes(), (8_000_000).to_bytes(4, "little")
    path.write_bytes(data.replace(size, (2**32 - 16).to_bytes(4, "little")))


PACKED = {
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-300]), "not a packed store, or damaged"),
    "no archive": (lambda path: path.write_bytes(b"text"), "not a packed store, or damaged"),
    "a bomb": (bomb, "it expands to 4 GiB, more than 4"),
    "arrays of petabytes": (in_meta(count=10**9, size=10**4), "GiB, more than 4"),
    "another version": (in_meta(version=3), "store format version 3, this program reads up to 2"),
    "a wrong byte under a right checksum": (archive(in_arrays), "potential differs from its checksum"),
    "an unknown symmetry": (
        archive(lambda members: members.update({"symmetry.json": b'["6mm"]'})),
        "not a packed store, or damaged",
    ),
}


@pytest.fixture(scope="module")
def packed(shared_store, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "packed.zip"
    pack(Store.open(shared_store), path)
    return path


@pytest.mark.parametrize("name", PACKED)
def test_packed_store(here, refused, packed, name):
    damage, reason = PACKED[name]
    shutil.copy(packed, "p.zip")
    damage(here / "p.zip")
    line = refused("train", "store=p.zip")
    assert line.startswith("error: p.zip: ") and reason in line


def test_nothing_is_taken_out_of_an_archive_but_the_store(here, packed):
    """Members of other names, also such as lead out of the folder, are not written anywhere."""
    shutil.copy(packed, "p.zip")
    more = {"../escaped": b"1", str(here / "absolute"): b"1", "pattern_1.npy/../../escaped": b"1"}
    archive(lambda members: members.update(more))(here / "p.zip")
    before = tree(here.parent)
    assert open_packed("p.zip").checksum == open_packed(packed).checksum
    assert tree(here.parent) == before
    assert not (here / "absolute").exists()


JOINED = {
    "flipped byte": (lambda f: edit(f / "shard-1-of-2", "pattern.npy", flip(-20)), "big/shard-1-of-2: pattern differs"),
    "missing shard": (lambda f: shutil.rmtree(f / "shard-2-of-2"), "big: shard 2/2 is missing or unfinished"),
    "array of another shape": (
        lambda f: np.save(f / "shard-1-of-2/pattern.npy", np.zeros((1, 1, 4, 4), np.uint8)),
        "big/shard-1-of-2/pattern.npy: shape",
    ),
    "not a shard": (
        lambda f: edit_meta(f / "shard-1-of-2", shard=7),
        "big/shard-1-of-2/meta.json: shard missing or of the",
    ),
    "no shards": (shutil.rmtree, "output=big: no such folder"),
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    from lacbed_gan.commands import simulate
    from lacbed_gan.commands.config import composed

    folder = tmp_path_factory.mktemp("shards") / "big"
    for shard in ("1/2", "2/2"):
        words = ["structures=prototypes", "count=2", "size=8", "g_max=1.2", "thickness=[50]", "workers=1", "device=cpu"]
        simulate.simulate(composed("simulate", [*words, f"output={folder}", f"shard={shard}"]))
    return folder


@pytest.mark.parametrize("name", JOINED)
def test_shards(here, refused, shards, name):
    damage, reason = JOINED[name]
    shutil.copytree(shards, "big")
    damage(here / "big")
    assert reason in refused("join", "output=big")


def test_objects_in_an_array_are_not_made(here, shared_store, trap):
    """An object array is a pickle, which could run anything."""
    shutil.copytree(shared_store, "s")
    np.save("s/pattern.npy", np.array([trap], dtype=object), allow_pickle=True)
    with pytest.raises(
        StoreError, match=r"pattern\.npy: cannot be read \(Array can't be memory-mapped: Python objects"
    ):
        Store.open("s")
    trap.assert_not_sprung()
