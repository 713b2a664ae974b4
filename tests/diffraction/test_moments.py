"""Chebyshev moments of A itself, by which a GPU computes bright fields, against dense solutions and the recursion."""

import pytest
import torch

from lacbed_gan.crystal import Crystal, Site
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.dense import intensities as intensities_of_all
from lacbed_gan.diffraction.operators.scaled_sectors import ScaledSectors
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion import moments
from lacbed_gan.diffraction.recursion.moments import moment_intensities

NACL = Crystal.from_sites("NaCl", "F m -3 m", 5.64, [Site("Na", (0, 0, 0)), Site("Cl", (0.5, 0.5, 0.5))])
PYRITE = Crystal.from_sites("FeS2", "P a -3", 5.418, [Site("Fe", (0, 0, 0)), Site("S", (0.385, 0.385, 0.385))])
URANIUM = Crystal.from_sites("U", "I m -3 m", 3.47, [Site("U", (0, 0, 0))])  # the strongest potential: B = 0
K = torch.tensor([[0.0, 0.0], [0.31, 0.12], [0.9, -0.7], [1.7, 1.7]], dtype=torch.float64)
THICKNESS = (500.0, 2000.0)  # Å


def beams_of(crystal: Crystal, g_max: float) -> Beams:
    return select_beams(Projection(crystal), g_max)


def test_equals_dense_solutions_of_crystals_with_different_numbers_of_beams():
    group = [beams_of(crystal, 3.0) for crystal in (NACL, PYRITE, URANIUM)]
    found = moment_intensities(group, K.expand(3, -1, -1), THICKNESS, 1 / wavelength(200.0))
    assert found.shape == (3, 2, len(K))
    for each, beams in zip(found, group, strict=True):
        expected = intensities_of_all(beams.g, beams.coupling(), K, (50, 200))[0]
        assert (each - expected).abs().max() < 1e-4


def test_pixels_in_parts_are_the_same(monkeypatch):
    beams = [beams_of(NACL, 2.0)]
    whole = moment_intensities(beams, K[None], THICKNESS, 1 / wavelength(200.0))
    monkeypatch.setattr(moments, "CHUNK", 3)
    parts = moment_intensities(beams, K[None], THICKNESS, 1 / wavelength(200.0))
    assert whole.shape == parts.shape and (whole - parts).abs().max() < 1e-4  # another series, rounded otherwise


@pytest.mark.parametrize("crystal", [NACL, URANIUM], ids=["NaCl", "U"])
def test_no_eigenvalue_is_outside_the_bounds(crystal):
    """Beyond them Chebyshev polynomials grow exponentially."""
    beams = beams_of(crystal, 2.0)
    operator = ScaledSectors([beams], torch.device("cpu"))
    operator.aim(K[None])
    for k, offset in zip(K, K.square().sum(1), strict=True):
        matrix = beams.coupling() - torch.diag(beams.g.square().sum(1) + 2 * beams.g @ k + offset)
        values = torch.linalg.eigvalsh(matrix)
        assert values.min() > operator.centre - operator.half and values.max() < operator.centre + operator.half
