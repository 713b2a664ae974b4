"""The structure factors themselves, fitted to a bright field and dark fields of one thickness.

The sum of squares has many minima. So low orders come first, a prior that holds to the start is loosened from stage to
stage, several thicknesses are tried where a fit begins, and a result says why it is not to be trusted.
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
DAMPING = 1e-2  # of Levenberg and Marquardt, at first
FARTHEST = 3.0  # nm, of one step
THICKNESSES = (0.0, 1.5, -1.5, 3.0, -3.0)  # nm from the thickness that is told, where a fit begins
FITS = 1.3  # mean squared residual, of noise 1, of a fit after which no other is tried
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


@dataclass(frozen=True)
class FreeFit:
    """Structure factors as the images have them.

    Attributes:
        u, errors: (M,) in 1/Å², with standard errors, infinite for those that were not free.
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
    """Fit all structure factors up to the last stage's order, and the thickness; scale and background come with them.

    Args:
        start: (M,) in 1/Å², the independent ones of the scattering.
        prior: (M,) their standard deviations in 1/Å².
        thickness: in nm, roughly.
        told: is given a line on each start.
    """
    best: _State | None = None
    tries = 0
    for shift in THICKNESSES:
        if thickness + shift <= 0:
            continue
        tries += 1
        state = _from(scattering, start, prior, thickness + shift, images)
        told(f"from {thickness + shift:.1f} nm: χ² {state.chi2:.3g} at {state.thickness:.2f} nm")
        if best is None or state.chi2 < best.chi2:
            best = state
        if best.chi2 <= FITS:
            break
    assert best is not None
    free = np.flatnonzero(_orders(scattering) <= STAGES[-1][0])
    design, _ = _design(best, scattering, images, free, np.ones(len(start)))
    covariance = np.linalg.pinv(design.T @ design + np.diag([*(prior[free] * STAGES[-1][1]) ** -2.0, 0.0]))
    scaled = np.sqrt(np.diag(covariance) * max(1.0, best.chi2))
    errors = np.full(len(start), np.inf)
    errors[free] = scaled[:-1]
    doubts = []
    if best.chi2 > DOUBTFUL:
        doubts.append(f"residuals are {best.chi2:.3g} times noise: a local minimum, or not this cell and symmetry")
    return FreeFit(best.u, errors, best.thickness, float(scaled[-1]), best.chi2, doubts, tries)


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
    state, damping, order = _state(scattering, start, thickness, images), DAMPING, _orders(scattering)
    for reach, loosened in STAGES:
        free = np.flatnonzero(order <= reach)
        if not len(free):
            continue

        def away(u: Tensor, free: NDArray[np.int64] = free) -> Array:
            return (u - start).numpy()[free] / prior[free]

        def cost(one: _State, loosened: float = loosened) -> float:
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
    return state


def _orders(scattering: Scattering) -> Array:
    """(M,) |g| in 1/Å of the independent structure factors."""
    net = scattering.projection.net
    return np.sqrt(net.squared_length(scattering.independent.hk.numpy()))
