"""What a crystal's line in a store's index says of its cell and of the direction it is seen along."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.plane_symmetry import plane_operations, point_group
from lacbed_gan.crystal.zone_axis import source_direction, source_reflection

MIRROR = ((-1, 0), (0, 1))  # on (κ₁, κ₂): with the two-fold axis of every pattern it makes four like quadrants


def view_of(crystal: Crystal) -> dict[str, Any]:
    """Of a crystal that is not cubic and seen along [001]; nothing of one that is.

    ``cell`` is that of the crystal, a, b, c in Å and α, β, γ in degrees; ``zone``, ``x_axis`` and ``basis``, the
    reflections b₁ and b₂, are in the axes of the source; ``b1`` and ``b2`` are lengths in 1/Å, ``angle`` is between
    them in degrees; ``quadrants`` says whether the quadrants of a pattern in units of b₁ and b₂ are mirror images.
    """
    if crystal.is_standard_view:
        return {}
    view = crystal.view
    (b11, b12), (_, b22) = np.array(view.basis) @ crystal.reciprocal_metric @ np.array(view.basis).T
    group = point_group(plane_operations(crystal.operations, view.basis))
    return {
        "cell": list(crystal.cell),
        "zone": list(source_direction(crystal)),
        "x_axis": _plain(source_reflection(crystal, view.x_axis)),
        "basis": [_plain(source_reflection(crystal, b)) for b in view.basis],
        "b1": math.sqrt(b11),
        "b2": math.sqrt(b22),
        "angle": math.degrees(math.acos(max(-1.0, min(1.0, b12 / math.sqrt(b11 * b22))))),
        "quadrants": MIRROR in group,
    }


def _plain(indices: tuple[float, ...]) -> list[float]:
    """Whole numbers without a point."""
    return [int(x) if float(x).is_integer() else x for x in indices]
