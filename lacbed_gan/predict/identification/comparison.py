"""How well calculated intensities agree with measured ones, whose scale and background are not known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.window import Window
from lacbed_gan.predict.identification.calculation import Physics, grid_pixels, intensities_of
from lacbed_gan.predict.observation import Hkl, Observation

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """Measured intensities at some pixels, and how those of a crystal are calculated there.

    Attributes:
        hkl: of R reflections.
        measured: (R, P) any scale.
        places: (P,) row · size + column.
        observation: what the pixels are of, without its images.
        thickness: T values in nm, rising.
    """

    hkl: tuple[Hkl, ...]
    measured: Array
    places: NDArray[np.int64]
    observation: Observation
    thickness: tuple[float, ...]
    physics: Physics

    @classmethod
    def of(cls, observation: Observation, step: int, thickness: tuple[float, ...], physics: Physics) -> Task:
        """At every so many of the pixels that are known."""
        places = grid_pixels(observation.size, step)
        places = places[observation.known.ravel()[places]]
        measured = observation.images.reshape(len(observation.hkl), -1)[:, places]
        empty = np.empty((0, observation.size, observation.size))
        return cls(observation.hkl, measured, places, replace(observation, images=empty), thickness, physics)

    def window(self, crystal: Crystal) -> Window:
        """The directions of the pixels for a crystal."""
        return self.observation.window(crystal)

    def calculated(self, crystal: Crystal, ionicity: float = 0.0) -> Array:
        """(R, T, P) intensities in [0, 1]."""
        window, physics = self.window(crystal), self.physics
        return (
            intensities_of(crystal, self.hkl, window, self.places, self.thickness, physics, ionicity=ionicity)
            .numpy()
            .astype(np.float64)
        )


@dataclass(frozen=True)
class Fit:
    """One crystal at the thickness where it agrees best with the measured images.

    Attributes:
        thickness: in nm.
        r: (R,) Pearson's of each reflection, which scale and background do not change.
        blur: σ of a Gaussian in pixels of the compared images, 0 for none.
        angle_scale: by which the angles of the images are multiplied.
    """

    thickness: float
    r: Array
    blur: float = 0.0
    angle_scale: float = 1.0

    @property
    def unexplained(self) -> float:
        """Share of the images' variance that the crystal leaves, mean over the reflections; 0 … 1."""
        return float(unexplained(self.r).mean())


@dataclass(frozen=True)
class Images:
    """Calculated images of a fit, brought to scale and background of the measured ones.

    Attributes:
        calculated: (R, n, n), NaN where nothing was measured.
        scale, background: (R,) measured ≈ scale · calculated intensity + background.
    """

    calculated: Array
    scale: Array
    background: Array


def correlation(calculated: Array, measured: Array) -> Array:
    """(R, …) Pearson's r over the pixels of (R, …, P) and (R, P); 0 of a constant one."""
    measured = measured.reshape(len(measured), *(1,) * (calculated.ndim - 2), -1)
    first, second = (x - x.mean(-1, keepdims=True) for x in (calculated, measured))
    norm = np.sqrt((first**2).sum(-1) * (second**2).sum(-1))
    return (first * second).sum(-1) / np.where(norm > 0, norm, 1.0) * (norm > 1e-12)


def unexplained(r: Array) -> Array:
    """1 − r², and 1 where r is negative: bright is bright."""
    return 1 - np.maximum(r, 0.0) ** 2


def best_fit(task: Task, crystal: Crystal, ionicity: float = 0.0) -> Fit:
    """The thickness at which a crystal leaves least of the variance of all reflections."""
    r = correlation(task.calculated(crystal, ionicity), task.measured)
    i = int(unexplained(r).mean(0).argmin())
    return Fit(task.thickness[i], r[:, i])


def straight_line(calculated: Array, measured: Array) -> tuple[Array, Array]:
    """(R,) scale and background of least squares, of (R, P) each."""
    first, second = calculated - calculated.mean(1, keepdims=True), measured - measured.mean(1, keepdims=True)
    power = (first**2).sum(1)
    scale = (first * second).sum(1) / np.where(power > 0, power, 1.0)
    return scale, measured.mean(1) - scale * calculated.mean(1)
