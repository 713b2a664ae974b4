import numpy as np
import pytest
import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction import bright_field, dense, few_beams, projected_potential
from lacbed_gan.diffraction.dressing import RESONANCE, dressed
from lacbed_gan.diffraction.few_beams import few_beam_patterns, has_diagonals
from lacbed_gan.diffraction.from_potential import coefficients
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.scaling import min_max, to_uint8, to_unit

NAMES = ("NaCl", "GaAs", "SrTiO3", "FeSi")
DIAGONAL = {"NaCl": True, "GaAs": True, "SrTiO3": True, "FeSi": False}
WINDOW = Window(16)


def _zeros(arguments):
    k, thickness, _ = arguments
    return torch.zeros(len(k), 1, len(thickness), k.shape[1])


@pytest.fixture(scope="module")
def potentials():
    """ρ of crystals in 8 bit, as stores keep it, with its range and the crystal."""
    result = []
    for crystal in (catalogue()[name].with_default_b_iso(0.5) for name in NAMES):
        rho = projected_potential(crystal, 64).numpy()
        result.append((to_unit(to_uint8(rho)), float(np.ptp(rho)), crystal))
    return result


def test_patterns_are_those_of_the_dressed_matrix(potentials):
    images, spans, crystals = zip(*potentials, strict=True)
    places = []
    for place, pattern in few_beam_patterns(images, spans, [c.a for c in crystals], [50, 150], WINDOW, g_max=1.5):
        places.append(place)
        net, waves = Net.square(crystals[place].a), coefficients(images[place])
        more = waves.beams(spans[place], net, few_beams.REACH)
        longest = float(more.g.norm(dim=1)[: few_beams.FEWEST].max())
        few = waves.beams(spans[place], net, max(longest, 1.5) + 1e-9)
        assert (few.hk == more.hk[: len(few)]).all()
        everywhere = torch.from_numpy(WINDOW.directions(net, *np.indices((16, 16)).reshape(2, -1)))
        beyond = more.g[len(few) :]
        away = (beyond**2).sum(1) + 2 * everywhere @ beyond.T
        weight = torch.diag((away / (away**2 + RESONANCE**2)).mean(0))
        whole = more.coupling()
        coupling = few.coupling() + whole[: len(few), len(few) :] @ weight @ whole[len(few) :, : len(few)]
        k = everywhere[[3, 40, 100, 255]]
        expected = dense.intensities(few.g, coupling, k, [50, 150])[0]
        found = pattern.reshape(2, -1)[:, [3, 40, 100, 255]]
        assert np.abs(found - expected.numpy()).max() < 1e-3, NAMES[place]
    assert sorted(places) == list(range(len(NAMES)))


@pytest.mark.parametrize("name", ["NaCl", "GaAs", "spinel"])
def test_dressed_beams_come_nearer_to_all_of_them(name, monkeypatch):
    monkeypatch.setattr(few_beams, "FEWEST", 1)
    crystal = catalogue()[name].with_default_b_iso(0.5)
    rho = projected_potential(crystal, 64).numpy()
    exact = bright_field(crystal, [50], 16, g_max=3.0).numpy()
    alone = bright_field(crystal, [50], 16, g_max=1.5).numpy()
    ((_, pattern),) = few_beam_patterns([to_unit(to_uint8(rho))], [float(np.ptp(rho))], [crystal.a], [50], WINDOW, 1.5)
    error, without = (np.square(min_max(x) - min_max(exact)).mean() for x in (pattern, alone))
    assert error < 0.8 * without


def test_small_cells_have_at_least_so_many_beams(potentials, monkeypatch):
    counts = []
    monkeypatch.setattr(few_beams, "intensities", lambda beams, *_: counts.append(len(beams[0])) or (_zeros(_), 0))
    images, spans, crystals = zip(*potentials, strict=True)
    for _ in few_beam_patterns(images, spans, [c.a for c in crystals], [100], WINDOW, 1.5):
        pass
    assert len(counts) == len(NAMES) and min(counts) >= few_beams.FEWEST


def test_more_beams_come_nearer_to_all_of_them(potentials, monkeypatch):
    image, span, crystal = potentials[0]
    exact = min_max(bright_field(crystal, [100], 16, g_max=4.0).numpy())
    errors = []
    monkeypatch.setattr(few_beams, "FEWEST", 1)
    for g_max in (1.0, 1.5, 2.5):
        ((_, pattern),) = few_beam_patterns([image], [span], [crystal.a], [100], WINDOW, g_max)
        errors.append(np.square(min_max(pattern) - exact).mean())
    assert errors[0] > errors[1] > errors[2]


def test_a_diagonal_line_of_reflection_is_seen_and_used(potentials, monkeypatch):
    images, spans, crystals = zip(*potentials, strict=True)
    asked = [images, spans, [c.a for c in crystals], [100], WINDOW, 1.5]
    quick = dict(few_beam_patterns(*asked))
    seen = {name: has_diagonals(coefficients(image).values) for name, image in zip(NAMES, images, strict=True)}
    assert seen == DIAGONAL
    monkeypatch.setattr(few_beams, "has_diagonals", lambda values: False)
    for place, pattern in few_beam_patterns(*asked):
        assert np.abs(pattern - quick[place]).max() < 2e-3


def test_no_beams_beyond_change_nothing(potentials):
    image, span, crystal = potentials[1]
    beams = coefficients(image).beams(span, Net.square(crystal.a), 1.5)
    assert torch.equal(dressed(beams, beams, torch.zeros(1, 2, dtype=torch.float64)).coupling(), beams.coupling())
