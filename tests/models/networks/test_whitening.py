"""ρ with all of its Fourier coefficients of one size, as the discriminator of inverse networks sees it."""

import math

import pytest
import torch

from lacbed_gan.models.networks.fourier import coefficient_scale
from lacbed_gan.models.networks.whitening import SMALLEST, whitened, with_whitened


@pytest.mark.parametrize(("h", "k"), [(1, 0), (-3, 5), (7, 7), (2, 20)])
def test_waves_of_the_usual_magnitude_have_one_amplitude(h, k):
    """ρ = 2 |ρ_hk| cos 2π(hx + ky) becomes 2/n cos 2π(hx + ky), whatever the order; the mean is left out."""
    x = torch.arange(64) / 64
    wave = torch.cos(2 * math.pi * (h * x[:, None] + k * x))
    potential = 0.4 + 2 * coefficient_scale(20)[h + 20, k] * wave
    assert torch.allclose(whitened(potential[None, None])[0, 0], 2 / 64 * wave, atol=1e-4)


def test_what_eight_bits_round_away_stays_small():
    """Rounding to 1/255 spreads over all orders, 1/(255 √12 n) each: the highest of 128 × 128 are not made of it."""
    noise = (torch.rand(4, 1, 128, 128, generator=torch.Generator().manual_seed(0)) - 0.5) / 255
    assert whitened(noise).std().item() == pytest.approx(noise.std().item() / 128 / SMALLEST, rel=0.1)
    assert whitened(noise).std() < 0.1


def test_the_gradient_reaches_high_orders_as_it_does_low_ones():
    potential = torch.zeros(1, 1, 32, 32, requires_grad=True)
    shown = with_whitened(potential)
    assert shown.shape == (1, 2, 32, 32)
    target = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    (slope,) = torch.autograd.grad((shown[:, 1:] * target).sum(), potential)
    assert torch.allclose(slope, whitened(target), atol=1e-4)  # whitening is its own adjoint


def test_answers_are_seen_in_eight_bits_and_true_images_as_they_are():
    potential = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 1.2 - 0.1
    seen = with_whitened(potential)
    assert torch.allclose(seen[:, :1], (potential.clamp(0, 1) * 255).round() / 255, atol=1e-6)
    again = with_whitened(seen[:, :1])
    assert torch.allclose(again, seen, atol=1e-4)
