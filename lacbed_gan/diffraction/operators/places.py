"""Beams i c₁ + j c₂ on the places of a grid, which operators that transform over j work on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams


class Places:
    """J × I places for the beams of C crystals, the direct beam in the middle; those outside |g| ≤ g_max stay empty.

    Args:
        beams: of C crystals.
        k: (C, P, 2) float64 in 1/Å.

    Attributes:
        rows, columns: J and I.
        reach: of j, (J − 1)/2.
        present: (C, J, 1, I) float32, 1 where there is a beam.
        diagonal: (C, J, P, I) float32, A_gg = −(2 k·g + |g|²).
    """

    def __init__(self, beams: Sequence[Beams], k: Tensor):
        lattice = [torch.from_numpy(each.lattice.coordinates(each.hk)) for each in beams]
        reach, self.reach = (max(int(ij[:, axis].abs().max()) for ij in lattice) for axis in (0, 1))
        self.rows, self.columns = rows, columns = 2 * self.reach + 1, 2 * reach + 1
        self._index = [(ij[:, 1] + self.reach) * columns + ij[:, 0] + reach for ij in lattice]
        present = torch.zeros(len(beams), rows * columns)
        g = torch.zeros(len(beams), rows * columns, 2, dtype=torch.float64)
        for c, (each, places) in enumerate(zip(beams, self._index, strict=True)):
            present[c, places] = 1
            g[c, places] = each.g
        self.present = present.view(-1, rows, 1, columns).to(k.device)
        g = g.to(k.device)
        diagonal = torch.baddbmm(-(g**2).sum(-1, keepdim=True), g, k.mT, alpha=-2).float()  # (C, J·I, P)
        self.diagonal = diagonal.view(-1, rows, columns, k.shape[1]).mT.contiguous()

    def of(self, reflections: Sequence[Tensor]) -> Tensor:
        """(C, G) places of the beams asked for, by their indices (G,) into each crystal's; −1 is one not there."""
        chosen = [torch.where(r >= 0, p[r], -1) for p, r in zip(self._index, reflections, strict=True)]
        return torch.stack(chosen).to(self.present.device)

    def keep(self, crystals: Tensor) -> None:
        """Go on with some of the crystals only."""
        self.present, self.diagonal = self.present[crystals], self.diagonal[crystals]
        self._index = [self._index[c] for c in crystals.tolist()]
