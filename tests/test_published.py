"""The published images: read into a store in every mode they may have, and trained on to the numbers of a store."""

import json
import os
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from lacbed_gan import train
from lacbed_gan.config import ConfigError, composed
from lacbed_gan.data.folds import assign_folds
from lacbed_gan.data.packed import open_store
from lacbed_gan.data.published import open_published
from lacbed_gan.data.sources import open_pairs
from lacbed_gan.data.store import StoreError, scale_to_uint8
from lacbed_gan.data.store_writer import StoreWriter
from lacbed_gan.models.checkpoints import load_cgan
from lacbed_gan.runs import run_name

THICKNESS = (50, 100)


def some_pairs(count, size):
    """(entry, potential, patterns) of `count` shipped crystals spread over all, at `size` pixels; ids are codes."""
    store = open_store("bundled")
    step = store.size // size
    for number, row in enumerate(np.linspace(0, len(store) - 1, count).astype(int)):
        entry = {key: store.index[row][key] for key in ("formula", "space_group", "number", "a")}
        entry |= {"id": str(900 + 11 * number), "source": "a test", "rho_min": None, "rho_max": None}
        pattern = store.pattern[row, : len(THICKNESS)].astype(float)
        pattern = pattern.reshape(len(THICKNESS), size, step, size, step).mean((2, 4))
        yield entry, scale_to_uint8(store.potential[row, ::step, ::step]), scale_to_uint8(pattern)


def as_grey(image):
    return image


def as_inverted(image):
    return 255 - image


def as_rgb(image):
    return np.repeat(image[..., None], 3, -1)


def as_inverted_rgba(image):
    return np.concatenate([as_rgb(255 - image), np.full((*image.shape, 1), 255, np.uint8)], -1)


def as_16_bit(image):
    """Off range at both ends."""
    return (image.astype(np.uint16) * 250 + 700).astype(np.uint16)


def as_greys(image):
    """As matplotlib saves it with cmap="Greys"."""
    from matplotlib import colormaps

    return colormaps["Greys"](image, bytes=True)


def write_images(root, pairs, potential_as=as_grey, pattern_as=None):
    """Write the pairs under root, potentials and patterns each in their way."""
    for entry, potential, patterns in pairs:
        folder = root / entry["id"]
        folder.mkdir(parents=True)
        Image.fromarray(potential_as(potential)).save(folder / "potential.png")
        for thickness, pattern in zip(THICKNESS, patterns, strict=True):
            name = f"pattern_{thickness * 10:04d}.png"
            Image.fromarray((pattern_as or potential_as)(pattern)).save(folder / name)
    return root


def write_metadata(path, entries):
    """The authors' table; space groups with two origins get their letter."""
    lines = [",ICSD_code,chemical_formula_sum,cell_length,space_group,date,latest"]
    for number, entry in enumerate(entries):
        group = entry["space_group"].replace(":1", " S").replace(":2", " Z")
        lines.append(f"{number},{entry['id']},{entry['formula']},{entry['a']},{group},2021-02-01,True")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_folds(folder, codes, fold_of, train=False):
    """Lists ``<fold>/test``, and ``<fold>/train``."""
    for fold in range(10):
        (folder / str(fold)).mkdir(parents=True)
        for name in ("test", "train")[: 1 + train]:
            chosen = [c for c, f in zip(codes, fold_of, strict=True) if (f == fold) == (name == "test")]
            (folder / str(fold) / name).write_text("".join(f"{code}\n" for code in chosen))
    return folder


@pytest.fixture(scope="module")
def pairs():
    return list(some_pairs(40, 32))


@pytest.fixture
def root(tmp_path, pairs):
    return write_images(tmp_path / "images", pairs[::4])


def settings(root, tmp_path, **given):
    """Settings of the group data, as plain values."""
    names = ("folds", "metadata", "polarity", "colormap")
    default = dict.fromkeys(names) | {"name": "kaggle", "group": "formula", "skip_bad": False}
    return default | {"root": str(root), "cache": str(tmp_path / "stores")} | given


def must_equal(store, pairs):
    assert [entry["id"] for entry in store.index] == [entry["id"] for entry, _, _ in pairs]
    for row, (_, potential, patterns) in enumerate(pairs):
        np.testing.assert_array_equal(store.potential[row], potential)
        np.testing.assert_array_equal(store.pattern[row], patterns)


def refused(*arguments, **named):
    with pytest.raises(StoreError) as error:
        open_published(*arguments, **named)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("potential_as", "pattern_as", "said"),
    [
        (as_grey, as_grey, ["potentials 8 bit grey, bright = high (40 of 40", "patterns 8 bit grey, bright = high ("]),
        (as_inverted, as_inverted, ["potentials 8 bit grey, dark = high", "patterns 8 bit grey, dark = high"]),
        (as_rgb, as_inverted_rgba, ["potentials 8 bit RGB, bright = high", "patterns 8 bit RGBA, dark = high"]),
        (as_inverted_rgba, as_16_bit, ["potentials 8 bit RGBA, dark = high", "patterns 16 bit grey, bright = high"]),
    ],
)
def test_every_mode_and_polarity_gives_the_same_store(tmp_path, pairs, potential_as, pattern_as, said):
    root = write_images(tmp_path / "images", pairs, potential_as, pattern_as)
    store, lines = open_published(root, tmp_path / "stores")
    must_equal(store, pairs)
    assert store.thickness == THICKNESS
    assert all(words in lines[0] for words in said) and len(lines) == 1
    assert store.index[0]["formula"] == "ICSD 900" and store.index[0]["number"] is None


def test_greys_undone(tmp_path, pairs):
    """Light greys stand for two neighbouring values each, so one level is the most that can be wrong."""
    root = write_images(tmp_path / "images", pairs[::4], as_greys)
    store, (line,) = open_published(root, tmp_path / "stores", colormap="greys")
    assert line.count("dark = high") == 2 and "greys undone" in line
    for row, (_, potential, patterns) in enumerate(pairs[::4]):
        assert np.abs(store.potential[row].astype(int) - potential).max() <= 1
        assert np.abs(store.pattern[row].astype(int) - patterns).max() <= 1
    as_it_is, _ = open_published(root, tmp_path / "stores")
    assert np.abs(as_it_is.pattern[:, 0].astype(int) - store.pattern[:, 0]).max() > 20


def test_polarity_is_taken_as_said(tmp_path, pairs, root):
    store, (line,) = open_published(root, tmp_path / "stores", polarity="dark_high")
    np.testing.assert_array_equal(store.potential[0], 255 - pairs[0][1])
    assert "potentials 8 bit grey, dark = high (as data.polarity says, against 10 of 10 sampled crystals)" in line


def test_unclear_polarity_is_refused(tmp_path):
    random = np.random.default_rng(0)
    for code in range(900, 930):
        (tmp_path / "noise" / str(code)).mkdir(parents=True)
        for name in ("potential.png", "pattern_0500.png"):
            noise = random.integers(0, 256, (16, 16), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "noise" / str(code) / name)
    assert "say data.polarity=dark_high or" in refused(tmp_path / "noise", tmp_path / "stores")
    open_published(tmp_path / "noise", tmp_path / "stores", polarity="bright_high")


def test_read_once_and_again_after_a_change(tmp_path, pairs, root, monkeypatch):
    store, lines = open_published(root, tmp_path / "stores")
    with monkeypatch.context() as patched:
        patched.setattr("lacbed_gan.data.published.read_grey", lambda path: pytest.fail("read again"))
        patched.setattr("lacbed_gan.data.published_images.read_grey", lambda path: pytest.fail("read again"))
        again, said = open_published(root, tmp_path / "stores")
    assert (again.source, said, again.checksum) == (store.source, lines, store.checksum)
    sources = {store.source}
    os.utime(root / "900" / "potential.png", (1, 1))
    sources.add(open_published(root, tmp_path / "stores")[0].source)
    shutil.copytree(root / "900", root / "5000")
    changed, _ = open_published(root, tmp_path / "stores")
    assert len(changed) == len(store) + 1 and changed.index[-1]["id"] == "5000"
    metadata = write_metadata(tmp_path / "m.csv", [entry for entry, _, _ in pairs] + [pairs[0][0] | {"id": "5000"}])
    with_metadata, _ = open_published(root, tmp_path / "stores", metadata)
    assert with_metadata.index[0]["formula"] == pairs[0][0]["formula"]
    sources |= {changed.source, with_metadata.source}
    sources.add(open_published(root, tmp_path / "stores", metadata, colormap="greys")[0].source)
    assert len(sources) == 5
    must_equal(store, pairs[::4])  # still there, as it was


def test_reading_that_was_stopped_goes_on(tmp_path, root):
    class Stop(Exception):
        pass

    def stopping(codes):
        for number, code in enumerate(codes):
            if number == 4:
                raise Stop
            yield code

    whole, _ = open_published(root, tmp_path / "undisturbed")
    with pytest.raises(Stop):
        open_published(root, tmp_path / "stores", track=stopping)
    left = []
    store, _ = open_published(root, tmp_path / "stores", track=lambda codes: left.extend(codes) or codes)
    assert left == [entry["id"] for entry in whole.index[4:]]
    assert store.checksum == whole.checksum


def test_bad_images_are_counted_and_named_and_left_out_on_request(tmp_path, pairs, root):
    codes = [entry["id"] for entry, _, _ in pairs[::4]]
    (root / codes[1] / "pattern_0500.png").unlink()
    whole = (root / codes[2] / "potential.png").read_bytes()
    (root / codes[2] / "potential.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(root / codes[3] / "pattern_1000.png")
    (root / "777").mkdir()
    message = refused(root, tmp_path / "stores")
    assert "4 of 11 crystals cannot be used, 4 missing and 2 unusable: 777/potential.png is missing; 777/" in message
    assert f"{codes[1]}/pattern_0500.png is missing; {codes[2]}/potential.png cannot be read (" in message
    assert message == refused(root, tmp_path / "stores")
    store, lines = open_published(root, tmp_path / "stores", skip_bad=True)
    must_equal(store, [pair for pair in pairs[::4] if pair[0]["id"] not in codes[1:4]])
    bad = ["777", *codes[1:4]]
    assert lines[1] == f"left out: 4 crystals ({', '.join(bad)}) of {root} with bad images"
    assert refused(root, tmp_path / "stores") == message  # also now that there is a store without them


def test_crystals_that_the_metadata_does_not_have(tmp_path, pairs, root):
    metadata = write_metadata(tmp_path / "m.csv", [entry for entry, _, _ in pairs[::4]][:-2])
    assert "2 of 10 crystals cannot be used, 2 unusable: " in refused(root, tmp_path / "stores", metadata)
    store, _ = open_published(root, tmp_path / "stores", metadata, skip_bad=True)
    assert len(store) == 8


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: shutil.rmtree(root), "No such file or directory; data.root is the folder of the images"),
        (lambda root: [shutil.rmtree(path) for path in root.iterdir()], "holds no <ICSD code>/potential.png"),
        (lambda root: [path.unlink() for path in root.glob("*/pattern*")], "most crystals have no pattern_0500.png"),
        (lambda root: [path.write_bytes(b"") for path in root.glob("*/*.png")], "none of the images in a sample"),
        (lambda root: [Image.new("RGB", (32, 32), "red").save(path) for path in root.glob("*/*.png")], "none of the"),
        (lambda root: [Image.new("L", (32, 16)).save(path) for path in root.glob("*/*.png")], "have to be square"),
    ],
)
def test_a_root_without_usable_images(tmp_path, root, spoil, message):
    spoil(root)
    assert message in refused(root, tmp_path / "stores")
    assert not list((tmp_path / "stores").glob("*/meta.json"))


def test_folds_are_those_of_the_lists(tmp_path, pairs, root):
    codes = [entry["id"] for entry, _, _ in pairs[::4]]
    folds = write_folds(tmp_path / "folds", [*codes[::-1], "12"], [*range(9, -1, -1), 3], train=True)
    with pytest.raises(StoreError, match=r"1 code \(12\) of the folds .* without images; data.skip_bad=true"):
        open_pairs("bundled", settings(root, tmp_path, folds=str(folds)))
    found = open_pairs("bundled", settings(root, tmp_path, folds=str(folds), skip_bad=True))
    assert found.fold_of.tolist() == list(range(10)) and found.grouped_by == "lists"
    assert found.said[1:] == [f"left out: 1 code (12) of the folds {folds} without images"]
    shutil.copytree(root / codes[0], root / "12")
    shutil.copytree(root / codes[0], root / "13")
    with pytest.raises(StoreError, match=r"^1 crystal \(13\) in none of the folds"):
        open_pairs("bundled", settings(root, tmp_path, folds=str(folds)))
    found = open_pairs("bundled", settings(root, tmp_path, folds=str(folds), skip_bad=True))
    assert found.fold_of.tolist() == [3, -1, *range(10)]


def test_folds_without_lists(tmp_path, pairs, root):
    entries = [entry for entry, _, _ in pairs[::4]]
    found = open_pairs("bundled", settings(root, tmp_path))
    assert sorted(found.fold_of.tolist()) == list(range(10)) and found.grouped_by == "formula"
    metadata = write_metadata(tmp_path / "m.csv", entries)
    found = open_pairs("bundled", settings(root, tmp_path, metadata=str(metadata)))
    np.testing.assert_array_equal(found.fold_of, assign_folds([entry["formula"] for entry in entries]))
    with pytest.raises(StoreError, match=r"data.group=prototype needs data.metadata"):
        open_pairs("bundled", settings(root, tmp_path, group="prototype"))
    with pytest.raises(StoreError, match=r"groups for 10 folds with data.group=prototype; take more crystals"):
        open_pairs("bundled", settings(root, tmp_path, group="prototype", metadata=str(metadata)))
    with pytest.raises(StoreError, match=r"data=kaggle needs data.root"):
        open_pairs("bundled", settings(root, tmp_path) | {"root": None})


def trained(words):
    config = composed("train", [*words, "experiment=smoke", "trainer=cpu", "thickness=100", "fold=4", "epochs=1"])
    train.check(config)
    train.train(config)
    folder = f"runs/{run_name(config)}"
    with open(f"{folder}/summary.json") as summary, open(f"{folder}/metrics.csv") as metrics:
        measured = {key: value for key, value in json.load(summary).items() if key != "seconds"}
        return measured, metrics.read(), load_cgan(f"{folder}/last.ckpt").state_dict(), f"{folder}/config.yaml"


@pytest.mark.parametrize(
    ("direction", "ways"),
    [
        ("forward", [(as_grey, as_grey), (as_inverted, as_rgb), (as_rgb, as_inverted_rgba)]),
        ("inverse", [(as_inverted_rgba, as_inverted)]),
    ],
)
def test_training_on_images_gives_the_numbers_of_the_store(tmp_path, pairs, monkeypatch, capsys, direction, ways):
    """Bit for bit, and so do inverted and RGB or RGBA versions of them."""
    monkeypatch.chdir(tmp_path)
    train.say.cache_clear()
    with StoreWriter("reference", 32, THICKNESS, {}) as writer:
        for pair in pairs:
            writer.append(*pair)
        writer.finish()
    entries = [entry for entry, _, _ in pairs]
    write_folds(tmp_path / "folds", [e["id"] for e in entries], assign_folds([e["formula"] for e in entries]))
    write_metadata(tmp_path / "metadata.csv", entries)
    expected = trained(["store=reference", "condition=none", f"direction={direction}"])
    capsys.readouterr()
    for potential_as, pattern_as in ways:
        root = f"{potential_as.__name__}-{pattern_as.__name__}"
        write_images(tmp_path / root, pairs, potential_as, pattern_as)
        tables = ["data.metadata=metadata.csv", "data.folds=folds"]
        result = trained(["data=kaggle", f"data.root={root}", *tables, f"direction={direction}"])
        assert result[:2] == expected[:2]
        assert all(torch.equal(value, result[2][name]) for name, value in expected[2].items())
        with open(result[3]) as config:
            assert re.search("condition: none\n.*group: lists\n", config.read(), re.DOTALL)
        printed = capsys.readouterr().out
        assert printed.count(f"{root}: 40 crystals, 120 images of 32 × 32; ") == 1
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
        (["data.root=5"], "data.root=5 is not a path"),
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
    with pytest.raises(ConfigError, match=r"unknown key 'data.root'; keys of data are name, group"):
        composed("train", ["data.root=images"])


def test_the_condition_becomes_none_and_is_said(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    train.say.cache_clear()
    resolved, _ = train.prepare(composed("train", ["data=kaggle", f"data.root={root}"]))
    assert resolved["condition"] == "none"
    assert "condition=none: the model's file says scale" in capsys.readouterr().out
