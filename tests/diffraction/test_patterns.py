"""Dark-field patterns, several crystals together, other energies and angles, and the estimate of the error."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lacbed_gan.crystal import Crystal, Site
from lacbed_gan.diffraction import bright_field, patterns
from lacbed_gan.diffraction import together as grouping
from lacbed_gan.diffraction.beams import select_beams
from lacbed_gan.diffraction.dense import intensities
from lacbed_gan.diffraction.felix.bright_field import felix_bright_field
from lacbed_gan.diffraction.patterns import compute_patterns
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion import core, lanczos
from lacbed_gan.diffraction.window import Window


def crystal(space_group: str, a: float, *sites: tuple) -> Crystal:
    return Crystal.from_sites(space_group, space_group, a, [Site(e, xyz) for e, *xyz in sites])


GAAS = crystal("F -4 3 m", 5.653, ("Ga", 0, 0, 0), ("As", 0.25, 0.25, 0.25))
SRTIO3 = crystal("P m -3 m", 3.905, ("Sr", 0, 0, 0), ("Ti", 0.5, 0.5, 0.5), ("O", 0, 0.5, 0.5))
COPPER = crystal("F m -3 m", 3.615, ("Cu", 0, 0, 0))
ULLMANNITE = crystal(
    "P 21 3", 5.9, ("Ni", -0.024, -0.024, -0.024), ("Sb", 0.625, 0.625, 0.625), ("S", 0.39, 0.39, 0.39)
)
BETA_MN = crystal("P 41 3 2", 6.315, ("Mn", 0.061, 0.061, 0.061), ("Mn", 0.125, 0.206, 0.456))


def dense(sample: Crystal, size: int, g_max: float, t_nm: float, energy_kv: float = 200.0, half_width: float = 7.266):
    """(h, k) → pattern (size, size) of every beam, from all eigenvectors at every pixel."""
    projection = Projection(sample)
    beams = select_beams(projection, g_max, energy_kv)
    rows, columns = np.indices((size, size)).reshape(2, -1)
    k = torch.from_numpy(Window(size, half_width).directions(projection.net, rows, columns))
    found = intensities(beams.g, beams.coupling(), k, (t_nm,), energy_kv).view(-1, size, size)
    return {tuple(hk): image for hk, image in zip(beams.hk.tolist(), found, strict=True)}


@pytest.mark.parametrize("sample", [GAAS, ULLMANNITE, BETA_MN], ids=lambda s: s.name)
@pytest.mark.parametrize("size", [8, 7])
def test_dark_field_equals_dense_eigen_solution(sample: Crystal, size: int) -> None:
    """Every pixel, those that symmetry fills in too."""
    wanted = [(2, 0), (0, -2), (2, 2), (-4, 2)]
    (found,) = compute_patterns([sample], (80,), size, g_max=1.6, dark_field=wanted)
    expected = dense(sample, size, 1.6, 80)
    assert found.dark_field.shape == (4, 1, size, size)
    for image, g in zip(found.dark_field[:, 0], wanted, strict=True):
        assert (image - expected[g]).abs().max() < 1e-3
    assert (found.intensity[0] - expected[0, 0]).abs().max() < 1e-3
    assert expected[-4, 2].max() > 5e-3 and (expected[-4, 2] - expected[-4, 2].flip(0)).abs().max() > 5e-3


def test_all_beams_together_hold_all_electrons() -> None:
    beams = select_beams(Projection(COPPER), 1.5)
    others = [tuple(g) for g in beams.hk[1:].tolist()]
    (found,) = compute_patterns([COPPER], (30, 90), 6, g_max=1.5, dark_field=others)
    total = found.intensity + found.dark_field.sum(0)
    torch.testing.assert_close(total, torch.ones_like(total), atol=2e-3, rtol=0)


def test_a_reflection_that_no_coupling_reaches_is_dark() -> None:
    """100 of a face-centred lattice."""
    (found,) = compute_patterns([COPPER], (50,), 6, g_max=1.5, dark_field=[(1, 0), (2, 0)])
    assert not found.dark_field[0].any() and found.dark_field[1].max() > 0.1


def test_a_reflection_beyond_the_cut_off_is_an_error_of_that_crystal() -> None:
    error, fine = compute_patterns([COPPER, GAAS], (50,), 4, g_max=1.0, dark_field=[(4, 0)])
    assert isinstance(error, ValueError) and "reflection 4 0 0 lies beyond g_max" in str(error)
    assert fine.dark_field.shape == (1, 1, 4, 4)


def test_angles_past_grazing_incidence_are_refused() -> None:
    with pytest.raises(ValueError, match=r"half_width 90 /a reaches past grazing incidence at 10\.0 kV"):
        bright_field(COPPER, (50,), 4, energy_kv=10.0, half_width=90)
    # 64° from the axis in the corner
    assert bright_field(COPPER, (5,), 2, g_max=1.0, energy_kv=10.0, half_width=18.8).isfinite().all()


@pytest.mark.parametrize(("energy_kv", "half_width"), [(80.0, 7.266), (200.0, 3.0)])
def test_other_energies_and_angles(energy_kv: float, half_width: float) -> None:
    expected = dense(COPPER, 6, 1.5, 60, energy_kv, half_width)[0, 0]
    found = bright_field(COPPER, (60,), 6, g_max=1.5, energy_kv=energy_kv, half_width=half_width)[0]
    assert (found - expected).abs().max() < 1e-3
    assert (found - bright_field(COPPER, (60,), 6, g_max=1.5)[0]).abs().max() > 0.05


@pytest.mark.parametrize("dark_field", [[], [(2, 0)]])
def test_crystals_computed_together_are_those_computed_alone(monkeypatch, dark_field: list) -> None:
    """As on a GPU: groups of one symmetry and similar size, of which some settle before others."""
    crystals = [COPPER, GAAS, ULLMANNITE, BETA_MN, SRTIO3]
    setting = {"thickness": (50, 200), "size": 8, "g_max": 2.0, "dark_field": dark_field}
    alone = [compute_patterns([one], **setting)[0] for one in crystals]
    sizes = []
    calls = patterns.intensities

    def counted(beams, *rest, **more):
        sizes.append(len(beams))
        return calls(beams, *rest, **more)

    monkeypatch.setattr(patterns, "intensities", counted)
    monkeypatch.setattr(grouping, "SIMILAR", 20.0)
    monkeypatch.setattr(patterns, "TOGETHER", {"cpu": 64})
    together = compute_patterns(crystals, **setting)
    assert max(sizes) == 4  # those of 4mm; P213 is 2mm
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one.intensity, other.intensity, atol=1e-3, rtol=0)
        torch.testing.assert_close(one.dark_field, other.dark_field, atol=1e-3, rtol=0)
        assert one.error_rms == pytest.approx(other.error_rms, abs=2e-4)


@pytest.mark.parametrize("dark_field", [[], [(2, 0), (1, 0)]])
def test_large_cells_take_the_other_operator(monkeypatch, dark_field: list) -> None:
    setting = {"thickness": (50,), "size": 8, "g_max": 1.5, "dark_field": dark_field}
    blocks = compute_patterns([ULLMANNITE, GAAS], **setting)
    for module in (lanczos, core):
        monkeypatch.setattr(module, "BLOCKS", 0)
    for one, other in zip(blocks, compute_patterns([ULLMANNITE, GAAS], **setting), strict=True):
        torch.testing.assert_close(one.intensity, other.intensity, atol=1e-4, rtol=0)
        torch.testing.assert_close(one.dark_field, other.dark_field, atol=1e-4, rtol=0)


def test_one_bad_crystal_does_not_spoil_its_group(monkeypatch) -> None:
    monkeypatch.setattr(patterns, "TOGETHER", {"cpu": 64})
    bad = replace(COPPER, b_iso=np.full(4, np.nan))
    first, second = compute_patterns([bad, COPPER], (50,), 4, g_max=1.5)
    assert isinstance(first, ValueError) and "not finite" in str(first)
    assert 0 < second.intensity.min()


def test_error_is_the_difference_to_a_larger_cut_off() -> None:
    """All pixels of a pattern as small as the sample, and less of it with a Debye–Waller factor."""
    (found,) = compute_patterns([COPPER], (50, 150), 8, g_max=2.0)
    projection = Projection(COPPER)
    pixels = IndependentPixels.of(8, projection.point_group, projection.net)
    finer = bright_field(COPPER, (50, 150), 8, g_max=2.0 * patterns.FINER)
    difference = (finer - found.intensity)[:, pixels.rows, pixels.columns]
    assert found.error_rms == pytest.approx(float(difference.square().mean().sqrt()), abs=1e-4)
    assert found.error_max == pytest.approx(float(difference.abs().max()), abs=1e-3)
    assert found.error_rms > 0.01
    (damped,) = compute_patterns([replace(COPPER, b_iso=np.full(4, 2.0))], (50, 150), 8, g_max=2.0)
    assert damped.error_rms < 0.5 * found.error_rms


def test_felix_and_its_error() -> None:
    """The error of a truncated calculation is its distance from the converged one, and it is large."""
    (found,) = compute_patterns([COPPER], (50, 100), 6, method="felix", felix_ranks=4)
    torch.testing.assert_close(found.intensity, felix_bright_field(COPPER, (50, 100), 6, ranks=4).float())
    difference = found.intensity - bright_field(COPPER, (50, 100), 6, g_max=4.25 * patterns.FINER)
    assert found.error_rms == pytest.approx(float(difference.square().mean().sqrt()), rel=0.02)
    assert found.error_rms > 0.05


def test_star() -> None:
    two, four = (
        IndependentPixels.of(4, projection.point_group, projection.net)
        for projection in (Projection(ULLMANNITE), Projection(COPPER))
    )
    assert set(two.star([(2, 1)])) == {(2, 1), (-2, 1), (2, -1), (-2, -1)}
    assert len(four.star([(2, 1), (1, 2)])) == 8
