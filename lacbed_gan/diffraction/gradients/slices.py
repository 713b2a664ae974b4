"""Waves through slices of thickness, with absorption, and their adjoints back through the same slices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.gradients.series import WIDER, slice_propagation
from lacbed_gan.diffraction.gradients.setting import Setting
from lacbed_gan.diffraction.gradients.step import Step
from lacbed_gan.diffraction.gradients.sweeps import Pair
from lacbed_gan.diffraction.recursion.slices import ATTENUATION, GAIN, PHASE


@dataclass(frozen=True)
class Slice:
    """One slice: its series, the wave that enters, and the thicknesses, by number, that end with it."""

    coefficients: list[complex]
    wave: Tensor
    ends: list[int]


class AbsorbingBatch:
    """Pixels of similar |k|, through A + iU′; see :class:`.batch.Batch`, whose attributes these are.

    A Chebyshev series would grow over the whole thickness: each slice has its own. Of the direct
    beam alone, by a matrix that is its own transpose, the amplitude at t is ψᵀψ of the wave at t/2.

    Args:
        coupling: (S, R, R) complex, U + iU′ in blocks, in 1/Å².
        extremes: of it, as :meth:`Blocks.extremes` gives them.
        k: (P, 2) float64 in 1/Å.
        depths: (T,) in Å.

    Raises:
        CalculationError: the potential is not finite, or gives waves intensity instead of taking it.
    """

    def __init__(self, setting: Setting, coupling: Tensor, extremes: tuple[float, ...], k: Tensor, depths: Tensor):
        self.setting, self.k = setting, k
        self.halved = setting.reflections is None and setting.blocks.flips > 0
        chosen = torch.tensor([0]) if setting.reflections is None else setting.reflections
        rows, weights = setting.blocks.components(chosen)
        kind = torch.complex64 if setting.dtype == torch.float32 else torch.complex128
        self._rows, self._weights = rows.to(k.device), weights.T[..., None].to(k.device, kind)
        lowest, *highest, strongest = extremes
        lowest -= setting.blocks.steepest(k)
        for end in highest:
            if math.isfinite(lowest + end + strongest) and self._solve(coupling, (lowest, end), strongest, depths):
                return
        raise CalculationError(
            "the potential is not finite, or its imaginary part gives waves intensity instead of taking it"
        )

    def _solve(self, coupling: Tensor, ends: tuple[float, float], strongest: float, depths: Tensor) -> bool:
        wave_number, dtype = 1 / wavelength(self.setting.energy_kv), self.setting.dtype
        centre = complex(sum(ends) / 2, strongest / 2)
        half = max((1 + WIDER) * (ends[1] - ends[0]) / 2, strongest, 1e-3)
        self.step = Step(self.setting.blocks, coupling, self.k, centre, half, dtype)
        wave, depth = self.step.start(), 0.0
        self._slices: list[Slice] = []
        amplitude, slope = {}, {}
        for end in sorted(set(depths.tolist())):
            length = (end - depth) / (1 + self.halved)
            phase, decay = (math.pi * length * x / wave_number for x in (half, strongest))
            count = max(1, math.ceil(phase / PHASE), math.ceil(decay / ATTENUATION))
            coefficients, derivatives = slice_propagation(centre, half, wave_number, length / count, dtype)
            for i in range(count):
                last = i == count - 1
                numbers = (depths == end).nonzero().flatten().tolist() if last else []
                self._slices.append(Slice(coefficients, wave, numbers))
                wave, change = self._through(wave, coefficients, derivatives if last else None)
            amplitude[end] = self._read(wave, wave)
            slope[end] = self._read(wave, change)
            depth = end
        self._waves = [each.wave for each in self._slices[1:]] + [wave]
        self.amplitude, self.slope = (torch.stack([x[t] for t in depths.tolist()], 1) for x in (amplitude, slope))
        return bool((wave.abs() ** 2).sum((0, 1)).max() <= 1 + GAIN)

    def _through(self, wave: Tensor, c: list[complex], d: list[complex] | None) -> tuple[Tensor, Tensor]:
        """Σ c_m T_m(X) ψ and Σ d_m T_m(X) ψ."""
        before, now = wave.clone(), self.step(wave).div_(2)
        totals = [x[0] * before + x[1] * now for x in (c, d) if x]
        for m in range(2, len(c)):
            before, now = now, self.step(now, before)
            for total, x in zip(totals, (c, d), strict=False):
                total.add_(now, alpha=x[m])  # type: ignore[index]
        return totals[0], totals[-1]

    def _read(self, wave: Tensor, change: Tensor) -> Tensor:
        """(G, P) amplitudes, or their change with that of the wave."""
        if self.halved:
            return (wave * change).sum((0, 1))[None]
        return (change[:, self._rows] * self._weights).sum(0)

    def pairs(self, gradients: Tensor) -> Iterator[Pair]:
        """What the derivatives of L functions are sums of, see :mod:`.sweeps`.

        Args:
            gradients: (L, G, T, P) ∂L/∂I.
        """
        of_amplitude = 2 * gradients * self.amplitude
        back = self.step.adjoint()
        total = self.step.matrix.new_zeros(len(gradients), *self.step.shape)  # ∂L/∂ψ
        for each, after in zip(reversed(self._slices), reversed(self._waves), strict=True):
            for number in each.ends:
                share = of_amplitude[:, :, number]  # (L, G, P)
                if self.halved:
                    total += 2 * share[:, :, None] * after.conj()
                else:
                    total.index_add_(2, self._rows, share[:, None] * self._weights)
            c = each.coefficients
            waves = [each.wave, self.step(each.wave) / 2]
            for _ in range(2, len(c) - 1):
                waves.append(self.step(waves[-1], waves[-2].clone()))
            before, now = torch.zeros_like(total), c[-1].conjugate() * total
            for m in range(len(c) - 2, 0, -1):
                yield now, waves[m]
                before = back(now, before)
                before.add_(total, alpha=c[m].conjugate())
                before, now = now, before
            yield now / 2, waves[0]
            total = c[0].conjugate() * total + back(now) / 2 - before
