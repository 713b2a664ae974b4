"""Symmetry-adapted beams of a crystal with a two-fold axis and no line of reflection: two blocks instead of one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams


class InversionBeams:
    """(e_g ± e_−g)/√2 for one g of each two, and the direct beam.

    With the origin on the axis U_−g = U_g is real: U is diagonal in the sign, and the tilt −2 k·g turns it.

    Attributes:
        along: (R, 2) float64 components of the beams in 1/Å.
    """

    def __init__(self, beams: Beams):
        self.beams = beams
        h, k = beams.hk.unbind(-1)
        chosen = (h > 0) | ((h == 0) & (k >= 0))  # the direct beam stays the first
        self.hk, self.along = beams.hk[chosen], beams.g[chosen]
        # e_0 is its own image: P e_0 is twice as long with one sign, and nothing with the other
        self._norm = torch.ones(2, len(self.hk), dtype=torch.float64)
        self._norm[:, 0] = torch.tensor([math.sqrt(0.5), 0.0])

    def coupling(self) -> Tensor:
        """(2, R, R) float64, U for each sign, in 1/Å²."""
        same, opposite = (self.beams.between(self.hk, image) for image in (self.hk, -self.hk))
        return torch.stack([same + opposite, same - opposite]) * self._norm[:, :, None] * self._norm[:, None]

    def weights(self, reflections: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (G,) and weights (G, 2) with ⟨g|v⟩ = Σ_s weight_s v_s,row; 0 where the index is −1."""
        hk = self.beams.hk[reflections]
        itself, image = ((sign * self.hk[:, None] == hk).all(-1) for sign in (1, -1))
        row = (itself | image).int().argmax(0)
        turned = torch.where(itself.any(0), 1.0, -1.0).double()
        weight = torch.stack([torch.ones_like(turned), turned], -1) * math.sqrt(0.5)
        weight[row == 0] = torch.tensor([1.0, 0.0]).double()
        return row, (weight * (reflections >= 0)[:, None]).float()
