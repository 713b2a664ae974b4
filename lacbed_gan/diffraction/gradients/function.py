"""Intensities as a function that PyTorch differentiates."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lacbed_gan.diffraction.gradients.batch import batch_of
from lacbed_gan.diffraction.gradients.setting import Setting
from lacbed_gan.diffraction.gradients.sums import CouplingSum, TiltSum


class Intensity(torch.autograd.Function):
    """I_g(t) = |[exp(2πi t √(k₀² + A))]_g0|², (G, T, P), of U in blocks, k and t in Å."""

    @staticmethod
    def forward(ctx: Any, coupling: Tensor, k: Tensor, depths: Tensor, setting: Setting) -> Tensor:
        shape = setting.count, len(depths), len(k)
        intensity = torch.empty(shape, dtype=setting.dtype, device=k.device)
        extremes = setting.extremes(coupling)
        ctx.batches = []
        for pixels in setting.parts(k):
            batch = batch_of(setting, coupling, extremes, k[pixels], depths)
            intensity[..., pixels] = batch.amplitude.abs() ** 2
            if any(ctx.needs_input_grad):
                ctx.batches.append((pixels, batch))
        ctx.save_for_backward(coupling, k, depths)
        return intensity

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        of_coupling, of_k, of_depths = (torch.zeros_like(x) for x in ctx.saved_tensors)
        for pixels, batch in ctx.batches:
            upstream = gradient[..., pixels]
            of_depths += (2 * upstream * (batch.amplitude.conj() * batch.slope).real).sum((0, 2)).to(of_depths.device)
            if any(ctx.needs_input_grad[:2]):
                matrix, tilts = CouplingSum(batch.step), TiltSum(batch.step, 1) if ctx.needs_input_grad[1] else None
                for adjoint, wave in batch.pairs(upstream[None]):
                    matrix.add(adjoint, wave)
                    if tilts:
                        tilts.add(adjoint, wave)
                of_coupling += matrix.total().to(of_coupling.device)
                if tilts:
                    of_k[pixels] = tilts.total(batch.k)[0]
        return of_coupling, of_k, of_depths, None
