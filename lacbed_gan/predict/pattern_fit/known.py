"""Known cubic structures whose low orders are like those of a predicted ρ: where a fit may begin, elements free.

The table holds what ships with the package (:mod:`lacbed_gan.crystal.open_databases`) along [001]: of each structure a
plane symmetry, the origin where it has that, and U_hk of low orders.
"""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.crystal.crystal import Crystal, CrystalError
from lacbed_gan.crystal.open_databases import STRUCTURES
from lacbed_gan.crystal.tables import crystal_of_line
from lacbed_gan.diffraction.net import grid
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.predict.identification.candidates import B_ISO, with_plausible_b
from lacbed_gan.predict.pattern_fit.symmetry import Candidate, PlaneSymmetry, symmetries

Array = NDArray[np.float64]
TABLE = Path(__file__).with_name("known.npz.xz")
ORDER = 12  # of the table
QUARTERS = 4  # places along an edge, from a two-fold axis, where the origin may be
COMPLETE = 0.9995  # share of Σ U² that a structure's symmetry has to leave
EDGES = (0.8, 1.4)  # of known cell edges over that of the crystal: light crystals often have larger relatives
ALIKE = 0.985  # cosine of two structures of which one is enough
KIND, KINDS = 0.95, 600  # the same, where one of each kind is wanted, and of how many at most
Place = tuple[int, int]


@dataclass(frozen=True, eq=False)
class KnownStructures:
    """A row for each structure.

    Attributes:
        line: in the table of the structures, from 0.
        formula, a: of the structure; a in Å.
        fourfold: whether its pattern has diagonal mirrors.
        symmetry: number among those of :func:`symmetries`.
        place: (N, 2) of the origin, in quarters of the cell from the two-fold axis.
        low: (N, ORDER + 1, ORDER + 1) int8, U for h, k ≥ 0 over the largest, times 127.
    """

    line: NDArray[np.int32]
    formula: NDArray[np.str_]
    a: NDArray[np.float32]
    fourfold: NDArray[np.bool_]
    symmetry: NDArray[np.uint8]
    place: NDArray[np.uint8]
    low: NDArray[np.int8]

    def save(self, path: Path) -> None:
        with lzma.open(path, "wb") as file:
            np.savez(file, **vars(self))

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> KnownStructures:
        with lzma.open(TABLE) as file, np.load(file, allow_pickle=False) as arrays:
            return cls(**arrays)

    def like(
        self, values: Array, a: float, fourfold: bool, count: int, without: Collection[str] = ()
    ) -> list[tuple[int, float]]:
        """Rows of those nearest to coefficients (2m + 1, 2m + 1), unlike one another, and their cosines with them.

        Args:
            a: cell edge in Å.
            without: formulas that are left out.
        """
        rows = self._near(a, EDGES, fourfold, without)
        cosine = self._cosines(rows, values, fourfold)
        order = np.argsort(-cosine)
        found = dict(zip(rows[order].tolist(), cosine[order].tolist(), strict=True))
        return [(row, found[row]) for row in self._unlike(rows[order], ALIKE, count)]

    def kinds(self, a: float, fourfold: bool, without: Collection[str] = ()) -> list[int]:
        """Rows of one of each kind, those whose cell edge is nearest to a (Å)."""
        rows = self._near(a, EDGES, fourfold, without)
        return self._unlike(rows[np.argsort(np.abs(self.a[rows] - a))], KIND, KINDS)

    def _near(
        self, a: float, edges: tuple[float, float], fourfold: bool, without: Collection[str]
    ) -> NDArray[np.int64]:
        ratio = self.a / a
        near = (ratio > edges[0]) & (ratio < edges[1]) & (self.fourfold == fourfold)
        return np.flatnonzero(near & ~np.isin(self.formula, list(without)))

    def _unlike(self, rows: NDArray[np.int64], alike: float, count: int) -> list[int]:
        """The first of the rows, without those whose cosine with one before is higher."""
        flat = self.low[rows].reshape(len(rows), self.low[0].size).astype(np.float32)  # of no rows too
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        free, chosen = np.ones(len(rows), bool), []
        for i, row in enumerate(rows.tolist()):
            if free[i]:
                chosen.append(row)
                if len(chosen) == count:
                    break
                free &= (flat @ flat[i] < alike) | (self.symmetry[rows] != self.symmetry[row])
        return chosen

    def _cosines(self, rows: NDArray[np.int64], values: Array, fourfold: bool) -> Array:
        """(N,) with the coefficients, at the best of all origins, the axes exchanged or not."""
        n, middle = 32, len(values) // 2
        h = np.arange(-min(ORDER, middle), min(ORDER, middle) + 1)
        other = np.zeros((n, n))
        other[np.ix_(h % n, h % n)] = values[np.ix_(h + middle, h + middle)]
        grids = np.zeros((len(rows), n, n), np.float32)
        for number in np.unique(self.symmetry[rows]):
            of = self.symmetry[rows] == number
            whole = _whole(self.low[rows[of]].astype(np.float32), symmetries(fourfold)[number])
            h = np.arange(-ORDER, ORDER + 1)
            grids[np.ix_(np.flatnonzero(of), h % n, h % n)] = whole
        best = np.zeros(len(rows))
        for turned in (other,) if fourfold else (other, other.T):
            best = np.maximum(best, np.fft.ifft2(grids * turned).real.reshape(len(rows), n * n).max(1) * n**2)
        return np.asarray(best / np.linalg.norm(grids, axis=(1, 2)) / np.linalg.norm(other))

    def candidate(self, row: int, m: int) -> Candidate | None:
        """The structure with orders up to m, in 1/Å²; None where it cannot be used."""
        crystal = crystal_of_line(_lines()[self.line[row]], f"{STRUCTURES.name}, line {self.line[row] + 1}")
        if isinstance(crystal, CrystalError):
            return None
        symmetry = symmetries(bool(self.fourfold[row]))[self.symmetry[row]]
        return Candidate(symmetry, _moved(coefficients_of(crystal, m), symmetry, tuple(self.place[row])), 1.0)


@lru_cache(maxsize=1)
def _lines() -> list[bytes]:
    with gzip.open(STRUCTURES) as file:
        return file.read().splitlines()


def coefficients_of(crystal: Crystal, m: int) -> Array:
    """U (2m + 1, 2m + 1) in 1/Å² about a two-fold axis."""
    return np.asarray(Projection(with_plausible_b(crystal, B_ISO)).real_coefficients(m, m).numpy())


def place_of(crystal: Crystal) -> tuple[int, Place, NDArray[np.int8]] | None:
    """Number of its symmetry, the origin, and low orders as in the table; None where no symmetry has all of it."""
    values = coefficients_of(crystal, ORDER)
    power = (values**2).sum()
    for number, symmetry in enumerate(symmetries(crystal.pattern_symmetry == "4mm")):
        hk = grid(ORDER, ORDER)
        if (values[symmetry.lattice.contains(hk)] ** 2).sum() < COMPLETE * power:
            continue
        for place in np.ndindex(QUARTERS, QUARTERS):
            moved = _moved(values, symmetry, place)
            if (moved**2).sum() > COMPLETE * power:
                quarter = moved[ORDER:, ORDER:]
                return number, place, np.rint(127 * quarter / np.abs(quarter).max()).astype(np.int8)
    return None


def _moved(values: Array, symmetry: PlaneSymmetry, place: tuple[int, ...]) -> Array:
    hk = grid(len(values) // 2, len(values) // 2)
    return symmetry.mean(values * np.exp(2j * np.pi * (hk @ np.asarray(place, dtype=float) / QUARTERS)), hk)


def _whole(quarter: NDArray[np.float32], symmetry: PlaneSymmetry) -> NDArray[np.float32]:
    """(…, 2m + 1, 2m + 1) of h, k ≥ 0 (…, m + 1, m + 1)."""
    m = quarter.shape[-1] - 1
    sign = symmetry.line.character(np.stack(np.meshgrid(np.arange(m + 1), np.arange(m + 1), indexing="ij"), -1))
    right = np.concatenate([(sign * quarter)[..., :0:-1, :], quarter], -2)
    return np.concatenate([right[..., ::-1, :0:-1], right], -1).astype(np.float32)
