import math

import pytest
import torch

from lacbed_gan.measures.metrics import correlation_r, mse, squared_error_map, summary
from lacbed_gan.measures.origin import origin_mse, origin_r


def images(count=3, size=16, seed=0):
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(2, 1, 2, 2), (2, 2, 2)])
def test_squared_error_map_and_mse_by_hand(shape):
    prediction = torch.tensor([0.0, 0.5, 1.0, 0.2, 0, 0, 0, 0]).reshape(shape)
    target = torch.tensor([0.0, 1.0, 0.0, 0.2, 1, 1, 1, 1]).reshape(shape)
    torch.testing.assert_close(
        squared_error_map(prediction, target), torch.tensor([0, 0.25, 1, 0, 1, 1, 1, 1]).reshape(shape)
    )
    torch.testing.assert_close(mse(prediction, target), torch.tensor([0.3125, 1.0]))


def test_r_of_a_copy_is_1_and_of_a_negative_0_whatever_scale_and_offset():
    image = images()
    torch.testing.assert_close(correlation_r(image, image), torch.ones(3))
    torch.testing.assert_close(correlation_r(0.1 + 0.01 * image, image), torch.ones(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(correlation_r(1 - image, image), torch.zeros(3), atol=1e-6, rtol=0)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_r_of_very_dark_and_very_bright_images(scale):
    """Squares of these are beyond single precision."""
    x, y = images(seed=1), images(seed=2)
    torch.testing.assert_close(correlation_r(scale * x, scale * y), correlation_r(x, y))


def test_r_equals_pearson_of_corrcoef():
    x, y = images(seed=1), images(seed=2)
    both = torch.stack([x.flatten(1), y.flatten(1)], dim=1)
    pearson = torch.stack([torch.corrcoef(pair)[0, 1] for pair in both])
    torch.testing.assert_close(correlation_r(x, y), 0.5 + 0.5 * pearson)


@pytest.mark.parametrize("level", [0.0, 0.1, 0.3, 1.0])  # 0.1 and 0.3: the mean is rounded
def test_r_of_a_constant_image_is_a_half(level):
    constant = torch.full((3, 1, 16, 16), level)
    assert correlation_r(constant, images()).tolist() == [0.5] * 3
    assert correlation_r(images(), constant).tolist() == [0.5] * 3
    assert correlation_r(constant, constant).tolist() == [0.5] * 3


@pytest.mark.parametrize("measure", [squared_error_map, mse, correlation_r])
def test_different_shapes_are_refused(measure):
    with pytest.raises(ValueError, match=r"\(3, 1, 16, 16\).*\(3, 16, 16\)"):
        measure(images(), images()[:, 0])


@pytest.mark.parametrize("measure", [mse, correlation_r, origin_mse, origin_r])
def test_the_value_of_an_image_does_not_depend_on_the_others_of_its_batch(measure):
    prediction, target = images(7, seed=3), images(7, seed=4)
    parts = [measure(a, b) for a, b in zip(prediction.split(3), target.split(3), strict=True)]
    torch.testing.assert_close(torch.cat(parts), measure(prediction, target))


def test_summary_by_hand():
    result = summary(torch.tensor([4.0, 1.0, 3.0, 2.0]))
    expected = {"mean": 2.5, "median": 2.5, "quartile_1": 1.75, "quartile_3": 3.25}
    assert result == pytest.approx(expected | {"standard_error": math.sqrt(5 / 3) / 2})
    assert all(type(value) is float for value in result.values())


def test_summary_of_two_images():
    assert summary(torch.tensor([1.0, 3.0]))["standard_error"] == pytest.approx(1)


@pytest.mark.filterwarnings("error")
def test_summary_of_one_image_has_no_standard_error_and_of_none_is_refused():
    assert math.isnan(summary(torch.tensor([0.3]))["standard_error"])
    with pytest.raises(ValueError, match="no images"):
        summary(torch.tensor([]))
