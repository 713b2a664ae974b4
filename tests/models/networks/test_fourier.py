import pytest
import torch

from lacbed_gan.images.symmetry import MIRRORS, TWO_FOLD, fold
from lacbed_gan.models.networks.fourier import FourierGenerator, FromPotential, ToPotential

SIDES = ["input", "output"]
SMALL = {"image_size": 32, "order": 6, "width": 64, "depth": 1}


def made(**sizes):
    torch.manual_seed(0)
    return FourierGenerator(**{**SMALL, **sizes})


def awake(network):
    """The coefficients' layer starts at zero, where no other layer has a gradient: draw its weights as others' are."""
    for layer in network.modules():
        if isinstance(layer, ToPotential):
            layer.waves.reset_parameters()
    return network


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("conditions", [0, 2])
def test_shapes_and_number_of_parameters(size, conditions, side):
    network = FourierGenerator(image_size=size, conditions=conditions, potential=side)
    condition = torch.rand(2, conditions) if conditions else None
    assert network(torch.rand(2, 1, size, size), condition).shape == (2, 1, size, size)
    assert 1.3e6 < sum(p.numel() for p in network.parameters()) < 3.4e6


@pytest.mark.parametrize("side", SIDES)
def test_patterns_of_other_zones_have_a_two_fold_axis_alone(side):
    """Half of a pattern is made, or read: its other half is the first one turned, and no mirror image."""
    network = awake(made(conditions=4, potential=side, quadrants=False))
    condition, pattern = torch.rand(2, 4), torch.rand(2, 1, 32, 32)
    answer = network(pattern, condition)
    turned = pattern.flip((-2, -1))
    if side == "input":
        assert torch.equal(answer, answer.flip((-2, -1))) and (answer - answer.flip(-1)).abs().max() > 1e-3
    else:
        assert torch.allclose(network(turned, condition), answer, atol=1e-5)
        assert (network(pattern.flip(-1), condition) - answer).abs().max() > 1e-4


def test_network_is_built_without_memory():
    with torch.device("meta"):
        network = FourierGenerator(conditions=2)
        assert network(torch.rand(2, 1, 128, 128), torch.rand(2, 2)).shape == (2, 1, 128, 128)


def test_coefficients_of_waves_are_their_amplitudes():
    """ρ = 0.3 + 0.2 cos 2π(3x − 2y) + 0.1 sin 2πx has ρ_00 = 0.3, ρ_{−2,3} = 0.1, ρ_{0,1} = −0.05 i; rows are h, y."""
    y, x = torch.meshgrid(torch.arange(32) / 32, torch.arange(32) / 32, indexing="ij")
    image = 0.3 + 0.2 * torch.cos(2 * torch.pi * (3 * x - 2 * y)) + 0.1 * torch.sin(2 * torch.pi * x)
    layer = FromPotential(4)
    waves = torch.view_as_complex(layer(image[None, None]).view(9, 5, 2)) * layer.scale
    expected = torch.zeros(9, 5, dtype=torch.complex64)
    expected[4, 0], expected[2, 3], expected[4, 1] = 0.3, 0.1, -0.05j
    torch.testing.assert_close(waves, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("order", [4, 15])
def test_coefficients_are_turned_back_into_the_image(order):
    """Of an image without waves above the order, by way of a last layer that passes its input through."""
    waves = torch.fft.rfft2(torch.rand(2, 3, 32, 32))
    h, k = torch.fft.fftfreq(32, 1 / 32).abs()[:, None], torch.arange(17)
    image = torch.fft.irfft2(waves * ((h <= order) & (k <= order)), s=(32, 32))
    there = FromPotential(order)
    back = ToPotential(32, 3, 3 * there.count, order)
    back.waves.weight.data = torch.eye(3 * there.count)
    torch.testing.assert_close(back(there(image)), image, atol=1e-5, rtol=0)


def test_patterns_are_read_up_to_their_symmetry():
    network = awake(made(potential="output"))
    image = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(network(image.flip(-1)), network(image))
    torch.testing.assert_close(network(image.flip(-2)), network(image))
    assert (network(image.transpose(-1, -2)) - network(image)).abs().max() > 1e-4


@pytest.mark.parametrize("side", SIDES)
def test_every_pixel_of_the_input_reaches_every_pixel_of_the_output(side):
    network = awake(made(potential=side, order=15))
    image = torch.rand(1, 1, 32, 32, requires_grad=True)
    network(image)[0, 0, 3, 5].backward()
    assert (image.grad != 0).all()


def test_what_it_was_not_made_for_is_refused():
    network = made(conditions=2)
    with pytest.raises(ValueError, match="64 × 64 pixels, but the network was made for 32²"):
        network(torch.rand(1, 1, 64, 64), torch.rand(1, 2))
    with pytest.raises(ValueError, match="0 conditions given"):
        network(torch.rand(1, 1, 32, 32))
    with pytest.raises(ValueError, match="image_size is an even number"):
        made(image_size=33)
    with pytest.raises(ValueError, match="potential is input or output"):
        made(potential="none")


@pytest.mark.parametrize("side", SIDES)
def test_eight_pairs_are_learned(side):
    """Smooth images of eight random crystals: far below the error of their mean image in a few seconds."""
    torch.manual_seed(0)
    network = made(potential=side, width=128)
    blocks = torch.rand(2, 8, 1, 4, 4)
    inputs, targets = (torch.nn.functional.interpolate(b, scale_factor=8, mode="bicubic").clamp(0, 1) for b in blocks)
    if side == "input":
        targets = (targets + targets.flip(-1)) / 2
        targets = (targets + targets.flip(-2)) / 2
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = (network(inputs) - targets).square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.2 * targets.var(0, correction=0).mean()


@pytest.mark.parametrize("quadrants", [True, False])
def test_an_untrained_network_answers_with_the_first_answer(quadrants):
    network = FourierGenerator(16, in_channels=2, conditions=2, few_beams=1.5, quadrants=quadrants)
    image = torch.rand(3, 2, 16, 16)
    first = fold(image[:, 1:], MIRRORS if quadrants else TWO_FOLD)
    answer = network(image, torch.rand(3, 2))
    torch.testing.assert_close(answer, first.clamp(0.02, 0.98), atol=0.06, rtol=0)  # but for the last layer's bias
    answer.square().sum().backward()
    assert network.decoder.quadrant.weight.grad.abs().max() > 0
