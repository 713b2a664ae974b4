"""The matrix A + iU′ of a zone axis as a product with waves, in symmetry-adapted beams where there are such."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.operators.inversion import InversionBeams
from lacbed_gan.diffraction.operators.sectors import AdaptedBeams


class Product(Protocol):
    """ψ, φ → M ψ − φ in the memory of φ, or M ψ without one."""

    def __call__(self, wave: Tensor, before: Tensor | None = None) -> Tensor: ...


class AbsorbingOperator:
    """ψ → (A + iU′ − k_t²) ψ for waves (S, R, P): S sectors of R beams, P pixels; one crystal.

    With lines of reflection there are four sectors, as in :mod:`.sectors`, with a two-fold axis alone two: U and U′ are
    diagonal in them, and the tilt −2 k·g takes one to another. Without either there is one sector, of all beams.

    Args:
        beams, absorption: the same beams with U and with U′ for their potential.
        k: (P, 2) float64 in 1/Å.

    Attributes:
        shape: (S, R, P).
        symmetric: whether A + iU′ is equal to its transpose.
    """

    def __init__(self, beams: Beams, absorption: Beams, k: Tensor):
        self.symmetric = not (beams.potential.is_complex() or absorption.potential.is_complex())
        device = k.device
        self._adapted: AdaptedBeams | InversionBeams | None = None
        if not self.symmetric:
            elastic, absorbed = beams.coupling()[None], absorption.coupling()[None]
            g, axes = beams.g, None
        else:
            kind = InversionBeams if beams.reflection is None else AdaptedBeams
            self._adapted = kind(beams)
            elastic, absorbed = self._adapted.coupling(), kind(absorption).coupling()
            g, axes = self._adapted.along, getattr(self._adapted, "axes", None)
        tilt = [g @ k.cpu().T] if axes is None else [g[:, i, None] * (k.cpu() @ axes[i]) for i in (0, 1)]
        self._tilt = [(-2 * each).float().to(device) for each in tilt]
        g2 = (g**2).sum(1)
        self._elastic = (elastic - torch.diag(g2)).to(device)
        self._absorbed = absorbed.to(device)
        self._offset = (k**2).sum(1).float()
        self.shape = (len(self._elastic), len(g2), len(k))

    def start(self) -> Tensor:
        """(S, R, P) complex64, the direct beam."""
        wave = torch.zeros(self.shape, dtype=torch.complex64, device=self._offset.device)
        wave[0, 0] = 1
        return wave

    def elastic(self) -> Product:
        """(A − k_t²) ψ."""
        return self._product(self._elastic.to(torch.complex64), 1.0)

    def absorbed(self) -> Product:
        """U′ ψ, the same for all pixels."""
        matrix = self._absorbed.to(torch.complex64)
        return lambda wave, before=None: torch.bmm(matrix, wave)

    def scaled(self, centre: complex, half: float) -> Product:
        """2(A + iU′ − k_t² − centre)/half ψ: with φ, a step of a Chebyshev series."""
        identity = torch.eye(self.shape[1], device=self._elastic.device)
        matrix = (self._elastic + 1j * self._absorbed - centre * identity) * (2 / half)
        return self._product(matrix.to(torch.complex64), 2 / half)

    def _product(self, matrix: Tensor, scale: float) -> Product:
        offset = (-scale * self._offset)[:, None]
        tilt = [scale * each[..., None] for each in self._tilt]

        def apply(wave: Tensor, before: Tensor | None = None) -> Tensor:
            out = torch.bmm(matrix, wave) if before is None else before.baddbmm_(matrix, wave, beta=-1)
            # as pairs of real numbers, which the tilt multiplies
            o, w = torch.view_as_real(out), torch.view_as_real(wave)
            o.addcmul_(offset, w)
            if len(o) == 1:
                o.addcmul_(tilt[0], w)
            for axis, each in enumerate(tilt[: len(o) // 2]):
                # the sign of this axis is turned
                to, of = (x.unflatten(0, (2,) * len(tilt)).movedim(axis, 0) for x in (o, w))
                to[0].addcmul_(each, of[1])
                to[1].addcmul_(each, of[0])
            return out

        return apply

    def amplitudes(self, wave: Tensor, reflections: Tensor) -> Tensor:
        """(G, P) complex amplitudes of beams, by their indices (G,); 0 where one is −1."""
        if self._adapted is None:
            return wave[0, reflections] * (reflections >= 0).to(wave.device)[:, None]
        row, weight = self._adapted.weights(reflections)
        return (wave[:, row] * weight.T[..., None].to(wave.device)).sum(0)
