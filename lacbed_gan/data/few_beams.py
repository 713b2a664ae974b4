"""The patterns of few beams of a store's crystals, which forward networks may be given."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.progress import progress
from lacbed_gan.data.views import other_net
from lacbed_gan.diffraction.few_beams import FEWEST, REACH, few_beam_patterns
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.reduction import reduced_potential
from lacbed_gan.images.scaling import to_uint8, to_unit
from lacbed_gan.store.cache import kept
from lacbed_gan.store.store import Store


def require_few_beams(store: Store, direction: str, g_max: float | None) -> None:
    """SettingsError where networks cannot be given such patterns."""
    if g_max is None:
        return
    if direction != "forward":
        raise SettingsError("few_beams is of forward networks, which are given ρ: take few_beams=null")
    if not store.recipe.periodic or other_net(store):
        raise SettingsError(
            f"few_beams needs cubic crystals along [001] with ρ sampled at r = i/n, which not all of {store.source} are"
        )
    if any(entry.get("rho_max") is None for entry in store.index):
        raise SettingsError(f"few_beams needs the range of ρ of every crystal, which {store.source} does not tell")


def few_beams_of(store: Store, thickness: Sequence[float], size: int, g_max: float) -> NDArray[np.uint8]:
    """Patterns (N, T, size, size) of all crystals of a store by the beams up to g_max (1/Å); kept beside it."""
    compute = partial(_computed, store, thickness, size, g_max)
    return np.array(kept(store, "few_beams", [g_max, REACH, FEWEST, list(thickness), size], compute))


def _computed(store: Store, thickness: Sequence[float], size: int, g_max: float) -> NDArray[np.uint8]:
    potential = reduced_potential(store.potential, size, "given")
    result = np.empty((len(store), len(thickness), size, size), np.uint8)
    patterns = few_beam_patterns(
        [to_unit(image) for image in potential],
        [entry["rho_max"] - entry["rho_min"] for entry in store.index],
        [entry["a"] for entry in store.index],
        thickness,
        Window(size, store.recipe.half_width),
        g_max,
        store.recipe.energy_kv,
        "cuda" if torch.cuda.is_available() else "cpu",
    )
    for place, pattern in progress(patterns, len(store), 0):
        result[place] = to_uint8(pattern)
    return result
