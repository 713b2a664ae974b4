"""What intensities are computed of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.gradients.blocks import Blocks

# Pixels of a batch on a CPU: at least so many; numbers of a wave in its cache.
PIXELS, CACHED = 64, 1 << 16


@dataclass(frozen=True)
class Setting:
    """What intensities are computed of.

    Attributes:
        blocks: the beams.
        energy_kv: of the beam.
        dtype: float32 or float64.
        reflections: (G,) indices of the beams whose intensities are wanted, the direct beam 0 among them where it is;
            None for the direct beam alone, which takes half as long.
        absorbing: whether U comes with iU′.
    """

    blocks: Blocks
    energy_kv: float
    dtype: torch.dtype
    reflections: Tensor | None = None
    absorbing: bool = False

    @property
    def count(self) -> int:
        """Number of beams, G."""
        return 1 if self.reflections is None else len(self.reflections)

    def parts(self, k: Tensor, most: int | None = None) -> Iterator[Tensor]:
        """Indices of directions (P, 2) to work on together, by rising |k|, at most so many."""
        size = min(max(PIXELS, CACHED // (1 + self.absorbing) // len(self.blocks.beams)), most or len(k))
        yield from (k.detach() ** 2).sum(1).argsort().chunk(math.ceil(len(k) / size))

    def extremes(self, coupling: Tensor) -> tuple[float, ...]:
        """Bounds in 1/Å² for U in blocks, see :meth:`Blocks.extremes`; with absorption the highest of U′ too."""
        if not self.absorbing:
            return self.blocks.extremes(coupling)
        elastic, absorbed = (coupling + coupling.mH) / 2, (coupling - coupling.mH) / 2j
        if self.blocks.flips:
            elastic, absorbed = elastic.real, absorbed.real
        ends = self.blocks.extremes(elastic)
        return *ends, float(torch.linalg.eigvalsh(absorbed).max()) if math.isfinite(ends[0]) else math.nan


def check_beam(k: Tensor, depths: Tensor, energy_kv: float) -> None:
    """CalculationError unless directions are (P, 2) in 1/Å that the beam can have, and depths (T,) positive numbers."""
    if k.ndim != 2 or k.shape[1] != 2 or not len(k):
        raise CalculationError(f"k has the shape {tuple(k.shape)}, not (P, 2)")
    if depths.ndim != 1 or not len(depths) or not (depths > 0).all() or not torch.isfinite(depths).all():
        raise CalculationError("thickness must be a list of positive numbers, in nm")
    if not torch.isfinite(k).all():
        raise CalculationError("directions are not finite")
    if not (k**2).sum(1).max() * wavelength(energy_kv) ** 2 < 1:
        raise CalculationError(f"k reaches past grazing incidence at {energy_kv} kV")
