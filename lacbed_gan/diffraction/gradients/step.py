"""A Chebyshev recurrence of waves by the matrix A of a zone axis, in symmetry-adapted beams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from types import ModuleType
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.diffraction.gradients.blocks import Blocks

SMALL = 1 << 18  # R² P up to which BLAS keeps to one thread, and steps are not called one by one


class Step:
    """X → 2(A − k² − centre)/half X − Y for waves (…, S, R, P) of P pixels: a step of a Chebyshev recurrence.

    Args:
        coupling: (S, R, R) U, or U + iU′, in blocks, in 1/Å².
        k: (P, 2) float64 in 1/Å.
        centre, half: of the range of eigenvalues of A − k², in 1/Å².
        dtype: float32 or float64.
    """

    def __init__(self, blocks: Blocks, coupling: Tensor, k: Tensor, centre: complex, half: float, dtype: torch.dtype):
        self.blocks, self.scale, self.flips = blocks, 2 / half, blocks.flips
        g, self.real = blocks.g.to(k.device), dtype
        kind = torch.promote_types(dtype, torch.complex32) if coupling.is_complex() else dtype
        coupling = coupling.to(k.device)
        diagonal = torch.diag((g**2).sum(1) + centre).to(coupling)
        self.matrix = (self.scale * (coupling - diagonal)).to(kind)
        along = k @ blocks.axes.to(k.device).T  # (P, 2)
        offset = -(k**2).sum(1)
        tilt = [-2 * g[:, i, None] * along[:, i] for i in (0, 1)]  # (R, P) each
        if self.flips == 0:
            terms = [offset + tilt[0] + tilt[1]]
        elif self.flips == 1:
            terms = [offset.expand_as(tilt[0]), tilt[0] + tilt[1]]
        else:
            terms = [offset.expand_as(tilt[0]), *tilt]
        # on the diagonal, and from one block to another; the same as factors for compiled loops
        self._diagonal, *self._tilt = ((self.scale * term).to(dtype).contiguous() for term in terms)
        self.shape = (len(coupling), len(g), len(k))
        self._loops: tuple[NDArray[Any], ...] | None = None
        if self.flips == 2 and k.device.type == "cpu" and not coupling.is_complex():
            factors = self.scale * offset, g.T, -2 * self.scale * along.T
            self._loops = tuple(x.to(dtype).contiguous().numpy() for x in factors)

    def start(self) -> Tensor:
        """(S, R, P), the direct beam."""
        wave = torch.zeros(self.shape, dtype=self.matrix.dtype, device=self.matrix.device)
        wave[0, 0] = 1
        return wave

    def __call__(self, wave: Tensor, before: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """In the memory of Y unless another is given; Y is zero unless given."""
        out = self._product(wave, before, out)
        if self._loops:
            for arrays in self._each(out, wave):
                kernels().turn(*arrays, *self._loops)
            return out
        _add_product(out, self._diagonal, wave)
        for axis, each in enumerate(self._tilt):
            for to, of in self.flipped(out, wave, axis):
                _add_product(to, each, of)
        return out

    def _product(self, wave: Tensor, before: Tensor | None, out: Tensor | None) -> Tensor:
        """Without the tilt."""
        stacked, matrix = wave.view(-1, *self.shape[1:]), self.matrix
        if len(stacked) > len(matrix):
            matrix = matrix.expand(len(stacked) // len(matrix), -1, -1, -1).flatten(0, 1)
        if before is None:
            return torch.bmm(matrix, stacked).view_as(wave)
        out = before if out is None else out
        torch.baddbmm(before.view_as(stacked), matrix, stacked, beta=-1, out=out.view_as(stacked))
        return out

    def _each(self, *waves: Tensor) -> Iterator[tuple[NDArray[Any], ...]]:
        """Arrays (S, R, P) of some waves (…, S, R, P)."""
        return zip(*(wave.detach().view(-1, *self.shape).numpy() for wave in waves), strict=True)

    def products(self, before: Tensor, now: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """⟨now|now⟩ and Re ⟨step|now⟩ (N, P) of N steps, and the two last waves (S, R, P); overwrites the first two."""
        squares, crossed = torch.empty(2, steps, self.shape[2], dtype=self.real, device=now.device)
        if self._loops and self.shape[1] ** 2 * self.shape[2] <= SMALL:
            arrays = before.numpy(), now.numpy(), self.matrix.contiguous().numpy(), *self._loops
            kernels().recur(*arrays, squares.numpy(), crossed.numpy())
            return squares, crossed, *((now, before) if steps % 2 else (before, now))
        for m in range(steps):
            after, squares[m], crossed[m] = self._multiplied(now, before)
            before, now = now, after
        return squares, crossed, before, now

    def _multiplied(self, wave: Tensor, before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The step of one wave (S, R, P), and ⟨wave|wave⟩ and Re ⟨step|wave⟩, (P,) each."""
        if not self._loops:
            after = self(wave, before)
            return after, inner(wave, wave), inner(after, wave)
        after = self._product(wave, before, None)
        sums = torch.zeros(2, self.shape[2], dtype=self.real)
        kernels().turn_and_multiply(after.numpy(), wave.numpy(), *self._loops, *sums.numpy())
        return after, sums[0], sums[1]

    def with_sources(self, wave: Tensor, before: Tensor, sources: Sequence[Tensor], weights: Tensor) -> Tensor:
        """The step of waves (L, S, R, P), and three other waves (S, R, P) times weights (L, 3, P) added."""
        if not self._loops:
            after = self(wave, before)
            for i, source in enumerate(sources):
                after.addcmul_(weights[:, i, None, None], source)
            return after
        after = self._product(wave, before, None)
        others = [source.numpy() for source in sources]
        for arrays, factors in zip(self._each(after, wave), weights.numpy(), strict=True):
            kernels().turn_and_add(*arrays, *self._loops, *others, factors)
        return after

    def adjoint(self) -> Step:
        """The same with the adjoint of the matrix."""
        step = copy(self)
        step.matrix = self.matrix.mH.resolve_conj().contiguous()
        return step

    def flipped(self, first: Tensor, second: Tensor, axis: int) -> list[tuple[Tensor, Tensor]]:
        """Blocks of two waves (…, S, R, P) that differ in one sign."""
        a, b = (x.unflatten(-3, (2,) * self.flips).movedim(axis - 2 - self.flips, 0) for x in (first, second))
        return [(a[0], b[1]), (a[1], b[0])]


def inner(first: Tensor, second: Tensor) -> Tensor:
    """(…, P) Re ⟨first|second⟩ of waves (…, S, R, P)."""
    product = first * second if not first.is_complex() else (first.conj() * second).real
    return product.sum((-3, -2))


def kernels() -> ModuleType:
    """Compiled loops; Numba is imported when it is needed."""
    from lacbed_gan.diffraction.gradients import kernels

    return kernels


def _add_product(to: Tensor, factor: Tensor, of: Tensor) -> None:
    """to += factor · of with a real factor."""
    if to.is_complex():
        torch.view_as_real(to).addcmul_(factor[..., None], torch.view_as_real(of))
    else:
        to.addcmul_(factor, of)
