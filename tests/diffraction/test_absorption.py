"""Waves through an absorbing crystal: against dense solutions with the same f′, by hand, and what must hold."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction import dense
from lacbed_gan.diffraction.absorption import Absorption
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.net import grid
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.slices import absorbed_intensities

THICKNESS = (50.0, 200.0)
K = torch.tensor([[0.0, 0.0], [0.31, -0.2], [1.1, 0.4]], dtype=torch.float64)
TDS, PROPORTIONAL = Absorption("tds"), Absorption("proportional", 0.1)


def with_b(key: str, b_iso: float = 0.6) -> Crystal:
    crystal = catalogue()[key]
    return replace(crystal, b_iso=np.full_like(crystal.b_iso, b_iso))


def pair(crystal: Crystal, absorption: Absorption, g_max: float) -> tuple[Beams, Beams]:
    """The beams of a crystal along [001], with U and with U′."""
    projection = Projection(crystal)
    beams = select_beams(projection, g_max)
    return beams, absorption.beams(projection, beams)


def exact(beams: Beams, absorbing: Beams, k: torch.Tensor) -> torch.Tensor:
    """(N, T, P) intensities by eigenvectors of the whole matrix, which no series or exponential shares."""
    matrix = dense.zone_matrix(beams.g, beams.coupling() + 1j * absorbing.coupling(), k)
    k0 = (wavelength(200.0) ** -2 - (k**2).sum(1)).sqrt()[:, None]
    x, v = torch.linalg.eig(matrix)
    start = torch.zeros(len(k), len(beams), dtype=x.dtype)
    start[:, 0] = 1
    weight = torch.linalg.solve(v, start)
    root = x / ((k0**2 + x).sqrt() + k0)
    waves = [(v * (weight * torch.exp(20j * math.pi * t * root))[:, None]).sum(-1) for t in THICKNESS]
    return (torch.stack(waves).abs() ** 2).permute(2, 0, 1)


@pytest.mark.parametrize("absorption", [TDS, PROPORTIONAL], ids=["tds", "proportional"])
@pytest.mark.parametrize(("key", "b_iso"), [("GaAs", 0.6), ("SrTiO3", 0.6), ("Au", 0.6), ("W", 0.2)])
def test_dense_solutions(key: str, b_iso: float, absorption: Absorption) -> None:
    """Within 1e-4 at 200 nm, the direct beam by the wave at half the thickness, and others by the whole one."""
    beams, absorbing = pair(with_b(key, b_iso), absorption, 2.0)
    reference = exact(beams, absorbing, K)
    torch.testing.assert_close(
        absorbed_intensities(beams, absorbing, K, THICKNESS)[0].double(), reference[0], atol=1e-4, rtol=0
    )
    chosen = torch.tensor([0, 3, len(beams) - 1])
    values = absorbed_intensities(beams, absorbing, K, THICKNESS, reflections=chosen)
    torch.testing.assert_close(values[1:].double(), reference[chosen], atol=1e-4, rtol=0)
    torch.testing.assert_close(values[0], values[1], atol=1e-6, rtol=0)


@pytest.mark.parametrize("shift", [False, True], ids=["real", "complex"])
def test_without_lines_of_reflection(shift: bool) -> None:
    """All beams as they are; with the origin off the axis U and U′ are complex, and the matrix is not symmetric."""
    beams, absorbing = pair(with_b("SrTiO3"), TDS, 1.8)
    values = absorbed_intensities(beams, absorbing, K, THICKNESS)
    plain = [replace(each, reflection=None) for each in (beams, absorbing)]
    if shift:
        rows, columns = (n // 2 for n in beams.potential.shape)
        phase = torch.from_numpy(grid(rows, columns)).double() @ torch.tensor([0.13, 0.37], dtype=torch.float64)
        plain = [replace(each, potential=each.potential * torch.exp(2j * math.pi * phase)) for each in plain]
    torch.testing.assert_close(absorbed_intensities(*plain, K, THICKNESS), values, atol=1e-5, rtol=0)


def test_mean_absorption_alone_takes_away_the_same_everywhere() -> None:
    """U′ of one coefficient, at g = 0: every intensity is that without absorption, times exp(−2πU′₀t/k₀) nearly."""
    beams, absorbing = pair(with_b("Cu"), TDS, 1.5)
    none = absorbing.potential * 0
    mean = none.clone()
    mean[none.shape[0] // 2, none.shape[1] // 2] = 0.01
    free = absorbed_intensities(beams, replace(absorbing, potential=none), K[:1], THICKNESS)[0, :, 0]
    damped = absorbed_intensities(beams, replace(absorbing, potential=mean), K[:1], THICKNESS)[0, :, 0]
    expected = [math.exp(-20 * math.pi * 0.01 * t * wavelength(200.0)) for t in THICKNESS]
    assert (damped / free).tolist() == pytest.approx(expected, rel=2e-3)


def test_without_absorption_it_is_the_recursion() -> None:
    from lacbed_gan.diffraction.recursion.converged import intensities

    beams, absorbing = pair(with_b("Cu"), TDS, 2.0)
    absorbing = replace(absorbing, potential=absorbing.potential * 0)
    expected, _ = intensities([beams], K[None], THICKNESS)
    torch.testing.assert_close(absorbed_intensities(beams, absorbing, K, THICKNESS), expected[0], atol=1e-3, rtol=0)


def test_a_potential_that_gives_waves_intensity_is_refused() -> None:
    beams, absorbing = pair(with_b("Cu"), TDS, 1.5)
    with pytest.raises(CalculationError, match="gives waves intensity"):
        absorbed_intensities(beams, replace(absorbing, potential=-absorbing.potential), K, THICKNESS)
    beams, absorbing = (replace(each, reflection=None) for each in (beams, absorbing))
    with pytest.raises(CalculationError, match="not finite"):
        absorbed_intensities(beams, replace(absorbing, potential=absorbing.potential * math.nan), K, THICKNESS)


@pytest.mark.parametrize(("model", "ratio"), [("bird", 0.1), ("proportional", -0.1), ("proportional", math.nan)])
def test_settings(model: str, ratio: float) -> None:
    with pytest.raises(CalculationError, match="absorption"):
        Absorption(model, ratio)
