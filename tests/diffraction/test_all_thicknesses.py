"""Intensities at many thicknesses at once, against those that follow the wave from each to the next."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lacbed_gan.crystal import Crystal, Site
from lacbed_gan.diffraction.absorption import Absorption
from lacbed_gan.diffraction.beams import select_beams
from lacbed_gan.diffraction.perturbed import perturbed_intensities
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.all_thicknesses import intensities_at_all
from lacbed_gan.diffraction.recursion.slices import absorbed_intensities

THICKNESS = [3.0, 20.0, 61.5, 62.0, 150.0]
EVEN = [30.0, 35.5, 41.0, 46.5, 52.0]
PEROVSKITE = [
    Site("Sr", (0, 0, 0), b_iso=0.6),
    Site("Ti", (0.5, 0.5, 0.5), b_iso=0.4),
    Site("O", (0.5, 0.5, 0), b_iso=0.7),
]


def beams_of(zone=None):
    """Of SrTiO₃ with mirror lines along [001], or of quartz without a two-fold axis along [001]."""
    if zone is None:
        crystal = Crystal.from_sites("SrTiO3", "P m -3 m", 3.905, PEROVSKITE)
    else:
        sites = [Site("Zn", (0, 0, 0), b_iso=0.8), Site("S", (0.25, 0.25, 0.25), b_iso=0.7)]
        crystal = Crystal.from_sites("ZnS", "F -4 3 m", 5.41, sites).along(zone)
    projection = Projection(crystal)
    beams = select_beams(projection, 1.3)
    return beams, Absorption("tds").beams(projection, beams)


@pytest.mark.parametrize("zone", [None, (1, 1, 0)])
def test_they_are_those_of_slices(zone):
    """The direct beam alone, whose depth is halved where A + iU′ is symmetric, and together with others."""
    beams, absorption = beams_of(zone)
    k = torch.from_numpy(np.random.default_rng(0).uniform(-0.5, 0.5, (10, 2)))
    expected = absorbed_intensities(beams, absorption, k, THICKNESS)
    assert (intensities_at_all(beams, absorption, k, THICKNESS) - expected).abs().max() < 3e-5
    reflections = torch.tensor([3, -1, 1])
    expected = absorbed_intensities(beams, absorption, k, THICKNESS, reflections=reflections)
    several = intensities_at_all(beams, absorption, k, THICKNESS, reflections=reflections)
    assert (several - expected).abs().max() < 3e-5 and not several[2].any()


@pytest.mark.parametrize("zone", [None, (1, 1, 0)])
def test_absorption_to_first_order_is_near(zone):
    """And right where there is none."""
    beams, absorption = beams_of(zone)
    k = torch.from_numpy(np.random.default_rng(1).uniform(-0.5, 0.5, (10, 2)))
    reflections = torch.tensor([2, -1])
    expected = intensities_at_all(beams, absorption, k, EVEN, reflections=reflections)
    near = perturbed_intensities(beams, absorption, k, EVEN, reflections=reflections)
    assert (near - expected).square().mean().sqrt() < 0.02
    nothing = type(absorption)(absorption.hk, 0 * absorption.potential, beams.net, beams.lattice, beams.reflection)
    expected = intensities_at_all(beams, nothing, k, EVEN, reflections=reflections)
    assert (perturbed_intensities(beams, nothing, k, EVEN, reflections=reflections) - expected).abs().max() < 1e-3


@pytest.mark.parametrize("zone", [None, (1, 1, 0)])
def test_weak_beams_count_by_perturbation(zone):
    """With half of the beams exactly: less than half of the error that there is without the others."""
    beams, absorption = beams_of(zone)
    k = torch.from_numpy(np.random.default_rng(2).uniform(-0.5, 0.5, (40, 2)))
    few = len(beams) // 2
    expected = intensities_at_all(beams, absorption, k, EVEN)
    near = perturbed_intensities(beams, absorption, k, EVEN, strong=few)
    alone = perturbed_intensities(*(first_of(each, few) for each in (beams, absorption)), k, EVEN)
    errors = [float((one - expected).square().mean()) for one in (near, alone)]
    assert errors[0] < errors[1] / 2 and errors[0] < 1e-3


def first_of(beams, count):
    """Without the beams farther away."""
    return replace(beams, hk=beams.hk[:count])
