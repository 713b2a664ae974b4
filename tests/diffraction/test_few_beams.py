import numpy as np
import pytest

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction import bright_field, projected_potential
from lacbed_gan.diffraction.few_beams import few_beam_patterns
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.scaling import min_max, to_uint8, to_unit

NAMES = ("NaCl", "GaAs", "SrTiO3")


@pytest.fixture(scope="module")
def potentials():
    """ρ of crystals in 8 bit, as stores keep it, with its range and the crystal."""
    result = []
    for crystal in (catalogue()[name].with_default_b_iso(0.5) for name in NAMES):
        rho = projected_potential(crystal, 64).numpy()
        result.append((to_unit(to_uint8(rho)), float(np.ptp(rho)), crystal))
    return result


def test_patterns_of_an_image_are_those_of_its_crystal_with_as_few_beams(potentials):
    images, spans, crystals = zip(*potentials, strict=True)
    patterns = few_beam_patterns(images, spans, [c.a for c in crystals], [50, 150], Window(16), g_max=1.5)
    places = []
    for place, pattern in patterns:
        places.append(place)
        exact = bright_field(crystals[place], [50, 150], 16, g_max=1.5).numpy()
        assert np.abs(pattern - exact).max() < 0.02, NAMES[place]
        assert np.abs(pattern - exact).mean() < 2e-3, NAMES[place]
    assert sorted(places) == [0, 1, 2]


def test_more_beams_come_nearer_to_all_of_them(potentials):
    image, span, crystal = potentials[0]
    exact = min_max(bright_field(crystal, [100], 16, g_max=4.0).numpy())
    errors = []
    for g_max in (1.0, 1.5, 2.5):
        ((_, pattern),) = few_beam_patterns([image], [span], [crystal.a], [100], Window(16), g_max)
        errors.append(np.square(min_max(pattern) - exact).mean())
    assert errors[0] > errors[1] > errors[2]
