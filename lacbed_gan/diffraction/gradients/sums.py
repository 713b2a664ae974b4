"""Derivatives with respect to the potential and the direction, as sums over the pairs of an adjoint recurrence."""

from __future__ import annotations

import torch
from torch import Tensor

from lacbed_gan.diffraction.gradients.step import Step

TOGETHER = 16  # steps whose outer products are formed at a time


class CouplingSum:
    """∂L/∂U in blocks, from the pairs of an adjoint recurrence of one function L, summed over pixels."""

    def __init__(self, step: Step):
        self._scale, self._total = step.scale, torch.zeros_like(step.matrix)

    def add(self, adjoint: Tensor, wave: Tensor) -> None:
        """λ_{m+1} (1, S, R, P) and τ_m (S, R, P)."""
        self._total.baddbmm_(adjoint[0], wave.mH)

    def total(self) -> Tensor:
        """(S, R, R)."""
        return self._scale * self._total


class CouplingSumByPixel:
    """∂L/∂U in blocks, from the pairs of an adjoint recurrence of L functions, for each pixel.

    Args:
        functions: L.
    """

    def __init__(self, step: Step, functions: int):
        blocks, rows, pixels = step.shape
        like, self._scale = step.matrix, step.scale
        self._adjoints = like.new_empty(TOGETHER, functions, blocks, rows, pixels)
        self._waves = like.new_empty(TOGETHER, blocks, rows, pixels)
        self._total = like.new_zeros(functions, pixels, blocks, rows, rows)
        self._full = 0

    def add(self, adjoint: Tensor, wave: Tensor) -> None:
        """λ_{m+1} (L, S, R, P) and τ_m (S, R, P)."""
        self._adjoints[self._full], self._waves[self._full] = adjoint, wave
        self._full += 1
        if self._full == TOGETHER:
            self._flush()

    def _flush(self) -> None:
        waves = self._waves[: self._full].permute(3, 1, 0, 2).conj().contiguous().flatten(0, 1)  # (P·S, K, R)
        adjoints = self._adjoints[: self._full].permute(1, 4, 2, 3, 0).contiguous()  # (L, P, S, R, K)
        for total, each in zip(self._total.flatten(1, 2), adjoints.flatten(1, 2), strict=True):
            total.baddbmm_(each, waves)
        self._full = 0

    def total(self) -> Tensor:
        """(L, P, S, R, R)."""
        self._flush()
        return self._scale * self._total


class TiltSum:
    """∂L/∂k, from the pairs of an adjoint recurrence of L functions."""

    def __init__(self, step: Step, functions: int):
        self._step = step
        _, rows, pixels = step.shape
        like = torch.empty(0, dtype=step.real, device=step.matrix.device)
        self._terms = [like.new_zeros(functions, rows, pixels) for _ in range(1 + step.flips)]

    def add(self, adjoint: Tensor, wave: Tensor) -> None:
        """λ_{m+1} (L, S, R, P) and τ_m (S, R, P)."""
        diagonal, *tilts = self._terms
        diagonal += _product(adjoint, wave).sum(1)
        for axis, term in enumerate(tilts):
            for first, second in self._step.flipped(adjoint, wave, axis):
                product = _product(first, second)
                term += product.reshape(len(product), -1, *term.shape[1:]).sum(1)

    def total(self, k: Tensor) -> Tensor:
        """(L, P, 2) in Å, at directions k (P, 2)."""
        g, axes = (x.to(k.device) for x in (self._step.blocks.g, self._step.blocks.axes))
        diagonal, *tilts = (term.double() for term in self._terms)
        # one sign for each axis, or the same for both, or none
        along = (tilts or [diagonal]) * (2 if len(tilts) < 2 else 1)
        slopes = torch.stack([(g[:, i, None] * term).sum(1) for i, term in enumerate(along)], -1)
        return -2 * self._step.scale * (slopes @ axes + k * diagonal.sum(1)[..., None])


def _product(first: Tensor, second: Tensor) -> Tensor:
    return (first * second.conj()).real if first.is_complex() else first * second
