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
from lacbed_gan.predict.identification.fine_fit import FAR, fine_fit
from lacbed_gan.predict.identification.walk import walk
from lacbed_gan.predict.observation import Observation
from lacbed_gan.predict.refinement.model import BORDER
from lacbed_gan.store.making import start_worker

ROUGH_SIZE, FINE_SIZE = 16, 64  # pixels along an edge at which all candidates, and the best ones, are compared
# Beams that count exactly in the first look at all candidates, and in that at those that are kept, with other B
ROUGH_G_MAX, STRONG, STRONGER = 3.0, 71, 111  # 1/Å
KEPT = 24
B_FACTORS = (0.25, 4.0)  # by which all B of a candidate are multiplied at most
B_STEPS = (0.4, 0.2, 0.1)  # of the logarithm of that: by perturbation, with all beams, with all beams once more
IONICITY_STEPS, IONICITY = (0.35, 0.2), (-0.2, 1.2)  # by perturbation, with all beams; bounds
MOST_STEPS = (2, 8)  # of a walk to one side
NEARBY = 12.0  # nm, from the thickness that a candidate had with other B
# nm around the thickness that a candidate had before: where all beams count for the first time, and later
WIDE, CLOSE, CLOSE_STEP = 8.0, 4.0, 0.25
B_GRID = 0.025  # what the logarithm of a factor on B is rounded to, since each B of an element takes a table
# Who gets a closer look: who leaves at most so many times what the best one leaves beyond noise, and this share more
WORTH = ((4.0, 0.05), (2.5, 0.004))  # other B with all beams at a few pixels; all pixels
CLOSER = 2  # candidates that get the first of them whatever they leave
# Of how many all pixels are calculated before the best of them leaves so much that none will fit: of a measured
# pattern, of any; then of all the others
LOOKS = ((2, 0.12), (4, 0.05), (1000, math.inf))
STAGES = ("roughly", "roughly, with other B", "with all beams", "with all beams and other B", "with all pixels")
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
    stage: Callable[[str, int, int], object] = lambda what, done, total: None,
) -> Ranking:
    """Compare candidates with the measured images, those that agree best more closely.

    Args:
        thickness: the least and the largest in nm that there may be.
        physics: of the finest calculation.
        best: of how many candidates, at most, all beams count, at all pixels of those that agree about as well.
        workers: processes.
        remembered: what candidates gave at each stage, by its name and theirs, for a ranking of others of the pattern.
        stage: is given the name of a stage, how many of its candidates are done, and how many there are.

    Raises:
        UserError: no candidate can be calculated.
    """
    rough = replace(physics, g_max=min(ROUGH_G_MAX, physics.g_max), strong=STRONG)
    task = Task.of(observation, max(1, observation.size // ROUGH_SIZE), thicknesses(*thickness), rough)
    finer = replace(task, physics=replace(rough, strong=STRONGER))
    exact = replace(task, physics=physics)
    compared = observation.binned(FINE_SIZE, BORDER)
    noise = float(compared.noise.mean())
    left_out: list[str] = []
    with _mapping(workers, len(crystals)) as run:
        stages = _Stages(run, {} if remembered is None else remembered, left_out, stage)
        first = stages(
            STAGES[0], partial(_score, task), [Scored(crystal, Fit(0.0, np.zeros(1))) for crystal in crystals]
        )
        if not first:
            raise UserError(left_out[0] if left_out else "there is no candidate to compare the pattern with")
        second = stages(STAGES[1], partial(_varied, finer), first[:KEPT])
        third = stages(STAGES[2], partial(_exact, exact), second[:best])
        closer = stages(STAGES[3], partial(_closer, exact), third[:CLOSER])
        near = max(CLOSER, _worth(third, closer, noise, *WORTH[0]))
        closer = stages(STAGES[3], partial(_closer, exact), third[:near])
        count = _worth(closer, closer, noise, *WORTH[1])
        for most, hopeless in LOOKS:
            finest = stages(STAGES[4], partial(_finest, exact, compared), closer[: min(most, count)])
            if finest and finest[0].fit.unexplained - noise > hopeless:
                count = min(most, count)
    others = [*closer[count:], *third[near:], *second[best:], *first[KEPT:]]
    return Ranking(finest, others, [*dict.fromkeys(left_out)], compared)


class _Stages:
    """Runs a stage of candidates, the best of which come first, but for those whose result is remembered."""

    def __init__(
        self,
        run: Callable[..., Iterator[Scored | str]],
        remembered: Remembered,
        left_out: list[str],
        told: Callable[[str, int, int], object],
    ):
        self._run, self._remembered, self._left_out, self._told = run, remembered, left_out, told

    def __call__(self, name: str, function: Callable[[Scored], Scored | str], of: Sequence[Scored]) -> list[Scored]:
        keys = [(name, one.crystal.name) for one in of]
        new = {key: one for key, one in zip(keys, of, strict=True) if key not in self._remembered}
        if new:
            self._told(name, 0, len(new))
        for done, (key, result) in enumerate(zip(new, self._run(function, list(new.values())), strict=True), 1):
            self._remembered[key] = result
            self._told(name, done, len(new))
        results = [self._remembered[key] for key in keys]
        self._left_out += [one for one in results if isinstance(one, str)]
        return sorted((one for one in results if isinstance(one, Scored)), key=lambda one: one.fit.unexplained)


def _worth(ranked: Sequence[Scored], best: Sequence[Scored], noise: float, factor: float, more: float) -> int:
    """How many get a closer look, by what the best one leaves; two at least, to compare the first with the second."""
    least = max(0.0, _share(best[0]) - noise) if best else 0.0
    bound = min(factor * least + more, FAR)
    return max(2, sum(_share(one) - noise <= bound for one in ranked))


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
        best = _with_b(task, _trial(task, before, 0.0, 0.0), B_STEPS[0], MOST_STEPS[0], between=False)
        return _with_ionicity(task, best, IONICITY_STEPS[0], MOST_STEPS[0])
    except ValueError as error:
        return f"{before.crystal.name}: {error}"


def _exact(task: Task, before: Scored) -> Scored | str:
    """With all beams, near the thickness that it had by perturbation, with B of then and with that of the source.

    Of heavy crystals perturbation leaves more than another B does, so that B by it is wrong by a factor of two.
    """
    task = _near(task, before, WIDE)
    try:
        trials = [_trial(task, before, x, before.ionicity) for x in {0.0, -math.log(before.b_factor)}]
    except ValueError as error:
        return f"{before.crystal.name}: {error}"
    return min(trials, key=_share)


def _closer(task: Task, before: Scored) -> Scored | str:
    """With all beams, the B and ionicity where what is left is least, wherever those by perturbation are."""
    try:
        best = _with_b(_near(task, before), before, B_STEPS[1], MOST_STEPS[1])
        return _with_ionicity(_near(task, best), best, IONICITY_STEPS[1], MOST_STEPS[1])
    except ValueError as error:
        return f"{before.crystal.name}: {error}"


def _near(task: Task, before: Scored, nm: float = CLOSE) -> Task:
    low, high = max(1.0, before.fit.thickness - nm), before.fit.thickness + nm
    return replace(task, thickness=thicknesses(low, high, CLOSE_STEP))


def _with_b(task: Task, at: Scored, step: float, most: int, between: bool = True) -> Scored:
    low, high = (math.log(end / at.b_factor) for end in B_FACTORS)
    return walk(lambda x: _trial(task, at, x, at.ionicity), _share, 0.0, at, step, most, (low, high), between=between)


def _with_ionicity(task: Task, at: Scored, step: float, most: int) -> Scored:
    if formal_charges(at.crystal) is None:
        return at
    return walk(lambda x: _trial(task, at, 0.0, x), _share, at.ionicity, at, step, most, IONICITY)


def _share(one: Scored) -> float:
    return one.fit.unexplained


def _trial(task: Task, before: Scored, logarithm: float, ionicity: float) -> Scored:
    """A candidate with all B multiplied once more."""
    factor = math.exp(B_GRID * round(logarithm / B_GRID))
    crystal = replace(before.crystal, b_iso=np.clip(before.crystal.b_iso * factor, *B_RANGE))
    return Scored(crystal, best_fit(task, crystal, ionicity), before.b_factor * factor, ionicity)


def _finest(task: Task, compared: Observation, before: Scored) -> Scored | str:
    try:
        near = _with_b(_near(task, before), before, B_STEPS[2], MOST_STEPS[1])
        best = fine_fit(compared, near.crystal, near.fit.thickness, near.ionicity, task.physics)
    except ValueError as error:
        return f"{before.crystal.name}: {error}"
    return Scored(best.crystal, best.fit, near.b_factor * best.b_factor, best.ionicity, best.images)


@contextmanager
def _mapping(workers: int, count: int) -> Iterator[Callable[..., Iterator[Scored | str]]]:
    """``map`` over processes, or in this one where there is little to do."""
    if workers <= 1 or count <= FEW:
        yield map
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), start_worker) as pool:
        yield pool.map
