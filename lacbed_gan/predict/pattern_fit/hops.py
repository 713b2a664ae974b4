"""Atoms whose pattern of few beams agrees, found by hops: some are moved, added or taken away, and all are fitted anew.

This is basin hopping (Wales and Doye, J. Phys. Chem. A 101, 5111 (1997), with a temperature that falls). A descent from
an answer that has the right atoms at wrong places, or too many of them, does not lead to the right one; hops do, for
crystals that are like no known structure too, as long as these are weak. Strong ones need a start that nearly agrees.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.predict.pattern_fit.answers import fitted
from lacbed_gan.predict.pattern_fit.atoms import LEAST, AtomModel, atoms_of, on_element
from lacbed_gan.predict.pattern_fit.least_squares import State
from lacbed_gan.predict.pattern_fit.problem import Level, Problem
from lacbed_gan.predict.pattern_fit.starts import Start

Array = NDArray[np.float64]
WEAK, STRONG = Level(1.8, 120, 64, 0.03), Level(2.0, 350, 100, 0.01)  # for crystals that are that
HOPS = {WEAK: 160, STRONG: 60}
STEPS = 5  # of each fit
HOT, COLD = 0.02, 0.0005  # rms, at first and at last
ATOM, MOST = 0.002, 8  # rms that one more atom has to give, and how many there are at most
MOVED, MORE, LESS = 0.45, 0.25, 0.2  # shares of changes: a place, one more, one less; else a weight
WEIGHT = 0.6  # standard deviation of its logarithm


class _Atoms(NamedTuple):
    """What they cost and give, their places (J, 2) and weights (J,)."""

    cost: float
    state: State
    places: Array
    weights: Array


def hopped(problem: Problem, start: Start, seed: int, level: Level) -> Start | None:
    """The atoms that agree best, begun from those of a start; None where these cannot be calculated."""
    fit, symmetry = problem.at(start.candidate.symmetry, level), start.candidate.symmetry
    random = np.random.default_rng(seed)

    def at_best(places: Array, weights: Array) -> _Atoms:
        """Fitted, those without weight left out."""
        model = AtomModel(fit.scattering, symmetry, places, weights, np.zeros(len(fit.scattering.independent)))
        x, state = fitted(fit, model, np.zeros(len(model)), slice(model.few), STEPS)
        count = len(weights)
        weights = np.maximum(weights + x[2 : 2 + count], 0) * math.exp(x[0])
        places = places + x[2 + count : 2 + 3 * count].reshape(count, 2)
        kept = weights > LEAST * weights.max()
        return _Atoms(state.rms + ATOM * count, state, places[kept], weights[kept])

    try:
        now = best = at_best(*atoms_of(start.candidate, problem.a))
    except CalculationError:
        return None
    for hop in range(HOPS[level]):
        if problem.work.beyond(1):
            break
        temperature = COLD + HOT * (1 - hop / HOPS[level]) ** 2
        places, weights = _changed(random, now.places, now.weights)
        with suppress(CalculationError):  # too strong
            trial = at_best(np.array([on_element(place, symmetry, problem.a) for place in places]), weights)
            if trial.cost < now.cost or random.random() < math.exp((now.cost - trial.cost) / temperature):
                now = trial
                best = min(best, now, key=lambda one: one.cost)
    values = fit.scattering.independent.potential(best.state.u).numpy()
    return replace(start, candidate=replace(start.candidate, values=values))


def _changed(random: np.random.Generator, places: Array, weights: Array) -> tuple[Array, Array]:
    """One or two changes of atoms."""
    places, weights = places.copy(), weights.copy()
    for _ in range(random.integers(1, 3)):
        i, kind = int(random.integers(len(weights))), random.random()
        if kind < MOVED:
            places[i] = random.random(2)
        elif kind < MOVED + MORE and len(weights) < MOST:
            places, weights = np.append(places, [random.random(2)], 0), np.append(weights, weights.mean())
        elif kind < MOVED + MORE + LESS and len(weights) > 1:
            places, weights = np.delete(places, i, 0), np.delete(weights, i)
        else:
            weights[i] *= math.exp(WEIGHT * random.normal())
    return places, weights
