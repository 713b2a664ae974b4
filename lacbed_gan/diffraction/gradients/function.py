"""Intensities of the direct beam with their derivatives, by Chebyshev series and their adjoints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.gradients.blocks import Blocks
from lacbed_gan.diffraction.gradients.series import propagation
from lacbed_gan.diffraction.gradients.step import Step
from lacbed_gan.diffraction.gradients.sweeps import CouplingSum, TiltSum, adjoint_of_moments, moments

# Pixels of a batch on a CPU: at least so many; numbers of a wave in its cache.
PIXELS, CACHED = 64, 1 << 16
DIVERGED = 0.01  # by which a moment, at most 1, may exceed it


class Batch:
    """Pixels of similar |k|, which one series is for.

    Args:
        blocks: the beams.
        coupling: (S, R, R) U in blocks, in 1/Å².
        extremes: of U, as :meth:`Blocks.extremes` gives them.
        k: (P, 2) float64 in 1/Å.
        depths: (T,) in Å.

    Attributes:
        step: of the recurrence.
        coefficients, derivatives: (T, M) of the propagation and of its derivative with respect to t in Å.
    """

    def __init__(
        self,
        blocks: Blocks,
        coupling: Tensor,
        extremes: tuple[float, float],
        k: Tensor,
        depths: Tensor,
        energy_kv: float,
        dtype: torch.dtype,
    ):
        ends = extremes[0] - blocks.steepest(k), extremes[1]
        centre, half, self.coefficients, self.derivatives = propagation(ends, 1 / wavelength(energy_kv), depths, dtype)
        self.step = Step(blocks, coupling, k, centre, half, dtype)

    def amplitudes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Amplitudes of the direct beam (T, P), their derivatives by t (T, P), and the last two waves."""
        mu, last = moments(self.step, self.coefficients.shape[1])
        if not mu.abs().max() < 1 + DIVERGED:
            raise CalculationError("the potential is not finite, or so strong that the series diverges")
        mu = mu.to(self.coefficients.dtype)
        return self.coefficients @ mu, self.derivatives @ mu, last

    def weights(self, amplitude: Tensor, gradient: Tensor) -> Tensor:
        """(M, P) ∂L/∂μ_m of a function with ∂L/∂I = gradient (T, P)."""
        return (self.coefficients.T @ (2 * gradient * amplitude.conj())).real


def batches(blocks: Blocks, k: Tensor, most: int | None = None) -> Iterator[Tensor]:
    """Indices of pixels to work on together, by rising |k|, at most so many."""
    size = min(max(PIXELS, CACHED // len(blocks.beams)), most or len(k))
    order = (k.detach() ** 2).sum(1).argsort()
    yield from order.chunk(math.ceil(len(order) / size))


class DirectBeam(torch.autograd.Function):
    """I(t) = |[exp(2πi t √(k₀² + A))]₀₀|² as a function of U in blocks, k and t."""

    @staticmethod
    def forward(
        ctx: Any, coupling: Tensor, k: Tensor, depths: Tensor, blocks: Blocks, energy_kv: float, dtype: torch.dtype
    ) -> Tensor:
        intensity = torch.empty(len(depths), len(k), dtype=dtype, device=k.device)
        extremes = blocks.extremes(coupling)
        ctx.batches = []
        for pixels in batches(blocks, k):
            batch = Batch(blocks, coupling, extremes, k[pixels], depths, energy_kv, dtype)
            amplitude, slope, last = batch.amplitudes()
            intensity[:, pixels] = amplitude.abs() ** 2
            if any(ctx.needs_input_grad):
                ctx.batches.append((pixels, batch, amplitude, slope, last))
        ctx.save_for_backward(coupling, k, depths)
        return intensity

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        of_coupling, of_k, of_depths = (torch.zeros_like(x) for x in ctx.saved_tensors)
        k = ctx.saved_tensors[1]
        for pixels, batch, amplitude, slope, last in ctx.batches:
            upstream = gradient[:, pixels]
            of_depths += (2 * upstream * (amplitude.conj() * slope).real).sum(1)
            if any(ctx.needs_input_grad[:2]):
                sums = CouplingSum(batch.step), TiltSum(batch.step, 1) if ctx.needs_input_grad[1] else None
                for adjoint, wave in adjoint_of_moments(batch.step, batch.weights(amplitude, upstream)[None], last):
                    sums[0].add(adjoint, wave)
                    if sums[1]:
                        sums[1].add(adjoint, wave)
                of_coupling += sums[0].total()
                if sums[1]:
                    of_k[pixels] = sums[1].total(k[pixels])[0]
        return of_coupling, of_k, of_depths, None, None, None
