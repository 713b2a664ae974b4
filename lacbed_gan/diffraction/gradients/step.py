"""A Chebyshev recurrence of waves by the matrix A of a zone axis, in symmetry-adapted beams."""

from __future__ import annotations

from copy import copy

import torch
from torch import Tensor

from lacbed_gan.diffraction.gradients.blocks import Blocks


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
        # on the diagonal, and from one block to another
        self._diagonal, *self._tilt = ((self.scale * term).to(dtype).contiguous() for term in terms)
        self.shape = (len(coupling), len(g), len(k))

    def start(self) -> Tensor:
        """(S, R, P), the direct beam."""
        wave = torch.zeros(self.shape, dtype=self.matrix.dtype, device=self.matrix.device)
        wave[0, 0] = 1
        return wave

    def __call__(self, wave: Tensor, before: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """In the memory of Y unless another is given; Y is zero unless given."""
        stacked, matrix = wave.view(-1, *self.shape[1:]), self.matrix
        if len(stacked) > len(matrix):
            matrix = matrix.expand(len(stacked) // len(matrix), -1, -1, -1).flatten(0, 1)
        if before is None:
            out = torch.bmm(matrix, stacked).view_as(wave)
        else:
            out = before if out is None else out
            torch.baddbmm(before.view_as(stacked), matrix, stacked, beta=-1, out=out.view_as(stacked))
        _add_product(out, self._diagonal, wave)
        for axis, each in enumerate(self._tilt):
            for to, of in self.flipped(out, wave, axis):
                _add_product(to, each, of)
        return out

    def adjoint(self) -> Step:
        """The same with the adjoint of the matrix."""
        step = copy(self)
        step.matrix = self.matrix.mH.resolve_conj().contiguous()
        return step

    def flipped(self, first: Tensor, second: Tensor, axis: int) -> list[tuple[Tensor, Tensor]]:
        """Blocks of two waves (…, S, R, P) that differ in one sign."""
        a, b = (x.unflatten(-3, (2,) * self.flips).movedim(axis - 2 - self.flips, 0) for x in (first, second))
        return [(a[0], b[1]), (a[1], b[0])]


def _add_product(to: Tensor, factor: Tensor, of: Tensor) -> None:
    """to += factor · of with a real factor."""
    if to.is_complex():
        torch.view_as_real(to).addcmul_(factor[..., None], torch.view_as_real(of))
    else:
        to.addcmul_(factor, of)
