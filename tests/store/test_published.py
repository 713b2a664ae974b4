"""The published images: read into a store in every mode they may have."""

import os
import shutil

import numpy as np
import pytest
from kaggle_layout import (
    THICKNESS,
    as_16_bit,
    as_grey,
    as_greys,
    as_inverted,
    as_inverted_rgba,
    as_rgb,
    write_images,
    write_metadata,
)
from PIL import Image

from lacbed_gan.store.published.reader import Published
from lacbed_gan.store.store import StoreError


def open_published(image_root, cache, metadata=None, track=iter, **options):
    return Published(image_root, cache, metadata, **options).open(track)


def must_equal(store, shipped):
    assert [entry["id"] for entry in store.index] == [entry["id"] for entry, _, _ in shipped]
    for row, (_, potential, patterns) in enumerate(shipped):
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
def test_every_mode_and_polarity_gives_the_same_store(tmp_path, shipped, potential_as, pattern_as, said):
    image_root = write_images(tmp_path / "images", shipped, potential_as, pattern_as)
    store, lines = open_published(image_root, tmp_path / "stores")
    must_equal(store, shipped)
    assert store.thickness == THICKNESS
    assert all(words in lines[0] for words in said) and len(lines) == 1
    assert store.index[0]["formula"] == "ICSD 900" and store.index[0]["number"] is None


def test_greys_undone(tmp_path, shipped):
    """Light greys stand for two neighbouring values each, so one level is the most that can be wrong."""
    image_root = write_images(tmp_path / "images", shipped[::4], as_greys)
    store, (line,) = open_published(image_root, tmp_path / "stores", colormap="greys")
    assert line.count("dark = high") == 2 and "greys undone" in line
    for row, (_, potential, patterns) in enumerate(shipped[::4]):
        assert np.abs(store.potential[row].astype(int) - potential).max() <= 1
        assert np.abs(store.pattern[row].astype(int) - patterns).max() <= 1
    as_it_is, _ = open_published(image_root, tmp_path / "stores")
    assert np.abs(as_it_is.pattern[:, 0].astype(int) - store.pattern[:, 0]).max() > 20


def test_polarity_is_taken_as_said(tmp_path, shipped, image_root):
    store, (line,) = open_published(image_root, tmp_path / "stores", polarity="dark_high")
    np.testing.assert_array_equal(store.potential[0], 255 - shipped[0][1])
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


def test_read_once_and_again_after_a_change(tmp_path, shipped, image_root, monkeypatch):
    store, lines = open_published(image_root, tmp_path / "stores")
    with monkeypatch.context() as patched:
        patched.setattr("lacbed_gan.store.published.reader.read_grey", lambda path: pytest.fail("read again"))
        patched.setattr("lacbed_gan.store.published.layout.read_grey", lambda path: pytest.fail("read again"))
        again, said = open_published(image_root, tmp_path / "stores")
    assert (again.source, said, again.checksum) == (store.source, lines, store.checksum)
    sources = {store.source}
    os.utime(image_root / "900" / "potential.png", (1, 1))
    sources.add(open_published(image_root, tmp_path / "stores")[0].source)
    shutil.copytree(image_root / "900", image_root / "5000")
    changed, _ = open_published(image_root, tmp_path / "stores")
    assert len(changed) == len(store) + 1 and changed.index[-1]["id"] == "5000"
    metadata = write_metadata(tmp_path / "m.csv", [entry for entry, _, _ in shipped] + [shipped[0][0] | {"id": "5000"}])
    with_metadata, _ = open_published(image_root, tmp_path / "stores", metadata)
    assert with_metadata.index[0]["formula"] == shipped[0][0]["formula"]
    sources |= {changed.source, with_metadata.source}
    sources.add(open_published(image_root, tmp_path / "stores", metadata, colormap="greys")[0].source)
    assert len(sources) == 5
    must_equal(store, shipped[::4])  # still there, as it was


def test_reading_that_was_stopped_goes_on(tmp_path, image_root):
    class Stop(Exception):
        pass

    def stopping(codes):
        for number, code in enumerate(codes):
            if number == 4:
                raise Stop
            yield code

    whole, _ = open_published(image_root, tmp_path / "undisturbed")
    with pytest.raises(Stop):
        open_published(image_root, tmp_path / "stores", track=stopping)
    left = []
    store, _ = open_published(image_root, tmp_path / "stores", track=lambda codes: left.extend(codes) or codes)
    assert left == [entry["id"] for entry in whole.index[4:]]
    assert store.checksum == whole.checksum


def test_bad_images_are_counted_and_named_and_left_out_on_request(tmp_path, shipped, image_root):
    codes = [entry["id"] for entry, _, _ in shipped[::4]]
    (image_root / codes[1] / "pattern_0500.png").unlink()
    whole = (image_root / codes[2] / "potential.png").read_bytes()
    (image_root / codes[2] / "potential.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(image_root / codes[3] / "pattern_1000.png")
    (image_root / "777").mkdir()
    message = refused(image_root, tmp_path / "stores")
    assert "4 of 11 crystals cannot be used, 4 missing and 2 unusable: 777/potential.png is missing; 777/" in message
    assert f"{codes[1]}/pattern_0500.png is missing; {codes[2]}/potential.png cannot be read (" in message
    assert message == refused(image_root, tmp_path / "stores")
    store, lines = open_published(image_root, tmp_path / "stores", skip_bad=True)
    must_equal(store, [pair for pair in shipped[::4] if pair[0]["id"] not in codes[1:4]])
    bad = ["777", *codes[1:4]]
    assert lines[1] == f"left out: 4 crystals ({', '.join(bad)}) of {image_root} with bad images"
    assert refused(image_root, tmp_path / "stores") == message  # also now that there is a store without them


def test_crystals_that_the_metadata_does_not_have(tmp_path, shipped, image_root):
    metadata = write_metadata(tmp_path / "m.csv", [entry for entry, _, _ in shipped[::4]][:-2])
    assert "2 of 10 crystals cannot be used, 2 unusable: " in refused(image_root, tmp_path / "stores", metadata)
    store, _ = open_published(image_root, tmp_path / "stores", metadata, skip_bad=True)
    assert len(store) == 8


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda root: shutil.rmtree(root),
            "No such file or directory; data.root is the folder of the images",
        ),
        (
            lambda root: [shutil.rmtree(path) for path in root.iterdir()],
            "holds no <ICSD code>/potential.png",
        ),
        (
            lambda root: [path.unlink() for path in root.glob("*/pattern*")],
            "most crystals have no pattern_0500.png",
        ),
        (
            lambda root: [path.write_bytes(b"") for path in root.glob("*/*.png")],
            "none of the images in a sample",
        ),
        (
            lambda root: [Image.new("RGB", (32, 32), "red").save(path) for path in root.glob("*/*.png")],
            "none of the",
        ),
        (
            lambda root: [Image.new("L", (32, 16)).save(path) for path in root.glob("*/*.png")],
            "have to be square",
        ),
    ],
)
def test_a_root_without_usable_images(tmp_path, image_root, spoil, message):
    spoil(image_root)
    assert message in refused(image_root, tmp_path / "stores")
    assert not list((tmp_path / "stores").glob("*/meta.json"))


def test_described_without_reading_the_images(tmp_path, shipped, image_root, monkeypatch):
    metadata = write_metadata(tmp_path / "m.csv", [entry for entry, _, _ in shipped[::4]])
    published = Published(image_root, tmp_path / "stores", metadata)
    with monkeypatch.context() as patch:
        patch.setattr("lacbed_gan.store.published.reader.read_grey", lambda path: pytest.fail("read"))
        described = published.describe()
    store, _ = published.open()
    assert (described.index, described.recipe, len(described)) == (store.index, store.recipe, len(store))
    assert published.describe().checksum == store.checksum  # once it has been read


def test_missing_images_are_named_before_any_is_read(tmp_path, shipped, image_root):
    (image_root / shipped[4][0]["id"] / "pattern_0500.png").unlink()
    with pytest.raises(StoreError, match=r"1 of 10 crystals cannot be used, 1 missing: \d+/pattern_0500.png is miss"):
        Published(image_root, tmp_path / "stores").describe()
    described = Published(image_root, tmp_path / "stores", skip_bad=True).describe()
    assert len(described) == 9 and not (tmp_path / "stores").exists()
