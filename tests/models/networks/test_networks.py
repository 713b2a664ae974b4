import subprocess
import sys

import pytest
import torch

from lacbed_gan.models.networks.patchgan import MultiscaleDiscriminator
from lacbed_gan.models.networks.pix2pixhd import GlobalGenerator, LocalEnhancer
from lacbed_gan.models.networks.unet import GlobalUNet


def millions(network):
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


@pytest.mark.parametrize(("kind", "expected"), [(GlobalGenerator, 182.44), (LocalEnhancer, 182.70)])
def test_parameters_of_pix2pixhd_generators_with_three_channels(kind, expected):
    """Counts of NVIDIA's pix2pixHD with its default sizes, as given with the reference configuration."""
    with torch.device("meta"):
        network = kind(in_channels=3, out_channels=3)
    assert millions(network) == pytest.approx(expected, abs=0.005)


def test_parameters_of_pix2pixhd_discriminators_with_three_channels():
    with torch.device("meta"):
        network = MultiscaleDiscriminator(in_channels=3, out_channels=3)
    assert millions(network) == pytest.approx(5.54, abs=0.005)


@pytest.mark.parametrize("kind", [GlobalGenerator, LocalEnhancer])
def test_pix2pixhd_generators_keep_the_image_size(kind):
    with torch.device("meta"):
        assert kind()(torch.rand(2, 1, 128, 128)).shape == (2, 1, 128, 128)
    small = kind(filters=4, blocks=1)
    output = small(torch.rand(2, 1, 64, 96), None)
    assert output.shape == (2, 1, 64, 96)
    assert output.abs().max() < 1


def test_local_enhancer_uses_both_resolutions():
    enhancer = LocalEnhancer(filters=4, downsamplings=2, blocks=1, local_blocks=1)
    enhancer(torch.rand(1, 1, 32, 32)).sum().backward()
    for part in (enhancer.global_features, enhancer.encoder):
        assert part[1].weight.grad.abs().max() > 0


def test_pix2pixhd_weights_are_drawn_with_standard_deviation_0_02():
    for network in (GlobalGenerator(blocks=1, filters=16), MultiscaleDiscriminator()):
        weights = torch.cat([p.detach().flatten() for p in network.parameters() if p.dim() == 4])
        assert weights.std().item() == pytest.approx(0.02, rel=0.02)
        assert weights.mean().abs() < 1e-3


@pytest.mark.parametrize(("kind", "shape"), [(GlobalGenerator, (16, 64)), (LocalEnhancer, (48, 64))])
def test_pix2pixhd_generators_refuse_sizes_they_cannot_halve(kind, shape):
    with pytest.raises(ValueError, match=f"{shape[0]} × {shape[1]} pixels"):
        kind(filters=2, blocks=1)(torch.rand(1, 1, *shape))


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("conditions", [0, 2])
def test_unet_shapes_range_and_size(size, conditions):
    network = GlobalUNet(image_size=size, conditions=conditions)
    condition = torch.rand(2, conditions) if conditions else None
    output = network(torch.rand(2, 1, size, size), condition)
    assert output.shape == (2, 1, size, size)
    assert 0 <= output.min() and output.max() <= 1
    assert 3 < millions(network) < 4


def test_unet_sees_the_whole_image_at_every_pixel():
    network = GlobalUNet(image_size=32, filters=8, bottleneck=64)
    image = torch.rand(1, 1, 32, 32, requires_grad=True)
    network(image)[0, 0, 0, 0].backward()
    assert (image.grad[0, 0, -8:, -8:] != 0).all()


def test_unet_refuses_what_it_was_not_made_for():
    network = GlobalUNet(image_size=32, conditions=2, filters=8)
    with pytest.raises(ValueError, match="32²"):
        network(torch.rand(1, 1, 64, 64), torch.rand(1, 2))
    with pytest.raises(ValueError, match="0 conditions given"):
        network(torch.rand(1, 1, 32, 32))
    with pytest.raises(ValueError, match="image_size is 32, 64 or 128"):
        GlobalUNet(image_size=48)


def test_discriminator_returns_the_features_of_every_layer_at_every_scale():
    network = MultiscaleDiscriminator(filters=4)
    judgement = network(torch.rand(2, 1, 64, 64), torch.rand(2, 1, 64, 64))
    sides = [[output.shape[-1] for output in layers] for layers in judgement]
    assert sides == [[33, 17, 9, 10, 11], [17, 9, 5, 6, 7]]  # ⌊n/2⌋ + 1 three times, then n + 1 twice
    assert [layers[-1].shape[:2] for layers in judgement] == [(2, 1), (2, 1)]


def test_networks_are_built_without_importing_lightning():
    """Predicting must start quickly, and lightning takes seconds to import."""
    code = "import sys, lacbed_gan.models.build; sys.exit('lightning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
