"""The matrix A of a zone axis in symmetry-adapted beams, as a linear function of the potential."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.operators.inversion import InversionBeams
from lacbed_gan.diffraction.operators.sectors import AdaptedBeams

INVERSION = ((1, 1), (1, -1))  # what the two blocks of a two-fold axis make of a beam and its opposite


@dataclass(frozen=True)
class Blocks:
    """S blocks of R adapted beams each, P_s e_g / ‖P_s e_g‖ with P_s a mean over T images of a beam with signs.

    Lines of reflection make four blocks, a two-fold axis alone two; without either U is complex, and there is one block
    of all beams. The direct beam is the first of the first block. The tilt −2 k·g takes one block to another.

    Attributes:
        beams: which beams, and their symmetry; their own potential is one of many.
    """

    beams: Beams

    @cached_property
    def _adapted(self) -> AdaptedBeams | InversionBeams | None:
        if self.beams.potential.is_complex():
            return None
        return InversionBeams(self.beams) if self.beams.reflection is None else AdaptedBeams(self.beams)

    @property
    def flips(self) -> int:
        """How many signs tell the blocks apart: 0, 1 or 2."""
        return 0 if self._adapted is None else 1 if self.beams.reflection is None else 2

    @cached_property
    def g(self) -> Tensor:
        """(R, 2) float64 components of the beams in 1/Å along `axes`."""
        return self.beams.g if self._adapted is None else self._adapted.along

    @cached_property
    def axes(self) -> Tensor:
        """(2, 2) float64 unit vectors as rows: x and y, or the normal of a line of reflection and the line."""
        return getattr(self._adapted, "axes", torch.eye(2, dtype=torch.float64))

    @cached_property
    def hk(self) -> Tensor:
        """(R, 2) int64 Miller indices of one beam of each adapted one."""
        return self.beams.hk if self._adapted is None else self._adapted.hk

    @cached_property
    def images(self) -> Tensor:
        """(T, R, 2) int64, what symmetry makes of these beams; itself first."""
        if isinstance(self._adapted, AdaptedBeams):
            return self._adapted.images
        return self.hk[None] if self._adapted is None else torch.stack([self.hk, -self.hk])

    @cached_property
    def sign(self) -> Tensor:
        """(S, T, R) float64, with which sign."""
        if isinstance(self._adapted, AdaptedBeams):
            return self._adapted.sign
        signs = torch.ones(1, 1) if self._adapted is None else torch.tensor(INVERSION)
        return signs.double()[..., None].expand(-1, -1, len(self.hk))

    @cached_property
    def _inverse_norm(self) -> Tensor:
        """(S, R) 1/‖P_s e_g‖, 0 for combinations that vanish."""
        same = (self.images == self.hk).all(-1)
        norm = ((self.sign * same).sum(1) / len(self.images)).clamp_min(0).sqrt()
        return torch.where(norm > 0, 1 / norm, 0.0)

    @cached_property
    def _places(self) -> Tensor:
        """(T, R, R) where U of the difference of a beam and an image of another is in the flattened potential."""
        rows, columns = self.beams.potential.shape
        stride = torch.tensor([columns, 1])
        difference = (self.hk @ stride)[:, None] - (self.images @ stride)[:, None]
        return difference + rows * columns // 2

    def coupling(self, potential: Tensor, rows: int | None = None) -> Tensor:
        """(…, S, R, R) U in blocks, in 1/Å², of potentials (…, 2M + 1, 2L + 1) that have the symmetry of the beams.

        Args:
            rows: only the first so many of each block.
        """
        values = potential.flatten(-2)[..., self._places[:, :rows]]
        total = torch.einsum("str,...tqr->...sqr", self.sign.to(values.dtype), values) / len(self.images)
        return total * (self._inverse_norm[:, :rows, None] * self._inverse_norm[:, None])

    def weights(self, rows: int) -> tuple[Tensor, Tensor]:
        """What :meth:`coupling` of real potentials is a sum of.

        Returns:
            places: (T, rows, R) in the flattened potential.
            weights: (S, T, rows, R) of what is there.
        """
        norm = self._inverse_norm[:, None, :rows, None] * self._inverse_norm[:, None, None]
        return self._places[:, :rows], self.sign[:, :, None] * norm / len(self.images)

    def components(self, reflections: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (G,) and weights (G, S) float64 with ⟨g|v⟩ = Σ_s weight_s v_s,row; 0 where the index of a beam is −1."""
        hk = self.beams.hk[reflections]
        row = (self.images[:, :, None] == hk).all(-1).any(0).int().argmax(0)
        reached = (self.images[:, row] == hk).all(-1)  # (T, G)
        # of several images that are one beam all count
        weight = (self.sign[..., row] * reached).sum(1) / len(self.images) * self._inverse_norm[:, row]
        return row, (weight * (reflections >= 0)).T

    def extremes(self, coupling: Tensor) -> tuple[float, float, float]:
        """Bounds in 1/Å² of the eigenvalues of A − k² = −(k + g)² + U for all k.

        Args:
            coupling: (S, R, R) U in blocks.

        Returns:
            lowest: of U; no eigenvalue is lower than the lowest −(k + g)² and this.
            ground: of the lowest state of an electron in the crystal, which no tilt raises if there are enough beams.
            highest: of U; no eigenvalue is higher, whatever the potential.
        """
        if not torch.isfinite(coupling).all():
            return math.nan, math.nan, math.nan
        kinetic = torch.diag((self.g**2).sum(1)).to(coupling)
        u, a = (torch.linalg.eigvalsh(x) for x in (coupling, coupling[0] - kinetic))
        return min(float(u.min()), 0.0), max(float(a.max()), 0.0), max(float(u.max()), 0.0)

    def steepest(self, k: Tensor) -> float:
        """The largest (k + g)² in 1/Å² of beams and directions (P, 2)."""
        k, g = k.cpu(), self.beams.g
        return float(((g**2).sum(1) + 2 * k @ g.T + (k**2).sum(1, keepdim=True)).max())
