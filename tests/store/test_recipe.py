"""What a store says of how its pairs were made, and what an older one leaves unsaid."""

import json

import pytest

from lacbed_gan.crystal.vibration import DrawnB
from lacbed_gan.diffraction.cut_off import AutoCutOff
from lacbed_gan.store.recipe import Recipe

META = {"size": 32, "thickness": [50, 100.0], "settings": {"method": "converged", "g_max": 3.0}}


def test_what_a_store_does_not_say_is_the_default():
    recipe = Recipe.of_meta(META)
    assert recipe == Recipe(32, (50.0, 100.0), g_max=3.0) and recipe.periodic
    assert recipe.window.size == 32 and recipe.window.half_width == 7.266


def test_published_images_have_both_edges_of_the_cell():
    assert not Recipe.of_meta(META | {"settings": {"method": "published", "root": "images"}}).periodic


def test_there_and_back():
    recipe = Recipe(16, (75.0,), g_max=2.5, half_width=3.0, dark_field=((2, 0), (2, -2)), rho_sampling="endpoints")
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.of_meta({"size": 16, "thickness": [75], "settings": recipe.settings}) == recipe


def test_absorption_there_and_back():
    """It stands in a file only where there is some: stores without are what they were."""
    recipe = Recipe(16, (75.0,), absorption="proportional", absorption_ratio=0.07)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert "absorption proportional 0.07" in str(recipe)
    recipe = Recipe(16, (75.0,), absorption="tds")
    assert Recipe.from_json(recipe.to_json()) == recipe and "absorption tds;" in str(recipe)
    assert not {"absorption", "absorption_ratio"} & Recipe(16, (75.0,)).to_json().keys()


def test_a_drawn_displacement_there_and_back():
    recipe = Recipe(16, (75.0,), b_iso_default=DrawnB(0.2, 1.2, 5))
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert "B drawn between 0.2 and 1.2 Å² for each crystal where none is given" in str(recipe)


def test_a_cut_off_that_a_tolerance_asks_for_there_and_back():
    recipe = Recipe(16, (75.0,), g_max=AutoCutOff(0.01))
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert "beams as far as an error of 0.01 rms asks for" in str(recipe)
    assert (recipe.usual_g_max, Recipe(16, (75.0,), g_max=2.5).usual_g_max) == (3.0, 2.5)


def test_prediction_takes_the_displacement_that_the_network_saw():
    """That of its pairs where they had one; else a usual one."""
    assert Recipe(8, (50.0,)).b_iso_of_prediction == 0
    assert Recipe(8, (50.0,), b_iso_default=0.8).b_iso_of_prediction == 0.8
    assert Recipe(8, (50.0,), b_iso_default=DrawnB(0.2, 1.2)).b_iso_of_prediction == 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "guessed"),
        ("rho_sampling", None),
        ("absorption", "some"),
        ("absorption", None),
        ("absorption_ratio", "0.1"),
        ("energy_kv", "200"),
        ("energy_kv", {"low": 0.2, "high": 1.2, "seed": 0}),
        ("b_iso_default", {"low": 0.2, "high": 1.2}),
        ("b_iso_default", {"low": 0.2, "high": "1.2", "seed": 0}),
        ("g_max", "auto"),
        ("g_max", {"tolerance": "0.02"}),
        ("half_width", True),
        ("dark_field", 5),
        ("dark_field", [2]),
        ("thickness", ["a"]),
    ],
)
def test_values_of_another_type_are_named(name, value):
    with pytest.raises(ValueError, match=f"^{name}$"):
        Recipe.from_json(Recipe(8, (50.0,)).to_json() | {name: value})
