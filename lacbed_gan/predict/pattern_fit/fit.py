"""A predicted ρ that its own pattern contradicts, or hardly confirms, fitted to that pattern by exact calculation.

Of an answer that it contradicts, a fit begins from known structures of about that cell edge, whose elements may be
others (:mod:`.starts`): from those most like what the network says where their pattern nearly agrees; else from what
the network says and from those whose pattern of few beams agrees best; then from the answer as it is; and where none of
them is right from atoms that hop (:mod:`.hops`). One that it hardly confirms is fitted as it is; where that does not
lead to a right ρ, those most like it are. ρ is a sum of a few atoms and of what they do not explain. Strength and
vibration are fitted first, then the atoms, then structure factors about them. Whether the fit is right is told by
directions that it was not fitted at; the true ρ is not needed for any of it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.images.scaling import min_max
from lacbed_gan.predict.pattern_fit.answers import APART, BY_MANY, Answer, again, apart_of, as_it_is, exact, rough
from lacbed_gan.predict.pattern_fit.fitted_potential import FittedPotential, right_below
from lacbed_gan.predict.pattern_fit.hops import STRONG, WEAK, hopped
from lacbed_gan.predict.pattern_fit.problem import ENOUGH, Level, Problem
from lacbed_gan.predict.pattern_fit.starts import Start, at_their_strength, closest, own_symmetries, starts
from lacbed_gan.predict.pattern_fit.symmetry import Candidate
from lacbed_gan.predict.pattern_fit.work import Work
from lacbed_gan.predict.physics_check import periodic_image
from lacbed_gan.store.recipe import Recipe

Array = NDArray[np.float64]
TRIED, FITTED = 24, 8  # starts whose atoms are fitted roughly, and of those that agree less well exactly, at most
# Shares of the work after which no more of the closest starts are looked at, no more of all, and none is fitted
# roughly, exactly, and as it is; the rest is for hops
CLOSEST, LOOKING, TRYING, FITTING, OWN = 0.14, 0.32, 0.44, 0.51, 0.56
AGREES, RELATED = 0.85, 0.7  # correlation of a closest start that is fitted as it is, and of one whose atoms hop
HOPPING = 250.0  # range of ρ times thickness in nm/Å² up to which atoms hop from what the network says, by few beams
SEEDS = 6  # of hops
CLEAR, HOPELESS = 0.1, 0.17  # rms of a rough fit that is fitted exactly at once, and of one that never is
NEARLY, GAIN = 0.1, 0.95  # rms of an exact fit that is read as atoms and fitted again, while so much of it is left
WORK = 320.0  # that a fit may take, see :class:`Work`


def fit_potential(
    potential: np.ndarray,
    pattern: np.ndarray,
    a: float,
    recipe: Recipe,
    thickness: Sequence[float],
    span: float,
    *,
    doubted: bool = True,
    work: float = WORK,
    without: Collection[str] = (),
) -> FittedPotential | None:
    """ρ of least residuals, from what a network predicted and from known structures.

    None where none is calculable, and of an answer that is not doubted where its pattern agrees as those of right ρ do.

    Args:
        potential: (n, n), sampled as the recipe says, of any range.
        pattern: (T, H, H), min–max scaled, over the recipe's window.
        a: cell edge in Å.
        thickness: T values in nm.
        span: predicted ρ_max − ρ_min in 1/Å².
        doubted: whether the answer is probably wrong; else the fit looks no farther than at structures most like it.
        work: after which no further step begins, in about the seconds that it takes of a slow core.
        without: formulas that are no known structures.

    Raises:
        ValueError: ρ is flat.
    """
    began = time.process_time()
    scattering = span * float(np.mean(thickness))
    enough = min(ENOUGH, right_below(scattering))  # else other starts may be better while work is left
    problem = Problem(np.asarray(pattern, dtype=np.float64), a, recipe, tuple(thickness), Work(work), enough)
    image = periodic_image(min_max(potential), recipe).astype(np.float64)
    own = own_symmetries(problem, image, span)
    before = min(_apart(problem, one) for one in (own[:1] if doubted else own))

    def result(answer: Answer) -> FittedPotential:
        rho = _image(answer.values.numpy(), len(potential), a, recipe)
        return FittedPotential(
            min_max(rho).astype(np.float32),
            float(np.ptp(rho)),
            before,
            answer.apart.rms,
            len(answer.model.weights),
            time.process_time() - began,
            float(np.ptp(rho) * np.mean(thickness)),
            answer.start.source,
            doubted,
        )

    def right(answer: Answer | None) -> bool:
        return answer is not None and result(answer).right

    best: Answer | None = None
    if not doubted:
        if before <= right_below(scattering):
            return None
        best = _as_they_are(problem, at_their_strength(problem, own))
        if best is not None and right(best):
            return result(best)
    near = closest(problem, image, span, without, CLOSEST)
    best = _as_they_are(problem, [one for one in near if one.agreement >= AGREES], best)
    if doubted and not right(best):
        found = starts(problem, image, span, without, LOOKING)
        best = _from_starts(problem, found, best)
        if not right(best):
            best = _as_they_are(problem, at_their_strength(problem, own), best, OWN)
    if doubted and not right(best):
        if scattering <= HOPPING:
            best = _by_hops(problem, Start(own[0], 0.0, "network"), WEAK, best)
        elif near and near[0].agreement > RELATED:
            best = _by_hops(problem, near[0], STRONG, best)
    return None if best is None else result(best)


def _as_they_are(
    problem: Problem, nearly: Sequence[Start], best: Answer | None = None, until: float = 1
) -> Answer | None:
    """The best fit of the one before and from starts whose patterns nearly agree, until a share of the work is done."""
    for start in nearly:
        if _enough(problem, best) or problem.work.beyond(until):
            break
        with suppress(CalculationError):  # too strong a potential on the way
            best = _better(best, as_it_is(problem, start, BY_MANY))
    return best


def _from_starts(problem: Problem, found: Sequence[Start], best: Answer | None) -> Answer | None:
    """The best fit of the one before and from starts."""
    waiting: list[Answer] = []
    for start in found[:TRIED]:
        with suppress(CalculationError):
            waiting.append(rough(problem, start))
            if waiting[-1].state.rms < CLEAR:
                # Where the exact fit has too few beams for a strong potential, the rough one may be the better
                best = _better(best, replace(waiting[-1], apart=apart_of(problem, waiting[-1])))
                best = _better(best, exact(problem, waiting[-1]))
        if _enough(problem, best) or problem.work.beyond(TRYING):
            break
    best = best and _again(problem, best, FITTING)
    waiting.sort(key=_rms)
    for one in [one for one in waiting if CLEAR <= one.state.rms < HOPELESS][:FITTED]:
        if _enough(problem, best) or problem.work.beyond(FITTING):
            break
        with suppress(CalculationError):
            best = _better(best, exact(problem, one))
    if best is None and waiting:
        best = replace(waiting[0], apart=apart_of(problem, waiting[0]))
    return best


def _by_hops(problem: Problem, start: Start, level: Level, best: Answer | None) -> Answer | None:
    """The best fit of the one before and of what hops from a start lead to, while work is left."""
    for seed in range(SEEDS):
        if _enough(problem, best) or problem.work.beyond(1):
            break
        with suppress(CalculationError):
            reached = hopped(problem, start, seed, level)
            if reached:
                best = _better(best, _again(problem, as_it_is(problem, reached), 1))
    return best


def _again(problem: Problem, answer: Answer, until: float) -> Answer:
    """Read as atoms anew and fitted again, while it gains by that."""
    while not _enough(problem, answer) and answer.apart.rms < NEARLY and not problem.work.beyond(until):
        other = again(problem, answer)
        if other.apart.rms > GAIN * answer.apart.rms:
            break
        answer = other
    return answer


def _apart(problem: Problem, one: Candidate) -> float:
    """What its pattern leaves, rms, at directions that nothing is fitted at."""
    fit = problem.at(one.symmetry, APART)
    return fit.state(fit.scattering.numbers(torch.from_numpy(one.values))).rms


def _enough(problem: Problem, best: Answer | None) -> bool:
    return best is not None and best.apart.rms < problem.enough


def _rms(answer: Answer) -> float:
    return answer.state.rms


def _better(first: Answer | None, other: Answer) -> Answer:
    return other if first is None or other.apart.rms < first.apart.rms else first


def _image(values: Array, n: int, a: float, recipe: Recipe) -> Array:
    """ρ (n, n) in 1/Å² as the recipe samples it, of coefficients (2m + 1, 2m + 1), row is y."""
    m = min(len(values) // 2, (n - 1) // 2)
    middle = len(values) // 2
    order = np.arange(-m, m + 1)
    kept = values[middle - m : middle + m + 1, middle - m : middle + m + 1]
    waves = np.exp(2j * np.pi * recipe.potential_step(n) * np.outer(np.arange(n), order))
    return np.asarray((waves @ kept.T @ waves.T).real)
