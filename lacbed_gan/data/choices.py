"""Choices of a caller among what there is."""

from __future__ import annotations

from collections.abc import Sequence

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.store.store import Store


def thicknesses(thickness: float | Sequence[float] | str, store: Store) -> tuple[float, ...]:
    """Those asked for, in nm and in the store's order.

    Raises:
        SettingsError: the store has not all of them.
    """
    if thickness == "all":
        return store.thickness
    asked = [thickness] if isinstance(thickness, int | float | str) else thickness
    for value in asked:
        require_choice("thickness", value, store.thickness, f" nm in the store {store.source}, or all of them")
    return tuple(t for t in store.thickness if t in asked)


def require_choice(name: str, value: object, allowed: Sequence[object], where: str = "") -> None:
    """Raise SettingsError, which names what is allowed, unless the value is among it."""
    if value not in allowed:
        choice = f"{allowed[0]}…{allowed[-1]}" if isinstance(allowed, range) else ", ".join(_plain(a) for a in allowed)
        raise SettingsError(f"{name}={_plain(value)}: choose from {choice}{where}")


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else "null" if value is None else str(value)


def require_agreement(
    direction: str, origin: str, condition: Sequence[str], shift: bool, point_group: bool, reflections: bool = False
) -> None:
    """Refuse what a direction has no use for.

    Raises:
        SettingsError: the condition, a shift of the origin, or turned copies where a pattern does not tell them; dark
            fields where there is no pattern to be read, or with turned copies.
    """
    if reflections and direction != "inverse":
        raise SettingsError("reflections are of the patterns that networks read: direction=inverse")
    if reflections and point_group:
        raise SettingsError(
            "augment.point_group makes other reflections of dark fields; take augment.point_group=false"
        )
    if direction != "inverse":
        return
    if "log_span" in condition:
        raise SettingsError("condition=scale needs direction=forward; direction=inverse takes condition=cell or none")
    if shift:
        raise SettingsError("augment.shift needs direction=forward: a pattern does not tell the origin of ρ")
    if point_group and origin != "canonical":
        raise SettingsError("augment.point_group with direction=inverse needs origin=canonical: one answer a pattern")
