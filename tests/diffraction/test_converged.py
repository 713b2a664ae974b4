"""The converged method against dense eigen-solutions of the same beams, and the symmetry it promises."""

import math
from dataclasses import replace

import gemmi
import pytest
import torch

from lacbed_gan.crystal import Crystal, Site
from lacbed_gan.diffraction.beams import real_potential, select_beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.patterns import bright_field
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.structure_factors import structure_factors
from lacbed_gan.diffraction.window import complete_pattern, independent_pixels, pixel_axis

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


def dense_intensity(coupling: torch.Tensor, g: torch.Tensor, k: torch.Tensor, thickness_nm: float) -> torch.Tensor:
    """The textbook calculation, pixel by pixel, from all eigenvectors; the direct beam is the one with g = 0."""
    direct = int(torch.nonzero((g == 0).all(1))[0])
    out = []
    for kt in k:
        x, v = torch.linalg.eigh(coupling + torch.diag(-2 * (g @ kt) - (g**2).sum(1)))
        k0 = math.sqrt(wavelength(200.0) ** -2 - float(kt @ kt))
        phase = 2 * math.pi * 10 * thickness_nm * (torch.sqrt(k0**2 + x) - k0)
        out.append((v[direct].abs() ** 2 * torch.exp(1j * phase)).sum().abs() ** 2)
    return torch.stack(out)


def without_symmetry(sample: Crystal, k: torch.Tensor, thickness_nm: float, g_max: float) -> torch.Tensor:
    """Every beam of the grid and complex Hermitian matrices: no fact about the crystal's symmetry is used."""
    reach = math.floor(g_max * sample.a)
    index = torch.arange(-reach, reach + 1)
    h, q = (x.reshape(-1) for x in torch.meshgrid(index, index, indexing="ij"))
    hk = torch.stack([h, q], 1)[h**2 + q**2 <= (g_max * sample.a) ** 2]
    difference = hk[:, None] - hk[None]
    u = structure_factors(sample, difference[..., 0], difference[..., 1])
    u.fill_diagonal_(0)
    return dense_intensity(u, hk.double() / sample.a, k, thickness_nm)


@pytest.mark.parametrize(
    ("sample", "g_max"),
    [(GAAS, 4.25), (SRTIO3, 4.25), (PYRITE, 4.25), (BETA_MN, 2.5)],
    ids=["GaAs", "SrTiO3", "FeS2", "Mn"],
)
def test_equals_dense_eigen_solution(sample: Crystal, g_max: float) -> None:
    """Same beams, float64 eigenvectors; pixels from the centre, between, and the corner."""
    axis = pixel_axis(128) / sample.a
    rows, columns = independent_pixels(128, sample.pattern_symmetry)
    chosen = torch.tensor([0, len(rows) // 2, len(rows) - 1])
    k = torch.stack([axis[columns[chosen]], axis[rows[chosen]]], 1)
    beams = select_beams(sample, g_max)
    got = intensities([beams], k[None], (50, 200))[0][0, 0]
    for row, thickness in zip(got, (50, 200), strict=True):
        expected = dense_intensity(beams.coupling(), beams.hk.double() / sample.a, k, thickness)
        assert (row - expected).abs().max() < 1e-3


@pytest.mark.parametrize("sample", [GAAS, PYRITE, BETA_MN], ids=["GaAs", "FeS2", "Mn"])
def test_every_pixel_equals_dense_solution_without_symmetry(sample: Crystal) -> None:
    """Pixels that symmetry fills in are right too: all of a small pattern, by the dense calculation."""
    size, g_max = 6, 1.4
    pattern = bright_field(sample, (120,), size, g_max=g_max)[0]
    axis = pixel_axis(size) / sample.a
    ky, kx = torch.meshgrid(axis, axis, indexing="ij")
    expected = without_symmetry(sample, torch.stack([kx.flatten(), ky.flatten()], 1), 120, g_max)
    assert (pattern.flatten() - expected).abs().max() < 1e-3


@pytest.mark.parametrize("group", CUBIC, ids=lambda g: g.short_name())
def test_two_fold_origin_makes_the_potential_real(group: gemmi.SpaceGroup) -> None:
    sample = general_crystal(group)
    potential = real_potential(sample, 6)  # raises where the imaginary part is above 1e-6
    index = torch.arange(-6, 7)
    h, k = torch.meshgrid(index, index, indexing="ij")
    u = structure_factors(sample, h, k)
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
    found = len(select_beams(sample, 2.0))
    assert found * share == pytest.approx(math.pi * (2.0 * sample.a) ** 2, rel=0.06)


def test_few_beams_are_all_there() -> None:
    """000 and the four 110 of a body-centred cell, at 1.41 of the 1.43 reciprocal lattice units that are allowed."""
    beams = select_beams(crystal("I m -3 m", 2.87, ("Fe", 0, 0, 0)), 0.5)
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
    x, y = base.two_fold_axis
    shifted = replace(base, positions=(base.positions + 1 / 3) % 1, two_fold_axis=(x + 1 / 3, y + 1 / 3))
    inverted = replace(base, positions=-base.positions % 1, two_fold_axis=(-x, -y))
    axis = pixel_axis(12) / base.a
    k = torch.stack([axis[5:], axis[:7]], 1)
    expected = without_symmetry(base, k, 100, 1.0)
    for other in (shifted, inverted):
        assert (without_symmetry(other, k, 100, 1.0) - expected).abs().max() < 1e-9
        assert (intensities([select_beams(other, 1.0)], k[None], (100,))[0][0, 0, 0] - expected).abs().max() < 1e-3


def test_wrong_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="not symmetric about the two-fold axis"):
        select_beams(replace(PYRITE, two_fold_axis=(0.1, 0.0)), 1.0)


@pytest.mark.parametrize("symmetry", ["4mm", "2mm"])
@pytest.mark.parametrize("size", [8, 7])
def test_independent_pixels_fill_the_pattern(symmetry: str, size: int) -> None:
    rows, columns = independent_pixels(size, symmetry)
    axis = pixel_axis(size)
    radius = (axis[rows] ** 2 + axis[columns] ** 2)[None]
    assert (radius.diff() > -1e-9).all()
    full = complete_pattern(radius, rows, columns, size, symmetry)[0]
    torch.testing.assert_close(full, axis[:, None] ** 2 + axis**2)


def test_pixel_axis_is_that_of_the_published_data() -> None:
    axis = pixel_axis(128)
    assert axis[0] == pytest.approx(-63.5 / 64 * 7.266)
    assert axis[64] == pytest.approx(0.5 / 64 * 7.266)


def test_wavelength_of_200_kv() -> None:
    assert wavelength(200.0) == pytest.approx(0.0250793, abs=5e-8)  # any textbook's table
