"""Where pairs come from: a store or the published images, and the fold of each crystal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.data.folds import FOLDS, assign_folds
from lacbed_gan.data.structure_type import group_of, uneven
from lacbed_gan.store.cache import verify_once
from lacbed_gan.store.packed import open_store
from lacbed_gan.store.published.reader import Published
from lacbed_gan.store.published.tables import fold_of_codes, read_folds
from lacbed_gan.store.store import Store, StoreError


@dataclass(frozen=True)
class Pairs:
    """A store and its folds.

    Attributes:
        store: the images.
        fold_of: (N,) int64, the fold that tests on each crystal of the store; −1 for one that takes no part.
        groups: (N,) the group of each crystal, such as its formula; None where lists say which crystal is where.
        grouped_by: what is never on both sides of a fold: "formula", "prototype", or "lists" where data.folds says
            which crystal is where.
        lines: for the log.
    """

    store: Store
    fold_of: np.ndarray
    grouped_by: str
    groups: list[str] | None = None
    lines: list[str] = field(default_factory=list)


def describe_pairs(store: str, data: Mapping[str, Any]) -> Pairs:
    """The pairs that settings name, without their images: all that a check needs.

    Of a store meta.json and the index are read; of published images their names, the tables and a few files, unless
    they have been read into a store before.

    Args:
        store: with ``data["name"] == "store"``, a store's folder, a packed store, or "bundled".
        data: the settings of the group ``data`` (conf/data/) as plain values.

    Raises:
        StoreError: they cannot be opened, or cannot be dealt out to folds.
    """
    if data["name"] == "store":
        return _grouped(replace(open_store(store), source=store), data["group"], [])
    return _dealt(_published(data).describe(), data, [])


def open_pairs(store: str, data: Mapping[str, Any], track: Callable[[list[str]], Iterable[str]] = iter) -> Pairs:
    """The pairs that settings name, for work: published images are read, and the arrays are verified once.

    Args:
        store, data: as for `describe_pairs`.
        track: shows the progress of reading published images.

    Raises:
        StoreError: they cannot be opened, are not what their checksums say, or cannot be dealt out to folds.
    """
    if data["name"] == "store":
        pairs = describe_pairs(store, data)
    else:
        images, lines = _published(data).open(track)
        pairs = _dealt(images, data, lines)
    verify_once(pairs.store)
    return pairs


def _published(data: Mapping[str, Any]) -> Published:
    if data["root"] is None:
        raise StoreError("data=kaggle needs data.root=<folder of the crystals' folders>")
    if data["metadata"] is None and data["folds"] is None and data["group"] == "prototype":
        raise StoreError("data.group=prototype needs data.metadata=<the authors' metadata.csv>")
    root, cache = Path(data["root"]), Path(data["cache"])
    metadata = None if data["metadata"] is None else Path(data["metadata"])
    return Published(root, cache, metadata, data["polarity"], data["colormap"], data["skip_bad"])


def _dealt(store: Store, data: Mapping[str, Any], lines: list[str]) -> Pairs:
    """Published images with their folds: the authors', or new ones."""
    if data["folds"] is None:
        return _grouped(store, data["group"], lines)
    codes = [entry["id"] for entry in store.index]
    fold_of, left_out = fold_of_codes(codes, read_folds(data["folds"], FOLDS), data["folds"], data["skip_bad"])
    return Pairs(store, fold_of, "lists", lines=lines + left_out)


def _grouped(store: Store, group: str, lines: list[str]) -> Pairs:
    groups = [group_of(entry, group) for entry in store.index]
    try:
        fold_of = assign_folds(groups, FOLDS)
    except ValueError:
        raise StoreError(
            f"{store.source}: {len(set(groups))} groups for {FOLDS} folds with data.group={group}; take more crystals"
            + ", or data.group=formula" * (group != "formula")
        ) from None
    return Pairs(store, fold_of, group, groups, lines + [line for line in [uneven(groups, fold_of, FOLDS)] if line])
