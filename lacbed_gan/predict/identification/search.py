"""From many known structures to the few that a pattern may be of: all roughly calculated, the best ones finely."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

import numpy as np

from lacbed_gan.base.errors import UserError
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.ions import formal_charges
from lacbed_gan.diffraction.absorption_factors import B_RANGE
from lacbed_gan.predict.identification.calculation import Physics
from lacbed_gan.predict.identification.comparison import Fit, Images, Task, best_fit
from lacbed_gan.predict.identification.fine_fit import fine_fit
from lacbed_gan.predict.observation import Observation
from lacbed_gan.store.making import start_worker

Result = TypeVar("Result")
ROUGH_G_MAX, MIDDLE_G_MAX = 1.5, 2.0  # 1/Å; that of the finest calculation is the user's
ROUGH_SIZE, FINE_SIZE = 16, 64  # pixels along an edge at which all candidates, and the best ones, are compared
KEPT = 36  # candidates that are calculated again with more beams, other B and as ions
B_FACTORS = (0.5, 1.8)  # by which all B of a candidate are multiplied for trials
B_STEPS = (-0.4, 0.4)  # of the logarithm of that factor, once more for ions
IONICITIES = (0.3, 0.7)  # trials
PARABOLAS = 2
NEARBY = 12.0  # nm, from the thickness that a candidate had without them
TRIED = 1.5  # times as many candidates as are calculated with all pixels are tried with other B
FEW = 12  # calculations that are not worth the start of other processes


@dataclass(frozen=True)
class Scored:
    """A candidate and how it agrees with the measured images.

    Attributes:
        crystal: with B as it agrees best.
        fit: of the finest calculation that was made of it.
        b_factor: by which the B of the source, or the assumed one, are multiplied.
        ionicity: 0 of neutral atoms, 1 of ions; see :func:`lacbed_gan.diffraction.ionic.ionic_change`.
        images: of the finest calculation; None of candidates that only the rougher ones reached.
    """

    crystal: Crystal
    fit: Fit
    b_factor: float = 1.0
    ionicity: float = 0.0
    images: Images | None = None


@dataclass(frozen=True)
class Ranking:
    """Candidates by the share of variance that they leave unexplained.

    Attributes:
        best: those that were calculated with all pixels.
        others: the rest, as far as the rough calculation tells.
        left_out: what could not be calculated and why, one line each.
        compared: the images at the pixels of the finest calculation.
    """

    best: list[Scored]
    others: list[Scored]
    left_out: list[str]
    compared: Observation


def thicknesses(low: float, high: float, step: float = 1.0) -> tuple[float, ...]:
    """Rising, in nm, both ends among them."""
    count = max(1, round((high - low) / step))
    return tuple(float(t) for t in np.linspace(low, high, count + 1)) if high > low else (float(low),)


def rank(
    observation: Observation,
    crystals: Sequence[Crystal],
    thickness: tuple[float, float],
    physics: Physics,
    *,
    best: int = 12,
    workers: int = 1,
    told: Callable[[Sequence[Crystal], str], Iterator[Crystal]] | None = None,
) -> Ranking:
    """Compare candidates with the measured images, those that agree best more closely.

    Args:
        thickness: the least and the largest in nm that there may be.
        physics: of the finest calculation.
        best: how many candidates it is made of.
        workers: processes.
        told: passes on the crystals of a stage, to show how far it is.

    Raises:
        UserError: no candidate can be calculated.
    """
    rough = replace(physics, g_max=min(ROUGH_G_MAX, physics.g_max), rough=True)
    middle = replace(physics, g_max=min(MIDDLE_G_MAX, physics.g_max))
    step = max(1, observation.size // ROUGH_SIZE)
    task = Task.of(observation, step, thicknesses(*thickness), rough)
    with _mapping(workers, len(crystals)) as run:
        first, left_out = _sorted(run(partial(_score, task), crystals), crystals)
        if not first:
            raise UserError(left_out[0] if left_out else "there is no candidate to compare the pattern with")
        kept, others = first[:KEPT], first[KEPT:]
        task = replace(task, physics=middle)
        second, more = _sorted(run(partial(_score, task), [one.crystal for one in kept]), kept)
        left_out += more
        tried = second[: math.ceil(TRIED * best)]
        varied, more = _sorted(run(partial(_varied, task), tried), tried)
        second = sorted([*varied, *second[len(tried) :]], key=lambda one: one.fit.unexplained)
        compared = observation.binned(FINE_SIZE)
        third, more = _sorted(run(partial(_finest, compared, physics), second[:best]), second[:best])
        left_out += more
    return Ranking(third, [*second[best:], *others], left_out, compared)


def _score(task: Task, crystal: Crystal) -> Scored | str:
    try:
        return Scored(crystal, best_fit(task, crystal))
    except ValueError as error:
        return f"{crystal.name}: {error}"


def _varied(task: Task, before: Scored) -> Scored | str:
    """With B, all multiplied by one factor, and the ionicity where what is left is least."""
    near = tuple(t for t in task.thickness if abs(t - before.fit.thickness) <= NEARBY)
    task = replace(task, thickness=near)

    def trial(logarithm: float, ionicity: float) -> Scored:
        factor = math.exp(logarithm)
        crystal = replace(before.crystal, b_iso=np.clip(before.crystal.b_iso * factor, *B_RANGE))
        return Scored(crystal, best_fit(task, crystal, ionicity), factor, ionicity)

    try:
        best = _best_of_parabolas(before, 0.0, lambda x: trial(x, 0.0), [math.log(x) for x in B_FACTORS])
        if formal_charges(before.crystal) is not None:
            logarithm = math.log(best.b_factor)
            best = _best_of_parabolas(best, 0.0, lambda x: trial(logarithm, x), IONICITIES)
            ionicity, trials = best.ionicity, [logarithm + step for step in B_STEPS]
            best = _best_of_parabolas(best, logarithm, lambda x: trial(x, ionicity), trials)
    except ValueError as error:
        return f"{before.crystal.name}: {error}"
    return best


def _best_of_parabolas(at: Scored, place: float, trial: Callable[[float], Scored], places: Sequence[float]) -> Scored:
    """The best of one trial, others at some places, and those where parabolas through three are lowest."""
    trials = {place: at} | {x: trial(x) for x in places}
    for _ in range(PARABOLAS):
        x = _lowest({x: one.fit.unexplained for x, one in trials.items()})
        trials[x] = trial(x)
    return min(trials.values(), key=lambda one: one.fit.unexplained)


def _lowest(values: dict[float, float]) -> float:
    """Where a parabola through the lowest value and its neighbours is least, between the ends of all."""
    places = sorted(values)
    i = min(max(places.index(min(values, key=lambda x: values[x])), 1), len(places) - 2)
    near = places[i - 1 : i + 2]
    square, slope, _ = np.polyfit(near, [values[x] for x in near], 2)
    if square <= 0:
        return min(values, key=lambda x: values[x])
    return float(np.clip(-slope / (2 * square), places[0], places[-1]))


def _finest(compared: Observation, physics: Physics, before: Scored) -> Scored | str:
    try:
        found = fine_fit(compared, before.crystal, before.fit.thickness, before.ionicity, physics)
    except ValueError as error:
        return f"{before.crystal.name}: {error}"
    b_factor = before.b_factor * found.b_factor
    return Scored(found.crystal, found.fit, b_factor, found.ionicity, found.images)


def _sorted(results: Iterator[Scored | str], of: Sequence[object]) -> tuple[list[Scored], list[str]]:
    scored: list[Scored] = []
    errors: list[str] = []
    for result in results:
        if isinstance(result, str):
            errors.append(result)
        else:
            scored.append(result)
    return sorted(scored, key=lambda one: one.fit.unexplained), errors


@contextmanager
def _mapping(workers: int, count: int) -> Iterator[Callable[..., Iterator[Scored | str]]]:
    """``map`` over processes, or in this one where there is little to do."""
    if workers <= 1 or count <= FEW:
        yield map
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), start_worker) as pool:
        yield pool.map
