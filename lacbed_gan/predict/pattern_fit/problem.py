"""A pattern at some of its directions, and the calculations of other exactness that a fit compares with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from lacbed_gan.diffraction.few_beams import REACH
from lacbed_gan.diffraction.gradients.dressed import DressedScattering
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.scaling import min_max
from lacbed_gan.predict.pattern_fit.least_squares import PatternFit
from lacbed_gan.predict.pattern_fit.symmetry import PlaneSymmetry, has_fourfold
from lacbed_gan.predict.pattern_fit.work import Work
from lacbed_gan.store.recipe import Recipe

Array = NDArray[np.float64]
ENOUGH = 0.01  # rms


@dataclass(frozen=True)
class Level:
    """How exact a calculation is.

    Attributes:
        g_max: cut-off of the beams in 1/Å, lowered where that are more than `most`; the others are dressed with.
        most: beams.
        directions: at which patterns are compared.
        floor: rms that is left of the pattern of a right ρ.
    """

    g_max: float
    most: int
    directions: int
    floor: float


@dataclass(frozen=True, eq=False)
class Problem:
    """A pattern of a crystal of known cell edge.

    Args:
        pattern: (T, H, H), min–max scaled, over the recipe's window.
        a: cell edge in Å.
        thickness: T values in nm.
        work: that is counted.
        enough: rms difference from the pattern that ends a fit.
    """

    pattern: Array
    a: float
    recipe: Recipe
    thickness: Sequence[float]
    work: Work = field(default_factory=Work)
    enough: float = ENOUGH
    _known: dict[tuple[PlaneSymmetry, Level], PatternFit] = field(default_factory=dict)

    @cached_property
    def fourfold(self) -> bool:
        return all(map(has_fourfold, self.pattern))

    @cached_property
    def net(self) -> Net:
        return Net.square(self.a)

    def at(self, symmetry: PlaneSymmetry, level: Level) -> PatternFit:
        """The comparison with ρ of this symmetry."""
        key = symmetry, level
        if key not in self._known:
            window = Window(self.pattern.shape[-1], self.recipe.half_width)
            k, measured = self._directions(window, level.directions)
            share = 1 / symmetry.lattice.index
            g_max = min(level.g_max, REACH, float(np.sqrt(level.most / (np.pi * share)) / self.a))
            scattering = DressedScattering(
                self.net,
                symmetry.lattice,
                symmetry.operations,
                symmetry.line,
                window,
                g_max,
                0,
                self.recipe.rho_g_max,
                self.recipe.energy_kv,
            )
            self._known[key] = PatternFit(scattering, k, measured, self.thickness, level.floor, self.work)
        return self._known[key]

    def _directions(self, window: Window, count: int) -> tuple[torch.Tensor, Array]:
        """Some, one of each set that symmetry makes equal, and the pattern there."""
        half = window.size // 2
        rows, columns = np.indices((half, half)).reshape(2, -1) + half
        if self.fourfold:
            rows, columns = rows[rows >= columns], columns[rows >= columns]
        chosen = np.sort(np.random.default_rng(count).choice(len(rows), min(count, len(rows)), replace=False))
        rows, columns = rows[chosen], columns[chosen]
        k = torch.from_numpy(window.directions(self.net, rows, columns))
        return k, min_max(self.pattern, (-2, -1))[:, rows, columns]
