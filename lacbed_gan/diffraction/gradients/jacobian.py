"""All derivatives of all intensities, in one adjoint recurrence for each thickness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lacbed_gan.diffraction.gradients.batch import batch_of
from lacbed_gan.diffraction.gradients.setting import Setting
from lacbed_gan.diffraction.gradients.sums import CouplingSumByPixel, TiltSum

MOST = 1 << 24  # numbers of the derivatives by all elements of the matrices of a batch


@dataclass(frozen=True)
class Jacobian:
    """Intensities with their derivatives; the first axis, of G beams, is there where reflections were asked for.

    Attributes:
        intensity: ([G,] T, P) in [0, 1].
        parameters: ([G,] T, P, J) with respect to the parameters that were asked for.
        thickness: ([G,] T, P) with respect to the thickness, in 1/nm.
        direction: ([G,] T, P, 2) with respect to k, in Å.
    """

    intensity: Tensor
    parameters: Tensor
    thickness: Tensor
    direction: Tensor


@torch.no_grad()
def jacobian(
    setting: Setting, coupling: Tensor, tangents: Tensor | Callable[[Tensor], Tensor], k: Tensor, depths: Tensor
) -> Jacobian:
    """Derivatives along changes of the potential, whose number hardly matters.

    Args:
        coupling: (S, R, R) U in blocks, in 1/Å².
        tangents: (J, S, R, R) ∂U/∂p in blocks, of J parameters; or what makes of derivatives by U in blocks
            (…, S, R, R) those by parameters (…, J).
        k: (P, 2) float64 in 1/Å.
        depths: (T,) in Å.
    """
    extremes = setting.extremes(coupling)
    shape = setting.count, len(depths), len(k)
    functions = setting.count * len(depths)
    intensity, slopes = (torch.empty(shape, dtype=setting.dtype, device=k.device) for _ in range(2))
    along = tangents if callable(tangents) else _along(tangents.flatten(1).to(k.device))
    parameters: Tensor | None = None
    direction = torch.empty(*shape, 2, dtype=setting.dtype, device=k.device)
    for pixels in setting.parts(k, max(1, MOST // (functions * coupling.numel()))):
        batch = batch_of(setting, coupling, extremes, k[pixels], depths)
        intensity[..., pixels] = batch.amplitude.abs() ** 2
        slopes[..., pixels] = 20 * (batch.amplitude.conj() * batch.slope).real
        # one function for each intensity of a pixel
        each = torch.eye(functions, dtype=setting.dtype, device=k.device).view(functions, *shape[:2], 1)
        matrices, tilts = CouplingSumByPixel(batch.step, functions), TiltSum(batch.step, functions)
        for adjoint, wave in batch.pairs(each.expand(-1, -1, -1, len(pixels))):
            matrices.add(adjoint, wave)
            tilts.add(adjoint, wave)
        found = along(matrices.total()).unflatten(0, shape[:2])
        if parameters is None:
            parameters = torch.empty(*shape, found.shape[-1], dtype=setting.dtype, device=k.device)
        parameters[:, :, pixels] = found
        direction[:, :, pixels] = tilts.total(batch.k).to(setting.dtype).unflatten(0, shape[:2])
    assert parameters is not None
    return Jacobian(intensity, parameters, slopes, direction)


def _along(tangents: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda matrices: (matrices.flatten(2) @ tangents.to(matrices.dtype).mH).real
