"""Disturbances of patterns: each against what it means, and that they follow from their numbers alone."""

import math

import numpy as np
import pytest
import torch

from lacbed_gan.data.disturbances import (
    APERTURE,
    COUNTS,
    LEFT,
    NAMES,
    disturbed,
    draw,
    normal_numbers,
    normal_of,
    reach_of,
    resampling,
    robust_scaled,
)
from lacbed_gan.images.scaling import MASKED, robust_ends, robust_min_max
from lacbed_gan.images.symmetry import MIRRORS, fold

HALF_WIDTH = 7.266
NONE = {"blur": 0.0, "background": 0.0, "counts": 1.0, "window": 1.0, "aperture": 1.0}  # the others: 0.5 is the middle


def numbers(count=1, **values):
    """Numbers of pairs that are not left as they are, with nothing but what is named."""
    drawn = torch.full((count, len(NAMES)), 0.5)
    for name, value in (NONE | values).items():
        drawn[:, NAMES.index(name)] = value
    return drawn


def patterns(count=3, size=32, channels=1):
    images = torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0))
    return fold(torch.nn.functional.avg_pool2d(images, 5, 1, 2), MIRRORS)


def test_they_follow_from_the_numbers_and_not_from_the_batch():
    images, drawn = patterns(), draw(3, torch.Generator().manual_seed(1))
    together = disturbed(images, drawn, HALF_WIDTH, MIRRORS)
    for i in range(3):
        alone = disturbed(images[i : i + 1], drawn[i : i + 1], HALF_WIDTH, MIRRORS)
        torch.testing.assert_close(alone[0], together[i], atol=1e-5, rtol=0)
    assert torch.equal(draw(3, torch.Generator().manual_seed(1)), drawn)
    assert 0 <= together.min() and together.max() <= 1


def test_pairs_that_are_left_are_prepared_as_those_of_a_user():
    images = patterns()
    found = disturbed(images, numbers(3, left=LEFT - 0.01, blur=1.0, background=1.0, window=0.0), HALF_WIDTH, MIRRORS)
    expected = np.stack([robust_min_max(image[0].numpy()) for image in images])
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-5)


def test_robust_scaling_is_that_of_prediction_over_the_pixels_that_are_known():
    image = torch.randn(1, 2, 20, 20, generator=torch.Generator().manual_seed(2)) ** 3
    mask = torch.zeros(1, 20, 20, dtype=torch.bool)
    mask[:, 3:17, 2:19] = True
    found, spans = robust_scaled(image, mask)
    for channel in range(2):
        values = image[0, channel][mask[0]].double().numpy()
        np.testing.assert_allclose(found[0, channel][mask[0]], robust_min_max(values), atol=1e-5)
        low, high = robust_ends(values)
        assert float(spans[0, channel]) == pytest.approx(high - low, rel=1e-5)


@pytest.mark.parametrize(("scale", "shift", "sigma"), [(1.0, 1.3, 0.0), (1.02, 0.0, 0.0), (1.0, 0.0, 1.5)])
def test_resampling_moves_and_blurs_a_gaussian(scale, shift, sigma):
    place, middle, width = torch.arange(40.0), 19.5, 3.0
    image = torch.exp(-0.5 * ((place - 24) / width) ** 2)
    matrix = resampling(40, *(torch.tensor([x]) for x in (scale, shift, sigma)))[0]
    moved = matrix @ image
    broad = math.hypot(width, sigma)
    read = middle + scale * (place - middle) + shift
    expected = width / broad * torch.exp(-0.5 * ((read - 24) / broad) ** 2)
    torch.testing.assert_close(moved, expected, atol=0.005, rtol=0)


def test_noise_is_that_of_the_counts():
    flat = torch.ones(1, 1, 64, 64)
    flat[..., ::2] = 0.5
    for u, counts in ((0.0, COUNTS[0]), (1.0, COUNTS[1])):
        drawn = numbers(counts=u)
        noise = normal_numbers(drawn[:, -1], (1, 64, 64))
        assert abs(float(noise.mean())) < 0.03 and abs(float(noise.std()) - 1) < 0.03
        found = disturbed(flat, drawn, HALF_WIDTH, ())  # averaged over no copies
        bright, dark = found[..., 1::2], found[..., ::2]
        contrast = float(bright.mean() - dark.mean())  # 0.5 of the scale
        assert float(bright.std()) == pytest.approx(contrast / 0.5 / math.sqrt(counts), rel=0.1)
        assert float(dark.std()) == pytest.approx(contrast / 0.5 * math.sqrt(0.5 / counts), rel=0.1)


def test_numbers_of_noise_differ_between_pairs_channels_and_neighbours():
    noise = normal_numbers(torch.tensor([0.1, 0.2]), (2, 32, 32))
    for one, other in ((noise[0], noise[1]), (noise[:, 0], noise[:, 1]), (noise[..., 1:], noise[..., :-1])):
        assert abs(float((one * other).mean())) < 0.1


def test_no_noise_is_infinite():
    """Not even of the ends of the random numbers, which come once in some ten million."""
    ends = normal_of(torch.tensor([0, 2**31, 2**32 - 1]))
    assert torch.isfinite(ends).all() and ends[0] == -ends[2] and 4.5 < float(ends[2]) < 6


def test_windows_and_apertures_are_masked():
    whole = reach_of(numbers(window=1.0), HALF_WIDTH)
    least = reach_of(numbers(window=0.0), HALF_WIDTH)
    assert float(whole) == 1 and float(least) == pytest.approx(3 / HALF_WIDTH)
    assert float(reach_of(numbers(window=0.0), 2.0)) == 1  # a network of small windows has none smaller
    image = patterns(1, 64)
    found = disturbed(image, numbers(window=0.0, aperture=0.0), HALF_WIDTH, MIRRORS)[0, 0]
    axis = (np.arange(64) + 0.5) / 32 - 1
    outside = np.hypot(axis[:, None], axis) > APERTURE[0] * 3 / HALF_WIDTH
    assert (found.numpy()[outside] == MASKED).all() and found.numpy()[~outside].std() > 0.1


def test_what_is_even_over_the_pattern_leaves_nothing():
    image = patterns(1)
    plain = disturbed(image, numbers(), HALF_WIDTH, MIRRORS)
    sloped = disturbed(image, numbers(background=1.0, slope_row=1.0), HALF_WIDTH, MIRRORS)
    assert float((plain - sloped).abs().max()) < 0.12  # noise of 10,000 counts, of another background


def test_empty_channels_stay_empty_and_weak_ones_are_weak_and_noisier():
    images = patterns(1, 32, 3)
    images[:, 1] = 0
    strong, weak = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 0.05]])
    clean = disturbed(images, numbers(), HALF_WIDTH, MIRRORS, strong)
    assert not clean[:, 1].any() and float(clean[:, 2].max()) == 1
    noise = [disturbed(images, numbers(counts=0.5), HALF_WIDTH, MIRRORS, r) - clean for r in (strong, weak)]
    assert not noise[0][:, 1].any() and float(noise[1][:, 2].std()) > 2 * float(noise[0][:, 2].std())
    images[:, 1] = images[:, 2]
    both = disturbed(images, numbers(), HALF_WIDTH, MIRRORS, torch.tensor([[0.04, 0.16]]))
    assert float(both[:, 2].max()) == 1 and float(both[:, 1].max()) == pytest.approx(0.5, abs=0.08)


def test_dark_fields_are_nothing_where_they_were_not_measured():
    images, ranges = patterns(1, 32, 2), torch.ones(1, 1)
    bright, dark = disturbed(images, numbers(window=0.0), HALF_WIDTH, MIRRORS, ranges)[0]
    outside = bright == MASKED
    assert outside.float().mean() > 0.5 and not dark[outside].any() and dark[~outside].any()
