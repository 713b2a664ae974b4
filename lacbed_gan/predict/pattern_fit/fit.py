"""A predicted ρ that its own pattern contradicts, fitted to that pattern by exact calculation.

A pattern has many ρ that are nearly right. So ρ is first a sum of a few atoms, read from what the network says under a
plane symmetry, whose weights, places and vibrations are fitted; then structure factors are free, held to those atoms by
a prior; from these, atoms are read again, as crystallographers do with difference maps. Where this ends in another
minimum it begins again from random changes, and with a denser lattice of reflections. What leaves least of the
pattern is kept; the true ρ is not needed for any of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lacbed_gan.diffraction.gradients.dressed import DressedScattering
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.scaling import min_max
from lacbed_gan.predict.pattern_fit.atoms import AtomModel, atoms_of
from lacbed_gan.predict.pattern_fit.least_squares import PatternFit, State
from lacbed_gan.predict.pattern_fit.symmetry import Candidate, candidates, has_fourfold
from lacbed_gan.predict.physics_check import periodic_image
from lacbed_gan.store.recipe import Recipe

Array = NDArray[np.float64]
G_MAX, FINER, FEWEST = 1.5, 2.0, 150  # 1/Å, cut-offs of the search and of the last fit, and least beams of that one
MOST_BEAMS = 350  # of the search, beyond which it takes minutes
DIRECTIONS = 150
SYMMETRIES, ROUNDS = 4, 3  # that are tried
STARTS = 25  # random changes of a state, of which the best one is gone on with
SCALES = np.linspace(-0.6, 0.6, 9)  # logarithms of a factor on ρ, where a fit begins
FITS, FINE = 0.03, 0.012  # rms that ends the trial of other symmetries, and that of more rounds
KEPT, RIGHT = 0.045, 0.03  # rms up to which a fit is better than what the network says, and up to which it is right
PRIOR, TIGHTER = 0.3, 0.2  # standard deviation of a free structure factor over the usual size of those of its |g|
SHELL = 0.25  # 1/Å, over which that size is a mean


@dataclass(frozen=True)
class FittedPotential:
    """What came of a fit.

    Attributes:
        potential: (n, n) float32 in [0, 1], sampled as the recipe says.
        span: ρ_max − ρ_min in 1/Å².
        before, after: rms differences of the min–max scaled patterns, of the network's ρ (with its own range) and of
            the fitted one, at the same directions.
        atoms: that ρ was read as.
        seconds: of the processor.
    """

    potential: NDArray[np.float32]
    span: float
    before: float
    after: float
    atoms: int
    seconds: float

    @property
    def better(self) -> bool:
        """Whether it is to be taken instead of what the network says."""
        return self.after <= KEPT and self.after < self.before

    @property
    def line(self) -> str:
        """What was done, for a terminal."""
        kept = "kept" if self.better else "not kept"
        numbers = f"pattern off by {self.before:.3f} rms before, {self.after:.3f} after"
        return f"the network's ρ was doubted and fitted to its pattern ({numbers}; {kept}; {self.seconds:.0f} s)"

    def to_json(self) -> dict[str, Any]:
        """All of it but the image."""
        numbers = {name: getattr(self, name) for name in ("before", "after", "atoms", "seconds", "better", "right")}
        return numbers | {"range_of_rho": self.span, "units": {"before": "rms of min–max scaled intensity"}}

    @property
    def right(self) -> bool:
        """Whether the pattern agrees as well as that of right ρ does."""
        return self.better and self.after <= RIGHT


def fit_potential(
    potential: np.ndarray, pattern: np.ndarray, a: float, recipe: Recipe, thickness: Sequence[float], span: float
) -> FittedPotential | None:
    """ρ of least residuals near a predicted one; None for a cell so large that it would take minutes.

    Args:
        potential: (n, n), sampled as the recipe says, of any range.
        pattern: (T, H, H), min–max scaled, over the recipe's window.
        a: cell edge in Å.
        thickness: T values in nm.
        span: predicted ρ_max − ρ_min in 1/Å².

    Raises:
        ValueError: ρ is flat, or the calculation fails.
    """
    began = time.process_time()
    problem = _Problem(np.asarray(pattern, dtype=np.float64), a, recipe, thickness)
    image = periodic_image(min_max(potential), recipe)
    best: _Answer | None = None
    random = np.random.default_rng(0)
    for candidate in candidates(image, problem.fourfold)[:SYMMETRIES]:
        fit = problem.of(candidate, G_MAX)
        if len(fit.scattering.beams) > MOST_BEAMS:
            continue
        found = _search(fit, candidate, span, random)
        if best is None or found.state.rms < best.state.rms:
            best = found
        if best.state.rms < FITS:
            break
    if best is None:
        return None
    fit = problem.of(best.candidate, FINER, FEWEST)
    model = AtomModel(fit.scattering, best.candidate.symmetry, best.model.places, best.model.weights)
    _, state = _fitted(fit, model, best.parameters, slice(None), 8)
    state = _free(fit, state, TIGHTER)
    first = fit.state(fit.scattering.numbers(torch.from_numpy(span * best.candidate.values)))
    values = fit.scattering.independent.potential(state.u).numpy()
    rho = _image(values, len(potential), a, recipe)
    seconds = time.process_time() - began
    scaled = min_max(rho).astype(np.float32)
    return FittedPotential(scaled, float(np.ptp(rho)), first.rms, state.rms, len(model.weights), seconds)


def fit_warning(fitted: FittedPotential) -> str:
    """Of one that is better than what the network says, and not right."""
    return (
        f"ρ was fitted to the pattern, since what the network says makes another one; it still differs by "
        f"{fitted.after:.3f} rms ({RIGHT} or less for right ones, {fitted.before:.3f} before): ρ may be wrong in parts"
    )


class _Problem:
    """The pattern at some of its directions, one of each set that symmetry makes equal."""

    def __init__(self, pattern: Array, a: float, recipe: Recipe, thickness: Sequence[float]):
        self.net, self.window = Net.square(a), Window(pattern.shape[-1], recipe.half_width)
        self.recipe, self.thickness = recipe, list(thickness)
        self.fourfold = all(map(has_fourfold, pattern))
        half = pattern.shape[-1] // 2
        rows, columns = np.indices((half, half)).reshape(2, -1) + half
        if self.fourfold:
            rows, columns = rows[rows >= columns], columns[rows >= columns]
        chosen = np.random.default_rng(0).choice(len(rows), min(DIRECTIONS, len(rows)), replace=False)
        chosen.sort()
        self.k = torch.from_numpy(self.window.directions(self.net, rows[chosen], columns[chosen]))
        self.measured = min_max(pattern, (-2, -1))[:, rows[chosen], columns[chosen]]

    def of(self, candidate: Candidate, g_max: float, fewest: int = 0) -> PatternFit:
        """With this symmetry, and beams up to g_max in 1/Å."""
        symmetry, recipe = candidate.symmetry, self.recipe
        scattering = DressedScattering(
            self.net,
            symmetry.lattice,
            symmetry.operations,
            symmetry.line,
            self.window,
            g_max,
            fewest,
            recipe.rho_g_max,
            recipe.energy_kv,
        )
        return PatternFit(scattering, self.k, self.measured, self.thickness)


@dataclass(frozen=True)
class _Answer:
    """Atoms, their parameters, and structure factors that are free of them."""

    candidate: Candidate
    model: AtomModel
    parameters: Array
    of_atoms: State
    state: State


def _search(fit: PatternFit, candidate: Candidate, span: float, random: np.random.Generator) -> _Answer:
    """Atoms and free structure factors in turn; from random changes where that does not help."""
    best: _Answer | None = None
    values = span * candidate.values
    for _ in range(ROUNDS):
        places, weights = atoms_of(Candidate(candidate.symmetry, values, 1.0), fit.scattering.net.edges[0])
        model = AtomModel(fit.scattering, candidate.symmetry, places, weights)
        start = np.zeros(len(model))
        if best is None:
            start = min((_scaled(model, s) for s in SCALES), key=lambda x: _cost(fit, model, x))
        found = _answer(fit, candidate, model, start)
        if best is None or found.of_atoms.rms < best.of_atoms.rms:
            best = found
        else:
            changed = [_changed(best, random) for _ in range(STARTS)]
            found = _answer(fit, candidate, best.model, min(changed, key=lambda x: _cost(fit, best.model, x)))
            best = min(best, found, key=lambda answer: answer.of_atoms.rms)
        if best.state.rms < FINE:
            break
        values = fit.scattering.independent.potential(best.state.u).numpy()
    assert best is not None
    return best


def _answer(fit: PatternFit, candidate: Candidate, model: AtomModel, start: Array) -> _Answer:
    """Scale and B, then weights, then all of the atoms, then free structure factors."""
    x = start
    for free, steps in ((slice(2), 5), (slice(2 + len(model.weights)), 8), (slice(None), 15)):
        x, state = _fitted(fit, model, x, free, steps)
    return _Answer(candidate, model, x, state, _free(fit, state, PRIOR))


def _fitted(fit: PatternFit, model: AtomModel, x: Array, free: slice, steps: int) -> tuple[Array, State]:
    """Some of the parameters of atoms."""

    def every(part: torch.Tensor) -> torch.Tensor:
        whole = torch.from_numpy(x.copy())
        whole[free] = part
        return whole

    part, state = fit.minimum(
        lambda part: model.factors(every(part)),
        lambda part: model.changes(every(part))[free],
        x[free],
        model.deviations[free],
        steps,
    )
    return every(torch.from_numpy(part)).numpy(), state


def _free(fit: PatternFit, state: State, prior: float) -> State:
    """Every structure factor free, about those of a state."""
    u, q = state.u, fit.scattering.orders
    near = np.exp(-(((q[:, None] - q) / SHELL) ** 2) / 2)
    deviations = prior * np.sqrt(near @ u.numpy() ** 2 / near.sum(1)) + 1e-6
    each = torch.eye(len(u), dtype=torch.float64)
    return fit.minimum(lambda x: u + x, lambda x: each, np.zeros(len(u)), deviations, 5)[1]


def _cost(fit: PatternFit, model: AtomModel, x: Array) -> float:
    return fit.cost(fit.state(model.factors(torch.from_numpy(x))), x / model.deviations)


def _scaled(model: AtomModel, logarithm: float) -> Array:
    x = np.zeros(len(model))
    x[0] = logarithm
    return x


def _changed(answer: _Answer, random: np.random.Generator) -> Array:
    """Half of a standard deviation or so away, or with one atom less."""
    model = answer.model
    x = answer.parameters + random.normal(0, 0.5, len(model)) * model.deviations
    count = len(model.weights)
    if random.random() < 0.5:
        x[2 + random.integers(count)] = -np.inf
    x[2 : 2 + count] = np.maximum(x[2 : 2 + count], -model.weights)
    return x


def _image(values: Array, n: int, a: float, recipe: Recipe) -> Array:
    """ρ (n, n) in 1/Å² as the recipe samples it, of coefficients (2m + 1, 2m + 1), row is y."""
    m = min(len(values) // 2, (n - 1) // 2)
    middle = len(values) // 2
    order = np.arange(-m, m + 1)
    kept = values[middle - m : middle + m + 1, middle - m : middle + m + 1]
    waves = np.exp(2j * np.pi * recipe.potential_step(n) * np.outer(np.arange(n), order))
    return np.asarray((waves @ kept.T @ waves.T).real)
