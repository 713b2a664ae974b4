"""The matrix A of one crystal in symmetry-adapted beams, block by block, for the compiled recursion of a core."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.operators.sectors import AdaptedBeams, sector_matrices

Numbers = NDArray[np.float32]
Places = NDArray[np.uint32]


class Blocks:
    """v → A v for vectors (N, P) of P pixels, without what the tilt −2 k·g multiplies.

    As :class:`.sectors.SectorOperator`, with each sector as large as it is.

    Args:
        beams: of the crystal.
        rows: of a panel, to multiples of which sectors are filled up with empty rows.

    Attributes:
        beams: number of beams.
        axes: (2, 2) float64 unit vectors, x and y of the sectors.
        size: N.
        direct: row of the direct beam.
        sectors: (4, 3) int64, first row, number of beams, and where in `panels` the matrix begins.
        panels: float32, one after the other the rows of each matrix, `rows` at a time, as (beams, rows).
        places: (2, N) uint32, the rows that x and y take each row to.
        g: (2, N) float32, g_x and g_y in 1/Å, 0 where there is no such row.
    """

    def __init__(self, beams: Beams, rows: int):
        adapted = AdaptedBeams(beams)
        self.beams = len(beams)
        self.axes = adapted.axes
        along = adapted.along.numpy()
        present = (adapted.inverse_norm > 0).numpy()  # (4, R)
        matrices = sector_matrices([adapted], len(along), torch.device("cpu"))[0].numpy()
        row = np.full((4, len(along)), -1)
        panels: list[Numbers] = []
        sectors: list[tuple[int, int, int]] = []
        self.size = begins = 0
        for sector, there in enumerate(present):
            (beam,) = there.nonzero()
            row[sector, beam] = self.size + np.arange(len(beam))
            empty = -len(beam) % rows
            matrix = np.pad(matrices[sector][np.ix_(beam, beam)], ((0, empty), (0, 0)))
            panels.append(matrix.reshape(len(matrix) // rows, rows, len(beam)).swapaxes(1, 2).ravel())
            sectors.append((self.size, len(beam), begins))
            self.size += len(beam) + empty
            begins += panels[-1].size
        self.direct = int(row[0, 0])
        self.panels, self.sectors = np.concatenate(panels), np.array(sectors)
        self.places = np.zeros((2, self.size), np.uint32)
        self.g = np.zeros((2, self.size), np.float32)
        which, beam = present.nonzero()
        for axis, turned in enumerate((2, 1)):  # x turns the first sign, y the second
            there = row[which ^ turned, beam]
            self.places[axis, row[which, beam]] = there.clip(0)
            self.g[axis, row[which, beam]] = np.where(there >= 0, along[beam, axis], 0)
