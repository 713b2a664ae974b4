"""Patterns on the page, in a headless Chromium: drop, drag, type, reload; nothing is lost or shown in silence."""

import io
import re
import time

import numpy as np
import pytest
import tifffile
from PIL import Image

from lacbed_gan.crystal import Crystal
from lacbed_gan.predict.loading import load

CALCULATION = 120_000  # ms, for seconds of work on a machine that may be busy


@pytest.fixture(scope="module")
def copper(cifs_folder):
    """A pattern that the network knows well, 128 × 128 in [0, 1]."""
    return load().forward_pattern(Crystal.from_cif(cifs_folder / "Cu.cif"))[0]


@pytest.fixture
def patterns(page):
    """The page with its tab for patterns."""
    page.get_by_role("tab", name="Pattern → ρ").click()
    page.get_by_text("Drop a pattern here").wait_for()
    return page


def drop(page, name, data):
    page.locator("input[type=file]").last.set_input_files({"name": name, "mimeType": "", "buffer": data})


def png(image):
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def drawing(page, name):
    """The drawing whose title begins so, once it has its image."""
    return page.locator(f"svg[aria-label^='{name}']").filter(has=page.locator("image"))


def about(page, words):
    return page.locator(".about").filter(has_text=words)


def overlay(page):
    return page.locator("svg[aria-label='centre, axes and aperture']")


def test_the_whole_path_of_the_example(patterns):
    """One click: frame, alignment, ρ with its range, the recomputed pattern and the difference, and one line."""
    patterns.get_by_text("Try an example").click()
    drawing(patterns, "predicted ρ").wait_for(timeout=CALCULATION)
    line = about(patterns, "example.tif: a = 5.64 Å (user)").inner_text()
    for words in (
        "1/Å per pixel (file)",
        " (pattern, ± ",
        "aperture of radius 12",
        "200 kV (assumed)",
    ):
        assert words in line
    row, column = map(float, re.search(r"at row ([\d.]+), column ([\d.]+) \(pattern", line).groups())
    assert float(re.search(r"turned by ([\d.]+)° \(pattern", line)[1]) == pytest.approx(17, abs=0.1)
    assert (row, column) == (pytest.approx(135.5, abs=0.3), pytest.approx(121.5, abs=0.3))
    assert patterns.get_by_text("Warning: 1 hot or dead pixel was left out").is_visible()
    assert patterns.get_by_text(re.compile(r"range of ρ [\d.]+ 1/Å²")).first.is_visible()
    assert float(patterns.get_by_label("rotation (°)").get_attribute("placeholder")) == pytest.approx(17, abs=0.1)
    assert overlay(patterns).is_visible() and patterns.get_by_alt_text("frame as the file has it").is_visible()
    drawing(patterns, "recomputed − prepared").wait_for(timeout=CALCULATION)
    assert drawing(patterns, "recomputed pattern").is_visible()


def test_centre_axes_and_aperture_are_dragged(patterns, copper):
    patterns.get_by_label("a (Å)", exact=True).fill("3.615")
    drop(patterns, "cu.png", png(copper))
    overlay(patterns).wait_for()

    def drag(start, end):
        overlay(patterns).scroll_into_view_if_needed()
        box = None
        while box != (box := overlay(patterns).bounding_box()):  # lines above it come and go
            patterns.wait_for_timeout(300)
        place = [(box["x"] + (x + 0.5) / 128 * box["width"], box["y"] + (y + 0.5) / 128 * box["height"])
                 for x, y in (start, end)]  # fmt: skip
        patterns.mouse.move(*place[0])
        patterns.mouse.down()
        patterns.mouse.move(*place[1], steps=4)
        patterns.mouse.up()

    drag((63.5, 63.5), (70.5, 60.5))
    about(patterns, re.compile(r"zone axis \[001\] at row \S+, column \S+ \(user\)")).wait_for()
    line = about(patterns, "cu.png").inner_text()
    row, column = map(float, re.search(r"at row ([\d.]+), column ([\d.]+) \(user", line).groups())
    assert (row, column) == (pytest.approx(60.5, abs=1), pytest.approx(70.5, abs=1))
    patterns.get_by_text("Find all again").click()
    about(patterns, "zone axis [001] in the middle (pattern").wait_for()
    arm = 0.3 * 128
    drag((63.5 + arm, 63.5), (63.5 + arm * 0.94, 63.5 - arm * 0.342))  # 20° counter-clockwise as seen
    about(patterns, re.compile(r"turned by (19|20|21)\S*° \(user\)")).wait_for()
    drag((63.5 + 0.49 * 128, 63.5), (63.5 + 59, 63.5))
    about(patterns, re.compile(r"aperture of radius (58|59|60)\S* px about .* \(user\)")).wait_for()


def test_a_comma_is_a_point_and_anything_else_is_refused(patterns, copper):
    drop(patterns, "cu.png", png(copper))
    patterns.get_by_role("alert").filter(has_text="Give a, the cell edge in Å").wait_for()
    field = patterns.get_by_label("a (Å)", exact=True)
    field.fill("3,615")
    about(patterns, "a = 3.615 Å (user)").wait_for()
    for text, words in [
        ("3,61,5", "“3,61,5” is not a number"),
        ("-3", "is not a positive number"),
        ("x", "not a number"),
    ]:
        field.fill(text)
        patterns.get_by_role("alert").filter(has_text=words).wait_for()
        assert drawing(patterns, "predicted ρ").count() == 0  # no answer beside what was not understood


def test_one_file_after_the_other(patterns, copper):
    """Each is there, however soon the next comes; a wrong one leaves the last in its place, under its own name."""
    patterns.get_by_label("a (Å)", exact=True).fill("3.615")
    for number in range(4):
        drop(patterns, f"cu{number}.png", png(copper * (1 - 0.1 * number)))
        about(patterns, f"cu{number}.png: ").wait_for()
    drop(patterns, "cu0.png", png(copper))
    drop(patterns, "cu9.png", png(copper))  # while that one is under way
    about(patterns, "cu9.png: ").wait_for()
    drop(patterns, "noise.bin", bytes(range(1, 256)))
    patterns.get_by_role("alert").filter(has_text="noise.bin: neither a CIF nor an image").wait_for()
    assert patterns.get_by_role("alert").filter(has_text="Still shown: cu9.png.").is_visible()
    assert about(patterns, "cu9.png: ").is_visible() and drawing(patterns, "predicted ρ").is_visible()
    patterns.reload()  # the wrong one is not what the page remembers
    about(patterns, "cu9.png: ").wait_for()


def test_a_reload_loses_nothing(patterns, copper):
    patterns.get_by_label("a (Å)", exact=True).fill("3.615")
    patterns.get_by_label("rotation (°)").fill("0,5")
    drop(patterns, "cu.png", png(copper))
    about(patterns, "turned by 0.5° (user)").wait_for()
    patterns.reload()
    about(patterns, "turned by 0.5° (user)").wait_for()
    assert about(patterns, "cu.png: a = 3.615 Å (user)").is_visible()
    assert patterns.get_by_label("rotation (°)").input_value() == "0,5"
    drawing(patterns, "predicted ρ").wait_for()


def test_rows_go_down_everywhere(patterns):
    """A letter stays as it is on the screen, in the PNG and in the TIFF: frame, cut and files agree."""
    letter = np.zeros((128, 128))
    letter[20:110, 30:44] = letter[20:34, 30:100] = letter[56:68, 30:80] = 1
    patterns.get_by_label("a (Å)", exact=True).fill("4")
    patterns.get_by_label("centre, row").fill("63.5")
    patterns.get_by_label("centre, column").fill("63.5")
    patterns.get_by_label("rotation (°)").fill("0")
    drop(patterns, "F.png", png(letter))
    drawing(patterns, "prepared pattern").wait_for()
    source = drawing(patterns, "prepared pattern").locator("image").first.get_attribute("href")
    shown = pixels(source)
    frame = pixels(patterns.get_by_alt_text("frame as the file has it").get_attribute("src"))
    box = patterns.locator(".panel").filter(has=patterns.locator("svg[aria-label^='prepared']"))
    with patterns.expect_download() as download:
        box.get_by_role("button", name="TIFF").click()
    saved = tifffile.imread(download.value.path())
    for image in (shown, frame, saved):
        small = image.reshape(128, image.shape[0] // 128, 128, image.shape[1] // 128).mean((1, 3))
        assert np.corrcoef(small.ravel(), letter.ravel())[0, 1] > 0.9
        assert np.corrcoef(small[::-1].ravel(), letter.ravel())[0, 1] < 0.8


def pixels(source):
    import base64

    with Image.open(io.BytesIO(base64.b64decode(source.split("base64,")[1]))) as image:
        return np.asarray(image.convert("L")).astype(float)


def test_a_large_frame(patterns, copper, tmp_path):
    """4096 × 4096 pixels of 16 bit, 12 s from the file to ρ on an idle machine."""
    frame = np.kron(np.rint(60000 * copper).astype(np.uint16), np.ones((32, 32), np.uint16))
    file = io.BytesIO()
    tifffile.imwrite(file, frame)
    patterns.get_by_label("a (Å)", exact=True).fill("3.615")
    began = time.monotonic()
    path = tmp_path / "large.tif"
    path.write_bytes(file.getvalue())
    patterns.locator("input[type=file]").last.set_input_files(path)
    about(patterns, "large.tif: ").wait_for(timeout=CALCULATION)
    drawing(patterns, "predicted ρ").wait_for(timeout=CALCULATION)
    assert time.monotonic() - began < 60  # on a busy machine; 5 on an idle one


def test_stacks_are_chosen_from(patterns, copper):
    file = io.BytesIO()
    np.save(file, np.stack([np.ones_like(copper), copper]))
    patterns.get_by_label("a (Å)", exact=True).fill("3.615")
    drop(patterns, "stack.npy", file.getvalue())
    patterns.get_by_role("alert").filter(has_text="frame=0 … 1").wait_for()
    patterns.get_by_label("frame", exact=True).fill("1")
    about(patterns, "frame 1 of 2").wait_for()


@pytest.mark.parametrize("width", [390, 820, 1920])
def test_it_fits_the_screen(patterns, width):
    """Nothing sticks out to the right, and every image is at least as wide as a thumb is long."""
    patterns.set_viewport_size({"width": width, "height": 900})
    for tab in ("Pattern → ρ", "Crystal → pattern"):
        patterns.get_by_role("tab", name=tab).click()
        assert patterns.evaluate("document.documentElement.scrollWidth") <= width
        widths = patterns.evaluate(
            "[...document.querySelectorAll('.panel')].filter(e => e.offsetParent).map(e => e.offsetWidth)"
        )
        assert len(widths) >= 4 and min(widths) > 200
