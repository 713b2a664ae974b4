"""Amplitudes of beams by Chebyshev series, and what their derivatives need of the calculation."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.gradients.series import propagation
from lacbed_gan.diffraction.gradients.setting import Setting
from lacbed_gan.diffraction.gradients.slices import AbsorbingBatch
from lacbed_gan.diffraction.gradients.step import Step
from lacbed_gan.diffraction.gradients.sweeps import (
    Pair,
    adjoint_of_components,
    adjoint_of_moments,
    components,
    moments,
)

DIVERGED = 0.01  # by which a moment, at most 1, may exceed it


class Batch:
    """Pixels of similar |k|, which one series is for.

    Args:
        coupling: (S, R, R) U in blocks, in 1/Å².
        extremes: of it, as :meth:`Blocks.extremes` gives them.
        k: (P, 2) float64 in 1/Å.
        depths: (T,) in Å.

    Attributes:
        amplitude, slope: (G, T, P) complex, amplitudes of the beams and their derivatives by t in 1/Å.

    Raises:
        CalculationError: the potential is not finite.
    """

    def __init__(
        self,
        setting: Setting,
        coupling: Tensor,
        extremes: tuple[float, ...],
        k: Tensor,
        depths: Tensor,
    ):
        self.setting, self.k = setting, k
        lowest = extremes[0] - setting.blocks.steepest(k)
        for highest in extremes[1:]:
            if self._solve(coupling, (lowest, highest), depths):
                return
        raise CalculationError("the potential is not finite, or so strong that the series diverges")

    def _solve(self, coupling: Tensor, ends: tuple[float, float], depths: Tensor) -> bool:
        """Amplitudes, if the spectrum is between these ends."""
        if not all(map(math.isfinite, ends)):
            return False
        setting = self.setting
        wave_number = 1 / wavelength(setting.energy_kv)
        centre, half, self._coefficients, derivatives = propagation(
            ends, wave_number, depths.to(self.k.device), setting.dtype
        )
        self.step = step = Step(setting.blocks, coupling, self.k, centre, half, setting.dtype)
        count = self._coefficients.shape[1]
        if setting.reflections is None:
            values, self._waves = moments(step, count)
            values = values[:, None]
        else:
            rows, weights = setting.blocks.components(setting.reflections)
            self._functionals = rows.to(self.k.device), weights.to(self.k.device)
            values, self._waves = components(step, count, self._functionals)
        if not values.abs().max() < 1 + DIVERGED:
            return False
        flat = values.to(self._coefficients.dtype).flatten(1)
        shape = len(depths), setting.count, len(self.k)
        self.amplitude, self.slope = ((c @ flat).view(shape).transpose(0, 1) for c in (self._coefficients, derivatives))
        return True

    def pairs(self, gradients: Tensor) -> Iterator[Pair]:
        """What the derivatives of L functions are sums of, see :mod:`.sweeps`.

        Args:
            gradients: (L, G, T, P) ∂L/∂I.
        """
        series = self._coefficients
        of_values = torch.einsum("lgtp,tm->lmgp", 2 * gradients * self.amplitude.conj(), series)
        if self.setting.reflections is None:
            return adjoint_of_moments(self.step, of_values[:, :, 0].real.contiguous(), self._waves)
        of_values = of_values.conj() if self.step.matrix.is_complex() else of_values.real
        return adjoint_of_components(self.step, of_values, self._waves, self._functionals)


def batch_of(
    setting: Setting, coupling: Tensor, extremes: tuple[float, ...], k: Tensor, depths: Tensor
) -> Batch | AbsorbingBatch:
    """With or without absorption."""
    return (AbsorbingBatch if setting.absorbing else Batch)(setting, coupling, extremes, k, depths)
