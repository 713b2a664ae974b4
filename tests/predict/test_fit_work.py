"""What a fit may calculate is counted: it finds the same however quick the core is, and ends."""

import itertools
import time
from unittest.mock import Mock

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction import bright_field, projected_potential
from lacbed_gan.images.scaling import min_max
from lacbed_gan.predict.loading import load
from lacbed_gan.predict.pattern_fit import fit, starts
from lacbed_gan.predict.pattern_fit.work import Work

THICKNESS = (50.0,)


@pytest.fixture(scope="module")
def fluorite():
    """An answer nearly right, its pattern, cell edge, recipe, thickness and range of ρ."""
    crystal, recipe = catalogue()["CaF2"].with_default_b_iso(0.5), load(None, "inverse").recipe
    rho = projected_potential(crystal, 64).double().numpy()
    pattern = bright_field(crystal, THICKNESS, 64, g_max=3.0).numpy()
    answer = min_max(gaussian_filter(rho, 1, mode="wrap"))
    return answer, pattern, crystal.a, recipe, THICKNESS, 1.04 * float(np.ptp(rho))


def test_the_clock_does_not_matter(fluorite, monkeypatch):
    """An hour goes by on it whenever it is looked at."""
    usual = fit.fit_potential(*fluorite, doubted=False)
    monkeypatch.setattr(time, "process_time", itertools.count(0, 3600).__next__)
    slow = fit.fit_potential(*fluorite, doubted=False)
    assert usual.right and slow.seconds >= 3600 > usual.seconds
    np.testing.assert_array_equal(slow.potential, usual.potential)


def test_nothing_new_is_begun_when_the_work_is_done(fluorite, monkeypatch):
    """One structure is looked at, one start is fitted roughly, and no atoms hop."""
    looked = []
    best = starts._best
    monkeypatch.setattr(starts, "_best", lambda *args: looked.append(args[2]) or best(*args))
    monkeypatch.setattr(fit, "hopped", lambda *_: pytest.fail("atoms hop though the work is done"))
    monkeypatch.setattr(fit, "rough", roughly := Mock(wraps=fit.rough))
    answer, _, *others = fluorite
    noise = np.random.default_rng(0).random((1, 64, 64))
    found = fit.fit_potential(answer, min_max(noise + noise[:, ::-1, ::-1]), *others, work=0.001)
    assert not found.better
    assert roughly.call_count == 1
    assert len(set(looked) - {"network"}) == 1


def test_work_is_that_of_a_slow_core():
    """A pattern of 40,000 elements at a hundred directions takes 43 ms of one, its derivatives 0.4 s."""
    work = Work(1.0)
    work.add_patterns(100, 40_000, strengths=10)
    assert work.done == pytest.approx(0.44) and work.beyond(0.4) and not work.beyond(0.5)
    work.add_derivatives(100, 40_000)
    assert work.done == pytest.approx(0.88) and not work.beyond(1)
    assert not Work().beyond(1)
