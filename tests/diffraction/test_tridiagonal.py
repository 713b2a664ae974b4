"""The tridiagonal stage alone, against eigenvectors in float64."""

import math

import pytest
import torch

from lacbed_gan.diffraction.recursion import kernels, tridiagonal
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


def test_compiled_loops_are_those_of_a_gpu(matrices: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Moments, last rows and pivots of matrices (n, P) by arrays, and of (P, n) by compiled code."""
    alpha, beta = ((matrices[0] + 15) / 30, matrices[1][:-1] / 15)  # twice what lies in [−1, 1]
    moments, end = tridiagonal._moments(alpha, beta, 120)
    rows = alpha.T.contiguous().numpy(), beta.T.contiguous().numpy()
    found, last = (torch.from_numpy(x) for x in kernels.moments(*rows, 120, tridiagonal.END))
    torch.testing.assert_close(found.T, moments, rtol=0, atol=1e-5)
    torch.testing.assert_close(last.permute(1, 2, 0), end, rtol=0, atol=1e-5)
    sides, points = torch.stack([alpha, -alpha]), torch.tensor([[0.5, 1.2, 3.0], [0.4, 1.1, 2.0]])
    expected = tridiagonal._lowest_pivots(sides, beta.square(), points)
    pivots = tridiagonal._lowest_pivots_on_a_core(sides, beta.square(), points)
    torch.testing.assert_close(pivots > 0, expected > 0)
    torch.testing.assert_close(pivots[expected > 0], expected[expected > 0])
