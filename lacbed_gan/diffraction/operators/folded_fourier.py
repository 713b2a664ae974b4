"""The matrix A of a zone axis in symmetry-adapted beams and on their lattice at once, for one crystal of many beams.

Four sectors, as in :mod:`.sectors`, of beams i c_x + j c_y with i, j ≥ 0 on a lattice along the lines of reflection,
and a Fourier transform along y, as in :mod:`.half_fourier`. With V(i, −j) = s_y χ V(i, j) the transform of a column is
one of cosines or of sines, and with V(−i, j) = s_x χ V(i, j) its matrices are folded: half the multiplications in each
of the three steps. Where χ = (−1)^(p i + q j) changes its sign from column to column (p = 1) or from row to row (q = 1)
they are split into even and odd ones, strands; with q = 1 the transforms of both have half the frequencies. So they are
on a centred lattice, where i + j is even: two strands of the four are empty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    """v → A v for vectors (1, 4, S, J, P, I): sectors of `SIGNS`, S strands of rows and columns, P pixels.

    Args:
        beams: of one crystal, with a lattice along its lines of reflection; see :func:`strands`.
    """

    def __init__(self, beams: Beams):
        self._adapted = adapted = AdaptedBeams(beams)
        lattice = _Folded.of(beams, adapted.axes)
        assert lattice is not None
        self._lattice = lattice
        columns, rows = (adapted.along / torch.tensor(lattice.lengths)).round().long().T
        self._reach = int(rows.max())
        of_rows, of_columns = lattice.splits
        # (S, J) and (S, I): j and i of the rows and columns of the strands
        c, e = torch.tensor(lattice.strands).T
        self._rows_of = c
        self._j, self._i = _numbers(self._reach, of_rows)[c], _numbers(int(columns.max()), of_columns)[e]
        (count, high), (_, wide) = self._j.shape, self._i.shape
        self._shape, self._strands = (4, count, high), count
        strand = torch.zeros(of_rows, of_columns, dtype=torch.int64)
        strand[c, e] = torch.arange(count)
        place = (strand[rows % of_rows, columns % of_columns] * high + rows // of_rows) * wide + columns // of_columns
        self._place = place

        def laid_out(x: Tensor) -> Tensor:  # of each beam (…, R) → (1, 4, S, J, 1, I)
            grid = torch.zeros(4, count * high * wide, dtype=x.dtype)
            grid[:, place] = x
            return grid.view(1, 4, count, high, 1, wide).float()

        self._present = laid_out((adapted.inverse_norm > 0).double())
        self._diagonal = laid_out(-(adapted.along**2).sum(1)) * self._present
        self._gx, self._gy = self._i[:, None, None] * lattice.lengths[0], self._j[..., None, None] * lattice.lengths[1]

        length = 4 * self._reach + of_rows
        frequencies = self._reach + 1 if of_rows > 1 else 2 * self._reach + 1
        self._frequency = torch.arange(frequencies, dtype=torch.float64) * 2 * math.pi / length
        # χ of each strand, and whether a column of it is transformed by sines: (S,) and (4, S)
        self._chi = (-1.0) ** (lattice.p * e + lattice.q * c)
        self._sine = torch.tensor(SIGNS)[:, 1, None] * self._chi < 0
        angle = self._frequency[:, None] * self._j[:, None]  # (S, f, J)
        share = _share(self._j)[:, None]
        forward = torch.where(self._sine[..., None, None], angle.sin() * share, angle.cos() * share)
        times = ((self._frequency > 0).double() + 1) * of_rows / length
        self._forward = forward.flatten(0, 1).float()  # (4 S, f, J)
        self._backward = (forward * times[:, None]).mT.flatten(0, 1).float().contiguous()
        self._matrix = self._folded(self._spectra(beams))

    def _spectra(self, beams: Beams) -> Tensor:
        """u_c(d, f) of U at columns d, of each class of rows: by cosines, or by sines where U is odd in j.

        Returns:
            (classes, D, f) float64, d = 0 in the middle.
        """
        most, lattice = 2 * int(self._i.max()), self._lattice
        d, step = torch.arange(-most, most + 1), torch.arange(-2 * self._reach, 2 * self._reach + 1)
        there, hk = lattice.reflections(d[:, None], step)
        u = torch.where(there, beams.at(hk), 0.0).double()  # (D, j)
        odd = (lattice.p * d[:, None] + lattice.q * step) % 2 == 1
        angle, classes = step[:, None] * self._frequency, lattice.splits[0]
        strand = (torch.where(step % classes == c, u, 0.0) for c in range(classes))
        return torch.stack(
            [torch.where(odd, 0.0, x) @ angle.cos() + torch.where(odd, x, 0.0) @ angle.sin() for x in strand]
        )

    def _folded(self, spectra: Tensor) -> Tensor:
        """(4 f, S I, S I) float32: the matrix of each sector and frequency, which rows are multiplied by."""
        count, wide = self._i.shape
        matrix = torch.zeros(4, len(self._frequency), count, wide, count, wide)
        column, share, middle = self._i.long(), _share(self._i), spectra.shape[1] // 2
        for to in range(count):
            for of in range(count):
                known = spectra[(self._rows_of[to] + self._rows_of[of]) % len(spectra)]
                difference = known[column[to][:, None] - column[of] + middle]  # (to, of, f)
                total = known[column[to][:, None] + column[of] + middle] * (column[of] > 0)[:, None] * self._chi[of]
                scale = (share[to][:, None] / share[of])[..., None]
                for sector, (s_x, _) in enumerate(SIGNS):
                    # −i of a sine of V times −i of one of U
                    turned = -1.0 if self._sine[sector, of] and not self._sine[sector, to] else 1.0
                    matrix[sector, :, of, :, to] = (turned * scale * (difference + s_x * total)).permute(2, 1, 0)
        return matrix.flatten(4, 5).flatten(2, 3).flatten(0, 1)

    def aim(self, k: Tensor) -> FoldedFourierOperator:
        """The same at directions (1, P, 2) float64 in 1/Å."""
        kx, ky = (-2 * k[0] @ self._adapted.axes.T).T
        self._x = (self._gx * kx[:, None]).float()  # (S, 1, P, I)
        self._y = (self._gy * ky[:, None]).float()  # (S, J, P, 1)
        self._ky = ky.float()
        # Memory of the products, (4 S, f, P I); the strands of a frequency apart and joined, (4, f, P, S, I)
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
        v[0, 0, 0, 0, :, 0] = 1
        return v

    def add_to(self, out: Tensor, v: Tensor) -> None:
        """out += A v; both zero in empty places."""
        out += self.product(v.flatten(0, 2).flatten(2)).view_as(out)
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
        """U times vectors (4 S, J, P I), with numbers also where there are no beams; valid until the next."""
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
        row = np.arange(np.prod(self._shape)).reshape(self._shape)
        strand = np.broadcast_to(np.arange(self._strands)[:, None], row.shape)
        present = self._present[0, ..., 0, :].numpy() > 0
        count = present.sum(-1)
        begin = np.where(count > 0, present.argmax(-1), 0)  # the cut-off is a circle: no gaps
        x, y = row[[2, 3, 0, 1]], row[[1, 0, 3, 2]]
        numbers = np.broadcast_to(self._gy[..., 0, 0].numpy(), row.shape).astype(np.float32).ravel()
        return _flat(strand), _flat(x), _flat(y), _flat(begin), _flat(begin + count), numbers

    def per_pixel(self, x: Tensor) -> Tensor:
        """(1, P) → a shape that broadcasts with vectors."""
        return x[..., None]

    def sum_over_beams(self, x: Tensor) -> Tensor:
        """Vectors → (1, P)."""
        return x.flatten(1, 3).sum(1).sum(-1)

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
    """How many strands a sector has; 0 where the lattice of the beams is not along lines of reflection."""
    lattice = None if beams.reflection is None else _Folded.of(beams, AdaptedBeams(beams).axes)
    return 0 if lattice is None else len(lattice.strands)


@dataclass(frozen=True)
class _Folded:
    """A lattice of beams i c_x + j c_y along the axes, or the half of it where i + j is even.

    Attributes:
        basis: h, k of c_x and c_y, or of twice them where it is centred.
        lengths: |c_x|, |c_y| in 1/Å.
        centred: whether i + j is even.
        p, q: χ = (−1)^(p i + q j).
    """

    basis: tuple[tuple[int, int], tuple[int, int]]
    lengths: tuple[float, float]
    centred: bool
    p: int
    q: int

    @classmethod
    def of(cls, beams: Beams, axes: Tensor) -> _Folded | None:
        """None where the lattice is not along the axes."""
        first, second = (np.array(c) for c in beams.lattice.basis)
        assert beams.reflection is not None
        for x, y, halves in ((first, second, 1), (second, first, 1), (first + second, first - second, 2)):
            for c_x, c_y in ((x, y), (y, x)):
                along = beams.net.cartesian([c_x, c_y]) @ axes.numpy().T
                if max(abs(along[0, 1]), abs(along[1, 0])) > ALONG * np.abs(along).max():
                    continue
                signs = np.sign(along.diagonal()).astype(int)
                (h, k), (u, v) = (np.array([c_x, c_y]) * signs[:, None]).tolist()
                lengths = np.abs(along.diagonal()) / halves
                p, q = (beams.reflection.character([first, second] if halves > 1 else [c_x, c_y]) < 0).astype(int)
                if halves > 1 and p != q:
                    return None
                return cls(
                    ((h, k), (u, v)), (float(lengths[0]), float(lengths[1])), halves > 1, int(p), int(q * (halves == 1))
                )
        return None

    @property
    def splits(self) -> tuple[int, int]:
        """Into how many classes rows and columns are split."""
        return (2, 2) if self.centred else (1 + self.q, 1 + self.p)

    @property
    def strands(self) -> list[tuple[int, int]]:
        """Classes of rows and columns that have beams."""
        rows, columns = self.splits
        return [(c, e) for c in range(rows) for e in range(columns) if c == e or not self.centred]

    def reflections(self, i: Tensor, j: Tensor) -> tuple[Tensor, Tensor]:
        """Whether i c_x + j c_y are on the lattice, and their h, k, (…, 2)."""
        hk = i[..., None] * torch.tensor(self.basis[0]) + j[..., None] * torch.tensor(self.basis[1])
        there = torch.ones_like(hk[..., 0], dtype=torch.bool)
        return ((i + j) % 2 == 0, hk // 2) if self.centred else (there, hk)


def _numbers(most: int, strands: int) -> Tensor:
    """(strands, ⌈(most + 1)/strands⌉) float64, the numbers from 0 on of each strand."""
    return torch.arange(-(-(most + 1) // strands) * strands, dtype=torch.float64).view(-1, strands).T


def _share(numbers: Tensor) -> Tensor:
    """√2 for rows or columns that have a mirror image, both of which a vector's number is shared by, else 1."""
    return 1 + (numbers > 0).double() * (math.sqrt(2) - 1)


def _flat(places: NDArray[np.int64]) -> Places:
    return places.astype(np.uint32).ravel()
