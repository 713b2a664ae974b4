"""Mirror images, means over them, and quadrants."""

import numpy as np
import pytest
import torch

from lacbed_gan.images.symmetry import MIRRORS, TWO_FOLD, fold, mirror, quadrant, unfold


@pytest.mark.parametrize("size", [4, 5])
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("axes", [(-1,), (-2,), (-2, -1)])
def test_mirrors_written_out_with_indices(size, periodic, axes):
    image = np.random.default_rng(0).random((2, size, size))
    index = -np.arange(size) % size if periodic else size - 1 - np.arange(size)
    expected = image
    for axis in axes:
        expected = expected.take(index, axis)
    assert np.array_equal(mirror(image, axes, periodic), expected)
    assert np.array_equal(mirror(torch.from_numpy(image), axes, periodic).numpy(), expected)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("operations", [MIRRORS, TWO_FOLD])
def test_a_folded_image_has_the_symmetry_to_the_last_bit(operations, periodic):
    image = fold(torch.rand(3, 7, 7), operations, periodic)
    for axes in operations:
        assert torch.equal(mirror(image, axes, periodic), image)
    assert torch.allclose(fold(image, operations, periodic), image)


@pytest.mark.parametrize("size", [6, 7])
def test_a_quadrant_unfolds_to_the_pattern_it_was_cut_from(size):
    pattern = fold(np.random.default_rng(0).random((2, size, size)))
    assert quadrant(pattern).shape == (2, size - size // 2, size - size // 2)
    assert np.array_equal(unfold(quadrant(pattern), size), pattern)
