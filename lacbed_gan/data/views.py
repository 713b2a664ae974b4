"""Pairs of crystals along other zone axes: what networks and augmentation must know of their nets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.crystal.plane_groups import plane_group
from lacbed_gan.store.store import Store


def projected_group(entry: Mapping[str, Any]) -> str | None:
    """Plane group of the projection along [001] of a cubic crystal; None where it is another or not known."""
    number = entry.get("number")
    return plane_group(number) if number and "b1" not in entry else None


def other_net(store: Store) -> str | None:
    """The id of a crystal that is not cubic and seen along [001], None where all are."""
    return next((entry["id"] for entry in store.index if "b1" in entry), None)


def without_quadrants(store: Store) -> str | None:
    """The id of a crystal whose patterns have the symmetry 2, not 2mm; None where there is none."""
    return next((entry["id"] for entry in store.index if not entry.get("quadrants", True)), None)


def require_nets(store: Store, point_group: bool) -> None:
    """Refuse pairs whose patterns are not drawn in the net of their ρ, and moves that would make another net of it.

    Raises:
        SettingsError: patterns of absolute angles; or augmentation by the point group of a square net.
    """
    if store.recipe.window_unit != "reciprocal":
        raise SettingsError(
            f"{store.source} has patterns of absolute angles; networks learn those of window=reciprocal"
        )
    if point_group and (other := other_net(store)) is not None:
        raise SettingsError(
            f"augment.point_group turns and mirrors square nets, and that of {other} is another; take "
            "augment.point_group=false"
        )


def require_symmetry(store: Store, quadrants: bool) -> None:
    """Refuse networks whose patterns have the symmetry 2mm where that of a pair is lower.

    Raises:
        SettingsError: a pair has not this symmetry.
    """
    if quadrants and (other := without_quadrants(store)) is not None:
        raise SettingsError(
            f"the network's patterns have the symmetry 2mm, and those of {other} have not; take "
            "model.generator.quadrants=false condition=net"
        )
