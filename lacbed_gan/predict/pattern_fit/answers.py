"""Fits of one start to a pattern: roughly, exactly, and again from what an exact one found."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.predict.pattern_fit.atoms import AtomModel
from lacbed_gan.predict.pattern_fit.least_squares import PatternFit, State
from lacbed_gan.predict.pattern_fit.problem import Level, Problem
from lacbed_gan.predict.pattern_fit.starts import LOOK, Start

Array = NDArray[np.float64]
ROUGH = Level(2.0, 350, 64, 0.03)
EXACT = Level(2.5, 500, 96, 0.004)
BY_MANY = Level(2.5, 700, 96, 0.004)  # of strong crystals, from starts that nearly agree
APART = Level(2.8, 1100, 120, 0.003)  # whose directions are others: how well a fit agrees there
VARIED = ((0.8, 25), (0.4, 15))  # widths, in standard deviations, and numbers of random changes
LEFT = 0.1  # standard deviation of a structure factor that atoms do not explain, over the usual size at that |g|


@dataclass(frozen=True, eq=False)
class Answer:
    """Atoms and their parameters, what they give where they were fitted, and at other directions."""

    start: Start
    model: AtomModel
    parameters: Array
    state: State
    apart: State

    @property
    def values(self) -> Tensor:
        """(2m + 1, 2m + 1) structure factors in 1/Å²."""
        return self.model.scattering.independent.potential(self.state.u)


def apart_of(problem: Problem, answer: Answer) -> State:
    """What the structure factors of an answer give at other directions."""
    fit = problem.at(answer.start.candidate.symmetry, APART)
    return fit.state(fit.scattering.independent.numbers(answer.values))


def rough(problem: Problem, start: Start) -> Answer:
    """Scale, B and weights, from the best of random changes of them."""
    fit = problem.at(start.candidate.symmetry, ROUGH)
    model = AtomModel.of(fit.scattering, start.candidate, start.source != "network")
    free = slice(2 + len(model.weights))
    x = np.zeros(len(model))
    x[free] = _varied(problem, start, model, free)[free]
    x, state = fitted(fit, model, x, free, 10)
    return Answer(start, model, x, state, state)


def _varied(problem: Problem, start: Start, model: AtomModel, free: slice) -> Array:
    """Parameters whose pattern of few beams agrees best: other elements at the same places, and of other strength."""
    look = problem.at(start.candidate.symmetry, LOOK)
    model = model.at(look.scattering)
    random, deviations = np.random.default_rng(0), model.deviations(LEFT)[free]
    best = np.zeros(len(model))
    highest, _ = look.agreement(model.factors(torch.from_numpy(best)))
    for width, count in VARIED:
        centre = best
        for _ in range(count):
            x = np.zeros(len(model))
            x[free] = centre[free] + width * random.normal(size=len(deviations)) * deviations
            with suppress(CalculationError):
                value, _ = look.agreement(model.factors(torch.from_numpy(x)))
                if value > highest:
                    highest, best = value, x
    return best


def exact(problem: Problem, first: Answer) -> Answer:
    """All of the atoms, then structure factors that are free of them, from a rough fit."""
    return _exact(problem, first.start, first.model, first.parameters, EXACT)


def _exact(problem: Problem, start: Start, model: AtomModel, parameters: Array, level: Level) -> Answer:
    fit = problem.at(start.candidate.symmetry, level)
    model = model.at(fit.scattering)
    x = np.zeros(len(model))
    x[: model.few] = parameters[: model.few]
    for free, steps in ((slice(2 + len(model.weights)), 5), (slice(model.few), 8), (slice(None), 15)):
        x, state = fitted(fit, model, x, free, steps)
    answer = Answer(start, model, x, state, state)
    return replace(answer, apart=apart_of(problem, answer))


def again(problem: Problem, answer: Answer) -> Answer:
    """An exact fit from the ρ of another one, read as atoms anew: it may have less of them, at other places."""
    candidate = replace(answer.start.candidate, values=answer.values.numpy())
    return as_it_is(problem, replace(answer.start, candidate=candidate))


def as_it_is(problem: Problem, start: Start, level: Level = EXACT) -> Answer:
    """An exact fit from a start, without changes of it before."""
    model = AtomModel.of(problem.at(start.candidate.symmetry, level).scattering, start.candidate, True)
    return _exact(problem, start, model, np.zeros(len(model)), level)


def fitted(fit: PatternFit, model: AtomModel, x: Array, free: slice, steps: int) -> tuple[Array, State]:
    """All parameters and what they give, those of the slice `free` fitted."""

    def every(part: Tensor) -> Tensor:
        whole = torch.from_numpy(x.copy())
        whole[free] = part
        return whole

    part, state = fit.minimum(
        lambda part: model.factors(every(part)),
        lambda part: model.changes(every(part))[free],
        x[free],
        model.deviations(LEFT)[free],
        steps,
    )
    return every(torch.from_numpy(part)).numpy(), state
