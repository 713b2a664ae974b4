"""Relativistic electron optics (CODATA 2018 constants), and how the published data set was made."""

from __future__ import annotations

import math

REST_ENERGY_KEV = 510.99895  # m₀c²
PLANCK_C_KEV_ANGSTROM = 12.398419843320026  # hc
HALF_WIDTH = 7.266  # half the edge of a pattern in units of b₁ and b₂, 1/a for cubic [001]
G_MAX = 4.25  # 1/Å, cut-off of the beams
RHO_G_MAX = 4.25  # 1/Å, cut-off of the coefficients that make up ρ
METHODS = ("converged", "felix")
WINDOWS = ("reciprocal", "1/Å", "mrad")  # what half the edge of a pattern is in: b₁ and b₂, or absolute angles


def wavelength(energy_kv: float) -> float:
    """Electron wavelength λ = hc/√(eV(eV + 2m₀c²)) in Å at an accelerating voltage in kV."""
    return PLANCK_C_KEV_ANGSTROM / math.sqrt(energy_kv * (energy_kv + 2 * REST_ENERGY_KEV))


def lorentz_factor(energy_kv: float) -> float:
    """γ = 1 + eV/m₀c², by which relativity raises the interaction with the crystal."""
    return 1 + energy_kv / REST_ENERGY_KEV


ABSORPTION_RATIO = 0.1  # U′/U of absorption that is proportional to the potential
ABSORPTIONS = ("none", "proportional", "tds")
