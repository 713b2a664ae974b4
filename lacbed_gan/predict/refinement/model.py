"""Calculated images as a function of what is refined, and what they leave of the measured ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.ions import formal_charges
from lacbed_gan.predict.identification.calculation import Physics, grid_pixels, intensities_of
from lacbed_gan.predict.identification.comparison import straight_line
from lacbed_gan.predict.observation import Observation
from lacbed_gan.predict.refinement.parameters import Parameter, factors, sites, with_values

Array = NDArray[np.float64]
SPACING, REACH = 0.5, 6  # nm between two thicknesses that are calculated, and how many on each side of one
PHYSICAL = ("b_factor", "b_iso", "occupancy", "ionicity", "u_hk")  # what takes a calculation
KEPT = 24  # calculations that are remembered
BORDER = 3  # pixels along the edges that do not count, where images are moved


class Model:
    """Images of one crystal in one orientation, at one or several thicknesses.

    An image is the calculated one, blurred, turned and moved, times a scale plus a background, which are those of
    least squares at every step. Each counts by its own standard deviation: residuals are shares of it.

    Args:
        observations: a series for each thickness, of the same crystal.
        chosen: what is fitted; everything else stays as the crystal, `fixed_thickness` and `ionicity` have it.
    """

    def __init__(
        self,
        crystal: Crystal,
        observations: Sequence[Observation],
        physics: Physics,
        chosen: Sequence[Parameter],
        fixed_thickness: Sequence[float],
        ionicity: float = 0.0,
    ):
        self.crystal, self.observations, self.physics, self.parameters = crystal, observations, physics, tuple(chosen)
        self._charges = formal_charges(crystal)  # which occupancies that are fitted do not change
        self._fixed, self._site, self.ionicity = tuple(fixed_thickness), sites(crystal), ionicity
        self._stacks: OrderedDict[tuple[float, ...], tuple[Array, Array]] = OrderedDict()
        moved = any(one.kind in ("centre", "rotation", "scale") for one in chosen)
        self.counted = []
        for one in observations:
            inside = one.known.copy()
            if moved:
                inside[:BORDER] = inside[-BORDER:] = inside[:, :BORDER] = inside[:, -BORDER:] = False
            self.counted.append(inside)
        self.calculations = 0

    def residuals(self, values: Array) -> Array:
        """(N,) (calculated − measured)/standard deviation, at all pixels of all images that count."""
        parts = []
        for series, images in enumerate(self.images(values)):
            measured, inside = self.observations[series].images, self.counted[series]
            for one, other in zip(images, measured, strict=True):
                parts.append((one[inside] - other[inside]) / other[inside].std())
        return np.concatenate(parts)

    def jacobian(self, values: Array) -> Array:
        """(N, J) of the residuals by the parameters, central difference quotients for the cheap ones."""
        columns, centre = [], self.residuals(values)
        for i, parameter in enumerate(self.parameters):
            ahead = values.copy()
            ahead[i] = min(values[i] + parameter.step, parameter.high)
            if parameter.kind in PHYSICAL:  # of each a calculation of its own
                if ahead[i] == values[i]:
                    ahead[i] -= parameter.step
                columns.append((self.residuals(ahead) - centre) / (ahead[i] - values[i]))
                continue
            behind = values.copy()
            behind[i] = max(values[i] - parameter.step, parameter.low)
            columns.append((self.residuals(ahead) - self.residuals(behind)) / (ahead[i] - behind[i]))
        return np.stack(columns, 1)

    def images(self, values: Array) -> list[Array]:
        """Of each series (R, n, n), with scale and background of least squares."""
        return [calculated for calculated, _, _ in self.scaled(values)]

    def scaled(self, values: Array) -> list[tuple[Array, Array, Array]]:
        """The images, their scales (R,) and backgrounds (R,) of each series."""
        results = []
        for series, observation in enumerate(self.observations):
            images = self._moved(self.sharp(values, series), values)
            inside = self.counted[series]
            scale, background = straight_line(images[:, inside], observation.images[:, inside])
            results.append((scale[:, None, None] * images + background[:, None, None], scale, background))
        return results

    def value(self, values: Array, kind: str, index: int = 0, default: float = 0.0) -> float:
        """That of a parameter, or the default where it is not fitted."""
        for parameter, value in zip(self.parameters, values, strict=True):
            if (parameter.kind, parameter.index) == (kind, index):
                return float(value)
        return default

    def _moved(self, images: Array, values: Array) -> Array:
        """Blurred, turned about the middle, scaled and moved."""
        if blur := self.value(values, "blur"):
            images = np.stack([gaussian_filter(image, blur, mode="reflect") for image in images])
        row, column = (self.value(values, "centre", i) for i in (0, 1))
        angle = np.radians(self.value(values, "rotation"))
        scale = self.value(values, "scale", default=1.0)
        if (row, column, angle, scale) == (0, 0, 0, 1):
            return images
        middle = (images.shape[-1] - 1) / 2
        y, x = np.meshgrid(*(np.arange(images.shape[-1]) - middle,) * 2, indexing="ij")
        y, x = scale * (y - row), scale * (x - column)
        places = y * np.cos(angle) - x * np.sin(angle) + middle, x * np.cos(angle) + y * np.sin(angle) + middle
        return np.stack([map_coordinates(image, places, order=3, mode="nearest") for image in images])

    def sharp(self, values: Array, series: int) -> Array:
        """(R, n, n) intensities of a series, between calculated thicknesses by a polynomial of third degree."""
        t = self.value(values, "thickness", series, self._fixed[series])
        physical = [v for p, v in zip(self.parameters, values, strict=True) if p.kind in PHYSICAL]
        key = (float(series), *(float(v) for v in physical))
        known = self._stacks.get(key)
        if known is None or not known[0][1] <= t <= known[0][-2]:
            known = self._stacks[key] = self._calculated(values, series, t)
            while len(self._stacks) > KEPT:
                self._stacks.popitem(last=False)
        self._stacks.move_to_end(key)
        grid, stack = known
        i = int(np.clip(np.searchsorted(grid, t) - 2, 0, len(grid) - 4))
        nodes = grid[i : i + 4]
        weights = [float(np.prod([(t - other) / (node - other) for other in nodes if other != node])) for node in nodes]
        return np.tensordot(weights, stack[i : i + 4], 1)

    def _calculated(self, values: Array, series: int, t: float) -> tuple[Array, Array]:
        """Thicknesses (T,) around one, and images (T, R, n, n)."""
        observation = self.observations[series]
        crystal = with_values(self.crystal, self._site, self.parameters, values)
        grid = SPACING * (round(t / SPACING) + np.arange(-REACH, REACH + 1))
        grid = grid[grid > 0]
        n = observation.size
        places = grid_pixels(n, 1)
        window = observation.window(crystal)
        u_hk, ionicity = factors(self.parameters, values), self.value(values, "ionicity", default=self.ionicity)
        result = intensities_of(
            crystal, observation.hkl, window, places, grid.tolist(), self.physics, u_hk, ionicity, self._charges
        )
        self.calculations += 1
        return grid, result.numpy().astype(np.float64).reshape(len(observation.hkl), len(grid), n, n).swapaxes(0, 1)
