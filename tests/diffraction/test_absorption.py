"""Waves through an absorbing crystal: against dense solutions with the same f′, by hand, and what must hold."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.site import Site
from lacbed_gan.crystal.zone_axis import reflection
from lacbed_gan.diffraction import bright_field, dark_field, dense
from lacbed_gan.diffraction.absorption import Absorption
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.net import grid
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.slices import absorbed_intensities
from lacbed_gan.diffraction.window import Window

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


def solutions(matrix: torch.Tensor, k: torch.Tensor, thickness: tuple[float, ...]) -> torch.Tensor:
    """(N, T, P) intensities by eigenvectors of the whole matrices (P, N, N): no series and no exponential."""
    k0 = (wavelength(200.0) ** -2 - (k**2).sum(1)).sqrt()[:, None]
    x, v = torch.linalg.eig(matrix)
    start = torch.zeros(x.shape, dtype=x.dtype)
    start[:, 0] = 1
    weight = torch.linalg.solve(v, start)
    root = x / ((k0**2 + x).sqrt() + k0)
    waves = [(v * (weight * torch.exp(20j * math.pi * t * root))[:, None]).sum(-1) for t in thickness]
    return (torch.stack(waves).abs() ** 2).permute(2, 0, 1)


@pytest.mark.parametrize("absorption", [TDS, PROPORTIONAL], ids=["tds", "proportional"])
@pytest.mark.parametrize(("key", "b_iso"), [("GaAs", 0.6), ("SrTiO3", 0.6), ("Au", 0.6), ("W", 0.2)])
def test_dense_solutions(key: str, b_iso: float, absorption: Absorption) -> None:
    """Within 1e-4 at 200 nm, the direct beam by the wave at half the thickness, and others by the whole one."""
    beams, absorbing = pair(with_b(key, b_iso), absorption, 2.0)
    matrix = dense.zone_matrix(beams.g, beams.coupling() + 1j * absorbing.coupling(), K)
    reference = solutions(matrix, K, THICKNESS)
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


def crystal_of(group: str, cell: tuple[float, ...], *sites: tuple) -> Crystal:
    return Crystal.from_sites(group, group, cell, [Site(*site) for site in sites])


QUARTZ = crystal_of("P 32 2 1", (4.9137, 4.9137, 5.4047, 90, 90, 120),
                    ("Si", (0.4697, 0, 2 / 3), 1, 0.5), ("O", (0.4135, 0.2669, 0.7858), 1, 0.8))  # fmt: skip
ZINC_OXIDE = crystal_of("P 63 m c", (3.2501, 3.2501, 5.2071, 90, 90, 120),
                        ("Zn", (1 / 3, 2 / 3, 0), 1, 0.6), ("O", (1 / 3, 2 / 3, 0.3817), 1, 0.6))  # fmt: skip
BADDELEYITE = crystal_of("P 1 21/c 1", (5.1505, 5.2116, 5.3173, 90, 99.23, 90),
                         ("Zr", (0.2754, 0.0395, 0.2083), 1, 0.3), ("O", (0.07, 0.3317, 0.3447), 1, 0.6))  # fmt: skip
TRICLINIC = crystal_of("P 1", (4.5, 5.3, 6.1, 77, 83, 104), ("S", (0.6, 0.55, 0.81), 1, 0.6),
                       ("Cu", (0.1, 0.2, 0.3), 1, None, (0.01, 0.02, 0.015, 0.002, 0.001, -0.003)))  # fmt: skip
ALONG = {
    "quartz [001]": (QUARTZ, (0, 0, 1), [(1, 0, 0), (0, 1, 0)]),
    "quartz [100]": (QUARTZ, (1, 0, 0), [(0, 1, 1), (0, -1, 1)]),
    "wurtzite [110]": (ZINC_OXIDE, (1, 1, 0), [(0, 0, 2), (0, 0, -2)]),
    "monoclinic [123]": (BADDELEYITE, (1, 2, 3), [(1, 1, -1)]),
    "triclinic [312]": (TRICLINIC, (3, 1, 2), [(1, -1, -1), (-1, 1, 1)]),
    "GaAs [-110]": (with_b("GaAs"), (-1, 1, 0), [(1, 1, 1), (-1, -1, -1)]),
    "GaAs [112]": (with_b("GaAs"), (1, 1, 2), [(1, 1, -1)]),
}


@pytest.mark.parametrize("name", ALONG)
@pytest.mark.parametrize("model", ["proportional", "tds"])
def test_every_pixel_along_any_zone(name: str, model: str) -> None:
    """Bright and dark fields at 200 nm against dense solutions of all beams, from the crystal's own origin.

    Without a two-fold axis in the crystal the bright field has one all the same, with absorption too.
    """
    crystal, zone, reflections = ALONG[name]
    g_max, size = 1.3, 4
    view = crystal.along(zone)
    projection, absorption = Projection(view), Absorption(model)
    hk = torch.from_numpy(projection.net.within(g_max))
    differences = hk[:, None] - hk
    u = projection.structure_factors(differences).fill_diagonal_(0)
    u = u + 1j * absorption.structure_factors(view, differences @ torch.tensor(projection.basis))
    k = torch.from_numpy(
        Window.of(size, 0.7, "1/Å").directions(projection.net, *np.indices((size, size)).reshape(2, -1))
    )
    g = torch.from_numpy(projection.net.cartesian(hk))
    expected = solutions(dense.zone_matrix(g, u, k), k, (200.0,))[:, 0].unflatten(-1, (size, size))
    hkls = [(0, 0, 0), *reflections]
    places = [hk.tolist().index(list(reflection(view, hkl))) for hkl in hkls]
    options = {"zone": zone, "window": "1/Å", "half_width": 0.7, "g_max": g_max, "absorption": model}
    assert (dark_field(crystal, hkls, (200,), size, **options)[:, 0] - expected[places]).abs().max() < 1e-4
    bright = bright_field(crystal, (200,), size, **options)[0]
    assert (bright - expected[0]).abs().max() < 1e-4
    assert torch.equal(bright, bright.flip(0, 1))
    assert (expected[0] - expected[0].flip(0, 1)).abs().max() < 1e-9
    assert 0 < bright.max() < 1 and expected.sum(0).max() < 1


def test_the_stronger_the_absorption_the_darker() -> None:
    means = [
        float(bright_field(with_b("Cu"), (100,), 6, g_max=1.5, absorption="proportional", absorption_ratio=r).mean())
        for r in (0.0, 0.03, 0.1)
    ]
    none = float(bright_field(with_b("Cu"), (100,), 6, g_max=1.5).mean())
    assert means[0] == pytest.approx(none, abs=1e-4) and means[0] > means[1] > means[2]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"absorption": "tds", "b_iso": 0.0}, "absorption tds needs B of every atom, and that of Cu is 0"),
        ({"absorption": "tds", "b_iso": 40.0}, "B = 40 Å² of Cu is outside 0.01 … 20"),
        ({"absorption": "all"}, "absorption 'all' is not one of none, proportional, tds"),
        ({"absorption": "proportional", "absorption_ratio": 2}, "absorption_ratio 2 is outside 0 … 1"),
        ({"absorption": "tds", "method": "felix"}, "absorption is of method=converged"),
    ],
)
def test_what_cannot_be_is_one_line(options: dict, reason: str) -> None:
    options = dict(options)
    with pytest.raises(CalculationError, match=reason) as error:
        bright_field(with_b("Cu", options.pop("b_iso", 0.6)), (50,), 4, **options)
    assert "\n" not in str(error.value)


def test_the_two_dense_solutions_agree() -> None:
    """Eigenvectors, and the series of the root with PyTorch's exponential of `dense`, which takes any matrix."""
    beams, absorbing = pair(with_b("Cu"), TDS, 1.2)
    coupling = beams.coupling() + 1j * absorbing.coupling()
    expected = solutions(dense.zone_matrix(beams.g, coupling, K), K, THICKNESS)
    torch.testing.assert_close(dense.intensities(beams.g, coupling, K, THICKNESS), expected, atol=1e-9, rtol=0)
