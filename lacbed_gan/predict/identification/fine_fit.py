"""A candidate fitted to all pixels: thickness, blur, scale of the angles, one factor of B, and ionicity."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.predict.identification.calculation import Physics
from lacbed_gan.predict.identification.comparison import Fit, Images, correlation
from lacbed_gan.predict.observation import Observation
from lacbed_gan.predict.refinement.fitting import fitted
from lacbed_gan.predict.refinement.model import Model
from lacbed_gan.predict.refinement.parameters import parameters, sites, with_values

GEOMETRY = ("thickness", "blur", "scale")  # which take no calculation of their own
FREE = (*GEOMETRY, "b_factor", "ionicity")
G_MAX = 2.0  # 1/Å, of the calculations by which B and ionicity are found
BLUR = 0.6  # pixels, where the fit begins
STEPS, TOLERANCE = 5, 1e-3  # of each fit


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
    """Fit what nobody knows of a pattern to within what matters, with fewer beams at first.

    Args:
        thickness: in nm, where the fit begins, as the ionicity.
        physics: of the last calculation, by which the geometry is fitted once more.
    """
    rough = replace(physics, g_max=min(G_MAX, physics.g_max))
    chosen = parameters(crystal, [thickness], FREE, blur=BLUR)
    start = np.array([ionicity if p.kind == "ionicity" else p.start for p in chosen])
    model = Model(crystal, [observation], rough, chosen, [thickness])
    values = fitted(model, start, most=STEPS, tolerance=TOLERANCE)
    crystal = with_values(crystal, sites(crystal), chosen, values)
    b_factor, ionicity = model.value(values, "b_factor", default=1.0), model.value(values, "ionicity")
    geometry = [i for i, p in enumerate(chosen) if p.kind in GEOMETRY]
    last = Model(crystal, [observation], physics, [chosen[i] for i in geometry], [thickness], ionicity)
    values = fitted(last, values[geometry], most=STEPS, tolerance=TOLERANCE)
    ((images, scale, background),), (inside,) = last.scaled(values), last.counted
    r = correlation(images[:, inside], observation.images[:, inside])
    nm, blur, angles = (last.value(values, kind) for kind in GEOMETRY)
    shown = Images(np.where(observation.known, images, np.nan), scale, background)
    return FineFit(crystal, Fit(nm, r, blur, angles), b_factor, ionicity, shown)
