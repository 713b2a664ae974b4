import numpy as np
import pytest
from PIL import Image

from lacbed_gan.images.grey import ImageError, physical, read_grey

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


def saved(path, array, mode=None):
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(path)
    return path


@pytest.mark.parametrize(
    ("array", "mode", "kind"),
    [
        (RAMP, None, "8 bit grey"),
        (RAMP, "RGB", "8 bit RGB"),
        (RAMP, "RGBA", "8 bit RGBA"),
        (RAMP, "LA", "8 bit grey with alpha"),
        (RAMP, "P", "8 bit palette"),
        (RAMP.astype(np.uint16) * 257, None, "16 bit grey"),
    ],
)
def test_modes_and_depths(tmp_path, array, mode, kind):
    grey, found = read_grey(saved(tmp_path / "a.png", array, mode))
    np.testing.assert_allclose(grey, RAMP / 255, rtol=0, atol=1e-15)
    assert found == kind


def test_16_bits_are_read_exactly(tmp_path):
    array = np.random.default_rng(0).integers(0, 65536, (16, 16)).astype(np.uint16)
    np.testing.assert_array_equal(read_grey(saved(tmp_path / "a.png", array))[0], array / 65535)


def test_single_bits(tmp_path):
    grey, kind = read_grey(saved(tmp_path / "a.png", RAMP, "1"))
    assert set(np.unique(grey)) == {0.0, 1.0} and kind == "1 bit grey"


def test_what_is_no_grey_image(tmp_path):
    coloured = np.stack([RAMP, RAMP, RAMP ^ 4], -1)
    with pytest.raises(ImageError, match="is coloured"):
        read_grey(saved(tmp_path / "a.png", coloured))
    with pytest.raises(ImageError, match="is partly transparent"):
        read_grey(saved(tmp_path / "a.png", np.stack([RAMP] * 4, -1)))
    data = saved(tmp_path / "a.png", RAMP).read_bytes()
    for damaged in (b"", data[:30], data[:-60], b"text", data[:50] + b"\0\0" + data[52:]):
        (tmp_path / "a.png").write_bytes(damaged)
        with pytest.raises(ImageError, match="cannot be read"):
            read_grey(tmp_path / "a.png")
    with pytest.raises(ImageError, match="cannot be read"):
        read_grey(tmp_path / "none.png")


def test_polarity():
    np.testing.assert_array_equal(physical(RAMP / 255, "bright_high"), 1 - (1 - RAMP / 255))
    np.testing.assert_array_equal(physical(RAMP / 255, "dark_high"), 1 - RAMP / 255)


@pytest.mark.parametrize(("name", "polarity"), [("Greys", "dark_high"), ("Greys_r", "bright_high")])
def test_greys_is_undone_to_half_a_level(tmp_path, name, polarity):
    from matplotlib import colormaps

    grey, _ = read_grey(saved(tmp_path / "a.png", colormaps[name](RAMP, bytes=True)))
    found = physical(grey, polarity, "greys") * 255
    # Three values share one light grey at 247 and 207 or so, two at others: half of that is the error.
    assert np.abs(found - RAMP).max() <= 1
    dark = RAMP > 110 if polarity == "dark_high" else RAMP < 145
    np.testing.assert_allclose(found[dark], RAMP[dark], atol=1e-9)
