"""Chebyshev recurrences of waves and, in the opposite direction, of their adjoints.

With τ_m = T_m(X)|0⟩ and a real function L of moments μ_m = ⟨0|T_m|0⟩, or of components ⟨g|τ_m⟩, the adjoint waves
λ_m = ∂L/∂τ_m + 2X λ_{m+1} − λ_{m+2} give ∂L/∂(2X) = Σ λ_{m+1} τ_m† + ½ λ_1 τ_0†. The recurrence of τ runs backwards as
well as forwards, so that no wave is kept.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lacbed_gan.diffraction.gradients.step import Step

TOGETHER = 16  # steps whose outer products are formed at a time
Pair = tuple[Tensor, Tensor]  # λ_{m+1} (L, S, R, P) for each of L functions, and τ_m (S, R, P)


def inner(first: Tensor, second: Tensor) -> Tensor:
    """(…, P) Re ⟨first|second⟩ of waves (…, S, R, P)."""
    product = first * second if not first.is_complex() else (first.conj() * second).real
    return product.sum((-3, -2))


def moments(step: Step, count: int) -> tuple[Tensor, Tensor]:
    """μ_m = ⟨0|T_m(X)|0⟩, m < count, from waves of half the degree: μ_2m = 2⟨τ_m|τ_m⟩ − 1 and so on.

    Returns:
        moments: (count, P) real; count is even.
        last: (2, S, R, P) τ of degree count/2 − 1 and count/2.
    """
    before = step.start()
    now = step(before).div_(2)
    moments = torch.empty(count, step.shape[-1], dtype=step.real, device=now.device)
    moments[0], moments[1] = 1, now[0, 0].real
    for m in range(1, count // 2):
        moments[2 * m] = 2 * inner(now, now) - 1
        before, now = now, step(now, before)
        moments[2 * m + 1] = 2 * inner(now, before) - moments[1]
    return moments, torch.stack([before, now])


def adjoint_of_moments(step: Step, weights: Tensor, last: Tensor) -> Iterator[Pair]:
    """Pairs of which sums make ∂L/∂(2X), of L = Σ weight_m μ_m.

    Args:
        weights: (L, M, P) real.
        last: what :func:`moments` returns.

    Yields:
        (L, S, R, P), (S, R, P): λ_{m+1} and τ_m, m from M/2 − 1 to 0; the last one halved. Valid until the next.
    """
    count = weights.shape[1]
    w = weights.movedim(1, 0)[:, :, None, None]  # (M, L, 1, 1, P)
    start = step.start()
    now = torch.cat([last[:1], 2 * w[count - 1] * last[:1]])
    before = torch.cat([last[1:], torch.zeros_like(now[1:])])
    for m in range(count // 2 - 1, 0, -1):
        yield now[1:], now[0]
        before[1:].addcmul_(w[2 * m + 1], before[:1], value=-2)
        before = step(now, before)
        before[1:].addcmul_(w[2 * m], now[:1], value=4)
        if m > 1:
            before[1:].addcmul_(w[2 * m - 1], before[:1], value=2)
        before, now = now, before
    first = weights[:, 1] - weights[:, 3::2].sum(1)
    now[1:, 0, 0] += first
    yield now[1:] / 2, start


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
        product = (adjoint * wave.conj()).real if wave.is_complex() else adjoint * wave
        diagonal += product.sum(1)
        for axis, term in enumerate(tilts):
            for first, second in self._step.flipped(adjoint, wave, axis):
                product = first * second
                term += product.reshape(len(product), -1, *term.shape[1:]).sum(1)

    def total(self, k: Tensor) -> Tensor:
        """(L, P, 2) in Å, at directions k (P, 2)."""
        g, axes = (x.to(k.device) for x in (self._step.blocks.g, self._step.blocks.axes))
        diagonal, *tilts = (term.double() for term in self._terms)
        # one sign for each axis, or the same for both, or none
        along = (tilts or [diagonal]) * (2 if len(tilts) < 2 else 1)
        slopes = torch.stack([(g[:, i, None] * term).sum(1) for i, term in enumerate(along)], -1)
        return -2 * self._step.scale * (slopes @ axes + k * diagonal.sum(1)[..., None])
