"""The tridiagonal stage alone, against eigenvectors in float64."""

import math

import numpy as np
import pytest
import torch

from lacbed_gan.diffraction.recursion import polynomials, tridiagonal
from lacbed_gan.diffraction.recursion.tridiagonal import INSTANTS, direct_beam_intensity, spectral_range

K = 39.87


def dense(alpha: torch.Tensor, beta: torch.Tensor, column: int) -> torch.Tensor:
    off = beta[:-1, column]
    return (torch.diag(alpha[:, column]) + torch.diag(off, 1) + torch.diag(off, -1)).double()


@pytest.fixture
def matrices() -> tuple[torch.Tensor, torch.Tensor]:
    """α, β (n, P) like those of a recursion: a band that falls to −30 1/Å²."""
    random = torch.Generator().manual_seed(0)
    alpha = -15 + 6 * torch.randn(40, 5, generator=random)
    beta = 7 + torch.rand(40, 5, generator=random)
    return alpha, beta


def test_intensity_and_leak(matrices: tuple[torch.Tensor, torch.Tensor]) -> None:
    alpha, beta = matrices
    offset = torch.linspace(0, 3, 5)
    intensity, leak = direct_beam_intensity(alpha, beta, offset, K, (500.0, 2000.0))
    for column in range(5):
        x, v = torch.linalg.eigh(dense(alpha, beta, column))
        k = torch.sqrt(K**2 - offset[column].double() + x)
        for row, t in enumerate((500.0, 2000.0)):
            amplitude = (v[0] ** 2 * torch.exp(2j * math.pi * t * k)).sum()
            assert float(intensity[row, column]) == pytest.approx(float(amplitude.abs() ** 2), abs=2e-4)
        instants = torch.arange(1, INSTANTS + 1) * 1000.0 / INSTANTS
        arrived = (v[-8:] * v[0]).cdouble() @ torch.exp(2j * math.pi * instants * (k - K)[:, None])
        assert float(leak[column]) == pytest.approx(float(arrived.abs().square().sum(0).max()), abs=2e-4)


def test_a_matrix_of_one_element_only_turns_the_phase() -> None:
    intensity, _ = direct_beam_intensity(torch.tensor([[-3.0]]), torch.tensor([[1.0]]), torch.zeros(1), K, (800.0,))
    assert float(intensity[0, 0]) == pytest.approx(1.0, abs=1e-5)


def testspectral_range_holds_all_eigenvalues_and_is_tight(matrices: tuple[torch.Tensor, torch.Tensor]) -> None:
    alpha, beta = matrices
    eigenvalues = torch.stack([torch.linalg.eigvalsh(dense(alpha, beta, column)) for column in range(5)])
    low, high = spectral_range(alpha, beta[:-1])
    span = float(eigenvalues.max() - eigenvalues.min())
    assert low <= float(eigenvalues.min()) and high >= float(eigenvalues.max())
    assert high - low < 1.05 * span


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        direct_beam_intensity(torch.tensor([[float("nan")]]), torch.ones(1, 1), torch.zeros(1), K, (800.0,))


@pytest.mark.parametrize("pixels", [1, 5, 37])
def test_compiled_loops_are_those_of_a_gpu(pixels: int) -> None:
    """Moments, last rows and pivots, fewer matrices than the lanes of a core and more; an odd number of pairs."""
    random = torch.Generator().manual_seed(0)
    alpha = -15 + 6 * torch.randn(40, pixels, generator=random)
    beta = 7 + torch.rand(40, pixels, generator=random)
    offset = torch.linspace(0, 3, pixels, dtype=torch.float64)
    diagonal, coupling = tridiagonal._scaled(alpha, beta, offset, -15.0, 30.0)
    moments, end = tridiagonal._moments(diagonal, coupling, 122)
    rows = alpha.numpy(), beta.numpy(), offset.numpy()
    found, last = map(torch.from_numpy, polynomials.moments(*rows, -15.0, 30.0, 122, tridiagonal.END))
    torch.testing.assert_close(found, moments, rtol=0, atol=1e-5)
    torch.testing.assert_close(last[38:], end[38:], rtol=0, atol=1e-5)  # from where amplitude arrives
    assert not last[:37].any()
    sides = torch.stack([diagonal, -diagonal])
    points = torch.linspace(0.5, 4, 16).view(2, 8)
    expected = tridiagonal._lowest_pivots(sides, coupling.square(), points)
    pivots = tridiagonal._lowest_pivots_on_a_core(sides, coupling.square(), points)
    assert (expected > 0).any() and (expected < 0).any()
    torch.testing.assert_close(pivots > 0, expected > 0)
    torch.testing.assert_close(pivots[expected > 0], expected[expected > 0], rtol=1e-4, atol=1e-4)


def test_coefficients_from_values_at_the_nodes() -> None:
    """Those of Σ c_m T_m, for even and odd numbers of nodes."""
    for count in (1, 6, 7):
        c = np.random.default_rng(count).normal(size=(2, count)) @ np.diag(1 + 1j * np.arange(count))
        angle = np.pi * (np.arange(count) + 0.5) / count
        values = c @ np.cos(np.outer(np.arange(count), angle))
        np.testing.assert_allclose(tridiagonal.cosine_transform(values), c, atol=1e-12)
