import numpy as np
import pytest
import torch

from lacbed_gan import load
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.data.conditions import thickness_number
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.data.folds import FOLDS, assign_folds
from lacbed_gan.diffraction import bright_field, projected_potential
from lacbed_gan.diffraction.few_beams import few_beam_patterns
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.scaling import min_max, to_uint8, to_unit
from lacbed_gan.measures.metrics import correlation_r
from lacbed_gan.predict.spot_check import DIRECTIONS, LIMIT, spot_agreement, spot_warnings, spots
from lacbed_gan.store.packed import open_store

THICKNESS = [50.0, 150.0]


@pytest.fixture(scope="module")
def gallium_arsenide():
    """ρ in 8 bit, its range, a, and the pattern."""
    crystal = catalogue()["GaAs"].with_default_b_iso(0.5)
    rho = projected_potential(crystal, 64).numpy()
    pattern = bright_field(crystal, THICKNESS, 32, g_max=3.0).numpy()
    return to_unit(to_uint8(rho)), float(np.ptp(rho)), crystal.a, pattern


@pytest.fixture(scope="module")
def recipe():
    return open_store("bundled").recipe


def test_the_exact_pattern_agrees_with_itself_and_is_not_warned_of(gallium_arsenide, recipe):
    *crystal, pattern = gallium_arsenide
    values = spot_agreement(*crystal, min_max(pattern), THICKNESS, recipe)
    assert min(values) > 0.995
    assert spot_warnings(THICKNESS, values) == []


def test_another_pattern_is_warned_of_with_its_thickness(gallium_arsenide, recipe):
    *crystal, pattern = gallium_arsenide
    values = spot_agreement(*crystal, pattern[[0, 0]], THICKNESS, recipe)
    assert values[0] > 0.995 and values[1] < LIMIT
    (line,) = spot_warnings(THICKNESS, values)
    assert line.startswith(f"at 150 nm (R {values[1]:.2f}) the answer differs")


def test_an_answer_that_is_the_same_all_over_is_warned_of(gallium_arsenide, recipe):
    *crystal, pattern = gallium_arsenide
    assert spot_agreement(*crystal, np.ones_like(pattern), THICKNESS, recipe) == [0.0, 0.0]


@pytest.mark.parametrize(("size", "different"), [(32, DIRECTIONS - 4), (128, DIRECTIONS)])
def test_spots_are_different_and_in_the_quadrant_of_positive_angles(size, different):
    rows, columns = spots(size)
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) >= different
    for places in (rows, columns):
        assert places.min() >= size // 2 and places.max() < size
        assert abs(places.mean() - 0.75 * size) < 0.05 * size


def test_of_the_shipped_network_they_tell_how_good_an_answer_is():
    """On crystals of the fold that it did not see, at the thickness that is hardest."""
    network, store, nm = load(), open_store("bundled"), 200
    trained = network._trained
    fold_of = assign_folds([entry["formula"] or entry["id"] for entry in store.index], FOLDS)
    rows = np.flatnonzero(fold_of == trained.config["settings"]["fold"])[::8]
    told = {"condition": trained.settings.condition, "standardisation": trained.standardisation}
    data = PairDataModule(store, "forward", [nm], 0, 32, **told)
    data.setup()
    batch = data.batch(rows)
    spans = [store.index[row]["rho_max"] - store.index[row]["rho_min"] for row in rows]
    edges = [store.index[row]["a"] for row in rows]
    potential, first = batch["input"][:, 0].numpy(), torch.empty_like(batch["input"])
    window = Window(128, store.recipe.half_width)
    for place, pattern in few_beam_patterns(potential, spans, edges, [nm], window, trained.settings.few_beams):
        first[place] = torch.from_numpy(to_unit(to_uint8(pattern)))
    condition = torch.cat([batch["condition"], torch.full((len(rows), 1), thickness_number(nm))], 1)
    with torch.inference_mode():
        answer = trained.predict(torch.cat([batch["input"], first], 1), condition)
    truth = correlation_r(answer, batch["target"]).numpy()
    found = np.array(
        [
            spot_agreement(potential[i], spans[i], edges[i], answer[i].numpy(), [nm], store.recipe)[0]
            for i in range(len(rows))
        ]
    )
    assert np.abs(found - truth).mean() < 0.05
    assert (found[truth > 0.99] > LIMIT).all() and (found[truth < 0.9] < LIMIT).all()
