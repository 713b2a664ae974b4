"""Refine a known crystal against its patterns by least squares through the exact calculation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.base.errors import UserError
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.predict.identification.calculation import Physics
from lacbed_gan.predict.identification.candidates import with_plausible_b
from lacbed_gan.predict.identification.comparison import Task, best_fit, correlation
from lacbed_gan.predict.identification.search import thicknesses
from lacbed_gan.predict.observation import Observation
from lacbed_gan.predict.refinement.fitting import fitted
from lacbed_gan.predict.refinement.model import Model
from lacbed_gan.predict.refinement.parameters import USUAL, Parameter, parameters, sites, with_values

Array = NDArray[np.float64]
ROUGH_SIZE, ROUGH_G_MAX = 32, 2.0  # pixels along an edge and 1/Å, of a first fit
SIZE, G_MAX = 64, 2.5  # of the last one
SEARCHED = (20.0, 200.0)  # nm, where nobody says the thickness
NEAR = 8  # pixels up to which residuals may be correlated


@dataclass(frozen=True)
class Refinement:
    """A fit of one crystal to its patterns.

    Attributes:
        crystal: with the B and occupancies of the fit.
        parameters: what was fitted.
        values, errors: (J,) with standard errors, which count neighbouring residuals that are alike once and hold if
            the calculation is right but for what is fitted.
        correlations: (J, J) of the errors.
        before, after: of each series (R,) Pearson's r of the images at the start and at the end.
        chi2_before, chi2_after: mean squared residual over that of noise alone; None where the images show no noise.
        path: one entry a step: number of the step, share of variance left, values.
        observations: as they were compared.
        images: of each series (R, n, n), calculated, with scale and background.
        scale, background: of each series (R,).
        at_bounds: names of parameters that ended at a bound, whose errors mean nothing.
        seconds: that it took.
    """

    crystal: Crystal
    parameters: tuple[Parameter, ...]
    values: Array
    errors: Array
    correlations: Array
    before: list[Array]
    after: list[Array]
    chi2_before: float | None
    chi2_after: float | None
    path: list[tuple[int, float, Array]]
    observations: list[Observation]
    images: list[Array]
    scale: list[Array]
    background: list[Array]
    at_bounds: list[str]
    seconds: float


def refine(
    observations: Sequence[Observation],
    crystal: Crystal,
    thickness: Sequence[float] = (),
    *,
    free: Sequence[str] = USUAL,
    absorption: str = "tds",
    g_max: float = G_MAX,
    b_iso: float = 0.6,
    size: int = SIZE,
    orders: int = 4,
    told: Callable[[str], object] = lambda line: None,
) -> Refinement:
    """Fit thickness, blur, centre, rotation, B and occupancies, at first roughly.

    Args:
        observations: a series of reflections for each thickness, in one orientation.
        thickness: of each in nm, roughly where it is fitted; none: the best of 20 to 200 nm.
        free: kinds of parameters that are fitted, of :data:`lacbed_gan.predict.refinement.parameters.KINDS`.
        absorption: ``tds``, ``proportional`` or ``none``.
        g_max: cut-off of the beams in 1/Å.
        b_iso: B in Å² of atoms for which the crystal gives none.
        size: pixels along an edge at which images are compared, about.
        orders: how many structure factors, the shortest, are fitted with ``u_hk`` in `free`.
        told: is given a line on each step.

    Raises:
        UserError: thicknesses that are not one of each series, nothing to fit, or a crystal that cannot be calculated.
    """
    began = time.perf_counter()
    if thickness and len(thickness) != len(observations):
        raise UserError(f"{len(thickness)} thicknesses are given for {len(observations)} series; give one of each")
    first = observations[0]
    crystal = with_plausible_b(crystal.seen(first.zone, first.x_axis), b_iso)
    physics = Physics(g_max, absorption, first.energy_kv)
    rough = replace(physics, g_max=min(g_max, ROUGH_G_MAX))
    starts = list(thickness)
    if not thickness or "thickness" in free:
        near = thickness or [None] * len(observations)
        starts = [_start(one, crystal, rough, t) for one, t in zip(observations, near, strict=True)]
    told(f"starts at {', '.join(f'{t:g}' for t in starts)} nm")
    chosen = parameters(crystal, starts, free, orders)
    if not chosen:
        raise UserError("free=[] leaves nothing to refine")
    values = np.array([one.start for one in chosen])
    path: list[tuple[int, float, Array]] = []

    def better(share: float, at: Array) -> None:
        path.append((len(path), share, at.copy()))
        told(f"step {len(path) - 1}: {share:.3%} of the variance left")

    finest = [one.binned(size) for one in observations]
    last = Model(crystal, finest, physics, chosen, starts)
    at_start = last.images(values)
    coarse = [one.binned(min(ROUGH_SIZE, size)) for one in observations]
    if coarse[0].size < finest[0].size:
        factor = finest[0].size / coarse[0].size
        values = fitted(Model(crystal, coarse, rough, chosen, starts), _in_pixels(values, chosen, 1 / factor), better)
        values = _in_pixels(values, chosen, factor)
    values = fitted(last, values, better)
    images, scale, background = (list(x) for x in zip(*last.scaled(values), strict=True))
    residuals, jacobian = last.residuals(values), last.jacobian(values)
    covariance = _covariance(last, residuals, jacobian, values)
    errors = np.sqrt(np.diag(covariance))
    bounds = [p.name for p, v in zip(chosen, values, strict=True) if min(v - p.low, p.high - v) < p.step / 10]
    noise = float(np.mean([one.noise.mean() for one in finest]))
    left = [float((last.residuals(np.array([one.start for one in chosen])) ** 2).mean()), float((residuals**2).mean())]
    chi2 = [x / noise if noise > 1e-3 else None for x in left]
    return Refinement(
        crystal=with_values(crystal, sites(crystal), chosen, values),
        parameters=chosen,
        values=values,
        errors=errors,
        correlations=covariance / np.where(np.outer(errors, errors) > 0, np.outer(errors, errors), 1.0),
        before=[_r(last, i, each) for i, each in enumerate(at_start)],
        after=[_r(last, i, each) for i, each in enumerate(images)],
        chi2_before=chi2[0],
        chi2_after=chi2[1],
        path=path,
        observations=finest,
        images=images,
        scale=scale,
        background=background,
        at_bounds=bounds,
        seconds=time.perf_counter() - began,
    )


def _start(observation: Observation, crystal: Crystal, physics: Physics, near: float | None) -> float:
    """The thickness in nm that agrees best, of all or within a tenth of one."""
    low, high = SEARCHED if near is None else (0.9 * near, 1.1 * near)
    task = Task.of(observation, max(1, observation.size // 16), thicknesses(low, high, 0.5), physics)
    return best_fit(task, crystal).thickness


def _in_pixels(values: Array, chosen: Sequence[Parameter], factor: float) -> Array:
    """The values for pixels of another size."""
    return np.array([v * factor if p.unit == "px" else v for p, v in zip(chosen, values, strict=True)])


def _covariance(model: Model, residuals: Array, jacobian: Array, values: Array) -> Array:
    """(J, J) from the residuals, of which those that are alike near by count once."""
    variance = float((residuals**2).sum()) / max(1, len(residuals) - len(values))
    return variance * _area(model, values) * np.linalg.pinv(jacobian.T @ jacobian)


def _area(model: Model, values: Array) -> float:
    """Pixels over which residuals are correlated, mean over the images; 1 for white ones."""
    areas = []
    for observation, images, inside in zip(model.observations, model.images(values), model.counted, strict=True):
        for measured, calculated in zip(observation.images, images, strict=True):
            left = np.where(inside, calculated - measured, 0.0)
            left = np.where(inside, left - left[inside].mean(), 0.0)
            padded = np.fft.rfft2(left, s=[2 * n for n in left.shape])
            product = np.fft.irfft2(np.abs(padded) ** 2)
            near = np.roll(product, (NEAR, NEAR), (0, 1))[: 2 * NEAR + 1, : 2 * NEAR + 1] / max(product[0, 0], 1e-30)
            areas.append(max(1.0, float(np.where(near > 0.1, near, 0.0).sum())))
    return float(np.mean(areas))


def _r(model: Model, series: int, images: Array) -> Array:
    inside = model.counted[series]
    return correlation(images[:, inside], model.observations[series].images[:, inside])
