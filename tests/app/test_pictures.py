"""Pictures: axes, colours, and the files that leave the page."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from lacbed_gan.app.export import png_of, tiff_of
from lacbed_gan.app.picture import Look, Picture, empty_svg, svg
from lacbed_gan.diffraction.window import Window
from lacbed_gan.predict.frame import pattern_frame, potential_frame
from lacbed_gan.store.recipe import Recipe

RECIPE = Recipe(32, (50.0,))


@pytest.fixture
def image():
    return np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32)


def pattern_picture(image, title, signed=False):
    """Of a crystal with a cell edge of 4 Å."""
    return Picture(image, pattern_frame(RECIPE, len(image), 4.0), title, signed)


def potential_picture(image, title):
    return Picture(image, potential_frame(RECIPE, len(image), 4.0), title)


def pixels_of(drawing):
    """The image in an SVG, (H, W, 3)."""
    data = re.search(r"base64,([^']+)'", drawing)[1]
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image)


def test_coordinates_of_pixels():
    pattern, potential = pattern_frame(RECIPE, 32, 4.0), potential_frame(RECIPE, 32, 4.0)
    k = (np.arange(32) - pattern.origin) * pattern.pixel
    assert k == pytest.approx(Window(32).axis / 4, abs=1e-12)
    assert pattern.extent == pytest.approx((-7.266 / 4, 7.266 / 4)) and pattern.unit == "1/Å"
    assert (np.arange(32) - potential.origin) * potential.pixel == pytest.approx(np.arange(32) * 4 / 32)
    assert potential.extent == pytest.approx((-4 / 64, 4 - 4 / 64)) and potential.unit == "Å"


def test_coordinates_follow_the_recipe():
    """Another window; ρ with both edges of the cell, of which every fourth pixel is left; no cell edge."""
    recipe = Recipe(128, (50.0,), half_width=3.0, rho_sampling="endpoints")
    assert pattern_frame(recipe, 32, 4.0).extent == pytest.approx((-3 / 4, 3 / 4))
    assert potential_frame(recipe, 128, 4.0).extent == pytest.approx((-2 / 127, 4 + 2 / 127))
    assert potential_frame(recipe, 32, 4.0).pixel == pytest.approx(4 * 4 / 127)
    free = pattern_frame(recipe, 32, None), potential_frame(recipe, 128, None)
    assert [frame.unit for frame in free] == ["1/a", "a"] and free[0].extent == pytest.approx((-3, 3))


def test_svg_shows_row_0_on_top_between_the_ends_of_the_contrast(image):
    drawing = svg(pattern_picture(image, "network"), Look("grey", 0.25, 0.75))
    pixels = pixels_of(drawing)
    assert pixels.shape == (512, 512, 3)
    shown = pixels[8::16, 8::16, 0] / 255
    assert np.abs(shown - np.clip((image - 0.25) / 0.5, 0, 1)).max() < 0.01
    assert "aria-label='network'" in drawing and "(1/Å)" in drawing and ">−1<" in drawing
    magma = pixels_of(svg(pattern_picture(image, "network"), Look("magma")))
    assert (magma[..., 0] != magma[..., 2]).mean() > 0.9
    assert "<image" not in empty_svg("being computed, 3 s") and "being computed, 3 s" in empty_svg(
        "being computed, 3 s"
    )


def test_a_difference_is_white_where_there_is_none(image):
    difference = pattern_picture((image - 0.5) * np.float32(0.2), "difference", signed=True)
    assert Look("magma").of(difference) == ("RdBu_r", pytest.approx(-0.1), pytest.approx(0.1))
    assert Look("magma", 0.4, 0.5).of(difference) == ("RdBu_r", pytest.approx(-0.05), pytest.approx(0.05))
    pixels = pixels_of(svg(difference, Look())).astype(int)
    assert pixels[255, 300].min() > 230  # the middle rows hold the smallest differences
    assert pixels[5, 5][0] - pixels[5, 5][2] < -50 and pixels[-5, 5][2] - pixels[-5, 5][0] < -50
    flat = pattern_picture(np.zeros((8, 8), np.float32), "none", signed=True)
    assert Look().of(flat) == ("RdBu_r", -1, 1)


@pytest.mark.parametrize("kind", ["pattern", "potential"])
def test_tiff_has_the_values_and_the_calibration(image, kind):
    picture = (pattern_picture if kind == "pattern" else potential_picture)(image - 0.3, "p")
    with Image.open(io.BytesIO(tiff_of(picture))) as file:
        values, tags = np.asarray(file), file.tag_v2
    assert values.dtype == np.float32 and np.array_equal(values, picture.image)
    description = dict(line.split("=", 1) for line in tags[270].splitlines())
    assert tags[270].startswith("ImageJ=")
    # As Java's Properties reads it, which is what ImageJ uses.
    assert description["unit"].encode().decode("unicode_escape") == ("1/Å" if kind == "pattern" else "Å")
    assert tags[282] == tags[283] == pytest.approx(1 / picture.frame.pixel, rel=1e-6) and tags[296] == 1
    x = (np.arange(32) - float(description["xorigin"])) / float(tags[282])
    y = (np.arange(32) - float(description["yorigin"])) / float(tags[283])
    expected = (np.arange(32) - picture.frame.origin) * picture.frame.pixel
    assert x == pytest.approx(expected, abs=1e-6) and y == pytest.approx(expected, abs=1e-6)
    assert float(description["min"]) == pytest.approx(-0.3) and float(description["max"]) == pytest.approx(0.7)


def test_png_is_a_figure_in_the_chosen_colours(image):
    picture = potential_picture(image, "predicted ρ")
    files = [png_of(picture, Look(name), "Si, a = 4 Å") for name in ("grey", "viridis")]
    sizes, coloured = [], []
    for data in files:
        with Image.open(io.BytesIO(data)) as file:
            pixels = np.asarray(file.convert("RGB")).astype(int)
        sizes.append(pixels.shape)
        coloured.append((np.ptp(pixels, axis=-1) > 30).mean())
    assert sizes[0] == sizes[1] and min(sizes[0][:2]) > 800
    assert coloured[0] == 0 and coloured[1] > 0.3
