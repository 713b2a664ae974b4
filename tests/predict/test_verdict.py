"""What agreement decides: one crystal, several, or none; and which of several comes first."""

from dataclasses import replace

import numpy as np
import pytest

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.predict.identification.comparison import Fit
from lacbed_gan.predict.identification.search import Scored
from lacbed_gan.predict.identification.verdict import (
    DECIDED,
    INSEPARABLE,
    MEASURED,
    NONE,
    OF_CALCULATION,
    RIGHT,
    judge,
)

KNOWN, PAPER = "known", "on paper"


def scored(name, share):
    crystal = replace(catalogue()["Cu"], name=name)
    return Scored(crystal, Fit(50.0, np.sqrt([1 - share])))


@pytest.mark.parametrize(
    ("shares", "kind", "if_measured", "alike"),
    [
        ((0.001, 0.02), DECIDED, DECIDED, 1),
        ((0.001, 0.002), INSEPARABLE, INSEPARABLE, 2),
        ((1.5 * RIGHT, 5 * RIGHT), NONE, DECIDED, 1),
        ((1.5 * MEASURED, 2), NONE, NONE, 1),
    ],
)
def test_kinds(shares, kind, if_measured, alike):
    verdict = judge([scored(str(i), min(x, 1.0)) for i, x in enumerate(shares)], 0.0, lambda one: True)
    assert (verdict.kind, verdict.if_measured, verdict.alike) == (kind, if_measured, alike)


def test_noise_counts_for_nothing():
    verdict = judge([scored("a", 0.051), scored("b", 0.09)], 0.05, lambda one: True)
    assert verdict.kind == DECIDED and verdict.unexplained == pytest.approx(0.001)
    assert judge([scored("a", 0.051)], 0.0, lambda one: True, limit=0.05).kind == NONE


def test_known_from_experiment_comes_first_where_the_calculation_itself_is_what_differs():
    """Of alike ones that leave as much as the calculation may be wrong by; else agreement alone decides."""

    def first(share):
        both = [scored(PAPER, share), scored(KNOWN, 1.2 * share), scored("other", 6 * share + 0.01)]
        return judge(both, 0.0, lambda one: one.crystal.name != PAPER).order[0].crystal.name

    assert first(1.2 * OF_CALCULATION) == KNOWN and first(0.3 * OF_CALCULATION) == PAPER
