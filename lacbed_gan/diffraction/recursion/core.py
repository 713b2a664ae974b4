"""The recursion of one crystal on one core of a CPU, by compiled code: pixels in lanes, or on a folded lattice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.operators.blocks import Blocks
from lacbed_gan.diffraction.operators.folded_fourier import FoldedFourierOperator, strands
from lacbed_gan.diffraction.recursion.lanczos import Recursion

FIRST_CAPACITY = 512  # steps for which memory is taken at first
# Numbers of beams, measured with experiments/simulator_speed: above BLOCKS products on the folded lattice take less
# time than blocks; above STREAMED blocks do not stay in a core's cache, and each part of them serves SEVERAL groups.
BLOCKS, STREAMED, SEVERAL = 5000, 2500, 8
PIXELS = 256  # of a batch in blocks, about, in full groups: their number of steps is found together


class CoreRecursion:
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
        self._blocks = blocks
        self.beams = blocks.beams
        self.steps = 0
        self._pixels = k.shape[1]
        self._k = _grouped((-2 * k[0] @ blocks.axes.T).float().T)
        groups, _, wide = self._k.shape
        self._u, self._before = (torch.zeros(groups, blocks.size, wide) for _ in range(2))
        self._u[:, blocks.direct] = 1
        self._beta = torch.ones(2, groups, wide)  # norms of u and of before
        self._rows: list[Tensor] = []  # (n, 2, P) each, α and β

    def advance(self, steps: int) -> None:
        """Go on until there are so many steps."""
        from lacbed_gan.diffraction.recursion.lanes import advance  # Numba, when it is needed

        if steps <= self.steps:
            return
        blocks, (groups, _, wide) = self._blocks, self._k.shape
        rows = torch.empty(groups, steps - self.steps, 2, wide)
        several = SEVERAL if self.beams > STREAMED else 1
        matrix = blocks.panels, blocks.sectors, *blocks.places, *blocks.g
        u, before, beta, beta_before, k = (x.numpy() for x in (self._u, self._before, *self._beta, self._k))
        advance(u, before, beta, beta_before, k, matrix, several, rows.numpy())
        if (steps - self.steps) % 2:
            self._u, self._before, self._beta = self._before, self._u, self._beta.flip(0)
        self.steps = steps
        self._rows.append(rows.permute(1, 2, 0, 3).flatten(2)[..., : self._pixels])

    def tridiagonal(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """α, β: (n, X) float32 in 1/Å² each, diagonal of T and coupling of each row to the next, of X pixels."""
        self._rows = [torch.cat(self._rows)]
        alpha, beta = self._rows[0][:, :, pixels].unbind(1)
        return alpha, beta

    def keep_pixels(self, pixels: Tensor) -> None:
        """Go on with some of the pixels only."""
        (left,) = pixels.nonzero(as_tuple=True)
        self._pixels = len(left)
        if not len(left):
            return
        self._rows = [each[..., left] for each in self._rows]
        self._u, self._before, self._k, beta = (
            _grouped(x.transpose(0, 1).flatten(1)[:, left])
            for x in (self._u, self._before, self._k, self._beta.transpose(0, 1))
        )
        self._beta = beta.transpose(0, 1).contiguous()


def _grouped(x: Tensor) -> Tensor:
    """(R, P) → (G, R, WIDE), the last pixel again and again where a group is not full."""
    from lacbed_gan.diffraction.recursion.lanes import WIDE

    more = -x.shape[1] % WIDE
    x = torch.cat([x, x[:, -1:].expand(-1, more)], 1)
    return x.unflatten(1, (-1, WIDE)).transpose(0, 1).contiguous()


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


class FoldedRecursion(_Rows):
    """As :class:`CoreRecursion`, for a crystal of many beams on a folded lattice.

    Args:
        operator: of the crystal.
        k: (1, P, 2) float64 in 1/Å.
        beams: number of beams.
    """

    def __init__(self, operator: FoldedFourierOperator, k: Tensor, beams: int):
        from lacbed_gan.diffraction.recursion.kernels import advance_rows

        self._advance, self._operator, self._order = advance_rows, operator.aim(k), operator.rows()
        self._k, self.beams = k, beams
        v = operator.start()
        self._u = v.flatten(0, 2).flatten(2)  # (4 S, J, P I)
        self._before = torch.zeros_like(self._u)
        pixels = k.shape[1]
        super().__init__(pixels)
        self._along = operator.along()

    def advance(self, steps: int) -> None:
        """Go on until there are so many steps."""
        while self.steps < steps:
            self._step()

    def _step(self) -> None:
        """One more row of T."""
        u, before = self._u, self._before
        v, w, product = (x.flatten(0, 1).numpy() for x in (u, before, self._operator.product(u)))
        alpha = self._advance(v, w, product, self._beta, self._beta_before, self._along, self._order)
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
) -> tuple[Callable[[Tensor], Recursion | CoreRecursion | FoldedRecursion], int | None]:
    """The quickest way on a device: what starts the recursion of some crystals at directions k (C, P, 2), and for how
    many pixels of them at a time, where that does not depend on memory."""
    if device.type == "cpu" and len(beams) == 1 and reflections is None and beams[0].reflection is not None:
        if len(beams[0]) <= BLOCKS or beams[0].dressing is not None:  # which no Fourier transform adds
            from lacbed_gan.diffraction.recursion.lanes import ROWS

            blocks = Blocks(beams[0], ROWS)
            return lambda k: CoreRecursion(blocks, k), PIXELS
        if strands(beams[0]):
            operator = FoldedFourierOperator(beams[0])
            return lambda k: FoldedRecursion(operator, k, len(beams[0])), None
    return lambda k: Recursion(beams, k, reflections), None
