"""A candidate fitted to all pixels: thickness, blur, scale of the angles, one factor of B, and ionicity."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.predict.identification.calculation import Physics
from lacbed_gan.predict.identification.comparison import Fit, Images, correlation
from lacbed_gan.predict.observation import Observation
from lacbed_gan.predict.refinement.fitting import fitted
from lacbed_gan.predict.refinement.model import Model
from lacbed_gan.predict.refinement.parameters import parameters, sites, with_values

Array = NDArray[np.float64]
GEOMETRY = ("thickness", "blur", "scale")  # which take no calculation of their own
FREE = (*GEOMETRY, "b_factor", "ionicity")
G_MAX = 2.0  # 1/Å, of the calculations by which B and ionicity are found
BLUR = 0.6  # pixels, where the fit begins
STEPS, MOST, TOLERANCE = 5, 8, 1e-3  # of each fit, of one that takes one calculation
FAR = 0.2  # share of variance that a candidate leaves of which no B and no ionicity make the right one
SHARP, TRUE = 0.4, 0.003  # pixels of blur, and a deviation of the scale from 1, that change next to nothing


@dataclass(frozen=True)
class FineFit:
    """A candidate as it agrees best.

    Attributes:
        crystal: with B of the fit.
        b_factor: by which they were multiplied.
        ionicity: 0 of neutral atoms, 1 of ions.
    """

    crystal: Crystal
    fit: Fit
    b_factor: float
    ionicity: float
    images: Images


def fine_fit(
    observation: Observation, crystal: Crystal, thickness: float, ionicity: float, physics: Physics
) -> FineFit:
    """Fit what nobody knows of a pattern to within what matters.

    Thickness, blur and scale of the angles take one calculation. Where there is blur, or another scale, B and
    ionicity make up for them without it, and all are fitted together, with fewer beams at first, unless the candidate
    leaves too much to be the right one.

    Args:
        thickness: in nm, where the fit begins, as the ionicity.
        physics: of the last calculation, by which the geometry is fitted once more.
    """
    chosen = parameters(crystal, [thickness], FREE, blur=BLUR)
    b_factor, geometry = 1.0, [p for p in chosen if p.kind in GEOMETRY]
    start = np.array([p.start for p in geometry])
    last = Model(crystal, [observation], physics, geometry, [thickness], ionicity)
    values = _geometry(last, start, MOST)
    far = float((last.residuals(values) ** 2).mean()) > FAR
    if not far and (last.value(values, "blur") > SHARP or abs(last.value(values, "scale") - 1) > TRUE):
        rough = replace(physics, g_max=min(G_MAX, physics.g_max))
        start = np.array([ionicity if p.kind == "ionicity" else last.value(values, p.kind, default=1) for p in chosen])
        model = Model(crystal, [observation], rough, chosen, [thickness])
        values = fitted(model, start, most=STEPS, tolerance=TOLERANCE)
        crystal = with_values(crystal, sites(crystal), chosen, values)
        b_factor, ionicity = model.value(values, "b_factor", default=1.0), model.value(values, "ionicity")
        last = Model(crystal, [observation], physics, geometry, [thickness], ionicity)
        start = np.array([model.value(values, p.kind) for p in geometry])
        values = _geometry(last, start, STEPS)
    ((images, scale, background),), (inside,) = last.scaled(values), last.counted
    r = correlation(images[:, inside], observation.images[:, inside])
    nm, blur, angles = (last.value(values, kind) for kind in GEOMETRY)
    shown = Images(np.where(observation.known, images, np.nan), scale, background)
    return FineFit(crystal, Fit(nm, r, blur, angles), b_factor, ionicity, shown)


def _geometry(model: Model, start: Array, most: int) -> Array:
    """Thickness, blur and scale, without blur too where there is little: towards none a fit creeps."""
    values = fitted(model, start, most=most, tolerance=TOLERANCE)
    if model.value(values, "blur") > SHARP:
        return values
    sharp = np.array([0.0 if p.kind == "blur" else v for p, v in zip(model.parameters, values, strict=True)])
    sharp = fitted(model, sharp, most=most, tolerance=TOLERANCE)
    return min(values, sharp, key=lambda x: float((model.residuals(x) ** 2).sum()))
