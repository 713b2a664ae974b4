"""Pairs with absorption: made, computed again beside a prediction, and checked by physics, all by their recipe."""

from dataclasses import replace

import numpy as np
import pytest

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.crystal import CrystalError
from lacbed_gan.diffraction import bright_field
from lacbed_gan.images.scaling import to_uint8
from lacbed_gan.predict.exact import exact_patterns
from lacbed_gan.predict.physics_check import check_potential
from lacbed_gan.store.making import Pair, compute_pairs
from lacbed_gan.store.recipe import Recipe

CRYSTAL = catalogue()["GaAs"]
RECIPE = Recipe(32, (50.0,), g_max=2.0, absorption="proportional", absorption_ratio=0.08, b_iso_default=0.6)


def made(recipe: Recipe) -> Pair | CrystalError:
    crystal = CRYSTAL if recipe.b_iso_default == 0 else CRYSTAL.with_default_b_iso(recipe.b_iso_default)
    ((_, pair),) = compute_pairs([crystal], (), "cpu", 1, recipe)
    return pair


@pytest.mark.parametrize(
    "recipe", [RECIPE, replace(RECIPE, absorption="tds", absorption_ratio=0.1)], ids=["proportional", "tds"]
)
def test_pairs_and_exact_patterns_absorb(recipe: Recipe) -> None:
    options = {"absorption": recipe.absorption, "absorption_ratio": recipe.absorption_ratio}
    crystal = CRYSTAL.with_default_b_iso(0.6)
    expected = bright_field(crystal, (50,), 32, g_max=2.0, **options).numpy()
    pair = made(recipe)
    assert isinstance(pair, Pair) and np.array_equal(pair.intensity, expected)
    assert not np.allclose(expected, bright_field(crystal, (50,), 32, g_max=2.0).numpy(), atol=0.05)
    exact = exact_patterns(CRYSTAL, recipe, to_uint8(expected) / np.float32(255), (50,))
    assert exact.mse == (0.0,)


def test_a_crystal_without_displacements_has_no_diffuse_absorption() -> None:
    pair = made(replace(RECIPE, absorption="tds", b_iso_default=0.0))
    assert isinstance(pair, CrystalError)
    assert "GaAs: absorption tds needs B of every atom, and that of As is 0" in str(pair)


def test_the_physics_check_absorbs_as_the_pairs_do() -> None:
    """The right ρ agrees as well as without absorption, and does not where the check knows nothing of it."""
    pair = made(RECIPE)
    span = float(np.ptp(pair.potential))
    arguments = pair.potential, pair.intensity, CRYSTAL.a
    check = check_potential(*arguments, RECIPE, [50.0], span)
    assert check.residual < 0.002 and check.limit and not check.flagged
    assert check_potential(*arguments, replace(RECIPE, absorption="none"), [50.0], span).flagged


def test_the_physics_check_does_not_judge_what_a_potential_does_not_tell() -> None:
    recipe = replace(RECIPE, absorption="tds", absorption_ratio=0.1)
    pair = made(recipe)
    check = check_potential(pair.potential, pair.intensity, CRYSTAL.a, recipe, [50.0], float(np.ptp(pair.potential)))
    assert check.limit is None and "elements and their vibration" in check.verdict
    assert check.residual < 0.02  # all the same, a proportional absorption comes near
