"""From the axes that a structure is described in to the conventional cubic ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = tuple[float, float, float]
Matrix = tuple[Row, Row, Row]


@dataclass(frozen=True)
class ChangeOfBasis:
    """(a′, b′, c′) = (a, b, c) P and the origin moved by p, as in International Tables A, 5.1.

    Attributes:
        matrix: P; its columns are the axes of the crystal in those of the source.
        origin: p, the origin of the crystal in fractional coordinates of the source.
    """

    matrix: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    origin: Row = (0.0, 0.0, 0.0)

    @classmethod
    def of(cls, matrix: NDArray[np.float64], origin: NDArray[np.float64]) -> ChangeOfBasis:
        """From arrays, rounded to eight digits."""
        rows = (np.round(matrix, 8) + 0.0).tolist()
        x, y, z = (np.round(origin, 8) + 0.0).tolist()
        return cls((tuple(rows[0]), tuple(rows[1]), tuple(rows[2])), (x, y, z))

    def hkl(self, indices: Sequence[float]) -> NDArray[np.float64]:
        """Miller indices of the crystal from those of the source: h′ = h P."""
        return np.asarray(indices) @ np.asarray(self.matrix)

    def direction(self, uvw: Sequence[float]) -> NDArray[np.float64]:
        """A direct-lattice direction of the crystal from that of the source: u′ = P⁻¹ u."""
        return np.linalg.solve(np.asarray(self.matrix), np.asarray(uvw, dtype=float))

    def position(self, xyz: Sequence[float]) -> NDArray[np.float64]:
        """Fractional coordinates of the crystal from those of the source: x′ = P⁻¹ (x − p)."""
        return np.linalg.solve(np.asarray(self.matrix), np.asarray(xyz, dtype=float) - np.asarray(self.origin))

    def to_json(self) -> dict[str, Any]:
        """P as rows, and p."""
        return {"matrix": [list(row) for row in self.matrix], "origin": list(self.origin)}

    def __str__(self) -> str:
        axes = []
        for column in zip(*self.matrix, strict=True):
            terms = [
                f"{'' if f == 1 else '−' if f == -1 else f'{f:.4g}'}{x}"
                for f, x in zip(column, "abc", strict=True)
                if f
            ]
            axes.append("+".join(terms).replace("+−", "−").replace("+-", "−"))
        return f"{', '.join(axes)}; {', '.join(f'{x:.4g}' for x in self.origin)}"


FILE_AXES = ChangeOfBasis()
