"""The cut-off of the beams that a tolerance asks for, found on a few pixels before the pattern is computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.net import Net

if TYPE_CHECKING:
    from torch import Tensor

FINER = 1.2  # the error of a cut-off is the difference to intensities with one that is larger by this
ABOVE = 2  # rungs of the ladder that make this
LADDER = tuple(round(1.5 * FINER ** (i / ABOVE), 3) for i in range(15))  # 1/Å, 1.5 … 4.48 and two more
MARGIN = 0.9  # of the tolerance that is aimed at, for the probed pixels are few
PROBES = 16  # pixels at which the intensities of each rung are computed


@dataclass(frozen=True)
class AutoCutOff:
    """For each crystal the smallest cut-off of the beams whose intensities have at most this error.

    Attributes:
        tolerance: root mean square of the intensities' error over pixels and thicknesses.
    """

    tolerance: float

    def __str__(self) -> str:
        return f"as far as an error of {self.tolerance:g} rms asks for"


@dataclass(frozen=True)
class CutOff:
    """What was chosen for one crystal.

    Attributes:
        g_max: in 1/Å.
        reference: (T, PROBES) intensities with a cut-off at least `FINER` times larger.
    """

    g_max: float
    reference: Tensor

    def reaching(self, net: Net, reflections: Sequence[tuple[int, int]]) -> CutOff:
        """The same, or a larger cut-off that all of these reflections lie within."""
        farthest = float(net.squared_length(reflections).max()) if reflections else 0.0
        return replace(self, g_max=max(self.g_max, math.ceil(100 * math.sqrt(farthest)) / 100))


def climb(
    compute: Callable[[Sequence[int], float], Sequence[Tensor | CalculationError]], count: int, tolerance: float
) -> list[CutOff | CalculationError]:
    """The cut-off of each crystal: the first rung whose intensities are within the tolerance of those two rungs on.

    The error does not fall smoothly, but at each shell of strong reflections: nothing is concluded from lower rungs. A
    crystal that no rung settles gets the highest that has two above it.

    Args:
        compute: of crystals (their numbers) and a cut-off in 1/Å the intensities at the probed pixels, (T, PROBES)
            each, or why there are none.
        count: number of crystals.
    """
    chosen: list[CutOff | CalculationError | None] = [None] * count
    values: list[list[Tensor]] = [[] for _ in range(count)]
    for rung, g_max in enumerate(LADDER):
        climbing = [i for i in range(count) if chosen[i] is None]
        if not climbing:
            break
        for i, intensity in zip(climbing, compute(climbing, g_max), strict=True):
            if isinstance(intensity, CalculationError):
                chosen[i] = intensity
                continue
            values[i].append(intensity)
            if rung >= ABOVE:
                error = float((intensity - values[i][rung - ABOVE]).square().mean().sqrt())
                if error <= MARGIN * tolerance or rung == len(LADDER) - 1:
                    chosen[i] = CutOff(LADDER[rung - ABOVE], intensity)
    return [each for each in chosen if each is not None]
