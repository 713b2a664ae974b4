"""Relativistic electron optics (CODATA 2018 constants)."""

from __future__ import annotations

import math

REST_ENERGY_KEV = 510.99895  # m₀c²
PLANCK_C_KEV_ANGSTROM = 12.398419843320026  # hc


def wavelength(energy_kv: float) -> float:
    """Electron wavelength λ = hc/√(eV(eV + 2m₀c²)) in Å at an accelerating voltage in kV."""
    return PLANCK_C_KEV_ANGSTROM / math.sqrt(energy_kv * (energy_kv + 2 * REST_ENERGY_KEV))


def lorentz_factor(energy_kv: float) -> float:
    """γ = 1 + eV/m₀c², by which relativity raises the interaction with the crystal."""
    return 1 + energy_kv / REST_ENERGY_KEV
