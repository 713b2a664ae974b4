import pytest
import torch
from torch import nn

from lacbed_gan.models.networks.symmetry import Symmetrised, symmetrised
from lacbed_gan.models.networks.unet import GlobalUNet


@pytest.mark.parametrize("size", [8, 9])
def test_two_fold_axis_and_mirror_lines_of_patterns_are_exact(size):
    images = torch.rand(2, 1, size, size)
    two_fold, mirrors = symmetrised(images, "2", "angle"), symmetrised(images, "2mm", "angle")
    assert torch.equal(two_fold, two_fold.flip(-1, -2))
    assert not torch.allclose(two_fold, two_fold.flip(-1))
    assert torch.equal(mirrors, mirrors.flip(-1))
    assert torch.equal(mirrors, mirrors.flip(-2))


@pytest.mark.parametrize("size", [8, 9])
def test_symmetry_of_potential_is_about_pixel_zero(size):
    """ρ[i, j] = ρ[−i mod n, −j mod n], written out with indices."""
    images = torch.rand(2, 1, size, size)
    minus = -torch.arange(size) % size
    two_fold, mirrors = symmetrised(images, "2", "real"), symmetrised(images, "2mm", "real")
    assert torch.equal(two_fold, two_fold[..., minus, :][..., minus])
    assert not torch.allclose(two_fold, two_fold[..., minus])
    assert torch.equal(mirrors, mirrors[..., minus])
    assert torch.equal(mirrors, mirrors[..., minus, :])


@pytest.mark.parametrize("space", ["angle", "real"])
@pytest.mark.parametrize("symmetry", ["none", "2", "2mm"])
def test_an_image_that_has_the_symmetry_is_left_as_it_is(symmetry, space):
    once = symmetrised(torch.rand(1, 1, 8, 8), symmetry, space)
    torch.testing.assert_close(symmetrised(once, symmetry, space), once)


def test_two_fold_mean_by_hand():
    image = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    torch.testing.assert_close(symmetrised(image, "2", "angle"), torch.full((3, 3), 5.0))
    # About pixel (0, 0): 2 ↔ 3, 4 ↔ 7, 5 ↔ 9, 6 ↔ 8.
    expected = torch.tensor([[1.0, 2.5, 2.5], [5.5, 7.0, 7.0], [5.5, 7.0, 7.0]])
    torch.testing.assert_close(symmetrised(image, "2", "real"), expected)


def test_symmetrised_generator_passes_image_and_condition_on():
    generator = GlobalUNet(image_size=32, conditions=2, filters=8, bottleneck=64)
    network = Symmetrised(generator, "2mm", "angle")
    image, condition = torch.rand(2, 1, 32, 32), torch.rand(2, 2)
    answer = network(image, condition)
    torch.testing.assert_close(answer, symmetrised(generator(image, condition), "2mm", "angle"))
    assert torch.equal(answer, answer.flip(-1))
    assert set(network.state_dict()) == {f"generator.{name}" for name in generator.state_dict()}
    with pytest.raises(ValueError, match="32²"):
        network(torch.rand(1, 1, 64, 64), condition)


@pytest.mark.parametrize(
    ("symmetry", "space", "names"), [("4mm", "angle", "none, 2, 2mm"), ("2", "k", "angle or real")]
)
def test_unknown_symmetries_and_spaces_are_refused(symmetry, space, names):
    with pytest.raises(ValueError, match=names):
        Symmetrised(nn.Identity(), symmetry, space)
