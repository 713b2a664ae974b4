"""A pattern tells where it is, how it is turned and what lies behind an aperture; single pixels do not count."""

import math

import numpy as np
import pytest
import torch

from lacbed_gan.images.alignment import align
from lacbed_gan.images.aperture import Aperture, aperture_of
from lacbed_gan.images.calibration import Calibration, calibrate
from lacbed_gan.images.defects import with_partners, without_defects
from lacbed_gan.images.filling import binned, smoothly_filled
from lacbed_gan.images.measured import Measured
from lacbed_gan.store.packed import open_store

# Of several space groups: 4mm and 2mm, sharp and smooth.
CRYSTALS = ("NiO", "C", "AlN", "AlSb")


@pytest.fixture(scope="module")
def patterns():
    """Shipped patterns at 50 nm and those of them that are 2mm, by name."""
    store = open_store("bundled")
    names = {entry["formula"]: row for row, entry in enumerate(store.index)}
    rows = {name: names[name] for name in CRYSTALS}
    for row, entry in enumerate(store.index):
        if entry["pattern_symmetry"] == "2mm" and store.pattern[row][0].std() > 30 and len(rows) < 8:
            rows[entry["id"]] = row  # of those with some contrast
    return {name: store.pattern[row][0] / 255 for name, row in rows.items()}


def measured(pattern, angle=0.0, centre=(0.0, 0.0), size=128, aspect=1.0):
    """The pattern on another frame: turned counter-clockwise as shown, the zone axis moved by (rows, columns)."""
    y, x = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in (round(size / aspect), size)], indexing="ij")
    y, x = (y - centre[0]) * aspect, x - centre[1]
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    grid = np.stack([x * cosine - y * sine, x * sine + y * cosine], -1) / (size / 2)
    options = {"mode": "bicubic", "padding_mode": "reflection", "align_corners": False}
    image = torch.nn.functional.grid_sample(
        torch.from_numpy(pattern)[None, None], torch.from_numpy(grid)[None], **options
    )
    return image[0, 0].numpy()


def found(image, **user):
    """What alignment makes of an image whose scale is known."""
    known = calibrate(Measured(image[None]), 200.0, 7.266, half_width=7.266, **user)
    return align(image, known)


def test_an_image_that_lies_right_stays_as_it_is(patterns):
    for pattern in patterns.values():
        known = found(pattern).calibration
        assert known.centre is None and known.rotation == 0 and known.aperture is None and known.remarks == ()
        assert known.source["centre"] == known.source["rotation"] == "pattern"


@pytest.mark.parametrize(("angle", "centre"), [(0.0, (8.0, -6.0)), (17.0, (0.0, 0.0)), (-40.0, (-5.3, 9.6))])
@pytest.mark.parametrize("counts", [None, 30])
def test_centre_and_rotation(patterns, angle, centre, counts):
    """To a quarter of a pixel and of a degree, and within three times the uncertainty that is reported."""
    for name, pattern in patterns.items():
        image = measured(pattern, angle, centre)
        if counts:
            image = np.random.default_rng(0).poisson(counts * np.clip(image, 0, None)).astype(float)
        alignment = found(image)
        known = alignment.calibration
        row, column = known.centre or (63.5, 63.5)
        off = math.hypot(row - 63.5 - centre[0], column - 63.5 - centre[1])
        assert off < 0.25 and off < 3 * max(known.uncertainty["centre"], 0.1), name
        # symmetry leaves 90°, and 45° where it is 4mm
        period = 45 if alignment.alternatives else 90
        wrong = abs((known.rotation - angle + period / 2) % period - period / 2)
        assert wrong < 0.25, (name, known.rotation)


def test_what_is_said_is_not_sought(patterns):
    image = measured(patterns["NiO"], 17.0, (8.0, -6.0))
    known = found(image, centre=(71.0, 58.0), rotation=12.0).calibration
    assert (known.centre, known.rotation) == ((71.0, 58.0), 12.0)
    assert known.source["centre"] == known.source["rotation"] == "user"
    known = found(image, centre=(71.5, 57.5)).calibration
    assert known.rotation == pytest.approx(17.0, abs=0.2) and known.source["rotation"] == "pattern"


def test_mirror_lines_tell_the_axes_of_2mm(patterns):
    """There is no ambiguity of 45° then."""
    store = open_store("bundled")
    rows = [row for row, entry in enumerate(store.index) if entry["pattern_symmetry"] == "2mm"][:6]
    unique = [found(measured(store.pattern[row][0] / 255, 25.0)) for row in rows]
    settled = [one for one in unique if not one.alternatives]
    assert len(settled) >= len(rows) / 2
    for one in settled:
        assert abs((one.calibration.rotation - 25 + 45) % 90 - 45) < 0.25


def test_pixels_that_are_not_square(patterns):
    image = measured(patterns["C"], 17.0, (9.0, -6.0), aspect=0.8)
    assert image.shape == (160, 128)
    known = align(image, Calibration(half_width=7.266, aspect=0.8)).calibration
    assert known.centre == pytest.approx((79.5 + 9, 57.5), abs=0.3)
    assert known.rotation == pytest.approx(17.0, abs=0.25) or known.rotation == pytest.approx(-28.0, abs=0.25)


def test_large_frames_are_aligned_in_their_own_pixels(patterns):
    image = np.kron(measured(patterns["NiO"], 17.0, (8.0, -6.0)), np.ones((8, 8)))
    known = found(image).calibration
    assert known.centre == pytest.approx((8 * 72 - 0.5, 8 * 58 - 0.5), abs=1.5)
    assert known.uncertainty["centre"] < 3


@pytest.mark.parametrize("level", [0.0, 0.3])
@pytest.mark.parametrize("circle", [(63.5, 63.5, 60.0), (60.0, 68.0, 55.0)])
def test_an_aperture_is_seen_and_its_edge_is_not_the_pattern(patterns, circle, level):
    rows, columns = np.ogrid[:128, :128]
    inside = np.hypot(rows - circle[0], columns - circle[1]) <= circle[2]
    for name, pattern in patterns.items():
        image = np.where(inside, measured(pattern, 17.0, (6.0, -4.0)) + 0.1, 0.0) + level
        known = found(image).calibration
        assert known.aperture is not None, name
        assert np.hypot(known.aperture[0] - circle[0], known.aperture[1] - circle[1]) < 1.5
        assert circle[2] - 3.5 < known.aperture[2] < circle[2] + 0.5
        assert known.centre == pytest.approx((69.5, 59.5), abs=0.3)


def test_dark_patterns_are_no_apertures():
    """None of the shipped ones has one, at any thickness."""
    store = open_store("bundled")
    seen = [entry["id"] for row, entry in enumerate(store.index[::12]) for t in (0, 3)
            if aperture_of(store.pattern[12 * row][t] / 255) is not None]  # fmt: skip
    assert seen == []
    assert Aperture(7.5, 3.5, 4.0).at(2).at(0.5) == Aperture(7.5, 3.5, 4.0)


def test_what_is_no_pattern_stays_as_it_is_and_says_so():
    random = np.random.default_rng(0)
    for image in (random.random((128, 128)), np.cumsum(np.cumsum(random.normal(size=(128, 128)), 0), 1)):
        known = found(image).calibration
        assert known.centre is None and known.rotation == 0
        assert known.source["centre"] == known.source["rotation"] == "assumed"
        assert known.remarks == ("the pattern does not tell its centre", "the pattern does not tell its rotation")


def test_hot_and_dead_pixels(patterns):
    for name, pattern in patterns.items():
        clean, count = without_defects(pattern)
        assert count <= 2, name  # a pattern's own peaks are as good as never taken for such
        image = pattern + 0.5
        image[40, 41], image[40, 42], image[90, 20] = 40.0, 35.0, -20.0
        clean, count = without_defects(image)
        assert 3 <= count <= 5 and np.isnan(clean[[40, 40, 90], [41, 42, 20]]).all()
    noise = np.random.default_rng(0).poisson(3 * pattern).astype(float)
    assert without_defects(noise)[1] <= 3
    assert without_defects(np.zeros((9, 9)))[1] == 0


def test_sharp_features_have_partners_and_defects_have_none():
    image = np.random.default_rng(0).random((32, 32))
    for place in ((10, 5), (21, 26), (3, 4)):  # the first two are partners
        image[place] = 9
    cleaned, count = without_defects(image)
    assert count == 3
    again = with_partners(image, cleaned, (15.5, 15.5))
    assert np.argwhere(np.isnan(again)).tolist() == [[3, 4]]
    assert np.array_equal(np.isnan(with_partners(image, cleaned, (12.0, 12.0))), np.isnan(cleaned))


def test_what_is_not_known_goes_on_smoothly():
    rows, columns = np.mgrid[:64, :64] / 64
    image = rows + 2 * columns
    holes = image.copy()
    holes[20:30, 20:24] = holes[:6, :6] = np.nan
    filled = smoothly_filled(holes)
    assert np.array_equal(filled[np.isfinite(holes)], image[np.isfinite(holes)])
    assert np.abs(filled - image)[20:30, 20:24].max() < 0.1 and np.abs(filled - image).max() < 0.3
    blocks = binned(holes, 4)
    assert blocks.shape == (16, 16) and np.isnan(blocks[0, 0]) and np.isfinite(blocks[1, 1])
    assert blocks[10, 10] == pytest.approx(image[40:44, 40:44].mean())
