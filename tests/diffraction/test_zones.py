"""Zone axes other than [001]: nothing between a projection and its pattern knows that the net is square."""

import numpy as np
import pytest
import torch

from lacbed_gan.crystal import Crystal, Site
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.zone_axis import reflection
from lacbed_gan.diffraction import bright_field, dark_field
from lacbed_gan.diffraction.beams import select_beams
from lacbed_gan.diffraction.dense import intensities as intensities_of_all
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion import core, lanczos
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.window import Window

SIZE, G_MAX = 8, 1.6


@pytest.mark.parametrize("blocks", [2000, 0], ids=["sectors", "fourier"])
@pytest.mark.parametrize(
    ("name", "basis", "independent"),
    [("Si", ((0, 0, 1), (1, -1, 0)), 16), ("Si", ((1, -1, 0), (0, 1, -1)), 20), ("Cu", ((0, 0, 2), (1, -1, 0)), 16)],
    ids=["Si [110]", "Si [111]", "Cu [110]"],
)
def test_pattern_equals_dense_solution_without_symmetry(monkeypatch, name, basis, independent, blocks) -> None:
    """A rectangular, a hexagonal and a centred net; every pixel, those that symmetry fills in too."""
    for module in (lanczos, core):
        monkeypatch.setattr(module, "BLOCKS", blocks)
    projection, window = Projection(catalogue()[name], basis), Window(SIZE, 3.0)
    beams = select_beams(projection, G_MAX)
    pixels = IndependentPixels.of(SIZE, projection.point_group, projection.net)
    assert len(pixels.rows) == independent
    k = torch.from_numpy(window.directions(projection.net, pixels.rows, pixels.columns))
    found, _ = intensities([beams], k[None], (100,))
    hk = torch.from_numpy(projection.net.within(G_MAX))
    u = projection.structure_factors(hk[:, None] - hk).fill_diagonal_(0)
    every = torch.from_numpy(window.directions(projection.net, *np.indices((SIZE, SIZE)).reshape(2, -1)))
    expected = intensities_of_all(torch.from_numpy(projection.net.cartesian(hk)), u, every, (100,))[0, 0]
    assert (pixels.complete(found[0, 0, 0]).flatten() - expected).abs().max() < 1e-4
    assert expected.std() > 0.05


def of(group, cell, *sites):
    return Crystal.from_sites(group, group, cell, [Site(*site) for site in sites])


QUARTZ = of("P 32 2 1", (4.9137, 4.9137, 5.4047, 90, 90, 120),
            ("Si", (0.4697, 0, 2 / 3), 1, 0.5), ("O", (0.4135, 0.2669, 0.7858), 1, 0.8))  # fmt: skip
RUTILE = of("P 42/m n m", (4.5937, 4.5937, 2.9587, 90, 90, 90), ("Ti", (0, 0, 0)), ("O", (0.3048, 0.3048, 0)))
ZINC_OXIDE = of("P 63 m c", (3.2501, 3.2501, 5.2071, 90, 90, 120),
                ("Zn", (1 / 3, 2 / 3, 0)), ("O", (1 / 3, 2 / 3, 0.3817)))  # fmt: skip
CORUNDUM = of("R -3 c:H", (4.7589, 4.7589, 12.991, 90, 90, 120), ("Al", (0, 0, 0.35216)), ("O", (0.30624, 0, 0.25)))
BADDELEYITE = of("P 1 21/c 1", (5.1505, 5.2116, 5.3173, 90, 99.23, 90), ("Zr", (0.2754, 0.0395, 0.2083)),
                 ("O", (0.07, 0.3317, 0.3447)), ("O", (0.4496, 0.7569, 0.4792)))  # fmt: skip
TRICLINIC = of("P 1", (4.5, 5.3, 6.1, 77, 83, 104), ("S", (0.6, 0.55, 0.81), 1, 0.6), ("O", (0.4, 0.15, 0.7)),
               ("Cu", (0.1, 0.2, 0.3), 1, None, (0.01, 0.02, 0.015, 0.002, 0.001, -0.003)))  # fmt: skip
GAAS = catalogue()["GaAs"].with_default_b_iso(0.5)


@pytest.mark.parametrize(
    ("crystal", "zone", "reflections"),
    [
        (QUARTZ, (0, 0, 1), [(1, 0, 0), (0, 1, 0), (-1, 2, 0)]),
        (QUARTZ, (1, 0, 0), [(0, 1, 1), (0, -1, 1)]),
        (RUTILE, (1, 1, 0), [(1, -1, 1)]),
        (ZINC_OXIDE, (0, 0, 0, 1), [(1, 0, -1, 0)]),
        (ZINC_OXIDE, (1, 1, 0), [(0, 0, 2), (0, 0, -2), (1, -1, 1)]),
        (CORUNDUM, (2, 1, 0), [(0, 0, 6), (-1, 2, 6)]),
        (BADDELEYITE, (1, 2, 3), [(1, 1, -1), (-1, -1, 1)]),
        (TRICLINIC, (3, 1, 2), [(1, -1, -1), (-1, 1, 1)]),
        (GAAS, (-1, 1, 0), [(1, 1, 1), (-1, -1, -1), (0, 0, 2)]),
        (GAAS, (1, 1, 2), [(1, 1, -1), (-1, -1, 1)]),
    ],
)
@pytest.mark.parametrize(("window", "half_width"), [("reciprocal", 2.5), ("1/Å", 0.8)])
def test_patterns_equal_dense_solutions(crystal, zone, reflections, window, half_width) -> None:
    """Of all beams with |g| ≤ g_max, from the crystal's own origin, every pixel: bright and dark fields at 200 nm."""
    projection = Projection(crystal.along(zone))
    directions = Window.of(5, half_width, window).directions(projection.net, *np.indices((5, 5)).reshape(2, -1))
    hk = torch.from_numpy(projection.net.within(G_MAX))
    u = projection.structure_factors(hk[:, None] - hk).fill_diagonal_(0)
    g = torch.from_numpy(projection.net.cartesian(hk))
    expected = intensities_of_all(g, u, torch.from_numpy(directions), (200,))[:, 0].unflatten(-1, (5, 5))
    options = {"zone": zone, "window": window, "half_width": half_width, "g_max": G_MAX}
    hkls = [(0, 0, 0), *reflections]
    found = dark_field(crystal, hkls, (200,), 5, **options)
    places = [hk.tolist().index(list(reflection(crystal.along(zone), hkl))) for hkl in hkls]
    assert (found[:, 0] - expected[places]).abs().max() < 1e-4
    bright = bright_field(crystal, (200,), 5, **options)
    assert (bright[0] - expected[0]).abs().max() < 1e-4 and expected[0].std() > 0.02
    assert torch.equal(bright, bright.flip(1, 2))  # a two-fold axis, whatever the crystal has


def test_y_is_zone_times_x() -> None:
    """Cartesian vectors of the net against the crystal's own, for an oblique net and an x axis of its own."""
    for crystal, zone, x_axis in ((BADDELEYITE, (1, 2, 3), None), (BADDELEYITE, (-1, -2, -3), (5, -1, -1)),
                                  (GAAS, (1, 1, 2), (1, 1, -1)), (GAAS, (0, 0, 1), (1, 2, 0))):  # fmt: skip
        view = crystal.along(zone, x_axis).view
        reciprocal = np.linalg.inv(crystal.lattice).T  # rows a*, b*, c*
        z = np.array(zone) @ crystal.lattice
        x = np.array(view.x_axis) @ reciprocal
        x, z = x / np.linalg.norm(x), z / np.linalg.norm(z)
        expected = np.array(view.basis) @ reciprocal @ np.stack([x, np.cross(z, x)], 1)
        assert Projection(crystal.along(zone, x_axis)).net.vectors == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("crystal", "arguments", "message"),
    [
        (GAAS, {"zone": (0, 0, 0)}, "zone 0 0 0 is no direction"),
        (GAAS, {"zone": (1, 1)}, "zone (1, 1) is not three whole numbers u, v, w"),
        (GAAS, {"zone": (1, 1, -2, 0)}, "zone 1 1 -2 0 has four indices, but its axes are not hexagonal; give three"),
        (QUARTZ, {"zone": (1, 1, 0, 0)}, "zone 1 1 0 0 is no four-index one: the first three add up to 2"),
        (GAAS, {"zone": (1, 1, 0), "x_axis": (1, 1, 0)}, "x_axis 1 1 0 is not normal to the zone axis 1 1 0; give a"),
        (GAAS, {"x_axis": (1, 2, 0)}, "x_axis 1 2 0 is none of the two shortest vectors of the net, 1 0 0 and 0 1 0"),
        (GAAS, {"window": "1/Å"}, "window=1/Å needs half_width, half an edge of the pattern in 1/Å"),
        (GAAS, {"window": "deg", "half_width": 1}, "window 'deg' is not one of reciprocal, 1/Å, mrad"),
        (GAAS, {"window": "mrad", "half_width": 1000}, "reaches past grazing incidence at 200.0 kV"),
        (GAAS, {"thickness": (1e6,)}, "1e+06 nm are beyond what the calculation settles at, 20000 nm"),
        (QUARTZ, {"method": "felix"}, "method 'felix' is of cubic crystals along [001]"),
        (GAAS, {"method": "felix", "zone": (1, 1, 0)}, "method 'felix' is of cubic crystals along [001]"),
    ],
)
def test_what_is_no_zone_is_refused_in_a_line(crystal, arguments, message) -> None:
    with pytest.raises(ValueError) as error:
        bright_field(crystal, **{"thickness": (50,), "size": 4} | arguments)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("hkl", "message"),
    [
        ((1, 0, 0), "reflection 1 0 0 is forbidden: centring or glide planes extinguish it"),
        ((0, 0, 2), "reflection 0 0 2 is not in the zone 0 0 1, where hu + kv + lw = 0"),
        ((40, 0, 0), "reflection 40 0 0 lies beyond g_max 1.6 1/Å"),
        ([], "no reflection is given"),
    ],
)
def test_reflections_that_are_none(hkl, message) -> None:
    with pytest.raises(ValueError) as error:
        dark_field(GAAS, hkl, (50,), 4, g_max=G_MAX)
    assert message in str(error.value)


def test_a_milliradian_is_an_angle() -> None:
    """θ = λ k: 20 mrad at 200 kV are 0.7975 1/Å."""
    found = bright_field(RUTILE, (50,), 6, zone=(1, 1, 0), window="mrad", half_width=20, g_max=G_MAX)
    expected = bright_field(RUTILE, (50,), 6, zone=(1, 1, 0), window="1/Å", half_width=0.02 / 0.0250793, g_max=G_MAX)
    assert (found - expected).abs().max() < 1e-4


def test_one_reflection_or_several() -> None:
    one = dark_field(GAAS, (2, 2, 0), (50, 100), 4, g_max=G_MAX)
    several = dark_field(GAAS, [(2, 2, 0), (0, 0, 0), (2, 2, 0)], (50, 100), 4, g_max=G_MAX)
    assert one.shape == (2, 4, 4) and several.shape == (3, 2, 4, 4)
    assert torch.equal(several[0], several[2]) and (several[0] - one).abs().max() < 1e-5
    assert (several[1] - bright_field(GAAS, (50, 100), 4, g_max=G_MAX)).abs().max() < 1e-5
