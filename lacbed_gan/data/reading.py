"""The images of a store as training takes them: some thicknesses, one size, one origin, in memory and 8 bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.data.batches import PairImages
from lacbed_gan.data.conditions import thickness_number
from lacbed_gan.images.origin import canonical
from lacbed_gan.images.reduction import reduced_pattern, reduced_potential
from lacbed_gan.store.cache import kept
from lacbed_gan.store.recipe import Indices
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
    reflections: Sequence[Indices] = (),
) -> PairImages:
    """Of all crystals of the store.

    Args:
        thicknesses: in nm, of the store's.
        origin: of ρ, ``given`` or ``canonical``.
        numbers: ``condition`` and ``span`` of `PairImages`.
        tells_thickness: networks are told the thickness.
        absorbing: pairs of some of the same crystals, calculated with absorption; see `require_absorbing`.
        reflections: whose dark fields are taken too, of the store's.
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
    if reflections:
        dark = dark_fields(store, thicknesses, size, reflections)
        images = replace(images, dark_field=dark, dark_range=_ranges(store, thicknesses, reflections))
    if absorbing is None:
        return images
    row_of = {entry["id"]: row for row, entry in enumerate(absorbing.index)}
    rows = torch.tensor([row_of.get(entry["id"], -1) for entry in store.index])
    return replace(images, absorbed=_patterns(absorbing, thicknesses, size), absorbed_row=rows)


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


def require_reflections(store: Store, reflections: Sequence[Indices]) -> None:
    """Refuse reflections that the store does not keep.

    Raises:
        SettingsError: one line that names those that it keeps.
    """
    if store.dark_field is None:
        raise SettingsError(
            f"reflections: {store.source} keeps no dark fields; make it with simulate dark_field=[[2,0],…]"
        )
    kept_ones = store.recipe.dark_field
    if missing := [g for g in reflections if g not in kept_ones]:
        names = ", ".join(map(_name, kept_ones))
        raise SettingsError(f"reflections: {store.source} has no dark field of {_name(missing[0])}; it has {names}")


def forbidden_lines(store: Store, reflections: Sequence[Indices]) -> list[str]:
    """How many of the crystals have no beam of each reflection; nothing of one that all have."""
    if store.dark_field is None:
        return []
    counts = store.dark_field.forbidden.sum(0)
    return [
        f"reflection {_name(g)} is forbidden in {counts[place]} of {len(store)} crystals, whose channel is empty"
        for g in reflections
        if counts[place := store.recipe.dark_field.index(g)]
    ]


def _name(g: Indices) -> str:
    return " ".join(map(str, g if len(g) > 2 else (*g, 0)))


def dark_fields(store: Store, thicknesses: Sequence[float], size: int, reflections: Sequence[Indices]) -> Tensor:
    """(N, T, G, size, size) uint8: patterns of reflections of a store that keeps them."""
    assert store.dark_field is not None
    images, places = store.dark_field.images, [store.recipe.dark_field.index(g) for g in reflections]
    times = [store.thickness.index(t) for t in thicknesses]
    stacks = [np.stack([reduced_pattern(images[:, g, time], size) for g in places], 1) for time in times]
    return torch.from_numpy(np.stack(stacks, 1))


def _ranges(store: Store, thicknesses: Sequence[float], reflections: Sequence[Indices]) -> Tensor:
    """(N, T, G) float32: maximum − minimum of each before scaling."""
    assert store.dark_field is not None
    places = [store.recipe.dark_field.index(g) for g in reflections]
    times = [store.thickness.index(t) for t in thicknesses]
    ends = store.dark_field.range[:, places][:, :, times].swapaxes(1, 2)
    return torch.from_numpy(ends[..., 1] - ends[..., 0])


def _patterns(store: Store, thicknesses: Sequence[float], size: int) -> Tensor:
    """(N, T, size, size) uint8."""
    times = [store.thickness.index(t) for t in thicknesses]
    return torch.from_numpy(np.stack([reduced_pattern(store.pattern[:, time], size) for time in times], 1))
