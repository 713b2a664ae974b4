"""The recursion of one crystal on one core of a CPU: products by BLAS, all else in one pass by compiled code."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.operators.blocks import Blocks
from lacbed_gan.diffraction.operators.folded_fourier import FoldedFourierOperator, strands
from lacbed_gan.diffraction.recursion.lanczos import Recursion

FIRST_CAPACITY = 512  # steps for which memory is taken at first
# Numbers of beams, measured with experiments/simulator_speed: above these, by the number of strands, products on the
# folded lattice take less time than blocks; above BLOCKS those on the whole lattice do, where it cannot be folded.
FOLDED, BLOCKS = {1: 900, 2: 1700, 4: 2000}, 4500


class _Rows:
    """The rows of T of P pixels so far, and β of the last two.

    Attributes:
        steps: number of rows, n.
    """

    def __init__(self, pixels: int):
        self._beta, self._beta_before = np.ones(pixels, np.float32), np.ones(pixels, np.float32)
        self._record = np.empty((2, pixels, FIRST_CAPACITY), np.float32)
        self.steps = 0

    def tridiagonal(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """α, β: (n, X) float32 in 1/Å² each, diagonal of T and coupling of each row to the next, of X pixels."""
        alpha, beta = torch.from_numpy(self._record[:, pixels.numpy(), : self.steps])
        return alpha.T, beta.T

    def _add(self, alpha: np.ndarray) -> None:
        if self.steps == self._record.shape[2]:
            self._record = np.concatenate([self._record, np.empty_like(self._record)], 2)
        self._record[0, :, self.steps], self._record[1, :, self.steps] = alpha, self._beta
        self.steps += 1


class CoreRecursion(_Rows):
    """As :class:`.lanczos.Recursion`, for one crystal whose beams are symmetry-adapted, without other reflections.

    Vectors are not divided by their norms β: the next step does that.

    Args:
        blocks: of the crystal.
        k: (1, P, 2) float64, in-plane components of the incoming beams in 1/Å, (x, y).

    Attributes:
        steps: number of steps done, n.
        beams: number of beams.
    """

    def __init__(self, blocks: Blocks, k: Tensor):
        from lacbed_gan.diffraction.recursion.kernels import advance  # Numba, when it is needed

        pixels = k.shape[1]
        self._advance, self._blocks = advance, blocks
        self.beams = blocks.beams
        self._tilt = (-2 * k[0] @ blocks.axes.T).float().numpy()
        self._u, self._before, self._product = (torch.zeros(pixels, blocks.size) for _ in range(3))
        self._u[:, blocks.direct] = 1
        super().__init__(pixels)

    def step(self) -> None:
        """One more row of T."""
        u, before, product, blocks = self._u, self._before, self._product, self._blocks
        for start, end, matrix in blocks.matrices:
            torch.mm(u[:, start:end], matrix, out=product[:, start:end])
        alpha = self._advance(
            u.numpy(),
            before.numpy(),
            product.numpy(),
            self._beta,
            self._beta_before,
            self._tilt,
            blocks.tilt,
            blocks.others,
        )
        self._add(alpha)
        self._u, self._before = before, u

    def keep_pixels(self, pixels: Tensor) -> None:
        """Go on with some of the pixels only."""
        chosen = pixels.numpy()
        self._u, self._before = self._u[pixels], self._before[pixels]
        self._product = self._product[: len(self._u)]
        self._beta, self._beta_before, self._tilt = (x[chosen] for x in (self._beta, self._beta_before, self._tilt))
        self._record = self._record[:, chosen]


class FoldedRecursion(_Rows):
    """As :class:`CoreRecursion`, for a crystal of many beams on a folded lattice.

    Args:
        operator: of the crystal.
        k: (1, P, 2) float64 in 1/Å.
        beams: number of beams.
    """

    def __init__(self, operator: FoldedFourierOperator, k: Tensor, beams: int):
        from lacbed_gan.diffraction.recursion.kernels import advance_rows

        self._advance, self._operator, self._rows = advance_rows, operator.aim(k), operator.rows()
        self._k, self.beams = k, beams
        v = operator.start()
        self._u = v.flatten(0, 2).flatten(2)  # (4 S, J, P I)
        self._before = torch.zeros_like(self._u)
        pixels = k.shape[1]
        super().__init__(pixels)
        self._along = operator.along()

    def step(self) -> None:
        """One more row of T."""
        u, before = self._u, self._before
        v, w, product = (x.flatten(0, 1).numpy() for x in (u, before, self._operator.product(u)))
        alpha = self._advance(v, w, product, self._beta, self._beta_before, self._along, self._rows)
        self._add(alpha)
        self._u, self._before = before, u

    def keep_pixels(self, pixels: Tensor) -> None:
        """Go on with some of the pixels only."""
        chosen = pixels.numpy()
        apart = (x.unflatten(2, (len(pixels), -1)) for x in (self._u, self._before))
        self._u, self._before = (x[:, :, pixels].flatten(2).contiguous() for x in apart)
        self._beta, self._beta_before = self._beta[chosen], self._beta_before[chosen]
        self._record, self._k = self._record[:, chosen], self._k[:, pixels]
        if chosen.any():
            self._along = self._operator.aim(self._k).along()


def recursions(
    beams: Sequence[Beams], device: torch.device, reflections: Sequence[Tensor] | None = None
) -> Callable[[Tensor], Recursion | CoreRecursion | FoldedRecursion]:
    """What starts the recursion of some crystals at directions k (C, P, 2), by the quickest way on a device."""
    if device.type == "cpu" and len(beams) == 1 and reflections is None and beams[0].reflection is not None:
        if len(beams[0]) > min(FOLDED.values()) and len(beams[0]) > FOLDED.get(strands(beams[0]), math.inf):
            operator = FoldedFourierOperator(beams[0])
            return lambda k: FoldedRecursion(operator, k, len(beams[0]))
        if len(beams[0]) <= BLOCKS:
            blocks = Blocks(beams[0])
            return lambda k: CoreRecursion(blocks, k)
    return lambda k: Recursion(beams, k, reflections)
