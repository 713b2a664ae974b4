"""Measured and published images that cannot be used, given to predict and train."""

import time

import numpy as np
import pytest
from bad_input.conftest import tree
from bad_input.pictures import IMAGES, content, encoded, png, resized_png
from kaggle_layout import write_images
from PIL import Image

from lacbed_gan.images.grey import ImageError
from lacbed_gan.images.measured import read_images


@pytest.mark.parametrize("name", IMAGES)
def test_measured_image(here, refused, name):
    file, write, reason = IMAGES[name]
    write(here / file)
    started = time.process_time()
    line = refused("predict", f"input={file}", "a=5.4", "check=false", "output=out")
    assert line.startswith(f"error: {file}: ") and reason in line
    assert time.process_time() - started < 10


def test_a_bomb_takes_little_memory(here):
    """It is refused before a pixel of it is there."""
    import tracemalloc

    IMAGES["decompression bomb"][1](here / "p.png")
    assert (here / "p.png").stat().st_size < 200_000  # 24,000 × 24,000 pixels of one bit
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match="100 million pixels"):
            read_images(here / "p.png")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()  # it makes all that comes after it slow


# Sets of published images, in each of which these crystals have a bad one. What is missing is said before one is read.
PUBLISHED = (
    {
        "911": (content(png()[:-200]), "cannot be read"),
        "922": (content(png(np.zeros((16, 16), np.uint8))), "has 16 × 16 pixels, not 32 × 32"),
        "933": (content(png(np.full((32, 32), 9, np.uint8))), "is constant"),
        "944": (content(encoded(Image.new("CMYK", (32, 32)), "JPEG")), "cannot be read"),
    },
    {
        "911": (content(png(save_all=True, append_images=[Image.new("L", (64, 64))])), "is animated"),
        "922": (content(resized_png(60_000, 60_000)), "holds more than 100 million pixels"),
    },
    {
        "933": (lambda path: path.unlink(), "is missing"),
    },
)


@pytest.mark.parametrize("bad", PUBLISHED)
def test_published_images(here, run, bad):
    """Each crystal and file is named in one line; nothing is trained, and what was read waits in the cache."""
    random = np.random.default_rng(0)
    pairs = [({"id": str(900 + 11 * i)}, *random.integers(0, 256, (2, 32, 32), dtype=np.uint8)) for i in range(10)]
    images = write_images(here / "images", [(entry, one, [two, two]) for entry, one, two in pairs])
    for code, (write, _) in bad.items():
        write(images / code / "pattern_0500.png")
    before = set(tree(here))
    words = ["data=kaggle", "data.root=images", "data.cache=cache", "data.polarity=bright_high"]
    status, out, error = run("train", *words)
    assert status == 2 and "Traceback" not in out + error
    assert error.startswith(f"error: images: {len(bad)} of 10 crystals cannot be used, ") and error.count("\n") == 1
    for code, (_, reason) in bad.items():
        assert f"{code}/pattern_0500.png {reason}" in error
    assert "leave them out with data.skip_bad=true" in error
    assert all((here / "cache") in path.parents or path == here / "cache" for path in set(tree(here)) - before)
