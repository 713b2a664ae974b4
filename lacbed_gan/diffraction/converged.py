"""Bright-field LACBED intensities, exact within the cut-off of the beams: the recursion method."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.lanczos import DenseProduct, FourierProduct, make_product, recursion
from lacbed_gan.diffraction.pixels import complete_pattern, independent_pixels, pixel_axis
from lacbed_gan.diffraction.tridiagonal import direct_beam_intensity

G_MAX = 4.25  # 1/Å
# Amplitude² at the end of the recursion above which it goes on; errors of intensity seen are 3 to 30 times it.
LEAK = 3e-5
FAR, NEAR = 1.2, 1.07  # growth of the number of steps to the next test, with a leak above or below 0.01
PIXELS_AT_ONCE = 256  # on a CPU: vectors of a batch stay in cache, and the matrix product is still efficient
MOST_STEPS = 50_000  # far more than any cell that fits in memory takes
PROBES = 12  # pixels of a batch on which the recursion is tested for its end


def converged_bright_field(
    crystal: Crystal,
    thickness: Sequence[float] = (50, 100, 150, 200),
    size: int = 128,
    *,
    g_max: float = G_MAX,
    energy_kv: float = 200.0,
) -> Tensor:
    """I(t) = |[exp(2πi t (√(k₀² + A) − k₀))]₀₀|² for all beams |g| ≤ g_max of the zero-order Laue zone.

    A_gg = −(2 k_t·g + |g|²), A_gh = U_{g−h}: forward scattering with nothing else neglected; no absorption and
    no higher-order Laue zones. See :func:`lacbed_gan.diffraction.bright_field` for the arguments.

    Returns:
        (T, size, size) float32 in [0, 1].
    """
    rows, columns = independent_pixels(size, crystal.pattern_symmetry)
    axis = pixel_axis(size) / crystal.a
    k = torch.stack([axis[columns], axis[rows]], 1)
    values = intensities(select_beams(crystal, g_max, energy_kv), k, thickness, energy_kv)
    return complete_pattern(values, rows, columns, size, crystal.pattern_symmetry)


def intensities(beams: Beams, k: Tensor, thickness: Sequence[float], energy_kv: float = 200.0) -> Tensor:
    """Direct-beam intensities for incoming beams with in-plane components k.

    Args:
        k: (P, 2) float64 in 1/Å, (x, y); neighbours should have similar |k|.
        thickness: in nm.

    Returns:
        (T, P) float32 in [0, 1].

    Raises:
        ValueError: the recursion does not settle.
    """
    product = make_product(beams, k.device)
    angstroms = [10.0 * t for t in thickness]
    wave_number = 1 / wavelength(energy_kv)
    expected = math.ceil(0.1 * max(angstroms)) + 24  # steps; a low guess costs tests, a high one costs products
    results = []
    for batch in k.split(PIXELS_AT_ONCE):
        alpha, beta = _settled_recursion(beams, product, batch, angstroms, wave_number, expected)
        results.append(direct_beam_intensity(alpha, beta, (batch**2).sum(1), wave_number, angstroms)[0])
        expected = math.ceil(1.02 * len(alpha))  # the number of steps grows with |k|
    return torch.cat(results, 1).clamp(0, 1)


def _settled_recursion(
    beams: Beams,
    product: DenseProduct | FourierProduct,
    k: Tensor,
    thickness: Sequence[float],
    wave_number: float,
    expected: int,
) -> tuple[Tensor, Tensor]:
    """Recursion coefficients α, β (n, P) of just enough steps, tested first after the expected number."""
    probes = torch.linspace(0, len(k) - 1, min(PROBES, len(k)), device=k.device).round().long()
    offset = (k[probes] ** 2).sum(1)
    alphas, betas, test = [], [], expected
    for alpha, beta in recursion(beams, product, k):
        alphas.append(alpha)
        betas.append(beta)
        if len(alphas) < test:
            continue
        probe_alpha, probe_beta = (torch.stack(x)[:, probes] for x in (alphas, betas))
        _, leak = direct_beam_intensity(probe_alpha, probe_beta, offset, wave_number, thickness)
        if leak.max() < LEAK:
            return torch.stack(alphas), torch.stack(betas)
        if len(alphas) > MOST_STEPS:
            raise ValueError(f"the recursion of {len(beams)} beams has not settled after {len(alphas)} steps")
        test = math.ceil(test * (FAR if leak.max() > 0.01 else NEAR))
    raise AssertionError("the recursion has no end")
