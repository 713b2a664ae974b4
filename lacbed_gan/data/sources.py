"""Where pairs come from: a store or the published images, and the fold of each crystal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lacbed_gan.data.folds import FOLDS, assign_folds
from lacbed_gan.data.structure_type import group_of, uneven
from lacbed_gan.store.packed import open_store
from lacbed_gan.store.published.reader import open_published
from lacbed_gan.store.published.tables import fold_of_codes, read_folds
from lacbed_gan.store.store import Store, StoreError


@dataclass(frozen=True)
class Pairs:
    """A store and its folds.

    Attributes:
        store: the images.
        fold_of: (N,) int64, the fold that tests on each crystal of the store; −1 for one that takes no part.
        grouped_by: what is never on both sides of a fold: "formula", "prototype", or "lists" where data.folds says
            which crystal is where.
        said: lines for the log.
    """

    store: Store
    fold_of: np.ndarray
    grouped_by: str
    said: list[str] = field(default_factory=list)


def open_pairs(store: str, data: Mapping[str, Any], track: Callable[[list[str]], Iterable[str]] = iter) -> Pairs:
    """The pairs that the settings `store` and `data` (conf/data/) name.

    Args:
        store: with ``data["name"] == "store"``, a store's folder, a packed store, or "bundled".
        data: the settings of the group ``data`` as plain values.
        track: shows the progress of reading published images.

    Raises:
        StoreError: they cannot be opened, are not what their checksums say, or cannot be dealt out to folds.
    """
    if data["name"] == "store":
        found = replace(open_store(store), source=store)
        found.verify()
        return _grouped(found, data["group"], [])
    if data["root"] is None:
        raise StoreError("data=kaggle needs data.root=<folder of the crystals' folders>")
    if data["metadata"] is None and data["folds"] is None and data["group"] == "prototype":
        raise StoreError("data.group=prototype needs data.metadata=<the authors' metadata.csv>")
    names = ("root", "cache", "metadata", "polarity", "colormap", "skip_bad")
    found, said = open_published(**{name: data[name] for name in names}, track=track)
    if data["folds"] is None:
        return _grouped(found, data["group"], said)
    codes = [entry["id"] for entry in found.index]
    fold_of, left_out = fold_of_codes(codes, read_folds(data["folds"], FOLDS), data["folds"], data["skip_bad"])
    return Pairs(found, fold_of, "lists", said + left_out)


def _grouped(store: Store, group: str, said: list[str]) -> Pairs:
    groups = [group_of(entry, group) for entry in store.index]
    try:
        fold_of = assign_folds(groups, FOLDS)
    except ValueError:
        raise StoreError(
            f"{store.source}: {len(set(groups))} groups for {FOLDS} folds with data.group={group}; take more crystals"
            + ", or data.group=formula" * (group != "formula")
        ) from None
    return Pairs(store, fold_of, group, said + [line for line in [uneven(groups, fold_of, FOLDS)] if line])
