"""The beams of a zone axis and their coupling: what symmetry and centring leave of the (h, k) grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lacbed_gan.crystal.plane_symmetry import PlaneOperation
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.sublattice import Sublattice


@dataclass(frozen=True)
class Beams:
    """Beams of the zero-order Laue zone that couple to the direct beam.

    Attributes:
        hk: (N, 2) int64 Miller indices by rising |g|, the direct beam first.
        potential: (2M + 1, 2L + 1) float64 or complex128, U_hk in 1/Å² for |h| ≤ M, |k| ≤ L, all differences of beams
            among them; real where the origin lies on a two-fold axis; U₀ = 0, which only shifts the phase.
        net: their metric.
        lattice: the one that the beams are on.
        reflection: a mirror or glide line of the potential through the two-fold axis, where there is one.
        dressing: (N, N) float64 in 1/Å², what beams that are left out add to the coupling; None for nothing.
    """

    hk: Tensor
    potential: Tensor
    net: Net
    lattice: Sublattice
    reflection: PlaneOperation | None
    dressing: Tensor | None = None

    @classmethod
    def within(
        cls, g_max: float, potential: Tensor, net: Net, lattice: Sublattice, reflection: PlaneOperation | None
    ) -> Beams:
        """All with |g| ≤ g_max (1/Å) on the lattice; what the potential lacks is 0."""
        hk = net.within(g_max)
        (h_max, k_max), (rows, columns) = net.reach(g_max), potential.shape
        h_more, k_more = 2 * h_max - rows // 2, 2 * k_max - columns // 2  # what is too much is cut off
        potential = torch.nn.functional.pad(potential, (k_more, k_more, h_more, h_more))
        return cls(torch.from_numpy(hk[lattice.contains(hk)]), potential, net, lattice, reflection)

    def __len__(self) -> int:
        return len(self.hk)

    @cached_property
    def g(self) -> Tensor:
        """(N, 2) float64 components along x and y in 1/Å."""
        return torch.from_numpy(self.net.cartesian(self.hk))

    def at(self, hk: Tensor) -> Tensor:
        """(…) U in 1/Å² of reflections (…, 2), 0 beyond those that are known."""
        index = hk + self.middle
        known = ((index >= 0) & (index < torch.tensor(self.potential.shape))).all(-1)
        h, k = torch.where(known[..., None], index, 0).unbind(-1)
        return torch.where(known, self.potential[h, k], 0.0)

    @property
    def middle(self) -> Tensor:
        """(2,) index of U₀ in the potential."""
        return torch.tensor(self.potential.shape) // 2

    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """(…, N, M) U_{g−h} in 1/Å² of beams g (…, N, 2) and h (…, M, 2)."""
        # The place of a reflection in the flattened potential is linear in h and k.
        stride = torch.tensor([self.potential.shape[1], 1])
        place = (first * stride).sum(-1)[..., :, None] - (second * stride).sum(-1)[..., None, :]
        return self.potential.flatten()[place + self.potential.numel() // 2]

    def coupling(self) -> Tensor:
        """(N, N) matrix U_{g−h} in 1/Å²."""
        coupling = self.between(self.hk, self.hk)
        return coupling if self.dressing is None else coupling + self.dressing

    def find(self, reflections: Sequence[tuple[int, int]]) -> Tensor:
        """(G,) int64 index of each reflection (h, k) among the beams, −1 where it is not one."""
        index = {tuple(hk): i for i, hk in enumerate(self.hk.tolist())}
        return torch.tensor([index.get(tuple(g), -1) for g in reflections])


def select_beams(projection: Projection, g_max: float, energy_kv: float = 200.0) -> Beams:
    """Beams with |g| ≤ g_max (1/Å) on the lattice that the non-zero U generate.

    Raises:
        CalculationError: see :meth:`Projection.coefficients`.
    """
    net = projection.net
    h_max, k_max = net.reach(g_max)
    potential = projection.coefficients(2 * h_max, 2 * k_max, energy_kv)
    scattering = torch.nonzero(potential) - torch.tensor([2 * h_max, 2 * k_max])
    lattice = Sublattice.generated(scattering, net)
    # A line of reflection makes blocks only together with a two-fold axis, where U is real.
    line = None if potential.is_complex() else next(iter(projection.reflections), None)
    return Beams.within(g_max, potential, net, lattice, line)
