"""The reference: amplitudes of all beams from the whole matrix of a zone axis, in double precision.

Slow and plain, for any matrix: real symmetric, Hermitian, or with absorption, where it is neither. What is fast is
tested against it, and gradients with respect to structure factors come from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.errors import CalculationError

MOST_TERMS = 200  # of the series of √(1 + x), which converges for |x| < 1


def zone_matrix(g: Tensor, coupling: Tensor, k: Tensor) -> Tensor:
    """A with A_gg = −(2 k·g + |g|²) and A_gh = U_{g−h}.

    Args:
        g: (N, 2) float64 components of the beams in 1/Å, the direct beam (0, 0) first.
        coupling: (N, N) real or complex, U_{g−h} in 1/Å² (plus iU′ of absorption, its mean on the diagonal).
        k: (…, 2) float64 in-plane components of the incoming beam in 1/Å.

    Returns:
        (…, N, N) in 1/Å².
    """
    return coupling + torch.diag_embed(-2 * k @ g.T - (g**2).sum(1)).to(coupling.dtype)


def amplitudes(matrix: Tensor, k: Tensor, thickness: Sequence[float], energy_kv: float = 200.0) -> Tensor:
    """ψ(t) = exp(2πi t (√(k₀² + A) − k₀)) e₀ with k₀² = K² − |k|²: forward scattering, nothing else neglected.

    A Hermitian matrix whose gradient nobody asks for is diagonalised; for others the root is a series in A/k₀² and the
    exponential is PyTorch's, so that gradients are right where eigenvalues coincide too.

    Args:
        matrix: (…, N, N) A in 1/Å², of :func:`zone_matrix`, the direct beam first.
        k: (…, 2) in 1/Å.
        thickness: T values in nm.

    Returns:
        (…, T, N) complex128; the intensity of a beam is the square of its magnitude.

    Raises:
        CalculationError: A is not small beside k₀², so that beams are scattered backwards.
    """
    k0 = (wavelength(energy_kv) ** -2 - (k**2).sum(-1)).sqrt()  # (…)
    phase = 2j * math.pi * 10 * torch.as_tensor(thickness, dtype=torch.float64)  # (T,), t in Å
    if not matrix.requires_grad and torch.allclose(matrix, matrix.mH, rtol=0, atol=1e-12):
        x, v = torch.linalg.eigh(matrix)
        # √(k₀² + x) − k₀ without cancellation
        root = x / ((k0[..., None] ** 2 + x).to(phase.dtype).sqrt() + k0[..., None])
        waves = torch.exp(phase[:, None] * root[..., None, :]) * v[..., None, 0, :].conj()
        return waves @ v.mT.to(waves.dtype)
    root = k0[..., None, None] * _root(matrix.to(torch.complex128) / k0[..., None, None] ** 2)
    return torch.matrix_exp(phase[:, None, None] * root[..., None, :, :])[..., 0]


def intensities(g: Tensor, coupling: Tensor, k: Tensor, thickness: Sequence[float], energy_kv: float = 200.0) -> Tensor:
    """(N, T, P) intensities of all beams for P directions (P, 2), one direction at a time to save memory."""
    waves = [amplitudes(zone_matrix(g, coupling, direction), direction, thickness, energy_kv) for direction in k]
    return (torch.stack(waves).abs() ** 2).permute(2, 1, 0)


def _root(x: Tensor) -> Tensor:
    """√(1 + x) − 1 of matrices (…, N, N), by its series."""
    size = float(torch.linalg.matrix_norm(x.detach(), torch.inf).max())  # of a row, no eigenvalue is larger
    if not size < 0.8:
        raise CalculationError(f"A is {size:.2g} of k₀²: beams are scattered backwards too")
    terms = next(n for n in range(1, MOST_TERMS) if size**n < 1e-17)
    coefficients = [0.5]  # binomial(½, n)
    for n in range(2, terms + 1):
        coefficients.append(coefficients[-1] * (1.5 - n) / n)
    identity = torch.eye(x.shape[-1], dtype=x.dtype)
    total = coefficients[-1] * identity
    for c in reversed(coefficients[:-1]):
        total = total @ x + c * identity
    return total @ x
