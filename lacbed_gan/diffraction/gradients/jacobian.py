"""All derivatives of all intensities of the direct beam, in one adjoint recurrence for each thickness."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lacbed_gan.diffraction.gradients.blocks import Blocks
from lacbed_gan.diffraction.gradients.function import Batch, batches
from lacbed_gan.diffraction.gradients.sweeps import CouplingSumByPixel, TiltSum, adjoint_of_moments

MOST = 1 << 24  # numbers of the derivatives by all elements of the matrices of a batch


@dataclass(frozen=True)
class Jacobian:
    """Intensities of the direct beam with their derivatives.

    Attributes:
        intensity: (T, P) in [0, 1].
        parameters: (T, P, J) with respect to the parameters that were asked for.
        thickness: (T, P) with respect to the thickness, in 1/nm.
        direction: (T, P, 2) with respect to k, in Å.
    """

    intensity: Tensor
    parameters: Tensor
    thickness: Tensor
    direction: Tensor


@torch.no_grad()
def jacobian(
    blocks: Blocks,
    coupling: Tensor,
    tangents: Tensor,
    k: Tensor,
    thickness: Tensor,
    energy_kv: float,
    dtype: torch.dtype,
) -> Jacobian:
    """Derivatives along changes of the potential, whose number hardly matters.

    Args:
        coupling: (S, R, R) U in blocks, in 1/Å².
        tangents: (J, S, R, R) ∂U/∂p in blocks, of J parameters.
        k: (P, 2) float64 in 1/Å.
        thickness: (T,) in nm.
    """
    depths, extremes = 10 * thickness, blocks.extremes(coupling)
    tangents = tangents.flatten(1)
    shape = len(thickness), len(k)
    intensity, slopes = (torch.empty(shape, dtype=dtype, device=k.device) for _ in range(2))
    parameters = torch.empty(*shape, len(tangents), dtype=dtype, device=k.device)
    direction = torch.empty(*shape, 2, dtype=dtype, device=k.device)
    for pixels in batches(blocks, k, max(1, MOST // (len(thickness) * coupling.numel()))):
        batch = Batch(blocks, coupling, extremes, k[pixels], depths, energy_kv, dtype)
        amplitude, slope, last = batch.amplitudes()
        intensity[:, pixels] = amplitude.abs() ** 2
        slopes[:, pixels] = 20 * (amplitude.conj() * slope).real
        weights = 2 * (amplitude.conj()[:, None] * batch.coefficients[..., None]).real  # (T, M, P)
        matrices, tilts = CouplingSumByPixel(batch.step, len(thickness)), TiltSum(batch.step, len(thickness))
        for adjoint, wave in adjoint_of_moments(batch.step, weights, last):
            matrices.add(adjoint, wave)
            tilts.add(adjoint, wave)
        parameters[:, pixels] = (matrices.total().flatten(2) @ tangents.to(batch.step.matrix.dtype).mH).real
        direction[:, pixels] = tilts.total(k[pixels]).to(dtype)
    return Jacobian(intensity, parameters, slopes, direction)
