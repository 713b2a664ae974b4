"""The matrix A of one crystal in symmetry-adapted beams, block by block, for the compiled recursion of a core."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.operators.sectors import AdaptedBeams, sector_matrices

ALIGNED = 8  # float32 numbers of a vector register: blocks begin at multiples
ON_AN_AXIS = 1e-9  # 1/Å

Tilt = tuple[tuple[np.uint64, ...], NDArray[np.float32], NDArray[np.float32]]
Others = tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float32], NDArray[np.float32]]


class Blocks:
    """v → A v without the tilt for vectors (P, N) of P pixels, and what the tilt is.

    As :class:`.sectors.SectorOperator`, with each sector as large as it is. Beams off the axes, which all sectors have,
    come first in each.

    Attributes:
        beams: number of beams.
        axes: (2, 2) float64 unit vectors, x and y of the sectors.
        size: N, with the empty rows that align the blocks, and some more at the end.
        direct: row of the direct beam.
        matrices: first row, the one after the last, and the matrix (R, R) float32 of each block.
        tilt: first row in each sector of the beams off the axes, and their g_x and g_y in 1/Å, with zeros at the end to
            a whole number of registers.
        others: rows of the other beams, those to which x and y take them, and g_x and g_y.
    """

    def __init__(self, beams: Beams):
        adapted = AdaptedBeams(beams)
        self.beams = len(beams)
        self.axes = adapted.axes
        g = adapted.along.numpy()
        present = (adapted.inverse_norm > 0).numpy()  # (4, R)
        general = (g > ON_AN_AXIS).all(1) & present.all(0)
        order = np.argsort(~general, kind="stable")
        sectors = sector_matrices([adapted], len(g), torch.device("cpu"))[0]
        row = np.full((4, len(g)), -1)
        self.matrices: list[tuple[int, int, Tensor]] = []
        self.size = 0
        for sector in range(4):
            beam = order[present[sector, order]]
            row[sector, beam] = self.size + np.arange(len(beam))
            end = self.size + len(beam) + -len(beam) % ALIGNED
            matrix = torch.zeros(end - self.size, end - self.size)
            matrix[: len(beam), : len(beam)] = sectors[sector][beam][:, beam]
            self.matrices.append((self.size, end, matrix))
            self.size = end
        self.size += ALIGNED
        self.direct = int(row[0, 0])
        gx, gy = np.pad(g[general].T, ((0, 0), (0, -general.sum() % ALIGNED))).astype(np.float32, order="C")
        self.tilt: Tilt = tuple(np.uint64(start) for start, _, _ in self.matrices), gx, gy
        which, there = np.nonzero(present & ~general)
        x, y = row[which ^ 2, there], row[which ^ 1, there]
        gx, gy = np.where(np.stack([x, y]) >= 0, g[there].T, 0).astype(np.float32, order="C")
        places = (each.astype(np.uint32) for each in (row[which, there], x.clip(0), y.clip(0)))
        self.others: Others = (*places, gx, gy)
