"""A predicted ρ that its own pattern contradicts, fitted to that pattern by exact calculation.

A fit begins from what the network says and from known structures of about that cell edge, whose elements may be others:
those whose pattern of few beams agrees best (:mod:`.starts`). ρ is a sum of a few atoms and of what they do not
explain. Strength and vibration are fitted first, then the atoms, then structure factors about them. Whether the fit is
right is told by directions that it was not fitted at; the true ρ is not needed for any of it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.images.scaling import min_max
from lacbed_gan.predict.pattern_fit.atoms import AtomModel
from lacbed_gan.predict.pattern_fit.least_squares import PatternFit, State
from lacbed_gan.predict.pattern_fit.problem import Level, Problem
from lacbed_gan.predict.pattern_fit.starts import LOOK, Start, starts
from lacbed_gan.predict.pattern_fit.symmetry import candidates
from lacbed_gan.predict.physics_check import periodic_image
from lacbed_gan.store.recipe import Recipe

Array = NDArray[np.float64]
ROUGH = Level(2.0, 350, 64, 0.03)
EXACT = Level(2.5, 500, 96, 0.004)
APART = Level(2.8, 1100, 120, 0.003)  # whose directions are others: how well a fit agrees there
TRIED, FITTED = 14, 2  # starts whose atoms are fitted roughly, and of those that do not agree well exactly
LOOKING, TRYING = 0.45, 0.7  # shares of the time after which no more starts are looked at, and fitted roughly
CLEAR, HOPELESS = 0.1, 0.17  # rms of a rough fit that is fitted exactly at once, and of one that never is
VARIED = ((0.8, 25), (0.4, 15))  # widths, in standard deviations, and numbers of random changes
# Range of ρ times thickness in nm/Å² → rms up to which a fit is better than what the network says, and is right.
# Of weak crystals the calculation leaves next to nothing (0.002 to 0.005), and what is near is not right.
KEPT, RIGHT = {100.0: 0.025, 300.0: 0.06}, {100.0: 0.01, 300.0: 0.04}
ENOUGH = 0.01  # rms that ends a fit; else other starts may be better while time is left
LEFT = 0.1  # standard deviation of a structure factor that atoms do not explain, over the usual size at that |g|
SECONDS = 30.0  # of the processor, that a fit may take


@dataclass(frozen=True)
class FittedPotential:
    """What came of a fit.

    Attributes:
        potential: (n, n) float32 in [0, 1], sampled as the recipe says.
        span: ρ_max − ρ_min in 1/Å².
        before, after: rms differences of the min–max scaled patterns, of the network's ρ (with its own range) and of
            the fitted one, at directions that it was not fitted at.
        atoms: that ρ was read as.
        seconds: of the processor.
        scattering: range of ρ times thickness, in nm/Å², the mean over thicknesses.
        source: ``network``, or the formula of the known structure that the fit began from.
    """

    potential: NDArray[np.float32]
    span: float
    before: float
    after: float
    atoms: int
    seconds: float
    scattering: float
    source: str = "network"

    @property
    def better(self) -> bool:
        """Whether it is to be taken instead of what the network says."""
        return self.after <= self._limit(KEPT) and self.after < self.before

    @property
    def right(self) -> bool:
        """Whether the pattern agrees as well as that of right ρ does."""
        return self.better and self.after <= self.right_below

    @property
    def right_below(self) -> float:
        """What that of right ρ leaves at most, rms."""
        return self._limit(RIGHT)

    def _limit(self, limits: dict[float, float]) -> float:
        return float(np.interp(self.scattering, list(limits), list(limits.values())))

    @property
    def line(self) -> str:
        """What was done, for a terminal."""
        kept = "kept" if self.better else "not kept"
        numbers = f"pattern off by {self.before:.3f} rms before, {self.after:.3f} after"
        return f"the network's ρ was doubted and fitted to its pattern ({numbers}; {kept}; {self.seconds:.0f} s)"

    def to_json(self) -> dict[str, Any]:
        """All of it but the image."""
        numbers = {
            name: getattr(self, name) for name in ("before", "after", "atoms", "source", "seconds", "better", "right")
        }
        return numbers | {"range_of_rho": self.span, "units": {"before": "rms of min–max scaled intensity"}}


def fit_potential(
    potential: np.ndarray,
    pattern: np.ndarray,
    a: float,
    recipe: Recipe,
    thickness: Sequence[float],
    span: float,
    *,
    seconds: float = SECONDS,
    without: Collection[str] = (),
) -> FittedPotential | None:
    """ρ of least residuals, from what a network predicted and from known structures; None where none is calculable.

    Args:
        potential: (n, n), sampled as the recipe says, of any range.
        pattern: (T, H, H), min–max scaled, over the recipe's window.
        a: cell edge in Å.
        thickness: T values in nm.
        span: predicted ρ_max − ρ_min in 1/Å².
        seconds: of the processor, after which no further step begins.
        without: formulas that are no known structures.

    Raises:
        ValueError: ρ is flat.
    """
    began = time.process_time()
    problem = Problem(np.asarray(pattern, dtype=np.float64), a, recipe, tuple(thickness), began + seconds)
    image = periodic_image(min_max(potential), recipe).astype(np.float64)
    found = starts(problem, image, span, without, began + LOOKING * seconds)
    best: _Answer | None = None
    waiting: list[_Answer] = []

    def done() -> bool:
        return best is not None and best.apart.rms < ENOUGH

    for start in found[:TRIED]:
        with suppress(CalculationError):  # too strong a potential on the way
            waiting.append(_rough(problem, start))
            if waiting[-1].state.rms < CLEAR:
                # Where the exact fit has too few beams for a strong potential, the rough one may be the better
                best = _better(best, replace(waiting[-1], apart=_apart(problem, waiting[-1])))
                best = _better(best, _exact(problem, waiting[-1]))
        if done() or time.process_time() > began + TRYING * seconds:
            break
    waiting.sort(key=_rms)
    for rough in [one for one in waiting if CLEAR <= one.state.rms < HOPELESS][:FITTED]:
        if done() or time.process_time() > problem.until:
            break
        with suppress(CalculationError):
            best = _better(best, _exact(problem, rough))
    if best is None and waiting:
        best = replace(waiting[0], apart=_apart(problem, waiting[0]))
    if best is None:
        return None
    network = candidates(image, problem.fourfold)[0]
    first = problem.at(network.symmetry, APART)
    before = first.state(first.scattering.numbers(torch.from_numpy(span * network.values)))
    values = best.model.scattering.independent.potential(best.state.u).numpy()
    rho = _image(values, len(potential), a, recipe)
    fitted_span = float(np.ptp(rho))
    return FittedPotential(
        min_max(rho).astype(np.float32),
        fitted_span,
        before.rms,
        best.apart.rms,
        len(best.model.weights),
        time.process_time() - began,
        fitted_span * float(np.mean(thickness)),
        best.start.source,
    )


def fit_warning(fitted: FittedPotential) -> str:
    """Of one that is better than what the network says, and not known to be right."""
    return (
        "ρ was fitted to the pattern, since what the network says makes another one; it still differs by "
        f"{fitted.after:.3f} rms ({fitted.right_below:.2g} or less for right ones, {fitted.before:.3f} before): ρ may "
        "be wrong in parts"
    )


@dataclass(frozen=True, eq=False)
class _Answer:
    """Atoms and their parameters, what they give where they were fitted, and at other directions."""

    start: Start
    model: AtomModel
    parameters: Array
    state: State
    apart: State


def _rms(answer: _Answer) -> float:
    return answer.state.rms


def _better(first: _Answer | None, other: _Answer) -> _Answer:
    return other if first is None or other.apart.rms < first.apart.rms else first


def _apart(problem: Problem, answer: _Answer) -> State:
    """What the structure factors of an answer give at other directions."""
    fit = problem.at(answer.start.candidate.symmetry, APART)
    values = answer.model.scattering.independent.potential(answer.state.u)
    return fit.state(fit.scattering.independent.numbers(values))


def _rough(problem: Problem, start: Start) -> _Answer:
    """Scale, B and weights, from the best of random changes of them."""
    fit = problem.at(start.candidate.symmetry, ROUGH)
    model = AtomModel.of(fit.scattering, start.candidate, start.source != "network")
    free = slice(2 + len(model.weights))
    x = np.zeros(len(model))
    x[free] = _varied(problem, start, model, free)[free]
    x, state = _fitted(fit, model, x, free, 10)
    return _Answer(start, model, x, state, state)


def _varied(problem: Problem, start: Start, model: AtomModel, free: slice) -> Array:
    """Parameters whose pattern of few beams agrees best: other elements at the same places, and of other strength."""
    look = problem.at(start.candidate.symmetry, LOOK)
    model = model.at(look.scattering)
    random, deviations = np.random.default_rng(0), model.deviations(LEFT)[free]
    best = np.zeros(len(model))
    highest = look.agreement(model.factors(torch.from_numpy(best)))
    for width, count in VARIED:
        centre = best
        for _ in range(count):
            x = np.zeros(len(model))
            x[free] = centre[free] + width * random.normal(size=len(deviations)) * deviations
            with suppress(CalculationError):
                if (value := look.agreement(model.factors(torch.from_numpy(x)))) > highest:
                    highest, best = value, x
    return best


def _exact(problem: Problem, rough: _Answer) -> _Answer:
    """All of the atoms, then structure factors that are free of them."""
    fit = problem.at(rough.start.candidate.symmetry, EXACT)
    model = rough.model.at(fit.scattering)
    x = np.zeros(len(model))
    x[: model.few] = rough.parameters[: model.few]
    for free, steps in ((slice(2 + len(model.weights)), 5), (slice(model.few), 8), (slice(None), 15)):
        x, state = _fitted(fit, model, x, free, steps)
    answer = _Answer(rough.start, model, x, state, state)
    return replace(answer, apart=_apart(problem, answer))


def _fitted(fit: PatternFit, model: AtomModel, x: Array, free: slice, steps: int) -> tuple[Array, State]:
    """Some of the parameters."""

    def every(part: torch.Tensor) -> torch.Tensor:
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


def _image(values: Array, n: int, a: float, recipe: Recipe) -> Array:
    """ρ (n, n) in 1/Å² as the recipe samples it, of coefficients (2m + 1, 2m + 1), row is y."""
    m = min(len(values) // 2, (n - 1) // 2)
    middle = len(values) // 2
    order = np.arange(-m, m + 1)
    kept = values[middle - m : middle + m + 1, middle - m : middle + m + 1]
    waves = np.exp(2j * np.pi * recipe.potential_step(n) * np.outer(np.arange(n), order))
    return np.asarray((waves @ kept.T @ waves.T).real)
