"""The images of a store as training takes them: some thicknesses, one size, one origin, in memory and 8 bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.data.batches import PairImages
from lacbed_gan.data.conditions import thickness_number
from lacbed_gan.images.origin import canonical
from lacbed_gan.images.reduction import reduced_pattern, reduced_potential
from lacbed_gan.store.cache import kept
from lacbed_gan.store.store import Store


def pair_images(
    store: Store,
    thicknesses: Sequence[float],
    size: int,
    origin: str,
    numbers: Mapping[str, Tensor | None],
    *,
    tells_thickness: bool = False,
    absorbing: Store | None = None,
) -> PairImages:
    """Of all crystals of the store.

    Args:
        thicknesses: in nm, of the store's.
        origin: of ρ, ``given`` or ``canonical``.
        numbers: ``condition`` and ``span`` of `PairImages`.
        tells_thickness: networks are told the thickness.
        absorbing: pairs of some of the same crystals, calculated with absorption; see `require_absorbing`.
    """
    potential = store.potential
    if origin == "canonical":
        potential = kept(store, "canonical", [], lambda: canonical(store.potential))
    potential = reduced_potential(potential, size, "given")
    told = torch.tensor([thickness_number(t) for t in thicknesses]) if tells_thickness else None
    images = PairImages(
        torch.from_numpy(np.array(potential[:, None])),
        _patterns(store, thicknesses, size),
        **numbers,
        thickness=told,
        periodic=store.recipe.periodic,
    )
    if absorbing is None:
        return images
    row_of = {entry["id"]: row for row, entry in enumerate(absorbing.index)}
    rows = torch.tensor([row_of.get(entry["id"], -1) for entry in store.index])
    return images.with_absorbed(_patterns(absorbing, thicknesses, size), rows)


def require_absorbing(absorbing: Store, store: Store, thicknesses: Sequence[float], size: int) -> None:
    """Refuse pairs that cannot stand in for those of the store.

    Raises:
        SettingsError: they have no absorption, none of these crystals, or other thicknesses, angles or sizes.
    """
    name = f"augment.absorbing={absorbing.source}"
    ours, theirs = store.recipe, absorbing.recipe
    if theirs.absorption == "none":
        raise SettingsError(f"{name} has no absorption; make it with simulate absorption=tds")
    missing = [f"{t:g}" for t in thicknesses if t not in absorbing.thickness]
    if missing:
        raise SettingsError(f"{name} has no patterns at {', '.join(missing)} nm; make it with the same thickness")
    if (ours.half_width, ours.window_unit, ours.energy_kv) != (theirs.half_width, theirs.window_unit, theirs.energy_kv):
        raise SettingsError(f"{name} has other angles or another voltage than {store.source}; make it with the same")
    if absorbing.size % size:
        raise SettingsError(f"{name} has {absorbing.size} pixels, no multiple of size={size}; make it with as many")
    if not {entry["id"] for entry in absorbing.index} & {entry["id"] for entry in store.index}:
        raise SettingsError(f"{name} and {store.source} have no crystal in common; make it of the same structures")


def _patterns(store: Store, thicknesses: Sequence[float], size: int) -> Tensor:
    """(N, T, size, size) uint8."""
    times = [store.thickness.index(t) for t in thicknesses]
    return torch.from_numpy(np.stack([reduced_pattern(store.pattern[:, time], size) for time in times], 1))
