import pytest
import torch
from torch import nn

from lacbed_gan.models.networks.unet import GlobalUNet

SIDE = 64
BLOCK = SIDE // 32  # pixels folded into one


def made(periodic):
    torch.manual_seed(0)
    return GlobalUNet(image_size=SIDE, filters=8, bottleneck=32, periodic=periodic)


def first_features(network, image):
    return network.encoder[0](network.fold(image), None)


def test_a_shifted_cell_has_shifted_features():
    image, pixels = torch.rand(2, 1, SIDE, SIDE), (3, 10)
    shifted = image.roll([BLOCK * p for p in pixels], (-2, -1))
    for periodic, holds in (("input", True), ("output", False), ("none", False)):
        network = made(periodic)
        expected = first_features(network, image).roll(pixels, (-2, -1))
        assert torch.allclose(first_features(network, shifted), expected, atol=1e-5) is holds, periodic


@pytest.mark.parametrize(
    ("periodic", "ends"), [("none", (False, False)), ("input", (True, False)), ("output", (False, True))]
)
def test_only_the_side_of_the_potential_is_padded_with_its_other_end(periodic, ends):
    network = made(periodic)
    for part, circular in zip(([network.encoder], [network.decoder, network.unfold]), ends, strict=True):
        layers = [layer for one in part for layer in one.modules() if isinstance(layer, nn.Conv2d)]
        assert len(layers) in (8, 9)
        assert {layer.padding_mode for layer in layers} == {"circular" if circular else "zeros"}


def test_padding_changes_no_weight():
    """Networks of both kinds have the same parameters, and the answer differs."""
    image = torch.rand(1, 1, SIDE, SIDE)
    plain, periodic = made("none"), made("input")
    periodic.load_state_dict(plain.state_dict())
    assert (plain(image) - periodic(image)).abs().max() > 1e-5


def test_unknown_sides_are_refused():
    with pytest.raises(ValueError, match="periodic is none, input or output"):
        made("both")
