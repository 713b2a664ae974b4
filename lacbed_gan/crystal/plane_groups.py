"""Plane groups of cubic crystals seen along [001], the symmetry of their projected potentials."""

from __future__ import annotations

# International Tables A, "symmetry of special projections" along [001]; the tests derive it from the operations.
# Names are those of the 17 plane groups: p2mg is printed as p2gm where its axes are named the other way round, and a
# centred square cell is named after the primitive one, turned by 45°.
PLANE_GROUPS = {
    "p2mm": (195, 196, 200, 202, 206),
    "c2mm": (197, 199, 201, 203, 204),
    "p2gg": (198,),
    "p2mg": (205,),
    "p4gm": (212, 213, 220),
    "p4mm": (207, 208, 209, 210, 211, *range(214, 220), *range(221, 231)),
}
_GROUP_OF = {number: name for name, numbers in PLANE_GROUPS.items() for number in numbers}


def plane_group(number: int) -> str:
    """Plane group of the projection along [001] of a cubic space group.

    Args:
        number: of the space group, 195 … 230.

    Returns:
        One of p2mm, c2mm, p2gg, p2mg, p4mm, p4gm.

    Raises:
        ValueError: not the number of a cubic space group.

    >>> plane_group(225)
    'p4mm'
    """
    if number not in _GROUP_OF:
        raise ValueError(f"space group number {number} is not a cubic one, 195 … 230")
    return _GROUP_OF[number]
