"""Structure factors against hand calculation; the projected potential against its definition."""

import math

import numpy as np
import pytest
import torch

from lacbed_gan.crystal import Crystal, Site
from lacbed_gan.crystal.form_factors import electron_form_factor
from lacbed_gan.diffraction import projected_potential
from lacbed_gan.diffraction.constants import lorentz_factor
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.structure_factors import structure_factors


def srtio3(b: float = 0.0) -> Crystal:
    sites = [Site("Sr", (0, 0, 0), b_iso=b), Site("Ti", (0.5, 0.5, 0.5), b_iso=b), Site("O", (0, 0.5, 0.5), b_iso=b)]
    return Crystal.from_sites("SrTiO3", "P m -3 m", 3.905, sites)


FESI = Crystal.from_sites("FeSi", "P 21 3", 4.489, [Site("Fe", (0.137,) * 3), Site("Si", (0.842,) * 3)])


@pytest.mark.parametrize(("hkl", "signs"), [((1, 0, 0), (1, -1, 1, -1, -1)), ((1, 1, 0), (1, 1, -1, -1, 1))])
def test_structure_factor_of_a_perovskite_by_hand(hkl: tuple, signs: tuple) -> None:
    """U = γ/(πV) Σ ± f, the signs cos(2π g·r) of Sr, Ti and the oxygens at (0 ½ ½), (½ 0 ½), (½ ½ 0)."""
    q = np.array(math.sqrt(sum(x * x for x in hkl)) / 3.905)
    f = [float(electron_form_factor(e, q)) for e in ("Sr", "Ti", "O", "O", "O")]
    expected = (1 + 200 / 510.99895) / (math.pi * 3.905**3) * sum(s * x for s, x in zip(signs, f, strict=True))
    got = structure_factors(srtio3(), torch.tensor(hkl), gamma=lorentz_factor(200.0))
    assert got.real == pytest.approx(expected, rel=1e-9)
    assert abs(got.imag) < 1e-12


def test_lorentz_factor_of_200_kv() -> None:
    assert lorentz_factor(200.0) == pytest.approx(1.39139, abs=5e-6)


def test_debye_waller_factor() -> None:
    hk = torch.tensor([3, 2])
    damping = Projection(srtio3(0.7)).structure_factors(hk).real / Projection(srtio3()).structure_factors(hk).real
    assert damping == pytest.approx(math.exp(-0.7 * (13 / 3.905**2) / 4), rel=1e-9)


def test_mixed_site_is_the_mean_of_its_elements() -> None:
    def copper_gold(*sites: Site) -> float:
        crystal = Crystal.from_sites("x", "F m -3 m", 3.8, list(sites))
        return float(Projection(crystal).structure_factors(torch.tensor([2, 2])).real)

    cu, au = copper_gold(Site("Cu", (0, 0, 0))), copper_gold(Site("Au", (0, 0, 0)))
    mixed = copper_gold(Site("Cu", (0, 0, 0), 0.75), Site("Au", (0, 0, 0), 0.25))
    assert mixed == pytest.approx(0.75 * cu + 0.25 * au, rel=1e-12)


def test_friedel_pairs_are_conjugate() -> None:
    hk, projection = torch.tensor([[1, 0], [2, -1], [3, 2]]), Projection(FESI)
    u = projection.structure_factors(hk)
    torch.testing.assert_close(projection.structure_factors(-hk), u.conj())
    assert u.imag.abs().max() > 1e-3  # the origin of P2₁3 is not on a two-fold axis


def test_potential_is_its_own_fourier_sum() -> None:
    g_max, size = 1.0, 9
    rho = projected_potential(FESI, size, g_max=g_max)
    total = 0.0
    x, y = 4 / size, 7 / size
    for h in range(-5, 6):
        for k in range(-5, 6):
            if h * h + k * k <= (g_max * FESI.a) ** 2:
                u = Projection(FESI).structure_factors(torch.tensor([h, k]))
                total += (u * torch.exp(torch.tensor(2j * math.pi * (h * x + k * y)))).real
    assert rho[7, 4] == pytest.approx(float(total), rel=1e-5)  # row is y, column is x


def test_size_energy_and_cut_off_where_none_are_given() -> None:
    assert torch.equal(projected_potential(FESI), projected_potential(FESI, 128, g_max=4.25, energy_kv=200.0))


def test_potential_peaks_where_atoms_are() -> None:
    lead = Crystal.from_sites("x", "P 21 3", 5.0, [Site("Pb", (0.1, 0.1, 0.1))])
    rho = projected_potential(lead, 50)
    row, column = divmod(int(rho.argmax()), 50)
    atoms = {(round(50 * y) % 50, round(50 * x) % 50) for x, y, _ in lead.positions}
    assert atoms == {(5, 5), (45, 20), (30, 45), (20, 30)}  # (row, column); not its transpose
    assert (row, column) in atoms


def test_both_samplings() -> None:
    periodic = projected_potential(FESI, 128)
    torch.testing.assert_close(projected_potential(FESI, 64), periodic[::2, ::2])
    both_edges = projected_potential(FESI, 129, sampling="endpoints")
    torch.testing.assert_close(both_edges[:128, :128], periodic, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(both_edges[128], both_edges[0], atol=1e-5, rtol=1e-5)


def test_mirror_is_a_flip_and_a_roll_of_the_periodic_image() -> None:
    rho = projected_potential(srtio3(), 32)
    torch.testing.assert_close(rho.flip(0).roll(1, 0), rho, atol=1e-5, rtol=1e-5)
    assert (rho.flip(0) - rho).abs().max() > 0.01


def test_unknown_sampling_is_refused() -> None:
    with pytest.raises(ValueError, match="periodic, endpoints"):
        projected_potential(FESI, 8, sampling="edges")
