"""The converged method against dense eigen-solutions of the same beams, and the symmetry it promises."""

import math
from dataclasses import replace

import gemmi
import pytest
import torch

from lacbed_gan.crystal import Crystal, Site
from lacbed_gan.diffraction import bright_field
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.dense import intensities as intensities_of_all
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.window import Window

INVERSION = gemmi.Op("-x,-y,-z")
CUBIC = [s for s in gemmi.spacegroup_table() if s.number >= 195 and s.is_reference_setting()]


def crystal(space_group: str, a: float, *sites: tuple) -> Crystal:
    return Crystal.from_sites("test", space_group, a, [Site(e, xyz) for e, *xyz in sites])


GAAS = crystal("F -4 3 m", 5.653, ("Ga", 0, 0, 0), ("As", 0.25, 0.25, 0.25))
SRTIO3 = crystal("P m -3 m", 3.905, ("Sr", 0, 0, 0), ("Ti", 0.5, 0.5, 0.5), ("O", 0, 0.5, 0.5))
PYRITE = crystal("P a -3", 5.418, ("Fe", 0, 0, 0), ("S", 0.385, 0.385, 0.385))
# β-Mn, in P4132
BETA_MN = crystal("P 41 3 2", 6.315, ("Mn", 0.061, 0.061, 0.061), ("Mn", 0.125, 0.206, 0.456))


def general_crystal(group: gemmi.SpaceGroup) -> Crystal:
    """Two atoms on general positions, so that no symmetry but the group's is there."""
    sites = [Site("O", (0.379, 0.268, 0.336)), Site("Fe", (0.354, 0.103, 0.463))]
    return Crystal.from_sites("general", group.xhm(), 9.0, sites)


def direct_beam(beams: Beams, k: torch.Tensor, thickness: tuple[float, ...]) -> torch.Tensor:
    """(T, P) from all eigenvectors of the same beams."""
    return intensities_of_all(beams.g, beams.coupling(), k, thickness)[0]


def without_symmetry(sample: Crystal, k: torch.Tensor, thickness_nm: float, g_max: float) -> torch.Tensor:
    """Every beam of the grid and complex Hermitian matrices: no fact about the crystal's symmetry is used."""
    projection = Projection(sample)
    hk = torch.from_numpy(projection.net.within(g_max))
    u = projection.structure_factors(hk[:, None] - hk).fill_diagonal_(0)
    return intensities_of_all(hk.double() / sample.a, u, k, (thickness_nm,))[0, 0]


def moved(sample: Crystal, shift: float) -> Crystal:
    """The crystal from another origin, all its coordinates larger by the shift."""
    there = gemmi.Op(f"x+{shift},y+{shift},z+{shift}")
    operations = [(there * gemmi.Op(op) * there.inverse()).wrap().triplet() for op in sample.operations]
    return replace(sample, positions=(sample.positions + shift) % 1, operations=tuple(operations))


@pytest.mark.parametrize(
    ("sample", "g_max"),
    [(GAAS, 4.25), (SRTIO3, 4.25), (PYRITE, 4.25), (BETA_MN, 2.5)],
    ids=["GaAs", "SrTiO3", "FeS2", "Mn"],
)
def test_equals_dense_eigen_solution(sample: Crystal, g_max: float) -> None:
    """Same beams, float64 eigenvectors; pixels from the centre, between, and the corner."""
    projection = Projection(sample)
    pixels = IndependentPixels.of(128, projection.point_group, projection.net)
    chosen = torch.tensor([0, len(pixels.rows) // 2, len(pixels.rows) - 1])
    k = torch.from_numpy(Window(128).directions(projection.net, pixels.rows[chosen], pixels.columns[chosen]))
    beams = select_beams(projection, g_max)
    got = intensities([beams], k[None], (50, 200))[0][0, 0]
    assert (got - direct_beam(beams, k, (50, 200))).abs().max() < 1e-3


@pytest.mark.parametrize("sample", [GAAS, PYRITE, BETA_MN], ids=["GaAs", "FeS2", "Mn"])
def test_every_pixel_equals_dense_solution_without_symmetry(sample: Crystal) -> None:
    """Pixels that symmetry fills in are right too: all of a small pattern, by the dense calculation."""
    size, g_max = 6, 1.4
    pattern = bright_field(sample, (120,), size, g_max=g_max)[0]
    axis = torch.from_numpy(Window(size).axis) / sample.a
    ky, kx = torch.meshgrid(axis, axis, indexing="ij")
    expected = without_symmetry(sample, torch.stack([kx.flatten(), ky.flatten()], 1), 120, g_max)
    assert (pattern.flatten() - expected).abs().max() < 1e-3


@pytest.mark.parametrize("group", CUBIC, ids=lambda g: g.short_name())
def test_two_fold_origin_makes_the_potential_real(group: gemmi.SpaceGroup) -> None:
    sample = general_crystal(group)
    projection = Projection(sample)
    potential = projection.real_coefficients(6, 6)  # raises where the imaginary part is above 1e-6
    index = torch.arange(-6, 7)
    u = projection.structure_factors(torch.cartesian_prod(index, index)).view(13, 13)
    u[6, 6] = 0
    torch.testing.assert_close(potential.abs(), u.abs(), atol=1e-9 * float(u.abs().max()), rtol=1e-9)


def test_all_36_groups_are_tested() -> None:
    assert len({g.number for g in CUBIC}) == 36


@pytest.mark.parametrize(
    ("symbol", "share"),
    [
        ("F d -3 m:2", 8),
        ("F m -3 m", 4),
        ("I a -3 d", 4),
        ("I m -3 m", 2),
        ("P n -3 m:2", 2),
        ("P a -3", 2),
        ("P m -3 m", 1),
    ],
)
def test_centring_leaves_a_share_of_the_grid(symbol: str, share: int) -> None:
    sample = general_crystal(gemmi.find_spacegroup_by_name(symbol))
    found = len(select_beams(Projection(sample), 2.0))
    assert found * share == pytest.approx(math.pi * (2.0 * sample.a) ** 2, rel=0.06)


def test_few_beams_are_all_there() -> None:
    """000 and the four 110 of a body-centred cell, at 1.41 of the 1.43 reciprocal lattice units that are allowed."""
    beams = select_beams(Projection(crystal("I m -3 m", 2.87, ("Fe", 0, 0, 0))), 0.5)
    assert {tuple(hk) for hk in beams.hk.tolist()} == {(0, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)}


@pytest.mark.parametrize("symbol", ["P 21 3", "I a -3", "P 43 3 2", "F d -3 c:1"])
def test_pattern_has_its_symmetry_and_range(symbol: str) -> None:
    sample = general_crystal(gemmi.find_spacegroup_by_name(symbol))
    pattern = bright_field(sample, (50, 200), 16, g_max=1.0)
    assert pattern.shape == (2, 16, 16)
    assert 0 <= pattern.min() and pattern.max() <= 1 and pattern.std() > 0.01
    for image in (pattern.flip(1), pattern.flip(2)):
        assert (image - pattern).abs().max() < 1e-6
    if sample.pattern_symmetry == "4mm":
        assert (pattern.mT - pattern).abs().max() < 1e-6


def test_shift_and_inversion_of_the_crystal_change_nothing() -> None:
    """Dense calculation of ρ(r − r₀) and ρ(−r), r₀ a third of the cell, against the pattern of ρ(r)."""
    base = general_crystal(gemmi.find_spacegroup_by_name("P 21 3"))
    shifted = moved(base, 1 / 3)
    inverted = replace(
        base,
        positions=-base.positions % 1,
        operations=tuple((INVERSION * gemmi.Op(op) * INVERSION).wrap().triplet() for op in base.operations),
    )
    k = torch.from_numpy(Window(12).directions(Net.square(base.a), range(7), range(5, 12)))
    expected = without_symmetry(base, k, 100, 1.0)
    for other in (shifted, inverted):
        assert (without_symmetry(other, k, 100, 1.0) - expected).abs().max() < 1e-9
        beams = select_beams(Projection(other), 1.0)
        assert (intensities([beams], k[None], (100,))[0][0, 0, 0] - expected).abs().max() < 1e-3


def test_wrong_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="not symmetric about the two-fold axis"):
        select_beams(Projection(replace(PYRITE, operations=moved(PYRITE, 1 / 8).operations)), 1.0)


@pytest.mark.parametrize("group", ["P m -3 m", "P m -3"])
@pytest.mark.parametrize("size", [8, 7])
def test_independent_pixels_fill_the_pattern(group: str, size: int) -> None:
    """One eighth and a quarter of them, those of rising |k|."""
    projection = Projection(general_crystal(gemmi.find_spacegroup_by_name(group)))
    pixels = IndependentPixels.of(size, projection.point_group, projection.net)
    half = (size + 1) // 2
    assert len(pixels.rows) == (half * (half + 1) // 2 if group == "P m -3 m" else half**2)
    axis = torch.from_numpy(Window(size).axis)
    radius = (axis[pixels.rows] ** 2 + axis[pixels.columns] ** 2)[None]
    assert (radius.diff() > -1e-9).all()
    torch.testing.assert_close(pixels.complete(radius)[0], axis[:, None] ** 2 + axis**2)


def test_pixels_whose_images_lie_outside_of_the_window_are_their_own() -> None:
    """A hexagonal net: its six-fold axis takes corners of the square out of it."""
    net = Net(((0.25, 0.0), (0.125, 0.125 * math.sqrt(3))))
    six = (((1, 1), (-1, 0)), ((0, 1), (-1, -1)), ((-1, 0), (0, -1)), ((-1, -1), (1, 0)), ((0, -1), (1, 1)))
    pixels = IndependentPixels.of(9, (((1, 0), (0, 1)), *six), net)
    axis = torch.arange(-4.0, 5.0, dtype=torch.float64)
    kappa = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
    length = torch.from_numpy(net.squared_length(kappa))
    torch.testing.assert_close(pixels.complete(length[pixels.rows, pixels.columns]), length)
    assert 81 / 6 < len(pixels.rows) < 81 / 3


def test_wavelength_of_200_kv() -> None:
    assert wavelength(200.0) == pytest.approx(0.0250793, abs=5e-8)  # any textbook's table
