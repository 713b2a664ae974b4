"""The recursion method: A → a tridiagonal matrix T with ⟨0|F(A)|0⟩ = ⟨0|F(T)|0⟩, for many A together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.operators.fourier import FourierOperator
from lacbed_gan.diffraction.operators.half_fourier import HalfFourierOperator
from lacbed_gan.diffraction.operators.sectors import SectorOperator

FIRST_CAPACITY = 512  # steps for which memory is taken at first
# Above this many beams products on the lattice take less time than products of the four blocks, on a CPU:
# experiments/simulator_speed. A two-dimensional FFT was slower than either.
BLOCKS = 2000


def kind(beams: Sequence[Beams]) -> type[FourierOperator] | type[HalfFourierOperator] | type[SectorOperator]:
    """The quickest operator for all of some beams."""
    if any(each.potential.is_complex() for each in beams):
        return FourierOperator
    blocks = max(map(len, beams)) <= BLOCKS and all(each.reflection is not None for each in beams)
    return SectorOperator if blocks else HalfFourierOperator


class Recursion:
    """Lanczos recursion of A = diag(−2 k·g − |g|²) + U from the direct beam, for C crystals and P pixels of each.

    Without re-orthogonalisation: rounding makes copies of eigenvalues, which is harmless to ⟨g|F(A)|0⟩ but may
    take more steps than there are beams.

    Args:
        beams: of C crystals.
        k: (C, P, 2) float64, in-plane components of the incoming beams in 1/Å, (x, y).
        reflections: of each crystal G indices into its beams; their component of each Lanczos vector is kept.

    Attributes:
        steps: number of steps done, n.
        beams: number of beams of the first crystal.
    """

    def __init__(self, beams: Sequence[Beams], k: Tensor, reflections: Sequence[Tensor] | None = None):
        self._operator = kind(beams)(beams, k)
        self._is_complex = isinstance(self._operator, FourierOperator)
        self._v = self._operator.start()
        self._previous = torch.zeros_like(self._v)
        self._scratch = torch.empty_like(self._v)
        self._last = self._v.new_zeros(k.shape[:2])  # β of the step before
        self._followed = self._operator.functionals(reflections) if reflections is not None else None
        parts = 2 if self._is_complex else 1
        self._kept = 2 + parts * (len(reflections[0]) if reflections is not None else 0)
        self.steps = 0
        self.beams = len(beams[0])
        self._record = self._empty_record(FIRST_CAPACITY)

    def step(self) -> None:
        """One more row of T."""
        if self.steps == len(self._record):
            self._record = torch.cat([self._record, self._empty_record(len(self._record))])
        record, v, operator = self._record[self.steps], self._v, self._operator
        if self._followed is not None:
            record[:, 2:] = operator.components(v, self._followed)
        # w = A v − β v₋₁, in the memory of v₋₁
        w = self._previous.mul_(operator.per_pixel(-self._last))
        operator.add_to(w, v)
        alpha = operator.sum_over_beams(torch.mul(w, v, out=self._scratch))
        w.addcmul_(operator.per_pixel(alpha), v, value=-1)
        beta = operator.sum_over_beams(torch.mul(w, w, out=self._scratch)).sqrt_()
        record[:, 0], record[:, 1] = alpha, beta
        w.div_(operator.per_pixel(beta.clamp_min(torch.finfo(beta.dtype).tiny)))
        self._previous, self._v, self._last = v, w, beta
        self.steps += 1

    def tridiagonal(self, crystals: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """α, β: (n, X) float32 in 1/Å² each, diagonal of T and coupling of each row to the next, of X pixels."""
        record = self._record[: self.steps]
        return record[:, :, 0][:, crystals, pixels], record[:, :, 1][:, crystals, pixels]

    def components(self, crystals: Tensor, pixels: Tensor) -> Tensor:
        """(n, G, X) component of the reflections asked for in each Lanczos vector, of X pixels; real where U is."""
        components = self._record[: self.steps, :, 2:].transpose(1, 2)[:, :, crystals, pixels]
        return torch.complex(*components.chunk(2, 1)) if self._is_complex else components

    def keep(self, crystals: Tensor) -> None:
        """Go on with some of the crystals only."""
        self._operator.keep(crystals)
        self._v, self._previous, self._last = (x[crystals] for x in (self._v, self._previous, self._last))
        self._scratch, self._record = torch.empty_like(self._v), self._record[:, crystals]
        if self._followed is not None:
            self._followed = tuple(x[crystals] for x in self._followed)

    def _empty_record(self, steps: int) -> Tensor:
        crystals, pixels = self._last.shape
        return self._v.new_empty(steps, crystals, self._kept, pixels)
