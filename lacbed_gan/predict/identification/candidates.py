"""The known structures that a pattern may be of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lacbed_gan.crystal.crystal import Crystal, CrystalError
from lacbed_gan.crystal.open_databases import open_structures
from lacbed_gan.crystal.structures import structures

B_ISO = 0.6  # Å², of atoms for which a structure gives no displacement parameter, or none that may be
PLAUSIBLE = (0.1, 4.0)  # Å², B of atoms at room temperature
SETS = ("standard", "open")


@dataclass(frozen=True)
class Candidates:
    """Structures to compare with a pattern.

    Attributes:
        crystals: seen along the pattern's zone axis, with B of every atom.
        left_out: what could not be used and why, one line each.
        total: how many structures there were, those of another cell edge among them.
    """

    crystals: list[Crystal]
    left_out: list[str]
    total: int


def candidates(
    sources: Sequence[str | Crystal],
    a: float | None,
    tolerance: float,
    *,
    b_iso: float = B_ISO,
    zone: Sequence[int] | None = None,
    x_axis: Sequence[int] | None = None,
) -> Candidates:
    """Structures of one or several sources, those of the cell edge where it is known.

    Args:
        sources: crystals, or names, see :func:`lacbed_gan.crystal.structures.structures`; what two of them hold counts
            once.
        a: cell edge in Å, None where it is not known.
        tolerance: relative, of a.
        b_iso: B in Å² of atoms without one.
        zone, x_axis: see :meth:`lacbed_gan.Crystal.along`.

    Raises:
        FileNotFoundError: a name is neither a set nor a path.
    """
    edges = (0.0, np.inf) if a is None else (a * (1 - tolerance), a * (1 + tolerance))
    chosen: dict[tuple[str, str, float], Crystal] = {}
    left_out, total = [], 0
    for crystal in _all(sources, edges):
        total += 1
        if isinstance(crystal, CrystalError):
            left_out.append(str(crystal))
        elif edges[0] <= crystal.a <= edges[1]:
            try:
                seen = with_plausible_b(crystal.seen(zone, x_axis), b_iso)
            except CrystalError as error:
                left_out.append(f"{crystal.name}: {error}")
                continue
            chosen.setdefault((seen.formula, seen.space_group, round(seen.a, 4)), seen)
    return Candidates(list(chosen.values()), left_out, total)


def with_plausible_b(crystal: Crystal, b_iso: float) -> Crystal:
    """The crystal with B = b_iso (Å²) of the atoms for which none is given, or none that atoms have."""
    low, high = PLAUSIBLE
    b = np.where(crystal.b_given & (crystal.b_iso >= low) & (crystal.b_iso <= high), crystal.b_iso, b_iso)
    return replace(crystal, b_iso=b)


def _all(sources: Sequence[str | Crystal], edges: tuple[float, float]) -> Iterator[Crystal | CrystalError]:
    for name in sources:
        if isinstance(name, Crystal):
            yield name
        elif name in SETS:  # thousands, of which most are told apart by their cell edge before they are built
            yield from open_structures(name == "standard", edges=edges)
        else:
            yield from structures(name)
