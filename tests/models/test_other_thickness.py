"""A network of one thickness at others: the law behind it, and what it changes."""

import numpy as np
import pytest

import lacbed_gan as lg
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction.from_potential import bright_field_at, coefficients
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.models.other_thickness import at_thickness
from lacbed_gan.models.shipped_weights import named_weights
from lacbed_gan.predict.trust import PredictionError


@pytest.mark.parametrize(("nm", "off"), [(80, 0.01), (200, 0.1)])  # angles grow: small ones are what the law is of
def test_a_scaled_cell_has_the_same_pattern_at_another_thickness(nm, off):
    rho = lg.projected_potential(catalogue()["SrTiO3"].with_default_b_iso(0.5), 64)
    waves, window, a = coefficients(rho), Window(16), catalogue()["SrTiO3"].a
    places = np.meshgrid(np.arange(8, 16), np.arange(8, 16), indexing="ij")
    pixels = tuple(place.ravel() for place in places)
    scale = (50 / nm) ** 0.5
    one = bright_field_at(waves, 1.0, Net.square(a), [nm], pixels, window, g_max=2.0)
    other = bright_field_at(waves, nm / 50, Net.square(scale * a), [50], pixels, window, g_max=2.0 / scale)
    assert (one - other).square().mean().sqrt() < off * one.std()


def test_what_is_predicted_moves_with_the_thickness():
    trained = named_weights("inverse")
    at = trained.at(100)
    assert at.settings.thickness == (100,) and at.network is trained.network
    assert at.standardised("log_a", 1.5) == pytest.approx(trained.standardised("log_a", 1.5 - 0.5 * np.log(2)))
    assert at.standardisation["log_span"][0] == pytest.approx(trained.standardisation["log_span"][0] - np.log(2))
    assert np.allclose(list(at.at(50).standardisation.values()), list(trained.standardisation.values()))
    with pytest.raises(ValueError, match="thickness=20 nm: the network knows 50 to 200 nm"):
        trained.at(20)
    with pytest.raises(ValueError, match="the network knows 50, 100, 150, 200 nm alone"):
        at_thickness(named_weights("forward").config, 75)


def test_a_pattern_between_the_thicknesses_of_training_is_read():
    crystal = catalogue()["GaAs"].with_default_b_iso(0.5)
    pattern = lg.bright_field(crystal, thickness=(125,), size=128, g_max=2.5)[0].numpy()
    network = lg.load(direction="inverse")
    found = network.predict_potential(pattern, crystal.a, thickness=125, align=False)
    truth = lg.projected_potential(crystal, 128).numpy()
    assert not any(line.startswith("a (Å)") for line in network.predict_potential(pattern, 4.0, thickness=200).warnings)
    assert any(line.startswith("a (Å)") for line in network.predict_potential(pattern, 40.0, thickness=200).warnings)
    assert found.thickness == (125,) and found.span == pytest.approx(np.ptp(truth), rel=0.15)
    assert lg.load(direction="inverse", thickness=125).predict_potential(pattern, crystal.a).span == found.span
    with pytest.raises(PredictionError, match="thickness=300 nm: the network knows 50 to 200 nm"):
        network.predict_potential(pattern, crystal.a, thickness=300)
    with pytest.raises(PredictionError, match="reads the pattern of one thickness"):
        network.predict_potential(pattern, crystal.a, thickness=[50, 100])
