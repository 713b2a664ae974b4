"""Fourier coefficients of a potential that symmetry leaves independent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.crystal.plane_symmetry import PlaneOperation
from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.net import grid

SAME = 1e-6  # phases of 2π that are equal, up to rounding


@dataclass(frozen=True)
class IndependentCoefficients:
    """U_hk of one reflection of each set that symmetry makes equal: (M,) real numbers that a potential is linear in.

    U_(hW) = exp(2πi h·w) U_h for each operation, and U_−h = U_h*. So a coefficient has one real number, where a set
    holds −h, or two.

    Attributes:
        hk: (M, 2) int64 Miller indices, by rising |g|; twice where there are two numbers.
        factor: (M,) what a number is multiplied by to be a part of U_hk: a phase, or 1 and i; real where U is.
        shape: of the potential's grid.
        places: (2, D) int64, of each place of the grid that is not zero the numbers that it is made of.
        weights: (2, D) their factors there.
        sites: (D,) int64, those places in the flattened grid.
    """

    hk: Tensor
    factor: Tensor
    shape: tuple[int, int]
    places: Tensor
    weights: Tensor
    sites: Tensor

    @classmethod
    def of(cls, beams: Beams, operations: Sequence[PlaneOperation]) -> IndependentCoefficients:
        """Those of the differences of beams.

        Args:
            operations: of the projected crystal, about the origin of the potential.
        """
        rows, columns = beams.potential.shape
        hk = grid(rows // 2, columns // 2).reshape(-1, 2)
        difference = (beams.hk[:, None] - beams.hk + beams.middle).flatten(0, 1).numpy()
        used = np.zeros(beams.potential.shape, bool)
        used[tuple(difference.T)] = True
        used = used.reshape(-1) & hk.any(1)
        hk = hk[used]
        # Images by symmetry (D, G, 2) and what U is multiplied by, then those of the conjugate.
        images = np.stack([operation.images(hk) for operation in operations], 1)
        turn = np.stack([hk @ np.asarray(operation.translation) for operation in operations], 1)
        images, turn = np.concatenate([images, -images], 1), np.concatenate([turn, turn], 1)
        conjugate = np.arange(images.shape[1]) >= len(operations)
        rank = images[..., 0] * 4 * columns + images[..., 1]
        chosen = rank.argmax(1)
        itself = rank == (hk[:, 0] * 4 * columns + hk[:, 1])[:, None]
        # What maps a reflection on itself: a phase that is not 1 makes it zero, a conjugation makes its phase fixed.
        zero = (itself & ~conjugate & (_distance(turn) > SAME)).any(1)
        fixed = itself & conjugate
        first = fixed.argmax(1)
        theta = -np.take_along_axis(turn, first[:, None], 1)[:, 0] / 2
        zero |= (fixed & (_distance(turn + 2 * theta[:, None]) > SAME)).any(1)
        one = fixed.any(1)
        order = [i for i in beams.net.order(hk) if not zero[i] and rank[i].max() == rank[i][itself[i]][0]]
        numbers: list[NDArray[np.int64]] = []
        factors: list[complex] = []
        start: dict[tuple[int, int], int] = {}  # of reflections, the first of their numbers
        for i in order:
            start[tuple(hk[i].tolist())] = len(numbers)
            numbers += [hk[i]] * (1 if one[i] else 2)
            factors += [np.exp(2j * math.pi * theta[i])] if one[i] else [1.0, 1j]
        keep = np.flatnonzero(~zero)
        representative = np.take_along_axis(images, chosen[:, None, None], 1)[:, 0]
        places, weights = np.zeros((2, len(keep)), np.int64), np.zeros((2, len(keep)), complex)
        for d, i in enumerate(keep):
            place = start[tuple(representative[i].tolist())]
            back = np.exp(-2j * math.pi * turn[i, chosen[i]])
            for part in range(1 if one[i] else 2):
                factor = factors[place + part]
                places[part, d] = place + part
                weights[part, d] = back * (np.conj(factor) if conjugate[chosen[i]] else factor)
        kind = beams.potential.dtype
        real = (lambda x: x) if beams.potential.is_complex() else np.real
        return cls(
            torch.from_numpy(np.array(numbers)),
            torch.from_numpy(real(np.array(factors, complex)).copy()).to(kind),
            (rows, columns),
            torch.from_numpy(places),
            torch.from_numpy(real(weights).copy()).to(kind),
            torch.from_numpy(np.flatnonzero(used)[keep]),
        )

    def __len__(self) -> int:
        return len(self.hk)

    def potential(self, numbers: Tensor) -> Tensor:
        """(…, 2M + 1, 2L + 1) U of all reflections in 1/Å², of independent numbers (…, M)."""
        values = (numbers[..., self.places] * self.weights).sum(-2)
        flat = values.new_zeros(*values.shape[:-1], math.prod(self.shape))
        return flat.index_copy(-1, self.sites, values).unflatten(-1, self.shape)

    def numbers(self, potential: Tensor) -> Tensor:
        """(M,) the independent numbers that come nearest to a potential (2M + 1, 2L + 1)."""
        parts = (potential.flatten()[self.sites] * self.weights.conj()).real
        total = parts.new_zeros(len(self)).index_add(0, self.places.flatten(), parts.flatten())
        share = self.weights.abs().square().flatten()
        return total / share.new_zeros(len(self)).index_add(0, self.places.flatten(), share)


def _distance(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """From the nearest whole number."""
    return np.abs(turn - np.rint(turn))
