"""The matrix A of a zone axis in symmetry-adapted beams and on their lattice at once, for one crystal of many beams.

Four sectors, as in :mod:`.sectors`, of beams i c_x + j c_y with i, j ≥ 0 on a lattice along the lines of reflection,
and a Fourier transform along y, as in :mod:`.half_fourier`. With V(i, −j) = s_y χ V(i, j) the transform of a column is
one of cosines or of sines, and with V(−i, j) = s_x χ V(i, j) its matrices are folded: half the multiplications in each
of the three steps. Where χ = (−1)^(p i + q j) changes its sign from column to column (p = 1) or from row to row (q = 1)
they are split into even and odd ones, strands; with q = 1 the transforms of both have half the frequencies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.operators.sectors import SIGNS, AdaptedBeams

Places = NDArray[np.uint32]
Numbers = NDArray[np.float32]
ALONG = 1e-9  # relative to a vector: its component off an axis


class FoldedFourierOperator:
    """v → A v for vectors (1, 4, c, e, J, P, I): sectors of `SIGNS`, strands of rows and of columns, P pixels.

    Row j' of strand c is j = j' (1 + q) + c, column i' of strand e is i = i' (1 + p) + e.

    Args:
        beams: of one crystal, with a lattice along its lines of reflection; see :func:`strands`.
    """

    def __init__(self, beams: Beams):
        self._adapted = adapted = AdaptedBeams(beams)
        basis = _along(beams, adapted.axes)
        assert basis is not None and beams.reflection is not None
        self._p, self._q = (int(x < 0) for x in beams.reflection.character(basis))
        vectors = (torch.from_numpy(beams.net.cartesian(basis)) @ adapted.axes.T).diagonal()
        lengths = vectors.abs()
        columns, rows = (adapted.along / lengths).round().long().T
        self._reach = int(rows.max())
        # (c, J) and (e, I): j and i of the rows and columns of the strands
        self._j, self._i = _numbers(self._reach, 1 + self._q), _numbers(int(columns.max()), 1 + self._p)
        (c, high), (e, wide) = self._j.shape, self._i.shape
        self._shape, self._strands = (4, c, e, high), c * e
        place = ((rows % c * e + columns % e) * high + rows // c) * wide + columns // e
        self._place = place

        def laid_out(x: Tensor) -> Tensor:  # of each beam (…, R) → (1, 4, c, e, J, 1, I)
            grid = torch.zeros(4, c * e * high * wide, dtype=x.dtype)
            grid[:, place] = x
            return grid.view(1, 4, c, e, high, 1, wide).float()

        self._present = laid_out((adapted.inverse_norm > 0).double())
        self._diagonal = laid_out(-(adapted.along**2).sum(1)) * self._present
        self._gx, self._gy = self._i[:, None, None] * lengths[0], self._j[:, None, :, None, None] * lengths[1]

        length = 4 * self._reach + 1 + self._q
        count = self._reach + 1 if self._q else 2 * self._reach + 1
        self._frequency = torch.arange(count, dtype=torch.float64) * 2 * math.pi / length
        # χ of each strand, and whether a column of it is transformed by sines: (c, e) and (4, c, e)
        self._chi = (-1.0) ** (self._p * torch.arange(e) + self._q * torch.arange(c)[:, None])
        self._sine = torch.tensor(SIGNS)[:, 1, None, None] * self._chi < 0
        angle = self._frequency[:, None] * self._j[:, None]  # (c, f, J)
        share = _share(self._j)[:, None]
        forward = torch.where(
            self._sine[..., None, None], (angle.sin() * share)[:, None], (angle.cos() * share)[:, None]
        )
        times = ((self._frequency > 0).double() + 1) * (1 + self._q) / length
        self._forward = forward.flatten(0, 2).float()  # (4 c e, f, J)
        self._backward = (forward * times[:, None]).mT.flatten(0, 2).float().contiguous()
        self._matrix = self._folded(self._spectra(beams, torch.tensor(basis) * vectors.sign().long()[:, None]))

    def _spectra(self, beams: Beams, basis: Tensor) -> Tensor:
        """u_c(d, f) of U at columns d, of even and of odd rows where q = 1: by cosines, or sines, where U is odd in j.

        Returns:
            (1 + q, D, f) float64, d = 0 in the middle.
        """
        most = 2 * int(self._i.max())
        d, step = torch.arange(-most, most + 1), torch.arange(-2 * self._reach, 2 * self._reach + 1)
        u = beams.at(d[:, None, None] * basis[0] + step[:, None] * basis[1]).double()  # (D, j)
        odd = (self._p * d[:, None] + self._q * step) % 2 == 1
        angle = step[:, None] * self._frequency
        strand = (torch.where(step % (1 + self._q) == c, u, 0.0) for c in range(1 + self._q))
        return torch.stack(
            [torch.where(odd, 0.0, x) @ angle.cos() + torch.where(odd, x, 0.0) @ angle.sin() for x in strand]
        )

    def _folded(self, spectra: Tensor) -> Tensor:
        """(4 f, c e I, c e I) float32: the matrix of each sector and frequency, which rows are multiplied by."""
        column, strand = self._i.flatten().long(), torch.arange(self._i.numel()) // self._i.shape[1]
        share, middle = _share(column), spectra.shape[1] // 2
        rows, size = range(1 + self._q), len(column)
        matrix = torch.zeros(4, len(self._frequency), 1 + self._q, size, 1 + self._q, size)
        for sector, (s_x, _) in enumerate(SIGNS):
            for to in rows:
                for of in rows:
                    known = spectra[(to + of) % 2]
                    fold = s_x * self._chi[of][strand] * (column > 0)
                    total = known[column[:, None] - column + middle]  # (to, of, f)
                    total += fold[:, None] * known[column[:, None] + column + middle]
                    # −i of a sine of V times −i of one of U
                    turned = self._sine[sector, of][strand] & ~self._sine[sector, to][strand][:, None]
                    total *= (torch.where(turned, -1.0, 1.0) * share[:, None] / share)[..., None]
                    matrix[sector, :, of, :, to] = total.permute(2, 1, 0)
        return matrix.flatten(4, 5).flatten(2, 3).flatten(0, 1)

    def aim(self, k: Tensor) -> FoldedFourierOperator:
        """The same at directions (1, P, 2) float64 in 1/Å."""
        kx, ky = (-2 * k[0] @ self._adapted.axes.T).T
        self._x = (self._gx * kx[:, None]).float()  # (e, 1, P, I)
        self._y = (self._gy * ky[:, None]).float()  # (c, 1, J, P, 1)
        self._ky = ky.float()
        # Memory of the products, (4 c e, f, P I); the strands of a frequency apart and joined, (4, f, P, c e, I)
        count, pixels, wide = len(self._frequency), k.shape[1], self._i.shape[1]
        self._spectrum = torch.empty(4 * self._strands, count, pixels * wide)
        self._apart = self._spectrum.view(4, self._strands, count, pixels, wide).permute(0, 2, 3, 1, 4)
        self._joined = torch.empty(self._apart.shape) if self._strands > 1 else self._apart
        self._product = torch.empty(4 * count, pixels, self._strands * wide)
        self._total = torch.empty(4 * self._strands, self._shape[-1], pixels * wide)
        return self

    def start(self) -> Tensor:
        """The direct beam, of sector (1, 1) alone."""
        v = torch.zeros(1, *self._shape, self._product.shape[1], self._i.shape[1])
        v[0, 0, 0, 0, 0, :, 0] = 1
        return v

    def add_to(self, out: Tensor, v: Tensor) -> None:
        """out += A v; both zero in empty places."""
        out += self.product(v.flatten(0, 3).flatten(2)).view_as(out)
        out.mul_(self._present).addcmul_(self._diagonal, v)
        first, last, even, odd = slice(2), slice(2, 4), slice(0, 4, 2), slice(1, 4, 2)
        for tilt, to, of in (
            (self._x, first, last),
            (self._x, last, first),
            (self._y, even, odd),
            (self._y, odd, even),
        ):
            out[:, to].addcmul_(tilt, v[:, of])

    def product(self, v: Tensor) -> Tensor:
        """U times vectors (4 c e, J, P I), with numbers also where there are no beams; valid until the next."""
        torch.bmm(self._forward, v, out=self._spectrum)
        if self._strands > 1:
            self._joined.copy_(self._apart)
        torch.bmm(self._joined.flatten(3).flatten(0, 1), self._matrix, out=self._product)
        spectrum = self._product
        if self._strands > 1:
            self._apart.copy_(self._product.view_as(self._joined))
            spectrum = self._spectrum
        return torch.bmm(self._backward, spectrum.view_as(self._spectrum), out=self._total)

    def along(self) -> tuple[Numbers, Numbers, Numbers]:
        """−g_x² and −2 k_x g_x, (strands, P I) each, and −2 k_y, (P I,), of rows of vectors (M, P I)."""
        square = (-(self._gx**2)).expand(self._x.shape).float()
        y = self._ky[:, None].expand(self._x.shape[-2:])
        return square.flatten(1).contiguous().numpy(), self._x.flatten(1).numpy(), y.flatten().contiguous().numpy()

    def rows(self) -> tuple[Places, Places, Places, Places, Places, Numbers]:
        """Of the M rows of vectors (M, P I): strand of columns; the rows to which x and y turn them; the first column
        with a beam and the one after the last; g_y in 1/Å."""
        _, c, e, high = self._shape
        row = np.arange(4 * c * e * high).reshape(4, c, e, high)
        strand = np.broadcast_to(np.arange(e)[:, None], row.shape)
        present = self._present[0, ..., 0, :].numpy() > 0
        count = present.sum(-1)
        begin = np.where(count > 0, present.argmax(-1), 0)  # the cut-off is a circle: no gaps
        x, y = row[[2, 3, 0, 1]], row[[1, 0, 3, 2]]
        gy = np.broadcast_to(self._gy[:, 0, :, 0, 0].numpy()[:, None], row.shape)
        numbers = gy.astype(np.float32).ravel()
        return _flat(strand), _flat(x), _flat(y), _flat(begin), _flat(begin + count), numbers

    def per_pixel(self, x: Tensor) -> Tensor:
        """(1, P) → a shape that broadcasts with vectors."""
        return x[..., None]

    def sum_over_beams(self, x: Tensor) -> Tensor:
        """Vectors → (1, P)."""
        return x.flatten(1, 4).sum(1).sum(-1)

    def functionals(self, reflections: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Places (G,) of the beams asked for in a sector, and weights (G, 4) of the sectors there."""
        row, weight = self._adapted.weights(reflections[0])
        return self._place[row][None], weight[None]

    def components(self, v: Tensor, functionals: tuple[Tensor, ...]) -> Tensor:
        """⟨g|v⟩ of the beams asked for: (1, G, P)."""
        (place,), (weight,) = functionals
        return torch.einsum("sgp,gs->gp", v[0].transpose(-2, -1).flatten(1, -2)[:, place], weight)[None]

    def keep(self, crystals: Tensor) -> None:
        """Go on with the crystal, or with none."""


def strands(beams: Beams) -> int:
    """Into how many strands a sector is split; 0 where the lattice of the beams is not along lines of reflection."""
    if beams.reflection is None:
        return 0
    basis = _along(beams, AdaptedBeams(beams).axes)
    return 0 if basis is None else 2 ** int(np.sum(beams.reflection.character(basis) < 0))


def _along(beams: Beams, axes: Tensor) -> list[tuple[int, int]] | None:
    """Basis vectors (h, k) of the lattice along x and along y; None where it has no such basis."""
    off = (torch.from_numpy(beams.net.cartesian(beams.lattice.basis)) @ axes.T).abs()
    straight = off < ALONG * off.max()
    first, second = beams.lattice.basis
    if straight[0, 1] and straight[1, 0]:
        return [first, second]
    if straight[0, 0] and straight[1, 1]:
        return [second, first]
    return None


def _numbers(most: int, strands: int) -> Tensor:
    """(strands, ⌈(most + 1)/strands⌉) float64, the numbers from 0 on of each strand."""
    return torch.arange(-(-(most + 1) // strands) * strands, dtype=torch.float64).view(-1, strands).T


def _share(numbers: Tensor) -> Tensor:
    """√2 for rows or columns that have a mirror image, both of which a vector's number is shared by, else 1."""
    return 1 + (numbers > 0).double() * (math.sqrt(2) - 1)


def _flat(places: NDArray[np.int64]) -> Places:
    return places.astype(np.uint32).ravel()
