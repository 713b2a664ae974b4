"""Ions beside neutral atoms: their charges, how they scatter, and what that makes of structure factors."""

import gemmi
import numpy as np
import pytest
import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.form_factors import electron_form_factor
from lacbed_gan.crystal.ions import MOTT, formal_charges, ionic_difference
from lacbed_gan.diffraction.beams import select_beams
from lacbed_gan.diffraction.ionic import ionic_change
from lacbed_gan.diffraction.projection import Projection


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SrTiO3", {"Sr": 2, "Ti": 4, "O": -2}),
        ("NaCl", {"Na": 1, "Cl": -1}),
        ("CaF2", {"Ca": 2, "F": -1}),
        ("GaAs", None),
        ("Cu", None),
    ],
)
def test_formal_charges(name, expected):
    crystal = catalogue()[name]
    charges = formal_charges(crystal)
    if expected is None:
        assert charges is None
    else:
        assert dict(zip(crystal.elements, charges.tolist(), strict=True)) == pytest.approx(expected)
        assert charges @ crystal.occupancy == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("element", ["O", "Ti", "Sr", "Cl"])
def test_the_formula_of_mott_and_bethe(element):
    """X-ray factors of neutral atoms give the electron factors of an independent table within 3 %."""
    s, atom = np.array([0.15, 0.3, 0.5]), gemmi.Element(element)
    x_ray = np.array([atom.it92.calculate_sf(x**2) for x in s])
    assert MOTT * (atom.atomic_number - x_ray) / s**2 == pytest.approx(electron_form_factor(element, 2 * s), rel=0.03)


def test_far_from_the_beam_an_ion_scatters_like_an_atom():
    """Its outer electrons are far from the nucleus; what is near the beam grows as that of a charge."""
    for element, charge in (("O", -2), ("Ti", 4), ("Sr", 2)):
        near, far = ionic_difference(element, charge, np.array([0.01, 2.0]))
        assert near == pytest.approx(MOTT * charge / 0.005**2, rel=0.03)
        assert abs(far) < 0.02 * electron_form_factor(element, np.array([2.0]))[0]
    half = ionic_difference("Ti", 2.4, np.array([0.4])) / 2.4  # in proportion to the nearest of the table
    assert half == pytest.approx(ionic_difference("Ti", 2, np.array([0.4])) / 2)


def test_strontium_titanate_as_ions():
    """Ti and O, in phase opposition in 110, change its U most; 200 sums all charges, which are neutral together.

    U of 110, 200 and 220 refined from measured patterns, 1.069, 0.997 and 1.012 of neutral atoms (docs/identify.md),
    lie between neutral atoms and ions.
    """
    projection = Projection(catalogue()["SrTiO3"])
    beams = select_beams(projection, 1.2)
    change = ionic_change(projection, beams)
    assert change.shape == beams.potential.shape and change.dtype == torch.float64
    assert torch.allclose(change, change.flip(0, 1), atol=1e-12) and torch.allclose(change, change.T, atol=1e-9)
    h, k = beams.middle.tolist()
    ratio = 1 + change / beams.potential
    assert 1.08 < ratio[h + 1, k + 1] < 1.20 and 0.97 < ratio[h + 2, k] < 1.0 and 1.0 < ratio[h + 2, k + 2] < 1.05
    assert change[h, k] == 0
    assert ionic_change(Projection(catalogue()["GaAs"]), beams) is None
