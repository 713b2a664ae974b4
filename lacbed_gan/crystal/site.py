"""One entry of an asymmetric unit, and what an entry or a cell must be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import gemmi
import numpy as np

from lacbed_gan.base.errors import UserError
from lacbed_gan.crystal.cell import Cell, is_cell, tensor
from lacbed_gan.crystal.form_factors import HEAVIEST
from lacbed_gan.crystal.orbits import FULL

EDGES = (1.0, 200.0)  # Å; the largest known cubic cells have 173 Å, and time and memory grow with a²
FARTHEST = 100.0  # fractional coordinate


class CrystalError(UserError):
    """A structure that cannot be used; the message is one line that names the reason."""


@dataclass(frozen=True)
class Site:
    """One entry of the asymmetric unit.

    Attributes:
        element: its symbol.
        position: fractional coordinates.
        occupancy: in (0, 1].
        b_iso: B = 8π²U in Å² where known.
        u_aniso: U₁₁, U₂₂, U₃₃, U₂₃, U₁₃, U₁₂ in Å² as CIFs have them, where known; B is then that of the same mean
            square unless it is given too.
    """

    element: str
    position: tuple[float, float, float]
    occupancy: float = 1.0
    b_iso: float | None = None
    u_aniso: tuple[float, float, float, float, float, float] | None = None


def check_edge(a: float) -> None:
    """CrystalError unless a (Å) is the edge of a cell that there may be."""
    if not (math.isfinite(a) and a > 0):
        raise CrystalError(f"the cell edge {a} Å is not a positive number")
    if not EDGES[0] <= a <= EDGES[1]:
        raise CrystalError(f"the cell edge {a:g} Å is outside {EDGES[0]:g} … {EDGES[1]:g} Å")


def check_cell(cell: Cell) -> None:
    """CrystalError unless there may be a cell with these edges (Å) and angles (degrees)."""
    for edge in cell[:3]:
        check_edge(edge)
    if not is_cell(cell):
        angles = ", ".join(f"{x:g}" for x in cell[3:])
        raise CrystalError(f"there is no cell with the angles {angles}°")


def check_site(site: Site) -> None:
    number = gemmi.Element(site.element).atomic_number
    if not 1 <= number <= HEAVIEST:
        raise CrystalError(f"'{site.element}' is not an element with a known form factor (H to Lr)")
    if not all(math.isfinite(x) for x in site.position):
        raise CrystalError(f"a coordinate of {site.element} is not a number")
    if max(map(abs, site.position)) > FARTHEST:
        raise CrystalError(f"a coordinate of {site.element} is beyond {FARTHEST:g} cells")
    if not 0 < site.occupancy <= FULL:
        raise CrystalError(f"the occupancy {site.occupancy} of {site.element} is outside (0, 1]")
    if site.b_iso is not None and not (math.isfinite(site.b_iso) and 0 <= site.b_iso < 100):
        raise CrystalError(f"the displacement B = {site.b_iso} Å² of {site.element} is outside 0 … 100")
    if site.u_aniso is not None:
        u = tensor(site.u_aniso)
        if not (np.isfinite(u).all() and np.abs(u).max() < 100 and np.linalg.eigvalsh(u).min() > -1e-9):
            raise CrystalError(f"the displacements U of {site.element} are no tensor of a mean square")
