"""The matrix A of a zone axis in symmetry-adapted beams: four blocks instead of one, a quarter of the products.

A line of reflection (mirror or glide) through the two-fold axis makes another one normal to it. With x normal to the
first and the origin on the axis, U_(hW) = U_(−hW) = χ(h) U_h, where χ = ±1 is 1 for mirrors and depends on the parity
of h and k for glides. So U commutes with M_x: e_h → χ e_(hW), with M_y: e_h → χ e_(−hW) and with the inversion
M_x M_y, and is diagonal in their signs (s_x, s_y). The tilt −2 k·g is not, but it is simple: k_x g_x turns the sign
s_x and k_y g_y the sign s_y. Seen along [001] every cubic crystal has such lines normal to its axes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lacbed_gan.crystal.plane_symmetry import PlaneOperation
from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.net import Net

# (s_x, s_y) of the four sectors; the first of two axes is s_x.
SIGNS = ((1, 1), (1, -1), (-1, 1), (-1, -1))


class SectorOperator:
    """v → A v for vectors (C, 4, R, P): C crystals, the sectors of `SIGNS`, R beams with g_x, g_y ≥ 0, P pixels.

    Args:
        beams: of C crystals; those with fewer beams than the others get empty places.
        k: (C, P, 2) float64 in 1/Å.

    Raises:
        CalculationError: a potential has no such line.
    """

    def __init__(self, beams: Sequence[Beams], k: Tensor):
        self._adapted = [AdaptedBeams(each) for each in beams]
        rows = max(len(adapted.hk) for adapted in self._adapted)
        g = torch.zeros(len(beams), rows, 2, dtype=torch.float64)
        for c, adapted in enumerate(self._adapted):
            g[c, : len(adapted.hk)] = adapted.along
        self._matrix = sector_matrices(self._adapted, rows, k.device)
        axes = torch.stack([adapted.axes for adapted in self._adapted]).to(k.device)
        along = (k[:, :, None] * axes[:, None]).sum(-1)  # (C, P, 2)
        # −2 k_x g_x and −2 k_y g_y, (C, 1, R, P) each
        self._tilt = [(-2 * g[:, None, :, None, i].to(k.device) * along[:, None, None, :, i]).float() for i in (0, 1)]
        self._shape = (len(beams), 4, rows, k.shape[1])

    def start(self) -> Tensor:
        """The direct beam, of sector (1, 1) alone."""
        v = self._matrix.new_zeros(self._shape)
        v[:, 0, 0] = 1
        return v

    def add_to(self, out: Tensor, v: Tensor) -> None:
        """out += A v."""
        out.flatten(0, 1).baddbmm_(self._matrix.flatten(0, 1), v.flatten(0, 1))
        x, y = self._tilt
        out[:, :2].addcmul_(x, v[:, 2:])
        out[:, 2:].addcmul_(x, v[:, :2])
        out[:, ::2].addcmul_(y, v[:, 1::2])
        out[:, 1::2].addcmul_(y, v[:, ::2])

    def per_pixel(self, x: Tensor) -> Tensor:
        """(C, P) → a shape that broadcasts with vectors."""
        return x[:, None, None]

    def sum_over_beams(self, x: Tensor) -> Tensor:
        """Vectors → (C, P)."""
        return x.flatten(1, 2).sum(1)

    def functionals(self, reflections: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Where in the vectors the beams asked for are: rows (C, G), and weights (C, G, 4, 1) of the sectors there."""
        pairs = [adapted.weights(chosen) for adapted, chosen in zip(self._adapted, reflections, strict=True)]
        row, weight = (torch.stack(x).to(self._matrix.device) for x in zip(*pairs, strict=True))
        return row, weight[..., None]

    def components(self, v: Tensor, functionals: tuple[Tensor, ...]) -> Tensor:
        """⟨g|v⟩ of the beams asked for: (C, G, P)."""
        row, weight = functionals
        crystal = torch.arange(len(v), device=v.device)[:, None]
        return (v[crystal, :, row] * weight).sum(2)

    def keep(self, crystals: Tensor) -> None:
        """Go on with some of the crystals only."""
        self._matrix = self._matrix[crystals]
        self._tilt = [tilt[crystals] for tilt in self._tilt]
        self._adapted = [self._adapted[c] for c in crystals.tolist()]
        self._shape = (len(crystals), *self._shape[1:])


class AdaptedBeams:
    """Symmetry-adapted beams of one crystal: P_s e_g / ‖P_s e_g‖ for one g of each four, P_s = ¼ Σ_t s(t) t."""

    def __init__(self, beams: Beams):
        self.beams = beams
        line = beams.reflection
        if line is None or not _reflects(line, beams):
            raise CalculationError("the projected potential has no lines of reflection through its two-fold axis")
        self.axes = _axes(beams.net, line)
        along = beams.g @ self.axes.T
        chosen = (along > -1e-9).all(1)  # the direct beam stays the first
        self.hk, self.along = beams.hk[chosen], along[chosen]
        # t = 1, M_x, M_y, inversion: what they make of a beam, and with which sign
        mirrored = torch.from_numpy(line.images(self.hk))
        self.images = torch.stack([self.hk, mirrored, -mirrored, -self.hk])  # (4, R, 2)
        chi = torch.from_numpy(line.character(self.hk))
        x, y = torch.tensor(SIGNS, dtype=torch.float64).T[..., None]
        unity = torch.ones_like(chi)
        self.chi = torch.stack([unity, chi, chi, unity])[:, None]  # (t, 1, R)
        self.sign = torch.stack([x**2 * unity, x * chi, y * chi, x * y * unity], 1)  # (s, t, R)
        same = (self.images == self.hk).all(-1)
        norm = ((self.sign * same).sum(1) / 4).clamp_min(0).sqrt()  # (s, R), 0 for combinations that vanish
        self.inverse_norm = torch.where(norm > 0, 1 / norm, 0.0)

    def coupling(self) -> Tensor:
        """(4, R, R) float64, U in each sector, in 1/Å²."""
        total = self._adapted(self.beams.between(self.hk, self.images))
        added = self.dressing()
        return total if added is None else total + added

    def dressing(self) -> Tensor | None:
        """(4, R, R) float64, what beams that are left out add to it; None for nothing."""
        if self.beams.dressing is None:
            return None
        places = torch.stack([self.beams.find([(h, k) for h, k in image]) for image in self.images.tolist()])  # (t, R)
        return self._adapted(self.beams.dressing[places[0]][:, places].movedim(1, 0))

    def _adapted(self, coupling: Tensor) -> Tensor:
        """(4, R, R) in each sector, of the coupling (t, R, R) of the beams and their images."""
        total = _sector_sums(*(coupling * self.chi)) / 4
        return total * self.inverse_norm[:, :, None] * self.inverse_norm[:, None]

    def weights(self, reflections: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (G,) and weights (G, 4) with ⟨g|v⟩ = Σ_s weight_s v_s,row; 0 where the index is −1."""
        hk = self.beams.hk[reflections]
        row = (self.images[:, :, None] == hk).all(-1).any(0).int().argmax(0)
        reached = (self.images[:, row] == hk).all(-1)  # (t, G)
        weight = (self.sign[..., row] * reached).sum(1) / 4 * self.inverse_norm[:, row]
        return row, (weight * (reflections >= 0)).T.float()


def sector_matrices(adapted: Sequence[AdaptedBeams], rows: int, device: torch.device) -> Tensor:
    """(C, 4, R, R) float32, A without its tilt in each sector, of all crystals at once where the device is."""
    first = torch.zeros(len(adapted), rows, dtype=torch.int64)
    second = torch.zeros(4, len(adapted), 1, rows, dtype=torch.int64)
    chi = torch.zeros(4, len(adapted), 1, rows)
    inverse_norm = torch.zeros(len(adapted), 4, rows)
    g2 = torch.zeros(len(adapted), 1, rows)
    potentials, start = [], 0
    for c, each in enumerate(adapted):
        # As `Beams.between`: places in the potentials, one after the other, are linear in h and k.
        potential, count = each.beams.potential, len(each.hk)
        stride = torch.tensor([potential.shape[1], 1])
        first[c, :count] = (each.hk * stride).sum(-1) + start + potential.numel() // 2
        second[:, c, 0, :count] = (each.images * stride).sum(-1)
        chi[:, c, 0, :count] = each.chi[:, 0]
        inverse_norm[c, :, :count] = each.inverse_norm
        g2[c, 0, :count] = (each.along**2).sum(1)
        potentials.append(potential.flatten())
        start += potential.numel()
    known = torch.cat(potentials).float().to(device)
    first, second, chi, inverse_norm, g2 = (x.to(device) for x in (first, second, chi, inverse_norm, g2))
    same, x, y, both = (known.take(first[..., None] - each) * sign for each, sign in zip(second, chi, strict=True))
    matrix = _sector_sums(same, x, y, both, dim=1)
    matrix.mul_(inverse_norm[..., None] / 4).mul_(inverse_norm[:, :, None])
    matrix.diagonal(dim1=2, dim2=3).sub_(g2)
    for c, each in enumerate(adapted):
        if (added := each.dressing()) is not None:
            matrix[c, :, : len(each.hk), : len(each.hk)] += added.float().to(device)
    return matrix


def _sector_sums(same: Tensor, x: Tensor, y: Tensor, both: Tensor, dim: int = 0) -> Tensor:
    """What the identity, M_x, M_y and the inversion make of U, added with the signs of each sector."""
    even, odd, even_y, odd_y = same + x, same - x, y + both, y - both
    return torch.stack([even + even_y, even - even_y, odd + odd_y, odd - odd_y], dim)


def _reflects(line: PlaneOperation, beams: Beams) -> bool:
    """Whether U_(hW) = χ(h) U_h, where both are known."""
    # h ≥ 0 is enough: U and χ are the same of −h
    hk = torch.nonzero(beams.potential[beams.middle[0] :]) - beams.middle * torch.tensor([0, 1])
    images = torch.from_numpy(line.images(hk))
    known = (images.abs() <= beams.middle).all(-1)
    hk, images = hk[known], images[known]
    difference = beams.at(images) - torch.from_numpy(line.character(hk)) * beams.at(hk)
    return bool((difference.abs() <= 1e-6 * beams.potential.abs().max()).all())


def _axes(net: Net, line: PlaneOperation) -> Tensor:
    """(2, 2) float64 unit vectors normal to a line of reflection and along it."""
    vectors = torch.tensor(net.vectors, dtype=torch.float64)
    flipped = vectors.inverse() @ torch.tensor(line.matrix, dtype=torch.float64) @ vectors
    away = torch.eye(2, dtype=torch.float64) - flipped  # both rows are along the normal
    x, y = torch.nn.functional.normalize(away[away.norm(dim=1).argmax()], dim=0)
    return torch.stack([torch.stack([x, y]), torch.stack([-y, x])])
