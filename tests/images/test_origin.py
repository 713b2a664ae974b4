"""The canonical origin of ρ: the same for every shifted or inverted copy, and the same axis in crystals of one type."""

import numpy as np
import pytest
import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction import projected_potential
from lacbed_gan.images.origin import canonical
from lacbed_gan.images.scaling import to_uint8
from lacbed_gan.store.packed import open_store


@pytest.fixture(scope="module")
def bundled():
    """All potentials of the bundled store and their canonical images."""
    potential = open_store("bundled").potential
    return potential, canonical(potential)


def copies(images, seed=0):
    """Each image shifted at random, every other one inverted: i → −i mod n, then the shift."""
    random = np.random.default_rng(seed)
    moved = images.copy()
    for i, image in enumerate(images):
        sense = random.choice((1, -1))
        index = [
            sense * (np.arange(n) - s) % n for n, s in zip(image.shape, random.integers(0, image.shape), strict=True)
        ]
        moved[i] = image[np.ix_(*index)]
    return moved


def mirrored(images):
    return np.roll(images[:, ::-1], 1, 1)


def inverted(images):
    return mirrored(mirrored(images).swapaxes(1, 2)).swapaxes(1, 2)


def transposed(images):
    return np.ascontiguousarray(images.swapaxes(1, 2))


def potentials(*names, size=64):
    return to_uint8(np.stack([projected_potential(catalogue()[name], size) for name in names]))


def noise(count=20, size=16, levels=256, seed=0):
    return np.random.default_rng(seed).integers(0, levels, (count, size, size), dtype=np.uint8)


def mse(a, b):
    """(N,) on [0, 1]."""
    return ((a.astype(float) - b) ** 2).mean((1, 2)) / 255**2


def test_every_crystal_has_one_image_whatever_its_origin(bundled):
    potential, result = bundled
    moved = copies(potential)
    assert np.median(mse(moved, potential)) > 1e-3  # it is something else that is undone
    assert np.array_equal(canonical(moved), result)


def test_canonical_images_stay(bundled):
    some = bundled[1][::10]
    assert np.array_equal(canonical(some), some)


def test_pixels_are_moved_not_changed(bundled):
    for image, moved in zip(*bundled, strict=True):
        assert np.array_equal(np.bincount(image.ravel(), minlength=256), np.bincount(moved.ravel(), minlength=256))


def test_every_crystal_has_a_two_fold_axis_at_the_first_pixel(bundled):
    """Exactly: rounding to 8 bit has broken the symmetry of none of them."""
    _, result = bundled
    assert np.array_equal(inverted(result), result)


def test_crystals_of_one_type_have_one_origin():
    """Zinc blende whose heavy atom is the one or the other, as given at 0 0 0 or at ¼ ¼ ¼."""
    given = potentials("GaP", "InP", "BP", "AlSb", "BAs")
    result = canonical(given)
    assert (result[:, 0, 0] == 255).all()
    # Left is how high the lighter column is, the difference that there is.
    differences = mse(result[:, None].repeat(5, 1).reshape(-1, 64, 64), np.tile(result, (5, 1, 1)))
    assert differences.max() < 0.25 * mse(given[:1], np.roll(given[:1], 16, 1))


def test_four_fold_axes_come_before_denser_two_fold_ones():
    """Wide columns at ½ 0 and 0 ½, which a quarter turn exchanges, and narrow ones at 0 0."""
    y, x = np.meshgrid(*[np.arange(32) / 32] * 2, indexing="ij")

    def column(row, col, sharpness):
        return np.exp(sharpness * (np.cos(2 * np.pi * (y - row)) + np.cos(2 * np.pi * (x - col)) - 2))

    image = to_uint8(column(0.5, 0, 3) + column(0, 0.5, 3) + 0.5 * column(0, 0, 20))[None]
    assert image[0, 16, 0] > image[0, 0, 0]
    result = canonical(copies(image))
    assert np.array_equal(result, transposed(result))
    assert np.array_equal(result, mirrored(result))


def test_rounding_does_not_choose():
    """One level more in one pixel moves neither the origin nor the sense."""
    images = potentials("pyrite", "FeSi", "SrTiO3", "GaAs", size=128)
    changed = images.copy()
    changed[:, 37, 101] ^= 1
    assert mse(canonical(copies(changed)), canonical(images)).max() <= 4 / 255**2 / 128**2


@pytest.mark.parametrize("name", ["SrTiO3", "GaAs", "Si"])
def test_mirror_lines_of_the_crystal_cross_at_the_origin(name):
    result = canonical(copies(potentials(name)))
    assert np.array_equal(mirrored(result), result)
    assert np.array_equal(transposed(result), result)


@pytest.mark.parametrize("name", ["pyrite", "FeSi"])
def test_glide_lines_leave_one_of_two_mirrored_images(name):
    """Pa-3 and P2₁3: the mirrored crystal is the same crystal, shifted; the transposed one is another."""
    image = canonical(potentials(name))
    assert mse(mirrored(image), image) > 1e-3
    assert np.array_equal(canonical(mirrored(image)), image)
    assert mse(transposed(image), image) > 1e-3
    assert np.array_equal(canonical(transposed(image)), transposed(image))


@pytest.mark.parametrize("size", [8, 9, 16])
@pytest.mark.parametrize("levels", [2, 256])
def test_images_without_symmetry(size, levels):
    images = noise(size=size, levels=levels)
    result = canonical(images)
    for seed in range(5):
        assert np.array_equal(canonical(copies(images, seed)), result)
    assert len({image.tobytes() for image in result}) == len(images)


def test_images_with_lattice_translations():
    """Two, four and sixteen cells in an image, and a centred one; noise, or with two-fold axes."""
    half, quarter = noise(6, 16)[:, :8], noise(6, 8)
    symmetric = quarter // 2 + inverted(quarter) // 2
    centred = np.block([[quarter, inverted(quarter)], [inverted(quarter), quarter]])
    for images in (half.repeat(1, 0), np.tile(quarter, (1, 2, 2)), np.tile(symmetric, (1, 4, 4)), centred):
        images = np.concatenate([images, images], 1) if images.shape[1] < images.shape[2] else images
        assert np.array_equal(canonical(copies(images)), canonical(images))


def test_constant_images_and_single_pixels():
    images = np.zeros((3, 128, 128), dtype=np.uint8)
    images[1] = 255
    images[2, 5, 7] = 1
    result = canonical(images)
    assert np.array_equal(result[:2], images[:2])
    assert result[2, 0, 0] == 1


def test_no_images():
    assert canonical(np.zeros((0, 16, 16), dtype=np.uint8)).shape == (0, 16, 16)


@pytest.mark.parametrize(
    "images", [np.zeros((16, 16), np.uint8), np.zeros((1, 16, 8), np.uint8), torch.zeros(1, 8, 8).numpy()]
)
def test_other_images_are_refused(images):
    with pytest.raises(ValueError, match="not \\(N, n, n\\) uint8"):
        canonical(images)
