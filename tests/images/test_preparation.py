"""Measured patterns, cropped, turned and resampled, are what the network knows."""

import numpy as np
import pytest
import torch
from PIL import Image

from lacbed_gan.diffraction.constants import HALF_WIDTH
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.calibration import Calibration
from lacbed_gan.images.preparation import PreparationError, prepare_pattern
from lacbed_gan.measures.metrics import correlation_r
from lacbed_gan.predict.loading import load
from lacbed_gan.store.packed import open_store

A = 3.567


@pytest.fixture(scope="module")
def pattern():
    """The shipped pattern of diamond at 50 nm, with its symmetry 4mm."""
    store = open_store("bundled")
    row = next(i for i, entry in enumerate(store.index) if entry["formula"] == "C")
    return store.pattern[row][0] / store.pattern[row][0].max()


def agreement(one, other):
    return float(correlation_r(*(torch.as_tensor(np.ascontiguousarray(x))[None].float() for x in (one, other)))[0])


def magnified(pattern, factor=4):
    """The pattern as a camera with more pixels takes it, over a margin of constant background."""
    size = len(pattern) * factor
    large = Image.fromarray(pattern.astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(large, dtype=np.float64)


def test_a_pattern_as_the_network_knows_it_stays_as_it_is(pattern):
    prepared = prepare_pattern(3 * pattern + 7, Window(128), Calibration())
    assert np.abs(prepared.pattern - pattern).max() < 1e-6
    assert prepared.covered == 1 and prepared.asymmetry < 1e-9
    assert prepared.pattern.dtype == np.float32


def test_smaller_images_are_means_over_blocks(pattern):
    prepared = prepare_pattern(pattern, Window(32), Calibration()).pattern
    blocks = pattern.reshape(32, 4, 32, 4).mean((1, 3))
    assert np.abs(prepared - (blocks - blocks.min()) / np.ptp(blocks)).max() < 1e-5


@pytest.mark.parametrize("angle", [0.0, 7.0, -31.5])
def test_turned_and_cropped_copies_are_the_same(pattern, angle):
    large = magnified(pattern)
    wide = np.pad(large, 256, mode="reflect")  # angles beyond those that the network knows
    copy = np.asarray(Image.fromarray(wide.astype(np.float32)).rotate(angle, Image.Resampling.BICUBIC))
    copy = copy[60:-30, 40:-70]  # and the zone axis is no longer in the middle
    centre = (len(wide) / 2 - 0.5 - 60, len(wide) / 2 - 0.5 - 40)
    scale = 2 * HALF_WIDTH / 512 / A
    prepared = prepare_pattern(copy, Window(128), Calibration(A, scale, None, angle, centre))
    assert prepared.covered == 1
    assert agreement(prepared.pattern, pattern) > 0.999
    half_width = HALF_WIDTH * min(copy.shape) / 512
    other = prepare_pattern(copy, Window(128), Calibration(A, None, half_width, angle, centre))
    assert np.allclose(other.pattern, prepared.pattern, atol=1e-5)
    if angle:
        turned = prepare_pattern(copy, Window(128), Calibration(A, scale, None, -angle, centre))
        assert agreement(turned.pattern, pattern) < 0.99 and turned.asymmetry > 0.01


def test_another_window_is_cut_out(pattern):
    """The middle of a pattern is the pattern of a smaller window; a larger one is refused with what would help."""
    known = Calibration(half_width=HALF_WIDTH)
    prepared = prepare_pattern(pattern, Window(32, HALF_WIDTH / 4), known)
    middle = pattern[48:80, 48:80]
    assert np.abs(prepared.pattern - (middle - middle.min()) / np.ptp(middle)).max() < 1e-6
    with pytest.raises(PreparationError, match=r"±20 reciprocal lattice units; .* or take a network of smaller ones"):
        prepare_pattern(pattern, Window(64, 20.0), known)


def test_what_the_image_lacks_comes_from_its_mirror_images(pattern):
    cropped = pattern[:, 30:]
    centre = (63.5, 33.5)
    known = Calibration(half_width=HALF_WIDTH * 98 / 128, centre=centre)
    prepared = prepare_pattern(cropped, Window(128), known)
    assert prepared.covered == pytest.approx(98 / 128, abs=0.01)
    assert agreement(prepared.pattern, pattern) > 0.9999


def test_what_cannot_be_prepared_is_said(pattern):
    for message, image, arguments in [
        ("flat", np.ones((9, 9)), {}),
        ("not an image", pattern[None], {}),
        ("not square", pattern[:100], {}),
        ("give one of them", pattern, {"pixel_size": 0.1, "half_width": 3.0, "a": A}),
        ("needs a=", pattern, {"pixel_size": 0.1}),
        ("not a positive number", pattern, {"half_width": 0.0}),
        ("covers 19% of the angles", pattern, {"half_width": 0.44 * HALF_WIDTH}),
    ]:
        with pytest.raises(PreparationError, match=message):
            prepare_pattern(image, Window(64), Calibration(**arguments))


def test_turned_and_cropped_copies_give_the_same_potential(pattern):
    """By the shipped network, with the calibration of the copy."""
    network = load(direction="inverse")
    expected = network.predict_potential(pattern, A).potential
    large = magnified(pattern)
    wide = np.pad(large, 256, mode="reflect")
    turned = np.asarray(Image.fromarray(wide.astype(np.float32)).rotate(12.5, Image.Resampling.BICUBIC))
    scale = 2 * HALF_WIDTH / 512 / A
    found = network.predict_potential(turned, A, pixel_size=scale, rotation=12.5).potential
    assert agreement(found, expected) > 0.999
    found = network.predict_potential(large[:, 120:], A, pixel_size=scale, centre=(255.5, 135.5)).potential
    assert agreement(found, expected) > 0.999
    assert agreement(network.predict_potential(turned, A, pixel_size=scale, rotation=0.0).potential, expected) < 0.999
    # and without a word about how it is turned the pattern tells
    assert agreement(network.predict_potential(turned, A, pixel_size=scale).potential, expected) > 0.999


def test_a_pattern_without_mirror_lines_is_not_mirrored(pattern):
    """One of symmetry 2, of which a part is missing, is completed by its copy turned by 180° alone."""
    k = np.linspace(-1, 1, 128)
    skew = pattern + 0.5 * np.sin(3 * np.add.outer(k, k)) ** 2 + 0.5 * np.cos(7 * np.subtract.outer(k, 2 * k))
    assert np.allclose(skew, skew[::-1, ::-1])
    image = np.where(np.arange(128)[:, None] < 20, np.nan, skew)
    prepared = prepare_pattern(image, Window(128), Calibration()).pattern
    assert agreement(prepared, skew) > 0.9999
