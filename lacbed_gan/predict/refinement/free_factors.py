"""The structure factors themselves, fitted to a bright field and dark fields of one thickness.

The sum of squares has many minima. So a factor on all U and one that falls off or rises with |g| come first, since
that is most of what a network is off by; then low orders, with a prior that holds to the start and is loosened from
stage to stage; several thicknesses are tried where a fit begins; few directions are fitted at first and all of them
at last, with all orders free: those of a start that is a few percent off there are more than noise; and a result says
why it is not to be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.diffraction.gradients.scattering import Scattering

Array = NDArray[np.float64]
STAGES = ((0.6, 1.0), (0.9, 2.0), (1.3, 4.0), (1.8, 8.0), (2.6, 16.0))  # 1/Å up to which U are free, times the prior
STEPS, ENOUGH = 6, 1e-3  # steps of a stage, and the relative gain at which it ends
COMMON = (0.4, 1.0)  # standard deviations of the logarithm of a factor on all U, and of B in Å² that is taken off
ALL = (np.inf, 16.0)  # the last stage
FEW = 150  # directions of all stages but the last
DAMPING = 1e-2  # of Levenberg and Marquardt, at first
FARTHEST = 3.0  # nm, of one step
THICKNESSES = (0.0, 1.5, -1.5, 3.0, -3.0)  # nm from the thickness that is told, where a fit begins
OTHERS, SPREAD = 4, 0.15  # starts with random relative errors of U, where none of these thicknesses fits
FITS = 1.3  # mean squared residual, of noise 1, of a fit after which no other is tried
MINIMUM = 20.0  # up to which a fit of few directions is one of all directions, as they add more
DOUBTFUL = 1.5  # and from which the result is not to be trusted


@dataclass(frozen=True)
class Images:
    """What is fitted.

    Attributes:
        hkl: of G reflections.
        k: (P, 2) directions in 1/Å.
        measured: (G, P) on any scale.
        sigma: (G, P) standard deviations of their noise.
    """

    hkl: Sequence[Sequence[int]]
    k: Tensor
    measured: Array
    sigma: Array

    def some(self, count: int) -> Images:
        """At so many of the directions, drawn at random."""
        if count >= len(self.k):
            return self
        chosen = np.sort(np.random.default_rng(0).choice(len(self.k), count, replace=False))
        return Images(self.hkl, self.k[chosen], self.measured[:, chosen], self.sigma[:, chosen])


@dataclass(frozen=True)
class FreeFit:
    """Structure factors as the images have them.

    Attributes:
        u, errors: (M,) in 1/Å², with standard errors.
        thickness, thickness_error: in nm.
        chi2: mean squared residual, noise being 1.
        doubts: why the result is not to be trusted, one line each; none where it may be.
        tries: starts that were made.
    """

    u: Tensor
    errors: Array
    thickness: float
    thickness_error: float
    chi2: float
    doubts: list[str] = field(default_factory=list)
    tries: int = 1


def fit_factors(
    scattering: Scattering,
    start: Tensor,
    prior: Array,
    thickness: float,
    images: Images,
    told: Callable[[str], object] = lambda line: None,
) -> FreeFit:
    """Fit all structure factors and the thickness; scale and background come with them.

    Args:
        start: (M,) in 1/Å², the independent ones of the scattering.
        prior: (M,) their standard deviations in 1/Å².
        thickness: in nm, roughly.
        told: is given a line on each start.
    """
    few = images.some(FEW)
    best: _State | None = None
    tries, begun = 0, start
    random = torch.Generator().manual_seed(0)
    for number, shift in enumerate((*THICKNESSES, *[0.0] * OTHERS)):
        if thickness + shift <= 0:
            continue
        tries += 1
        common = _common(scattering, start, thickness + shift, few)
        if number >= len(THICKNESSES):
            common = common * (1 + SPREAD * torch.randn(len(common), generator=random, dtype=common.dtype))
        state = _from(scattering, common, prior, thickness + shift, few)
        told(f"from {thickness + shift:.1f} nm: χ² {state.chi2:.3g} at {state.thickness:.2f} nm")
        if best is None or state.chi2 < best.chi2:
            best, begun = state, common
        if best.chi2 <= FITS:
            break
    assert best is not None
    if few is not images:
        best = _state(scattering, best.u, best.thickness, images)
        if best.chi2 <= MINIMUM:  # else it is another minimum, which more directions do not change
            best = _stage(scattering, best, begun, prior, images, *ALL, DAMPING)[0]
            told(f"all {len(images.k)} directions: χ² {best.chi2:.3g} at {best.thickness:.2f} nm")
    design, _ = _design(best, scattering, images, np.arange(len(start)), np.ones(len(start)))
    covariance = np.linalg.pinv(design.T @ design + np.diag([*(prior * ALL[1]) ** -2.0, 0.0]))
    scaled = np.sqrt(np.diag(covariance) * max(1.0, best.chi2))
    doubts = []
    if best.chi2 > DOUBTFUL:
        doubts.append(f"residuals are {best.chi2:.3g} times noise: a local minimum, or not this cell and symmetry")
    return FreeFit(best.u, scaled[:-1], best.thickness, float(scaled[-1]), best.chi2, doubts, tries)


@dataclass(frozen=True)
class _State:
    """Where a fit is: structure factors, thickness in nm, and what images it gives."""

    u: Tensor
    thickness: float
    intensity: Array
    lines: list[tuple[Array, float]]  # of each image the columns of scale and background over noise, and the scale
    residuals: Array

    @property
    def chi2(self) -> float:
        return float((self.residuals**2).mean())


def _state(scattering: Scattering, u: Tensor, thickness: float, images: Images) -> _State:
    intensity = scattering.intensity(u, images.k, [thickness], images.hkl)[:, 0].numpy().astype(np.float64)
    lines, residuals = [], []
    for one, measured, sigma in zip(intensity, images.measured, images.sigma, strict=True):
        columns = np.stack([one, np.ones_like(one)], 1) / sigma[:, None]
        numbers = np.linalg.lstsq(columns, measured / sigma, rcond=None)[0]
        lines.append((columns, float(numbers[0])))
        residuals.append(columns @ numbers - measured / sigma)
    return _State(u, thickness, intensity, lines, np.concatenate(residuals))


def _design(
    state: _State, scattering: Scattering, images: Images, free: NDArray[np.int64], scale: Array
) -> tuple[Array, Array]:
    """(N, F + 1) derivatives of the residuals by free U, in units of `scale`, and thickness, and the residuals.

    What scale and background can make up for is projected out (Kaufman's form of variable projection).
    """
    found = scattering.jacobian(state.u, images.k, [state.thickness], hkl=images.hkl)
    rows = []
    for g, (columns, factor) in enumerate(state.lines):
        by_u = found.parameters[g, 0].numpy().astype(np.float64)[:, free] * scale[free]
        change = np.concatenate([by_u, found.thickness[g, 0].numpy().astype(np.float64)[:, None]], 1)
        change *= factor / images.sigma[g][:, None]
        basis, _ = np.linalg.qr(columns)
        rows.append(change - basis @ (basis.T @ change))
    return np.concatenate(rows), state.residuals


def _from(scattering: Scattering, start: Tensor, prior: Array, thickness: float, images: Images) -> _State:
    """Through all stages."""
    state, damping = _state(scattering, start, thickness, images), DAMPING
    for reach, loosened in STAGES:
        state, damping = _stage(scattering, state, start, prior, images, reach, loosened, damping)
    return state


def _stage(
    scattering: Scattering,
    state: _State,
    start: Tensor,
    prior: Array,
    images: Images,
    reach: float,
    loosened: float,
    damping: float,
) -> tuple[_State, float]:
    """Steps of Levenberg and Marquardt with U up to an order in 1/Å free, and the damping that they end with."""
    free = np.flatnonzero(_orders(scattering) <= reach)
    if not len(free):
        return state, damping

    def away(u: Tensor) -> Array:
        return (u - start).numpy()[free] / prior[free]

    def cost(one: _State) -> float:
        return float((one.residuals**2).sum() + (away(one.u) ** 2).sum() / loosened**2)

    for _ in range(STEPS):
        design, residuals = _design(state, scattering, images, free, prior)
        hessian, gradient = design.T @ design, design.T @ residuals
        hessian += np.diag(np.append(np.full(len(free), loosened**-2), 0.0))
        gradient += np.append(away(state.u) / loosened**2, 0.0)
        before, following = cost(state), None
        for _ in range(4):
            step = -np.linalg.solve(hessian + damping * np.diag(np.diag(hessian) + 1e-9), gradient)
            u = state.u.clone()
            u[free] += torch.from_numpy(step[:-1] * prior[free])
            nm = max(1.0, state.thickness + float(np.clip(step[-1], -FARTHEST, FARTHEST)))
            trial = _state(scattering, u, nm, images)
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


def _common(scattering: Scattering, start: Tensor, thickness: float, images: Images) -> Tensor:
    """The start times c exp(b |g|²/4), with c and b of least squares at a thickness in nm that stays."""
    fall = torch.from_numpy(_orders(scattering) ** 2 / 4)
    every, deviation = np.arange(len(start)), np.array(COMMON)

    def changed(values: Array) -> Tensor:
        return start * torch.exp(values[0] + values[1] * fall)

    def cost(one: _State, values: Array) -> float:
        return float((one.residuals**2).sum() + ((values / deviation) ** 2).sum())

    values, damping = np.zeros(2), DAMPING
    state = _state(scattering, start, thickness, images)
    for _ in range(STEPS):
        design, residuals = _design(state, scattering, images, every, np.ones(len(start)))
        both = design[:, :-1] @ np.stack([state.u.numpy(), (state.u * fall).numpy()], 1)
        hessian, gradient = both.T @ both + np.diag(deviation**-2), both.T @ residuals + values / deviation**2
        before, following = cost(state, values), None
        for _ in range(4):
            trial = values - np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)), gradient)
            trial = np.clip(trial, -2 * deviation, 2 * deviation)
            moved = _state(scattering, changed(trial), thickness, images)
            if cost(moved, trial) < before:
                following, damping = moved, max(damping / 5, 1e-6)
                break
            damping *= 8
        if following is None:
            break
        state, values = following, trial
        if before - cost(state, values) < ENOUGH * before:
            break
    return changed(values)


def _orders(scattering: Scattering) -> Array:
    """(M,) |g| in 1/Å of the independent structure factors."""
    net = scattering.projection.net
    return np.sqrt(net.squared_length(scattering.independent.hk.numpy()))
