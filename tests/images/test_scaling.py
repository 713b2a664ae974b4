"""Min–max and 8 bit."""

import numpy as np
import pytest
import torch

from lacbed_gan.images.scaling import min_max, to_uint8, to_unit


def test_scaling_spans_0_to_255_and_rounds_to_nearest():
    images = np.array([[[-1.0, 0.0], [1.0, 3.0]], [[7.0, 7.0], [7.0, 7.0]], [[0.0, 2.49], [2.51, 255.0]]])
    scaled = to_uint8(images)
    assert scaled.dtype == np.uint8
    assert scaled.tolist() == [[[0, 64], [128, 255]], [[0, 0], [0, 0]], [[0, 2], [3, 255]]]
    with pytest.raises(ValueError, match="finite"):
        to_uint8(np.array([[0.0, np.nan]]))


def test_arrays_and_tensors_become_the_same_numbers():
    grey = np.arange(256, dtype=np.uint8)
    assert to_unit(grey).dtype == np.float32 and to_unit(torch.from_numpy(grey)).dtype == torch.float32
    assert np.array_equal(to_unit(torch.from_numpy(grey)).numpy(), to_unit(grey))
    assert np.array_equal(to_uint8(to_unit(grey)[None]), grey[None])


def test_images_extend_over_the_axes_that_are_named():
    values = np.array([[1.0, 3.0, 2.0], [5.0, 5.0, 5.0]])
    assert min_max(values, axis=1).tolist() == [[0, 1, 0.5], [0, 0, 0]]
