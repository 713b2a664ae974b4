"""The least of a function of one number, by as few trials as it takes."""

import pytest

from lacbed_gan.predict.identification.walk import walk


def walked(least, step=0.2, most=8, **more):
    tried = []

    def trial(x):
        tried.append(x)
        return (x - least) ** 2, x

    best = walk(trial, lambda one: one[0], 0.0, trial(0.0), step, most, **more)
    return best[1], tried


@pytest.mark.parametrize("least", [-1.13, -0.2, 0.05, 0.7])
def test_a_parabola_is_followed_to_its_least(least):
    """Far from where it begins too, and on the other side."""
    assert walked(least)[0] == pytest.approx(least)


def test_no_more_trials_than_it_takes():
    """One on each side and the parabola's; along a side until it gets worse; within bounds and as far as asked."""
    assert len(walked(0.05)[1]) == 4 and len(walked(-0.45)[1]) == 5
    assert walked(3.0, most=2, between=False) == (0.4, [0.0, -0.2, 0.2, 0.4])
    assert walked(-3.0, bounds=(-0.25, 0.25), between=False) == (-0.2, [0.0, -0.2])
