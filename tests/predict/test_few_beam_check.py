import numpy as np
import pytest

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction import bright_field, projected_potential
from lacbed_gan.predict.few_beam_check import LIMITS, SURE, agreement, agreement_warnings, is_sure, limit
from lacbed_gan.predict.loading import load

THICKNESS = (100.0,)


@pytest.fixture(scope="module")
def recipe():
    return load().recipe


@pytest.fixture(scope="module")
def potentials():
    return {name: projected_potential(catalogue()[name].with_default_b_iso(0.5), 64).numpy() for name in ("GaAs", "Cu")}


@pytest.fixture(scope="module")
def pattern():
    crystal = catalogue()["GaAs"].with_default_b_iso(0.5)
    return bright_field(crystal, THICKNESS, 32, g_max=3.0).numpy()


def test_the_right_potential_agrees_also_where_its_range_is_some_percent_off(potentials, pattern, recipe):
    a, right = catalogue()["GaAs"].a, potentials["GaAs"]
    for share in (1.0, 0.9, 1.12):
        span = share * float(np.ptp(right))
        value = agreement(right, pattern, a, recipe, THICKNESS, span)
        assert is_sure(value, THICKNESS, span) and agreement_warnings(value, THICKNESS, span) == []


def test_a_wrong_one_is_doubted(potentials, pattern, recipe):
    a, wrong = catalogue()["GaAs"].a, potentials["Cu"]
    span = float(np.ptp(wrong))
    value, least = agreement(wrong, pattern, a, recipe, THICKNESS, span), limit(THICKNESS, span)
    assert value < least - 0.1 and not is_sure(value, THICKNESS, span)
    (line,) = agreement_warnings(value, THICKNESS, span)
    assert f"R {value:.2f}, {least:.2f} or more" in line
    turned = np.roll(potentials["GaAs"], 5, 0) + potentials["GaAs"]  # two crystals in one cell
    span = float(np.ptp(turned))
    assert agreement(turned, pattern, a, recipe, THICKNESS, span) < limit(THICKNESS, span)


def test_a_cell_of_very_many_beams_is_not_looked_at(potentials, pattern, recipe):
    value = agreement(potentials["Cu"], pattern, 60.0, recipe, THICKNESS, 2.0)
    assert value is None and agreement_warnings(value, THICKNESS, 2.0) == [] and is_sure(value, THICKNESS, 2.0)


@pytest.mark.parametrize("nm", [20, 50, 100, 150, 200, 400])
def test_between_doubted_and_sure_an_answer_is_neither(nm):
    doubted, sure = limit([nm], 2.5), limit([nm], 2.5, SURE)
    assert doubted < sure
    between = (doubted + sure) / 2
    assert agreement_warnings(between, [nm], 2.5) == [] and not is_sure(between, [nm], 2.5)
    assert is_sure(sure, [nm], 2.5)


def test_limits_by_range_and_thickness():
    weak, strong = min(LIMITS), max(LIMITS)
    assert limit([50], 1.0) == limit([100], 0.5) == LIMITS[weak] and limit([200], 9.0) == LIMITS[strong]
    assert limit([(weak + 180) / 4], 2.0) == pytest.approx((LIMITS[weak] + LIMITS[180.0]) / 2)
    assert limit([50, 200], 4.0) == pytest.approx((limit([50], 4.0) + limit([200], 4.0)) / 2)
    assert list(LIMITS.values()) == sorted(LIMITS.values(), reverse=True)
