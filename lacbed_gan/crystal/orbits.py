"""All images of a site in the cell: one atom on a special position, or the several of a split site with their total."""

from __future__ import annotations

from functools import lru_cache

import gemmi
import numpy as np
from numpy.typing import NDArray

# Images of one site closer than this are one atom on a special position (coordinates in CIFs are rounded).
MERGE_DISTANCE = 0.1  # Å
# Images farther apart than this are no matter of rounding where one place can hold them all: the atom is split.
ROUNDING = 0.01  # Å
SAME = 1e-5  # Å
# Atoms of different sites closer than this share a place, which at most one of them can hold.
OVERLAP = 0.3  # Å
MOST_SHARING = 96  # entries at a place, of several elements or split positions; more is a broken file
FULL = 1.02  # atoms at a place; refined and rounded occupancies add up to a little more than 1

Images = NDArray[np.float64]


def seitz(operations: gemmi.GroupOps) -> tuple[Images, Images]:
    """(m, 3, 3) rotations and (m, 3) translations of all operations, centring included."""
    ops = list(operations)
    return (
        np.array([op.rot for op in ops], dtype=float) / gemmi.Op.DEN,
        np.array([op.tran for op in ops], dtype=float) / gemmi.Op.DEN,
    )


def orbit_of(
    position: Images, rotations: Images, translations: Images, lattice: Images, occupancy: float = 1.0
) -> tuple[Images, float]:
    """The atoms of a site, (n, 3) in [0, 1), and how far its position is from the special one it stands for, in Å.

    Images within `ROUNDING` are one atom. Those within `MERGE_DISTANCE` are one at their mean where that place cannot
    hold them all (n · occupancy > `FULL`), and stay n atoms of a split site where it can: the orbit keeps its total.
    Images are merged only where being near is an equivalence, whose classes every operation maps onto each other: the
    atoms have the symmetry of the crystal whatever the position is.

    Args:
        lattice: (3, 3) the vectors of the cell, as rows, in Å.
    """
    images = rotations @ position + translations
    near = _means(images, lattice, MERGE_DISTANCE)
    exact = _means(images, lattice, ROUNDING)
    if len(near) != len(exact):
        fits = len(exact) / len(near) * occupancy <= FULL
        if fits or not _is_equivalence(images, lattice, MERGE_DISTANCE):
            near = exact
    if near is exact and not _is_equivalence(images, lattice, ROUNDING):
        near = exact = _means(images, lattice, SAME)
    distance = float(np.sqrt(_squared(near - images[0], lattice)).min())
    wrapped = near % 1.0
    wrapped[np.abs(wrapped - 1.0) < 1e-9] = 0.0
    return wrapped, distance if len(near) != len(exact) else 0.0


def orbit_tensors(
    tensor: Images, position: Images, orbit: Images, rotations: Images, translations: Images, lattice: Images
) -> Images:
    """(n, 3, 3) a tensor of a site, contravariant as positions are, at each atom of its orbit.

    Where several operations lead to an atom, as on special positions, it is their mean, which has the symmetry of the
    position.
    """
    images = rotations @ position + translations
    atom = _squared(images[:, None] - orbit, lattice).argmin(1)
    turned = rotations @ tensor @ np.swapaxes(rotations, 1, 2)
    return np.stack([turned[atom == i].mean(0) for i in range(len(orbit))])


def _squared(shift: Images, lattice: Images) -> Images:
    """(…) squares of lengths in Å² of (…, 3) short fractional vectors, up to whole cells."""
    return (((shift - np.round(shift)) @ lattice) ** 2).sum(-1)


def _means(images: Images, lattice: Images, tolerance: float) -> Images:
    """Images within the tolerance averaged into one.

    gemmi leaves rounded coordinates where they are, and takes what is within 0.4 Å for one atom.
    """
    orbit: list[Images] = []
    while len(images):
        shift = images - images[0]
        near = _squared(shift, lattice) < tolerance**2
        orbit.append(images[0] + (shift - np.round(shift))[near].mean(0))
        images = images[~near]
    return np.stack(orbit)


def _is_equivalence(images: Images, lattice: Images, tolerance: float) -> bool:
    """Whether images near a third one are near each other."""
    near = _squared(images[:, None] - images, lattice) < tolerance**2
    return bool(((near.astype(int) @ near > 0) == near).all())


def overlap(positions: Images, occupancy: Images, elements: tuple[str, ...], lattice: Images) -> str:
    """What is wrong where sites together hold more than one atom within `OVERLAP`; nothing where all is well."""
    tolerance = OVERLAP * float(np.linalg.norm(np.linalg.inv(lattice)[:, 0]))  # along a*
    order = np.argsort(positions[:, 0])
    x = positions[order, 0]
    low, high = x < tolerance, x > 1 - tolerance  # these are neighbours over the edge of the cell
    order = np.concatenate([order[high], order, order[low]])
    x = np.concatenate([x[high] - 1, x, x[low] + 1])
    first, last = (np.searchsorted(x, positions[:, 0] + side) for side in (-tolerance, tolerance))
    for position, start, stop in zip(positions, first, last, strict=True):
        among = order[start:stop]
        near = among[_squared(positions[among] - position, lattice) < OVERLAP**2]
        if len(near) > MOST_SHARING:
            return f"atoms overlap: more than {MOST_SHARING} entries share one place"
        if occupancy[near].sum() > FULL:
            names = " and ".join(sorted({elements[i] for i in near}))
            return f"atoms overlap: {names} fill one place {occupancy[near].sum():.2f} times"
    return ""


@lru_cache(maxsize=1024)
def triplets_of(triplets: tuple[str, ...]) -> tuple[str, ...]:
    """The same tuple for all crystals of one group, which many of them can then be kept in memory with."""
    return triplets
