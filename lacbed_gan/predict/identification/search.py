"""From many known structures to the few that a pattern may be of: all roughly calculated, the best ones finely."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

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

ROUGH_SIZE, FINE_SIZE = 16, 64  # pixels along an edge at which all candidates, and the best ones, are compared
# Beams that count exactly in the first look at all candidates, and in that at those that are kept, with other B
ROUGH_G_MAX, STRONG, STRONGER = 2.5, 71, 111  # 1/Å
KEPT = 24
B_LADDER = (-0.8, -0.4, 0.4, 0.8)  # logarithms of factors on all B, alike for all candidates, whose f′ are kept
IONICITIES = (0.3, 0.7)  # trials
NEARBY = 12.0  # nm, from the thickness that a candidate had with other B
CLOSE, CLOSE_STEP = 4.0, 0.25  # nm around the thickness that a candidate had before, where all beams count
B_STEPS, B_GRID = (-0.2, 0.2), 0.05  # of the logarithm of the factor on B, then, and what it is rounded to
# Who gets a closer look: who leaves at most so many times what the best one leaves beyond noise, and this share more
WORTH = ((4.0, 0.05), (2.5, 0.004))  # other B with all beams at a few pixels; all pixels
FEW = 12  # calculations that are not worth the start of other processes
Remembered = MutableMapping[tuple[str, str], "Scored | str"]


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
    remembered: Remembered | None = None,
) -> Ranking:
    """Compare candidates with the measured images, those that agree best more closely.

    Args:
        thickness: the least and the largest in nm that there may be.
        physics: of the finest calculation.
        best: of how many candidates, at most, all beams count, at all pixels of those that agree about as well.
        workers: processes.
        remembered: what candidates gave at each stage, by its name and theirs, for a ranking of others of the pattern.

    Raises:
        UserError: no candidate can be calculated.
    """
    rough = replace(physics, g_max=min(ROUGH_G_MAX, physics.g_max), strong=STRONG)
    task = Task.of(observation, max(1, observation.size // ROUGH_SIZE), thicknesses(*thickness), rough)
    finer = replace(task, physics=replace(rough, strong=STRONGER))
    exact = replace(task, physics=physics)
    compared = observation.binned(FINE_SIZE)
    noise = float(compared.noise.mean())
    left_out: list[str] = []
    with _mapping(workers, len(crystals)) as run:
        stages = _Stages(run, {} if remembered is None else remembered, left_out)
        first = stages("rough", partial(_score, task), [Scored(crystal, Fit(0.0, np.zeros(1))) for crystal in crystals])
        if not first:
            raise UserError(left_out[0] if left_out else "there is no candidate to compare the pattern with")
        second = stages("varied", partial(_varied, finer), first[:KEPT])
        third = stages("exact", partial(_exact, exact), second[:best])
        near = _worth(third, noise, *WORTH[0])
        closer = stages("closer", partial(_closer, exact), third[:near])
        count = _worth(closer, noise, *WORTH[1])
        finest = stages("finest", partial(_finest, compared, physics), closer[:count])
    others = [*closer[count:], *third[near:], *second[best:], *first[KEPT:]]
    return Ranking(finest, others, left_out, compared)


class _Stages:
    """Runs a stage of candidates, the best of which come first, but for those whose result is remembered."""

    def __init__(self, run: Callable[..., Iterator[Scored | str]], remembered: Remembered, left_out: list[str]):
        self._run, self._remembered, self._left_out = run, remembered, left_out

    def __call__(self, name: str, function: Callable[[Scored], Scored | str], of: Sequence[Scored]) -> list[Scored]:
        keys = [(name, one.crystal.name) for one in of]
        new = {key: one for key, one in zip(keys, of, strict=True) if key not in self._remembered}
        self._remembered.update(zip(new, self._run(function, list(new.values())), strict=True))
        results = [self._remembered[key] for key in keys]
        self._left_out += [one for one in results if isinstance(one, str)]
        return sorted((one for one in results if isinstance(one, Scored)), key=lambda one: one.fit.unexplained)


def _worth(ranked: Sequence[Scored], noise: float, factor: float, more: float) -> int:
    """How many of the first get a closer look, two at least, as the first one is compared with the second."""
    left = [max(0.0, one.fit.unexplained - noise) for one in ranked]
    return max(2, sum(share <= factor * left[0] + more for share in left)) if left else 0


def _score(task: Task, before: Scored) -> Scored | str:
    try:
        return Scored(before.crystal, best_fit(task, before.crystal))
    except ValueError as error:
        return f"{before.crystal.name}: {error}"


def _varied(task: Task, before: Scored) -> Scored | str:
    """With B, all multiplied by one factor, and the ionicity where what is left is least, by perturbation."""
    near = tuple(t for t in task.thickness if abs(t - before.fit.thickness) <= NEARBY)
    task = replace(task, thickness=near)
    try:
        best = _best_of_trials(lambda x: _trial(task, before, x, 0.0), 0.0, B_LADDER, between=False)
        if formal_charges(before.crystal) is not None:
            logarithm = math.log(best.b_factor)
            best = _best_of_trials(lambda x: _trial(task, before, logarithm, x), 0.0, IONICITIES)
    except ValueError as error:
        return f"{before.crystal.name}: {error}"
    return best


def _exact(task: Task, before: Scored) -> Scored | str:
    """With all beams, near the thickness that it had by perturbation."""
    try:
        return _trial(_near(task, before), before, 0.0, before.ionicity)
    except ValueError as error:
        return f"{before.crystal.name}: {error}"


def _closer(task: Task, before: Scored) -> Scored | str:
    """With all beams and other B, and the ionicity once more."""
    task = _near(task, before)
    try:
        best = _best_of_trials(lambda x: _trial(task, before, x, before.ionicity), 0.0, B_STEPS, before)
        if formal_charges(before.crystal) is not None:
            middle = best.ionicity
            trials = [middle + step for step in (-0.2, 0.2)]
            best = _best_of_trials(lambda x, at=best: _trial(task, at, 0.0, x), middle, trials, best)
    except ValueError as error:
        return f"{before.crystal.name}: {error}"
    return best


def _near(task: Task, before: Scored) -> Task:
    low, high = max(1.0, before.fit.thickness - CLOSE), before.fit.thickness + CLOSE
    return replace(task, thickness=thicknesses(low, high, CLOSE_STEP))


def _trial(task: Task, before: Scored, logarithm: float, ionicity: float) -> Scored:
    """A candidate with all B multiplied once more, by one of few factors, since each B of an element takes a table."""
    factor = math.exp(B_GRID * round(logarithm / B_GRID))
    crystal = replace(before.crystal, b_iso=np.clip(before.crystal.b_iso * factor, *B_RANGE))
    return Scored(crystal, best_fit(task, crystal, ionicity), before.b_factor * factor, ionicity)


def _best_of_trials(
    trial: Callable[[float], Scored],
    place: float,
    others: Sequence[float],
    at: Scored | None = None,
    *,
    between: bool = True,
) -> Scored:
    """The best of trials at a place, which `at` may be, at others, and where a parabola through three is lowest.

    Args:
        between: whether a trial is made at the parabola's place; else the others are a ladder, on which trials go on
            from `place` for as long as they get better.
    """
    trials = {place: trial(place) if at is None else at}
    if between:
        trials |= {x: trial(x) for x in others}
        x = _lowest({x: one.fit.unexplained for x, one in trials.items()})
        if x not in trials:
            trials[x] = trial(x)
    else:
        for side in (sorted((x for x in others if x < place), reverse=True), sorted(x for x in others if x > place)):
            for x in side:
                trials[x] = trial(x)
                if trials[x].fit.unexplained > min(one.fit.unexplained for one in trials.values()):
                    break
    return min(trials.values(), key=lambda one: one.fit.unexplained)


def _lowest(values: dict[float, float]) -> float:
    """Where a parabola through the lowest value and its neighbours is least, at most half a step beyond all."""
    places = sorted(values)
    i = min(max(places.index(min(values, key=lambda x: values[x])), 1), len(places) - 2)
    near = places[i - 1 : i + 2]
    square, slope, _ = np.polyfit(near, [values[x] for x in near], 2)
    if square <= 0:
        return min(values, key=lambda x: values[x])
    beyond = (places[-1] - places[0]) / 4
    return float(np.clip(-slope / (2 * square), places[0] - beyond, places[-1] + beyond))


def _finest(compared: Observation, physics: Physics, before: Scored) -> Scored | str:
    try:
        found = fine_fit(compared, before.crystal, before.fit.thickness, before.ionicity, physics)
    except ValueError as error:
        return f"{before.crystal.name}: {error}"
    b_factor = before.b_factor * found.b_factor
    return Scored(found.crystal, found.fit, b_factor, found.ionicity, found.images)


@contextmanager
def _mapping(workers: int, count: int) -> Iterator[Callable[..., Iterator[Scored | str]]]:
    """``map`` over processes, or in this one where there is little to do."""
    if workers <= 1 or count <= FEW:
        yield map
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), start_worker) as pool:
        yield pool.map
