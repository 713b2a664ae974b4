"""Patterns against multislice calculations by abTEM, which share nothing but Kirkland's coefficients.

Skipped where abTEM is not installed (``pip install abtem``); 20 seconds of a core where it is.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction.absorption import Absorption
from lacbed_gan.diffraction.beams import select_beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.slices import absorbed_intensities

abtem = pytest.importorskip("abtem")
ase = pytest.importorskip("ase")

B, CELLS, LAYERS, PIXELS = (
    0.6,
    32,
    2,
    64,
)  # Å²; cells along the beam; layers of atoms and pixels along an edge of a cell
COPPER = catalogue()["Cu"]
CRYSTAL = replace(COPPER, b_iso=np.full_like(COPPER.b_iso, B))
DIRECTIONS = ((0.0, 0.0), (0.3, 0.12))  # of the incoming beam, 1/Å
PARTS = 4  # of the thickness, after which the direct beam is looked at
THICKNESS = [CELLS * COPPER.a / 10 / PARTS * (i + 1) for i in range(PARTS)]


def bloch_waves(model: str) -> np.ndarray:
    """(directions, PARTS) intensity of the direct beam."""
    projection = Projection(CRYSTAL)
    beams = select_beams(projection, 4.25)
    absorbing = Absorption("tds").beams(projection, beams)
    if model == "none":
        absorbing = replace(absorbing, potential=absorbing.potential * 0)
    return absorbed_intensities(beams, absorbing, torch.tensor(DIRECTIONS).double(), THICKNESS)[0].T.numpy()


def atoms(cells: int, layers: int) -> "ase.Atoms":
    """Copper, its layers of atoms in the middle of the slices."""
    positions = (COPPER.positions + np.array([0, 0, 0.5 / LAYERS])) % 1
    cell = ase.Atoms(list(COPPER.elements), scaled_positions=positions, cell=[COPPER.a] * 3, pbc=True)
    return cell.repeat((cells, cells, layers))


def potential(cells: "ase.Atoms") -> "abtem.Potential":
    settings = {"parametrization": "kirkland", "projection": "infinite", "slice_thickness": COPPER.a / LAYERS}
    return abtem.Potential(cells, sampling=COPPER.a / PIXELS, exit_planes=CELLS * LAYERS // PARTS, **settings)


def direct_beam(potential: "abtem.Potential | abtem.PotentialArray") -> np.ndarray:
    """(directions, PARTS) complex amplitudes of the direct beam."""
    milliradian = 1e3 * wavelength(200.0)
    waves = []
    for x, y in DIRECTIONS:
        incoming = abtem.PlaneWave(energy=200e3, tilt=(x * milliradian, y * milliradian))
        waves.append(incoming.multislice(potential, lazy=False).array.mean((-1, -2))[1:])
    return np.array(waves)


def test_without_absorption() -> None:
    """Through the mean potential of the vibrating atoms; layers that are projected here make the difference."""
    still = potential(atoms(1, 1)).build(lazy=False).array
    q = np.fft.fftfreq(PIXELS, COPPER.a / PIXELS)
    damping = np.exp(-B * (q[:, None] ** 2 + q**2) / 4)
    slices = np.tile(np.fft.ifft2(np.fft.fft2(still) * damping).real.astype(np.float32), (CELLS, 1, 1))
    settings = {"slice_thickness": COPPER.a / LAYERS, "extent": (COPPER.a, COPPER.a)}
    mean = abtem.PotentialArray(slices, exit_planes=CELLS * LAYERS // PARTS, **settings)
    np.testing.assert_allclose(np.abs(direct_beam(mean)) ** 2, bloch_waves("none"), atol=0.02)


def test_thermal_diffuse_absorption() -> None:
    """The mean wave through eight crystals of atoms displaced at random, 2 × 2 cells wide, loses what U′ takes.

    Nothing of f′ or U′ is in that: it follows from the displacements.
    """
    random, amplitudes = np.random.default_rng(0), []
    for _ in range(8):
        displaced = atoms(2, CELLS)
        displacement = random.normal(0, math.sqrt(B / 8) / math.pi, displaced.positions.shape)
        displaced.positions[:, :2] += displacement[:, :2]
        displaced.wrap()
        amplitudes.append(direct_beam(potential(displaced)))
    mean = np.mean(amplitudes, 0)
    error = 2 * np.abs(mean) * np.std(amplitudes, 0) / math.sqrt(len(amplitudes))
    found, expected, none = np.abs(mean) ** 2, bloch_waves("tds"), bloch_waves("none")
    assert error.max() < 0.01 and (np.abs(found - expected) < 0.025 + 2 * error).all()
    assert np.abs(none - expected).max() > 0.2 > 5 * np.abs(found - expected).max()
