"""Absorptive form factors: against two published tables, by hand where that can be done, and what must be."""

import csv
import math
import time
from pathlib import Path

import numpy as np
import pytest

from lacbed_gan.crystal.form_factors import electron_form_factor
from lacbed_gan.diffraction.absorption_factors import COMPTON, absorptive_form_factor, integral
from lacbed_gan.diffraction.errors import CalculationError

TABLE = Path(__file__).parents[1] / "data" / "absorption_factors.csv"
BETA_200 = math.sqrt(1 - (1 + 200 / 510.99895) ** -2)  # v/c of electrons of 200 keV


def published() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize(("column", "tolerance"), [("thomas", 0.009), ("weickenmeier_kohl", 0.009)])
def test_published_tables(column: str, tolerance: float) -> None:
    """21 elements at three B: within 0.9 % of f′(0, B), fits of others and their other f included."""
    rows = published()
    assert len({row["element"] for row in rows}) == 21
    largest: dict[tuple[str, str], float] = {}
    for row in rows:
        kind, b = row["element"], float(row["b_iso"])
        value = BETA_200 * float(absorptive_form_factor(kind, float(row["q"]), b))
        largest.setdefault((kind, row["b_iso"]), value)  # that of q = 0 comes first
        assert abs(value - float(row[column])) < tolerance * largest[kind, row["b_iso"]], row


def test_the_scale_is_that_of_the_cross_section() -> None:
    """2λ f′(0) is the cross-section of diffuse scattering, ∫ γ²f² [1 − exp(−Bq²/2)] dΩ with dΩ = λ² d²q, over γ.

    Then I = exp(−n σ t) of a crystal of n atoms a volume, for √(k₀² + iU′₀) takes exp(−2πλU′₀ t) of the intensity.
    """
    q = np.geomspace(1e-4, 2000, 20_001)
    rings = electron_form_factor("Ti", q) ** 2 * -np.expm1(-0.44 * q**2 / 2) * 2 * np.pi * q
    wavelength_gamma = COMPTON / BETA_200  # h/m₀v
    cross_section = wavelength_gamma**2 * np.trapezoid(rings, q)
    assert 2 * wavelength_gamma * float(absorptive_form_factor("Ti", 0.0, 0.44)) == pytest.approx(
        cross_section, rel=2e-5
    )


def test_energy_enters_by_the_speed_of_the_electrons() -> None:
    low, high = (float(absorptive_form_factor("As", 0.7, 0.6, energy)) for energy in (80.0, 300.0))
    beta = [math.sqrt(1 - (1 + energy / 510.99895) ** -2) for energy in (80.0, 300.0)]
    assert low / high == pytest.approx(beta[1] / beta[0], rel=1e-9)


@pytest.mark.parametrize(("element", "b"), [("H", 2.0), ("O", 0.73), ("Au", 0.05), ("U", 20.0)])
def test_a_table_is_as_good_as_the_integral_and_takes_less_than_a_second(element: str, b: float) -> None:
    q = np.concatenate([[0, 0.02, 0.1], np.random.default_rng(0).uniform(0, 20, 30)])
    began = time.perf_counter()
    values = BETA_200 * absorptive_form_factor(element, q, b)
    assert time.perf_counter() - began < 1.0
    np.testing.assert_allclose(values, integral(element, q, b), atol=3e-6 * values.max())
    assert values.shape == q.shape


def test_an_atom_absorbs_everywhere() -> None:
    """The Fourier transform is the variance of the potential that electrons meet as the atom moves: never negative."""
    q = np.linspace(0, 12, 2401)
    values = absorptive_form_factor("Sr", q, 0.62)
    r = np.linspace(0, 2, 201)
    rings = values * q * (q[1] - q[0])
    bessel = np.cos(2 * np.pi * q[:, None] * r * np.cos(np.linspace(0, np.pi, 65)[:-1, None, None])).mean(0)
    density = 2 * np.pi * rings @ bessel
    assert density.min() > -2e-4 * density.max()
    assert density[0] == density.max()


@pytest.mark.parametrize(
    ("b", "reason"),
    [
        (0.0, "needs B of every atom, and that of Sr is 0"),
        (0.001, "B = 0.001 Å² of Sr is outside 0.01 … 20"),
        (25.0, "B = 25 Å² of Sr is outside 0.01 … 20"),
        (float("nan"), "B = nan Å² of Sr is outside"),
        (-0.5, "outside 0.01 … 20"),
    ],
)
def test_a_displacement_without_meaning(b: float, reason: str) -> None:
    with pytest.raises(CalculationError, match=reason):
        absorptive_form_factor("Sr", 0.5, b)
