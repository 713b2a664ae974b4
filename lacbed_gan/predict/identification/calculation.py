"""The intensities that a crystal would give at some pixels of an observation, at all thicknesses together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.zone_axis import reflection
from lacbed_gan.diffraction.absorption import Absorption
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.ionic import ionic_change
from lacbed_gan.diffraction.perturbed import perturbed_intensities
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.all_thicknesses import intensities_at_all
from lacbed_gan.diffraction.window import Window

BEYOND = 0.3  # 1/Å: beams around a reflection that take part


@dataclass(frozen=True)
class Physics:
    """How intensities are calculated.

    Attributes:
        g_max: cut-off of the beams in 1/Å, or `BEYOND` the farthest reflection where that is more.
        absorption: ``tds``, ``proportional`` or ``none``.
        energy_kv: of the beam.
        strong: how many beams of each direction count exactly, the others and absorption by perturbation, which is
            quicker; 0: all exactly.
    """

    g_max: float = 2.0
    absorption: str = "tds"
    energy_kv: float = 200.0
    strong: int = 0


def grid_pixels(size: int, step: int) -> NDArray[np.int64]:
    """Places, row · size + column, of every so many pixels of an image, alike on all sides of its middle."""
    half = np.arange(size // 2)[(step - 1) // 2 :: step] + (size + 1) // 2
    axis = np.sort(np.concatenate([size - 1 - half, half, [size // 2] if size % 2 else []])).astype(np.int64)
    return (axis[:, None] * size + axis).ravel()


def intensities_of(
    crystal: Crystal,
    hkl: Sequence[Sequence[int]],
    window: Window,
    places: NDArray[np.int64],
    thickness: Sequence[float],
    physics: Physics,
    factors: Mapping[tuple[int, int], float] | None = None,
    ionicity: float = 0.0,
    charges: NDArray[np.float64] | None = None,
) -> Tensor:
    """(R, T, P) float32 of reflections at P places, row · size + column, of a window; 0 of a forbidden reflection.

    Args:
        hkl: in the axes of the crystal's source; 0 0 0 is the bright field.
        thickness: T values in nm, rising; evenly spaced where few beams count exactly.
        factors: by which U of some (h, k) of the net are multiplied, without those of the symmetry's copies.
        ionicity: 0 of neutral atoms, 1 of ions with these charges, the formal ones unless given; see
            :func:`lacbed_gan.diffraction.ionic.ionic_change`.

    Raises:
        CalculationError: an atom without B where absorption needs it, or angles past
            grazing incidence.
        CrystalError: no reflection of the zone.
    """
    projection = Projection(crystal)
    net = projection.net
    if window.steepest(net) * wavelength(physics.energy_kv) >= 1:
        raise CalculationError(f"{crystal.name}: the angles reach past grazing incidence")
    reflections = [reflection(crystal, g) for g in hkl]
    dark = [g for g in reflections if g != (0, 0)]
    farthest = max((float(net.squared_length(g)) ** 0.5 for g in dark), default=0.0)
    g_max = max(physics.g_max, farthest + BEYOND)
    absorption = Absorption(physics.absorption)
    absorption.check(crystal)
    beams = select_beams(projection, g_max, physics.energy_kv)
    if absorption:
        absorbing = absorption.beams(projection, beams, physics.energy_kv)
    else:
        absorbing = replace(beams, potential=torch.zeros_like(beams.potential))
    if ionicity and (change := ionic_change(projection, beams, physics.energy_kv, charges)) is not None:
        beams = replace(beams, potential=beams.potential + ionicity * change)
    if factors:
        beams = _multiplied(beams, projection, factors)
    pixels = IndependentPixels.of_window(window, projection.rotations if dark else projection.point_group, net)
    wanted = torch.from_numpy(places)
    needed, which = torch.unique(pixels.origin[wanted], return_inverse=True)
    k = torch.from_numpy(window.directions(net, pixels.rows[needed], pixels.columns[needed]))
    places_of = {g: i for i, g in enumerate(pixels.star(dark))}
    found = beams.find(list(places_of)) if places_of else None
    if physics.strong:
        values = perturbed_intensities(beams, absorbing, k, thickness, physics.energy_kv, found, physics.strong)
    else:
        values = intensities_at_all(beams, absorbing, k, thickness, physics.energy_kv, found)
    images = []
    for g in reflections:
        if g == (0, 0):
            images.append(values[0][:, which])
            continue
        source = pixels.sources(places_of, g)[wanted]
        images.append(values[1 + source, :, which].T)
    return torch.stack(images)


def star(projection: Projection, hk: tuple[int, int]) -> list[tuple[int, int]]:
    """The (h, k) whose |U| symmetry makes equal, those of −h among them."""
    h, k = hk
    turned = [(p * h + q * k, r * h + s * k) for (p, q), (r, s) in projection.point_group]
    return sorted({*turned, *((-x, -y) for x, y in turned)})


def _multiplied(beams: Beams, projection: Projection, factors: Mapping[tuple[int, int], float]) -> Beams:
    potential, middle = beams.potential.clone(), beams.middle
    for hk, factor in factors.items():
        h, k = (torch.tensor(star(projection, hk)) + middle).unbind(-1)
        potential[h, k] *= factor
    return replace(beams, potential=potential)
