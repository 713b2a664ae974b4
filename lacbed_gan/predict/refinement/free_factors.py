"""The structure factors themselves, fitted to a bright field and dark fields of one thickness.

The sum of squares has many minima. So a factor on all U and one that falls off or rises with |g| come first, since
that is most of what a network is off by, from the lowest places of a grid of both and of the thickness; then low
orders, with a prior that holds to the start and is loosened from stage to stage; few directions are fitted at first and
all of them at last, with all orders free, since those that stay as the start has them put others wrong; and a result
says why it is not to be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.diffraction.gradients.scattering import Scattering
from lacbed_gan.predict.refinement.factor_images import Images, State, design_of, likeness, orders, state_of
from lacbed_gan.predict.refinement.factor_start import DAMPING, ENOUGH, FEWEST, STEPS, common_of, places

Array = NDArray[np.float64]
STAGES = ((0.6, 1.0), (0.9, 2.0), (1.3, 4.0), (1.8, 8.0), (2.6, 16.0))  # 1/Å up to which U are free, times the prior
ALL = (np.inf, 16.0)  # the last stage
FEW = 150  # directions of all stages but the last
FARTHEST, BEYOND = 3.0, 4.0  # nm, of one step, and from the thickness that is told
MINIMUM = 20.0  # up to which a fit of few directions is one of all directions, as they add more
# Mean squared residual, of noise 1, from which the result is not to be trusted, and how many times its own standard
# deviation come to it; right ones of simulated images reach 0.95
DOUBTFUL, SURE = 1.1, 4.0
ALIKE = 5.0  # and from which likeness of the residuals of neighbouring directions it is not either


@dataclass(frozen=True)
class FreeFit:
    """Structure factors as the images have them.

    Attributes:
        u, errors: (M,) in 1/Å², with standard errors.
        thickness, thickness_error: in nm.
        chi2: mean squared residual, noise being 1.
        doubts: why the result is not to be trusted, one line each; none where it may be.
        tries: starts that were made.
        likeness: of the residuals of neighbouring directions, see :func:`likeness`.
    """

    u: Tensor
    errors: Array
    thickness: float
    thickness_error: float
    chi2: float
    doubts: list[str] = field(default_factory=list)
    tries: int = 1
    likeness: float = 0.0


def fit_factors(
    scattering: Scattering,
    start: Tensor,
    prior: Array,
    thickness: float,
    images: Images,
    told: Callable[[str], object] = lambda line: None,
    noise: Callable[[Array], Array] | None = None,
) -> FreeFit:
    """Fit all structure factors and the thickness; scale and background come with them.

    Args:
        start: (M,) in 1/Å², the independent ones of the scattering.
        prior: (M,) their standard deviations in 1/Å².
        thickness: in nm, to about 3 nm.
        told: is given a line on each start.
        noise: (G, P) fitted intensities, on the scale of the measured ones → standard deviations of noise. Those of
            the images are estimates by what was measured, so that what is less by chance weighs more.
    """
    few, every = images.some(FEW), np.arange(len(start))
    best: tuple[State, Images] | None = None
    doubts: list[str] = []
    tries = 0
    for values, nm in places(scattering, start, thickness, images.some(max(FEWEST, FEW // len(images.hkl)))):
        tries += 1
        common = common_of(scattering, start, nm, few, values)
        state, weighed = _from(scattering, common, prior, nm, few, thickness), images
        told(f"from {nm:.1f} nm: χ² {state.chi2:.3g} at {state.thickness:.2f} nm")
        promising = state.chi2 <= MINIMUM  # else it is another minimum, which more directions do not change
        if few is not images:
            state = state_of(scattering, state.u, state.thickness, images)
        if promising:
            state = _stage(scattering, state, common, prior, images, thickness, *ALL, DAMPING)[0]
            if noise is not None:
                weighed = replace(images, sigma=noise(state.expected(images)))
                state = state_of(scattering, state.u, state.thickness, weighed)
                state = _stage(scattering, state, common, prior, weighed, thickness, *ALL, DAMPING)[0]
            told(f"all {len(images.k)} directions: χ² {state.chi2:.3g} at {state.thickness:.2f} nm")
        if best is None or state.chi2 < best[0].chi2:
            best, doubts = (state, weighed), _doubts(state, weighed)
        if not doubts:
            break
    assert best is not None
    state, images = best
    design, _ = design_of(state, scattering, images, every, np.ones(len(start)))
    covariance = np.linalg.pinv(design.T @ design + np.diag([*(prior * ALL[1]) ** -2.0, 0.0]))
    scaled = np.sqrt(np.diag(covariance) * max(1.0, state.chi2))
    alike = likeness(state, images)
    return FreeFit(state.u, scaled[:-1], state.thickness, float(scaled[-1]), state.chi2, doubts, tries, alike)


def _doubts(state: State, images: Images) -> list[str]:
    """Why a result is not to be trusted."""
    doubts = []
    if state.chi2 > DOUBTFUL + SURE * np.sqrt(2 / len(state.residuals)):
        doubts.append(f"residuals are {state.chi2:.3g} times noise: a local minimum, or not this cell and symmetry")
    elif (alike := likeness(state, images)) > ALIKE:
        doubts.append(
            f"residuals of neighbouring directions are alike by {alike:.1f} standard deviations of noise: a local "
            "minimum, or something that is not fitted"
        )
    return doubts


def _from(scattering: Scattering, start: Tensor, prior: Array, thickness: float, images: Images, told: float) -> State:
    """Through all stages."""
    state, damping = state_of(scattering, start, thickness, images), DAMPING
    for reach, loosened in STAGES:
        state, damping = _stage(scattering, state, start, prior, images, told, reach, loosened, damping)
    return state


def _stage(
    scattering: Scattering,
    state: State,
    start: Tensor,
    prior: Array,
    images: Images,
    told: float,
    reach: float,
    loosened: float,
    damping: float,
) -> tuple[State, float]:
    """Steps of Levenberg and Marquardt with U up to an order in 1/Å free, and the damping that they end with."""
    free = np.flatnonzero(orders(scattering) <= reach)
    if not len(free):
        return state, damping

    def away(u: Tensor) -> Array:
        return (u - start).numpy()[free] / prior[free]

    def cost(one: State) -> float:
        return float((one.residuals**2).sum() + (away(one.u) ** 2).sum() / loosened**2)

    for _ in range(STEPS):
        design, residuals = design_of(state, scattering, images, free, prior)
        hessian, gradient = design.T @ design, design.T @ residuals
        hessian += np.diag(np.append(np.full(len(free), loosened**-2), 0.0))
        gradient += np.append(away(state.u) / loosened**2, 0.0)
        before, following = cost(state), None
        for _ in range(4):
            step = -np.linalg.solve(hessian + damping * np.diag(np.diag(hessian) + 1e-9), gradient)
            u = state.u.clone()
            u[free] += torch.from_numpy(step[:-1] * prior[free])
            nm = state.thickness + float(np.clip(step[-1], -FARTHEST, FARTHEST))
            nm = max(1.0, float(np.clip(nm, told - BEYOND, told + BEYOND)))
            trial = state_of(scattering, u, nm, images)
            if cost(trial) < before:
                following, damping = trial, max(damping / 5, 1e-6)
                break
            damping *= 8
        if following is None:
            break
        state = following
        if before - cost(state) < ENOUGH * before:
            break
    return state, damping
