"""Where a fit begins: what the network says, and known structures like it, by the patterns that few beams make."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice, zip_longest

import numpy as np
import torch
from numpy.typing import NDArray

from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.few_beams import REACH
from lacbed_gan.diffraction.from_potential import coefficients
from lacbed_gan.predict.pattern_fit.known import KnownStructures
from lacbed_gan.predict.pattern_fit.problem import Level, Problem
from lacbed_gan.predict.pattern_fit.symmetry import LARGEST, Candidate, PlaneSymmetry, candidates, holding_more

Array = NDArray[np.float64]
GLANCE, LOOK = Level(1.8, 120, 40, 0.1), Level(1.8, 200, 40, 0.1)
SCAN, MANY = Level(2.5, 350, 64, 0.03), Level(2.5, 700, 64, 0.01)  # at the closest ones
CLOSEST, MADE_SURE = 10, 3  # how many those are, and of them by many beams
KNOWN, OWN = 40, 2  # structures like the network's answer, and symmetries of it
FIRST = 240  # known structures, with those, that are looked at by more beams
FACTORS = (0.8, 0.95, 1.15)  # on ρ of a known structure
FEW = (0.8, 1.0, 1.25)  # on ρ of the network's size
OF_NETWORK = (0.6, 1.6)  # range of more of them
STEP, STEPS = 15.0, (0.05, 0.12)  # of them, relative, times range of ρ times thickness in nm/Å²; and its limits
FINE_STEP, FINE_STEPS = 8.0, (0.018, 0.08)  # the same, at the closest ones
FINEST = (0.985, 0.9925, 1.0, 1.0075, 1.015)  # factors on them
SYMMETRIES = 3  # of an answer that is probably right
OWN_FACTORS = (0.92, 0.94, 0.955, 0.97, *FINEST, 1.03, 1.045, 1.06, 1.08)  # on its ρ
NEAR = 0.08  # relative difference of two factors of which one is enough
FINE = (0.92, 0.96, 1.0, 1.04, 1.08)  # factors on the best ones
LIKELY, CLOSER = 10, 60  # how many those are, of the first and of all
LOW = 8  # orders that ρ's size is taken of


@dataclass(frozen=True)
class Start:
    """ρ in 1/Å², the correlation of its pattern with the one to be fitted, and where it comes from."""

    candidate: Candidate
    agreement: float
    source: str


def starts(problem: Problem, image: Array, span: float, without: Collection[str], until: float = 1.0) -> list[Start]:
    """The best first: by turns of those first known, looked at by more beams, and of all, at more strengths.

    Of all some agree by chance, better than a right one whose cell is large; of few a right one may not be there.

    Args:
        image: (n, n), what the network says, at r = i/n, in [0, 1].
        span: ρ_max − ρ_min in 1/Å² that it says.
        without: formulas of known structures that are left out.
        until: share of the work after which no more structures are looked at.
    """
    own = [replace(one, values=span * one.values) for one in candidates(image, problem.fourfold)[:OWN]]
    size, widely = _size(own[0]), _factors(span * float(np.mean(problem.thickness)))
    first, others = [], []
    for candidate in own:
        first += _best(problem, candidate, "network", FEW, LOOK)
    for count, (candidate, source) in enumerate(_known(problem, image, without)):
        of_network = size / _size(candidate)
        if count < FIRST:
            few = [factor * of_network for factor in FEW]
            few += [one for one in FACTORS if all(abs(one / other - 1) > NEAR for other in few)]
            first += _best(problem, candidate, source, few, LOOK)
        others += _best(problem, candidate, source, list(widely * of_network), GLANCE)
        if problem.work.beyond(until):
            break
    both = _distinct([*first, *_closer(problem, first, LIKELY)]), _distinct(_closer(problem, others, CLOSER))
    return [one for pair in zip_longest(*both) for one in pair if one is not None]


def closest(problem: Problem, image: Array, span: float, without: Collection[str], until: float = 1.0) -> list[Start]:
    """Known structures most like what the network says, by many beams and at many strengths, the best first.

    The pattern of a thick, strong crystal agrees with that of its relative within 2 % of the right strength, and by as
    many beams as it takes to calculate it.

    Args: as of :func:`starts`.
    """
    own = candidates(image, problem.fourfold)[0]
    size, scattering = span * _size(own), span * float(np.mean(problem.thickness))
    factors = _factors(scattering, FINE_STEP, FINE_STEPS)
    looked = []
    for candidate, source in islice(_known(problem, image, without), CLOSEST):
        looked += _best(problem, candidate, source, list(factors * size / _size(candidate)), SCAN)
        if problem.work.beyond(until):
            break
    sure = sorted(looked, key=_disagreement)[:MADE_SURE]
    found = [closer for one in sure for closer in _best(problem, one.candidate, one.source, FINEST, MANY)]
    return sorted(found, key=_disagreement)


def own_symmetries(problem: Problem, image: Array, span: float) -> list[Candidate]:
    """What the network says, in 1/Å², in the sparsest symmetry that it may have and in those that hold more of it.

    Args: as of :func:`starts`.
    """
    found = holding_more(candidates(image, problem.fourfold))[:SYMMETRIES]
    return [replace(one, values=span * one.values) for one in found]


def at_their_strength(problem: Problem, own: Sequence[Candidate]) -> list[Start]:
    """What the network says, with that range near its own which agrees best by many beams, the best symmetry first."""
    found = [start for one in own for start in _best(problem, one, "network", OWN_FACTORS, MANY)]
    return sorted(found, key=_disagreement)


def _closer(problem: Problem, looked: list[Start], count: int) -> list[Start]:
    """The best ones with more exact strengths, by more beams."""
    best = sorted(looked, key=_disagreement)[:count]
    return [closer for one in best for closer in _best(problem, one.candidate, one.source, FINE, LOOK)]


def _distinct(looked: list[Start]) -> list[Start]:
    """The best of each source and symmetry, the best first."""
    best: dict[tuple[PlaneSymmetry, str], Start] = {}
    for one in sorted(looked, key=_disagreement):
        best.setdefault((one.candidate.symmetry, one.source), one)
    return list(best.values())


def _factors(scattering: float, step: float = STEP, steps: tuple[float, float] = STEPS) -> Array:
    """On ρ of the network's size: the thicker the crystal and the stronger ρ, the nearer the right one has to be.

    Args:
        scattering: range of ρ times thickness in nm/Å².
        step: between them, times that; steps: its limits.
    """
    low, high = map(math.log, OF_NETWORK)
    step = min(max(step / scattering, steps[0]), steps[1])
    return np.exp(np.linspace(low, high, 1 + math.ceil((high - low) / step)))


def _size(candidate: Candidate) -> float:
    middle = len(candidate.values) // 2
    low = slice(max(0, middle - LOW), middle + LOW + 1)
    return float(np.linalg.norm(candidate.values[low, low]))


def _disagreement(start: Start) -> float:
    return -start.agreement


def _known(problem: Problem, image: Array, without: Collection[str]) -> Iterator[tuple[Candidate, str]]:
    """Those like what the network says, then one of each kind, of the nearest edges first."""
    known = KnownStructures.shipped()
    m = min(LARGEST, math.ceil(REACH * problem.a))
    like = known.like(coefficients(image).values.numpy(), problem.a, problem.fourfold, KNOWN, without)
    kinds = known.kinds(problem.a, problem.fourfold, without)
    for row in dict.fromkeys([*(row for row, _ in like), *kinds]):
        problem.work.add_structure()
        candidate = known.candidate(row, m)
        if candidate is not None:
            yield candidate, str(known.formula[row])


def _best(problem: Problem, candidate: Candidate, source: str, factors: Sequence[float], level: Level) -> list[Start]:
    """The best factor; nothing where none can be calculated."""
    fit = problem.at(candidate.symmetry, level)
    u = fit.scattering.numbers(torch.from_numpy(candidate.values))
    with suppress(CalculationError):
        agreement, factor = fit.agreement(u, factors)
        return [Start(Candidate(candidate.symmetry, factor * candidate.values, candidate.share), agreement, source)]
    return []
