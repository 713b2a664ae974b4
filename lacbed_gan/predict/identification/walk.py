"""The least of a function of one number that is dear to calculate, by steps from a place."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def walk(
    trial: Callable[[float], T],
    share: Callable[[T], float],
    place: float,
    at: T,
    step: float,
    most: int,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    *,
    between: bool = True,
) -> T:
    """The trial of least share on one side of a place or the other, gone on to for as long as each is less.

    Args:
        trial: what there is at a place.
        share: of a trial, what is to be least.
        at: the trial at the place where the walk begins.
        step: between trials.
        most: steps.
        bounds: of the places.
        between: whether another trial is made where a parabola through the best one and its neighbours is least.
    """
    trials = {place: at}
    for side in (-step, step):
        last = at
        for x in (place + side * n for n in range(1, most + 1)):
            if not bounds[0] <= x <= bounds[1]:
                break
            trials[x] = trial(x)
            if share(trials[x]) >= share(last):
                break
            last = trials[x]
        if last is not at:
            break
    if between and len(trials) > 2:
        x = float(np.clip(_lowest({x: share(one) for x, one in trials.items()}), *bounds))
        if x not in trials:
            trials[x] = trial(x)
    return min(trials.values(), key=share)


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
