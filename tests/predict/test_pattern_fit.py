from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction import bright_field, projected_potential
from lacbed_gan.diffraction.few_beams import few_beams
from lacbed_gan.diffraction.from_potential import coefficients, intensities_at
from lacbed_gan.diffraction.gradients import step
from lacbed_gan.diffraction.gradients.dressed import DressedScattering
from lacbed_gan.diffraction.net import Net, grid
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.scaling import min_max, to_uint8, to_unit
from lacbed_gan.measures.origin import origin_mse
from lacbed_gan.predict.loading import load
from lacbed_gan.predict.pattern_fit import answers, fit, hops, starts
from lacbed_gan.predict.pattern_fit.fit import fit_potential
from lacbed_gan.predict.pattern_fit.problem import Problem
from lacbed_gan.predict.pattern_fit.symmetry import candidates, has_fourfold, holding_more

THICKNESS = (50.0,)


@pytest.fixture(autouse=True)
def few_known_structures(monkeypatch):
    """Of all that a fit may begin from; the rest takes as long."""
    monkeypatch.setattr(starts, "KNOWN", 5)
    monkeypatch.setattr(starts.KnownStructures, "kinds", lambda *_: [])


@pytest.fixture(scope="module")
def recipe():
    return load(None, "inverse").recipe


def potential(name, size=64):
    return projected_potential(catalogue()[name].with_default_b_iso(0.5), size).double().numpy()


def pattern(name, size=64):
    exact = bright_field(catalogue()[name].with_default_b_iso(0.5), THICKNESS, size, g_max=3.0).numpy()
    return to_unit(to_uint8(exact))


def off(image, rho):
    pair = (torch.from_numpy(min_max(x))[None, None].float() for x in (image, rho))
    return float(origin_mse(*pair))


def scattering(name, fewest=0):
    rho, a = potential(name), catalogue()[name].a
    first = max(candidates(rho, True), key=lambda one: (round(one.share, 4), one.symmetry.lattice.index))
    symmetry = first.symmetry
    made = DressedScattering(
        Net.square(a), symmetry.lattice, symmetry.operations, symmetry.line, Window(32), 1.5, fewest
    )
    return made, made.numbers(torch.from_numpy(first.values)), rho


def test_intensities_of_structure_factors_are_those_of_few_beams():
    made, u, rho = scattering("CaF2", fewest=150)  # as many as `few_beams` takes
    places = np.arange(16, 32), np.arange(16, 32)[::-1].copy()
    waves, span = coefficients(min_max(rho)), float(np.ptp(rho))
    beams = few_beams(waves, span, made.net, made.window, 1.5)
    right = intensities_at(beams, THICKNESS, places, made.window)
    k = torch.from_numpy(made.window.directions(made.net, *places))
    assert len(made.beams) == len(beams)
    torch.testing.assert_close(made.intensity(u, k, THICKNESS), right, rtol=0, atol=2e-3)


def test_a_factor_on_structure_factors_is_on_each_of_them():
    made, u, _ = scattering("CaF2", fewest=150)
    k = torch.from_numpy(made.window.directions(made.net, np.arange(16, 32), np.arange(16, 32)))
    of_factor = made.intensities(u, k, THICKNESS)
    for factor in (0.7, 1.2):
        torch.testing.assert_close(of_factor(factor), made.intensity(factor * u, k, THICKNESS), rtol=0, atol=1e-5)
    assert (of_factor(0.7) - of_factor(1.2)).abs().max() > 0.05


@pytest.mark.parametrize("name", ["CaF2", "W"])
def test_compiled_recurrences_are_those_of_single_steps(name, monkeypatch):
    made, u, _ = scattering(name)
    k = torch.from_numpy(made.window.directions(made.net, np.arange(16, 32), np.arange(16, 32)[::-1].copy()))
    for nm in (20.0, 21.0, 22.5, 24.0):  # even and odd numbers of steps
        monkeypatch.setattr(step, "SMALL", 1 << 18)
        found = made.intensity(u, k, [nm]), made.jacobian(u, k, [nm])
        monkeypatch.setattr(step, "SMALL", 0)
        torch.testing.assert_close(found, (made.intensity(u, k, [nm]), made.jacobian(u, k, [nm])), rtol=0, atol=1e-4)


def test_derivatives_are_those_of_the_intensities():
    made, u, _ = scattering("CaF2")
    k = torch.from_numpy(made.window.directions(made.net, np.array([17, 22, 29]), np.array([16, 20, 18])))
    found = made.jacobian(u, k, THICKNESS)[0]
    step = 1e-3
    for j in (0, 1, 5, 12):
        change = torch.eye(len(u), dtype=torch.float64)[j]
        ends = [made.intensity(u + sign * step * change, k, THICKNESS)[0] for sign in (1, -1)]
        quotient = (ends[0] - ends[1]) / (2 * step)
        torch.testing.assert_close(found[:, j], quotient, rtol=0, atol=0.02 * float(found.abs().max()))


@pytest.mark.parametrize(("name", "index"), [("Si", 8), ("CaF2", 4), ("W", 2), ("SrTiO3", 1)])
def test_the_first_symmetry_is_the_sparsest_that_holds_all(name, index):
    rho = potential(name)
    found = candidates(np.roll(rho, (5, 11), (0, 1)), True)  # wherever its origin is
    assert max(one.symmetry.lattice.index for one in found if one.share > 0.9999) == index
    indices = [one.symmetry.lattice.index for one in found[1:]]
    assert indices == sorted(indices, reverse=True) and index in (found[0].symmetry.lattice.index, *indices)


def test_of_symmetries_those_are_kept_that_hold_more():
    """The first of fluorite holds 98 % of it, which is too little."""
    kept = holding_more(candidates(potential("CaF2"), True))
    assert [one.symmetry.lattice.index for one in kept] == [8, 4]
    assert kept[0].share < 0.99 and kept[1].share > 0.9999


def test_a_pattern_tells_whether_there_are_diagonal_mirrors():
    assert has_fourfold(pattern("GaAs", 32)[0])
    assert not has_fourfold(pattern("pyrite", 32)[0])


def test_a_wrong_answer_is_mended(recipe):
    right, a = potential("CaF2"), catalogue()["CaF2"].a
    wrong = gaussian_filter(potential("BaF2"), 2, mode="wrap")  # unsure of the places, and of other elements
    found = fit_potential(min_max(wrong), pattern("CaF2"), a, recipe, THICKNESS, 1.3 * float(np.ptp(right)))
    assert found.better and found.after < 0.2 * found.before
    assert off(found.potential, right) < 0.1 * off(wrong, right)
    assert found.span == pytest.approx(float(np.ptp(right)), rel=0.1)


def low_orders(candidate):
    middle = len(candidate.values) // 2
    return float(np.linalg.norm(candidate.values[middle - 8 : middle + 9, middle - 8 : middle + 9]))


@pytest.mark.parametrize("off", [0.65, 1.5])
def test_the_strength_is_found_though_the_network_is_wrong_about_it(recipe, off):
    a, right, thick = catalogue()["CaF2"].a, potential("CaF2"), (200.0,)
    exact = bright_field(catalogue()["CaF2"].with_default_b_iso(0.5), thick, 64, g_max=3.0).numpy()
    answer = min_max(gaussian_filter(right, 1, mode="wrap"))
    first = starts.starts(Problem(exact, a, recipe, thick), answer, off * float(np.ptp(right)), {"CaF2"})[0]
    true = candidates(right, True)[0]
    assert first.agreement > 0.9
    assert low_orders(first.candidate) == pytest.approx(low_orders(true), rel=0.1)


def test_a_relative_of_a_strong_crystal_agrees_by_many_beams(recipe, monkeypatch):
    """And at the same strength by few beams it does not."""
    monkeypatch.setattr(starts, "CLOSEST", 2)
    a, right, thick = catalogue()["SrTiO3"].a, potential("SrTiO3"), (200.0,)
    exact = bright_field(catalogue()["SrTiO3"].with_default_b_iso(0.5), thick, 64, g_max=3.0).numpy()
    answer, problem = min_max(gaussian_filter(right, 1.5, mode="wrap")), Problem(exact, a, recipe, thick)
    near = starts.closest(problem, answer, 1.3 * float(np.ptp(right)), {"O3SrTi"})[0]
    few = problem.at(near.candidate.symmetry, starts.GLANCE)
    assert near.agreement > fit.AGREES + 0.05
    assert few.agreement(few.scattering.numbers(torch.from_numpy(near.candidate.values)))[0] < fit.AGREES
    true = candidates(right, True)[0]
    assert low_orders(near.candidate) == pytest.approx(low_orders(true), rel=0.03)


def test_a_fit_that_is_read_as_atoms_again_is_nearer(recipe):
    """It began from a structure with an atom too many, which the first fit leaves some of."""
    problem, right = Problem(pattern("CaF2"), catalogue()["CaF2"].a, recipe, THICKNESS), potential("CaF2")
    one = candidates(right, True)[0]
    hk = grid(len(one.values) // 2, len(one.values) // 2)
    atom = one.symmetry.mean(np.abs(one.values) * np.exp(2j * np.pi * (hk @ (0.1, 0.0))), hk)
    begun = replace(one, values=one.values + 0.6 * atom)
    first = answers.exact(problem, answers.rough(problem, starts.Start(begun, 0.9, "a known one")))
    second = answers.again(problem, first)
    assert second.apart.rms < 0.9 * first.apart.rms


def test_atoms_hop_to_a_structure_that_no_start_is_like(recipe):
    """What is begun from has the right strengths of all waves and crests at the origin, as a Patterson map has."""
    problem, right = Problem(pattern("pyrite"), catalogue()["pyrite"].a, recipe, THICKNESS), potential("pyrite")
    one = candidates(right, problem.fourfold)[0]
    wrong = replace(one, values=np.abs(one.values))
    found = hops.hopped(problem, starts.Start(wrong, 0.0, "network"), 0, hops.WEAK).candidate

    def off_by(candidate):
        return off(fit._image(candidate.values, 64, problem.a, recipe), right)

    assert off_by(wrong) > 0.01
    assert off_by(found) < 0.05 * off_by(wrong)


def test_an_answer_that_is_not_sure_is_fitted_as_it_is(recipe, monkeypatch):
    monkeypatch.setattr(fit, "starts", lambda *_: pytest.fail("looked farther than at what is most like it"))
    right, a = potential("CaF2"), catalogue()["CaF2"].a
    blurred, span = gaussian_filter(right, 1, mode="wrap"), 1.04 * float(np.ptp(right))
    found = fit_potential(min_max(blurred), pattern("CaF2"), a, recipe, THICKNESS, span, doubted=False)
    assert found.right and found.source == "network" and not found.doubted
    assert off(found.potential, right) < 0.2 * off(blurred, right)
    assert found.span == pytest.approx(float(np.ptp(right)), rel=0.1)


def test_one_whose_pattern_agrees_as_right_ones_do_needs_no_fit(recipe):
    right, a = potential("CaF2"), catalogue()["CaF2"].a
    known = min_max(right), pattern("CaF2"), a, recipe, THICKNESS, float(np.ptp(right))
    assert fit_potential(*known, doubted=False) is None


def test_a_right_answer_stays_right_and_its_range_is_mended(recipe):
    right, a = potential("CaF2"), catalogue()["CaF2"].a
    found = fit_potential(min_max(right), pattern("CaF2"), a, recipe, THICKNESS, 1.1 * float(np.ptp(right)))
    assert found.better and off(found.potential, right) < 2e-4
    assert found.span == pytest.approx(float(np.ptp(right)), rel=0.06)


@pytest.mark.parametrize("doubted", [True, False])
def test_a_pattern_that_no_rho_makes_is_not_taken(recipe, monkeypatch, doubted):
    monkeypatch.setattr(fit, "TRIED", 1)
    monkeypatch.setattr(fit, "SEEDS", 1)
    noise = np.random.default_rng(0).random((1, 64, 64))
    noise = noise + noise[:, ::-1] + noise[:, :, ::-1] + noise[:, ::-1, ::-1]
    found = fit_potential(min_max(potential("NaCl")), min_max(noise), 5.64, recipe, THICKNESS, 1.0, doubted=doubted)
    assert not found.better


@pytest.mark.parametrize(
    ("scattering", "after", "better", "right"),
    # C3N4 at 50 nm with R 0.884 left 0.048; a right ρ of a strong crystal leaves as much
    [
        (50, 0.048, False, False),
        (50, 0.02, True, False),
        (45, 0.007, True, False),  # C2N4Si at 50 nm with R 0.974
        (50, 0.004, True, True),
        (500, 0.048, True, False),
        (500, 0.03, True, True),
        (500, 0.07, False, False),
    ],
)
def test_weak_crystals_have_to_agree_better(scattering, after, better, right):
    found = fit.FittedPotential(np.zeros((4, 4), np.float32), 1.0, 0.2, after, 2, 1.0, scattering)
    assert (found.better, found.right) == (better, right)
    sure = replace(found, doubted=False)  # only a right one is taken instead of an answer that is probably right
    assert (sure.better, sure.right) == (right, right)


def test_the_predictor_fits_what_its_pattern_contradicts_where_asked(monkeypatch):
    predictor, rho = load(None, "inverse"), min_max(potential("CaF2", 128)).astype(np.float32)
    wrong = gaussian_filter(min_max(potential("BaF2", 128)), 4, mode="wrap").astype(np.float32)
    image, a = pattern("CaF2", 128)[0], catalogue()["CaF2"].a
    answers = iter([(wrong, 1.0), (wrong, 1.0)])
    monkeypatch.setattr(type(predictor), "_potential", lambda *_: next(answers))
    mended = fit.FittedPotential(rho, 2.0, 0.1, 0.01, 2, 1.0, 100.0)
    monkeypatch.setattr("lacbed_gan.predict.potentials.fit_potential", lambda *_, doubted: doubted and mended)
    monkeypatch.setattr("lacbed_gan.predict.potentials.agreement", lambda *_: 0.1)
    plain = predictor.predict_potential(image, a, fit=False)
    assert plain.fit is None and plain.span == 1.0 and any("few beams" in line for line in plain.warnings)
    fitted = predictor.predict_potential(image, a)
    assert fitted.fit is mended and fitted.span == 2.0 and (fitted.potential == rho).all()
    assert not any("few beams" in line for line in fitted.warnings)
    assert fitted.fit.to_json()["better"] and "kept" in fitted.fit.line


@pytest.mark.parametrize("after", [0.01, 0.03])
def test_the_predictor_fits_what_its_pattern_hardly_confirms(after, monkeypatch):
    predictor, image = load(None, "inverse"), pattern("CaF2", 128)[0]
    rho, a = min_max(potential("CaF2", 128)).astype(np.float32), catalogue()["CaF2"].a
    own = gaussian_filter(rho, 4, mode="wrap")
    monkeypatch.setattr(type(predictor), "_potential", lambda *_: (own, 1.0))
    found = fit.FittedPotential(rho, 2.0, 0.1, after, 2, 1.0, 100.0, doubted=False)
    monkeypatch.setattr("lacbed_gan.predict.potentials.fit_potential", lambda *_, doubted: None if doubted else found)
    monkeypatch.setattr("lacbed_gan.predict.potentials.agreement", lambda *_: 0.96)
    plain, fitted = predictor.predict_potential(image, a, fit=False), predictor.predict_potential(image, a)
    assert plain.fit is None and fitted.fit is found and fitted.warnings == plain.warnings
    assert (fitted.potential == (rho if after == 0.01 else own)).all() and "not sure" in found.line
    monkeypatch.setattr("lacbed_gan.predict.potentials.agreement", lambda *_: 0.999)
    assert predictor.predict_potential(image, a).fit is None
