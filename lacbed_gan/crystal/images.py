"""Sites in other axes and at other atoms of their orbits: positions and tensors of displacement together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import gemmi
import numpy as np
from numpy.typing import NDArray

from lacbed_gan.crystal.basis import ChangeOfBasis
from lacbed_gan.crystal.cell import Cell, beta_of, cell_of, lattice_of, reciprocal_metric, u_of
from lacbed_gan.crystal.orbits import orbit_tensors
from lacbed_gan.crystal.site import Site

Array = NDArray[np.float64]

# International Tables A, table 5.1.3.1: obverse hexagonal axes of a rhombohedral cell.
HEXAGONAL: Array = np.array([[1.0, 0.0, 1.0], [-1.0, 1.0, 1.0], [0.0, -1.0, 1.0]])


def moved_site(
    site: Site, position: Sequence[float], matrix: Array, metric: Array, new_metric: Array, b_iso: float | None
) -> Site:
    """A site at a position in other axes, x′ = matrix · x + …, its tensor turned along.

    Args:
        metric, new_metric: reciprocal ones, of the old axes and of the new.
    """
    u = site.u_aniso
    if u is not None:
        u11, u22, u33, u23, u13, u12 = u_of(matrix @ beta_of(u, metric) @ matrix.T, new_metric)
        u = (u11, u22, u33, u23, u13, u12)
    x, y, z = (float(each) for each in position)
    return replace(site, position=(x, y, z), b_iso=b_iso, u_aniso=u)


def site_images(site: Site, orbit: Array, rotations: Array, translations: Array, lattice: Array) -> list[Site]:
    """A site at each atom of its orbit."""
    if site.u_aniso is None:
        return [replace(site, position=(x, y, z)) for x, y, z in orbit.tolist()]
    metric = reciprocal_metric(lattice)
    beta = beta_of(site.u_aniso, metric)
    betas = orbit_tensors(beta, np.array(site.position), orbit, rotations, translations, lattice)
    images = []
    for (x, y, z), each in zip(orbit.tolist(), betas, strict=True):
        u11, u22, u33, u23, u13, u12 = u_of(each, metric)
        images.append(replace(site, position=(x, y, z), u_aniso=(u11, u22, u33, u23, u13, u12)))
    return images


def hexagonal_axes(
    cell: Cell, sites: Sequence[Site], operations: gemmi.GroupOps
) -> tuple[Cell, list[Site], gemmi.GroupOps, ChangeOfBasis]:
    """Cell, sites and operations of a rhombohedral description in obverse hexagonal axes, three times as large."""
    lattice = lattice_of(cell)
    new, inverse = HEXAGONAL.T @ lattice, np.asarray(np.linalg.inv(HEXAGONAL), dtype=np.float64)
    metrics = reciprocal_metric(lattice), reciprocal_metric(new)
    turned = [moved_site(site, (inverse @ site.position).tolist(), inverse, *metrics, site.b_iso) for site in sites]
    images = []
    for op in operations:
        rotation = inverse @ (np.array(op.rot) / gemmi.Op.DEN) @ HEXAGONAL
        translation = inverse @ np.array(op.tran) / gemmi.Op.DEN
        for third in (0, 1, 2):
            image = gemmi.Op()
            image.rot = (np.rint(rotation) * gemmi.Op.DEN).astype(int).tolist()
            centred = translation + third * np.array([2, 1, 1]) / 3
            image.tran = np.rint(centred * gemmi.Op.DEN).astype(int).tolist()
            images.append(image.wrap())
    return cell_of(new), turned, gemmi.GroupOps(images), ChangeOfBasis.of(HEXAGONAL, np.zeros(3))
