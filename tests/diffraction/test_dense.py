"""The reference itself: against what is known by hand, its two ways against each other, its gradients."""

import math

import pytest
import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction.beams import select_beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.dense import amplitudes, intensities, zone_matrix
from lacbed_gan.diffraction.projection import Projection

COPPER = select_beams(Projection(catalogue()["Cu"]), 1.2)
K = torch.tensor([[0.0, 0.0], [0.41, -0.13]], dtype=torch.float64)
MATRIX = zone_matrix(COPPER.g, COPPER.coupling(), K)


def series(matrix: torch.Tensor, k: torch.Tensor, thickness: tuple[float, ...]) -> torch.Tensor:
    return amplitudes(matrix.clone().requires_grad_(), k, thickness).detach()


def test_two_beams_at_the_bragg_condition() -> None:
    """Pendellösung, one wave along √(k₀² + U) and one along √(k₀² − U): I₀ = cos²(π t Δk)."""
    g = torch.tensor([[0.0, 0.0], [0.5, 0.0]], dtype=torch.float64)
    coupling = torch.tensor([[0.0, 0.03], [0.03, 0.0]], dtype=torch.float64)
    k, t = -g[1:] / 2, (10.0, 35.0, 80.0)
    square = wavelength(200.0) ** -2 - 0.0625
    difference = math.sqrt(square + 0.03) - math.sqrt(square - 0.03)
    expected = [math.cos(math.pi * 10 * x * difference) ** 2 for x in t]
    both = intensities(g, coupling, k, t)[..., 0]
    assert both[0].tolist() == pytest.approx(expected, abs=1e-10)
    torch.testing.assert_close(both.sum(0), torch.ones(3, dtype=torch.float64))


def test_series_and_eigenvectors_agree_for_all_beams() -> None:
    waves = amplitudes(MATRIX, K, (20.0, 90.0))
    assert waves.shape == (2, 2, len(COPPER))
    torch.testing.assert_close(waves, series(MATRIX, K, (20.0, 90.0)), atol=1e-9, rtol=0)
    torch.testing.assert_close(waves.abs().square().sum(-1), torch.ones(2, 2, dtype=torch.float64))


def test_another_origin_makes_the_matrix_complex_and_changes_only_phases() -> None:
    phase = torch.exp(2j * math.pi * (COPPER.hk.double() @ torch.tensor([0.12, 0.31], dtype=torch.float64)))
    moved = phase[:, None] * MATRIX * phase.conj()
    for method in (amplitudes, series):
        waves = method(moved, K, (50.0,))
        torch.testing.assert_close(waves, phase * amplitudes(MATRIX, K, (50.0,)), atol=1e-9, rtol=0)


def test_mean_absorption_is_an_exponential() -> None:
    """iU′₀ on the diagonal alone: every intensity falls by exp(−2π t U′₀/k_z), to second order in U′₀/k₀²."""
    absorbing = MATRIX + 0.05j * torch.eye(len(COPPER))
    ratio = amplitudes(absorbing, K, (60.0,)).abs() ** 2 / amplitudes(MATRIX, K, (60.0,)).abs() ** 2
    k0 = (wavelength(200.0) ** -2 - (K**2).sum(-1)).sqrt()
    expected = torch.exp(-2 * math.pi * 600 * 0.05 / k0)
    torch.testing.assert_close(ratio[:, 0, 0], expected, rtol=5e-3, atol=0)
    assert (amplitudes(absorbing, K, (60.0,)).abs() ** 2).sum(-1).max() < 1


def test_gradient_is_the_difference_quotient_where_eigenvalues_coincide() -> None:
    """On the zone axis four-fold symmetry makes pairs of them equal."""
    u = COPPER.coupling()
    change = torch.randn(u.shape, dtype=u.dtype, generator=torch.Generator().manual_seed(0))
    change = change + change.T
    x = torch.zeros((), dtype=torch.float64, requires_grad=True)

    def direct_beam(step: torch.Tensor | float) -> torch.Tensor:
        return amplitudes(zone_matrix(COPPER.g, u + step * change, K[:1]), K[:1], (40.0,))[0, 0, 0].abs() ** 2

    (gradient,) = torch.autograd.grad(direct_beam(x), x)
    h = 1e-5
    assert float(gradient) == pytest.approx(float(direct_beam(h) - direct_beam(-h)) / (2 * h), rel=1e-5)


def test_scattering_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match="scattered backwards"):
        series(2000 * torch.eye(2, dtype=torch.float64), K[0], (1.0,))
