"""Ten parts of the data for cross-validation, with no group (formula, structure type) in two of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from lacbed_gan.base.errors import SettingsError

FOLDS = 10  # of the paper


def assign_folds(groups: Sequence[str], folds: int = 10, seed: int = 0) -> np.ndarray:
    """Fold of every crystal; crystals of one group share a fold.

    The groups, largest first and among equals in the order of a hash of seed and name, each go to the fold
    that is smallest so far. Folds then differ by at most the size of the largest group, and by at most one
    crystal where every group is a single one; a group larger than a fold's share has its fold to itself.

    Args:
        groups: (N,) the group of each crystal, e.g. its formula.
        folds: number of folds, at least 2.
        seed: another seed, another partition.

    Returns:
        (N,) int64 in 0…folds−1. It depends on the names and how often each occurs, not on their order.

    Raises:
        ValueError: fewer groups than folds, so that one would be empty.
    """
    sizes = Counter(groups)
    if folds < 2 or len(sizes) < folds:
        raise ValueError(f"folds={folds}: from 2 to the number of different groups, here {len(sizes)}")
    order = sorted(sizes, key=lambda name: (-sizes[name], _hash(name, seed)))
    filled = np.zeros(folds, dtype=np.int64)
    fold_of = {}
    for name in order:
        fold_of[name] = smallest = int(filled.argmin())
        filled[smallest] += sizes[name]
    return np.array([fold_of[name] for name in groups], dtype=np.int64)


def validation_part(groups: Sequence[str], fold_of: np.ndarray, fold: int) -> np.ndarray:
    """Rows of a tenth of the training folds, to look at while training: (n,) int64, ascending.

    No group has crystals in it and others among those that are left. It has several groups if any tenth has, as one
    structure type alone does not tell of others.

    Args:
        groups: (N,) the group of each crystal.
        fold_of: (N,) int64, the fold that tests on each crystal; −1 for one that takes no part.
        fold: that is tested on.

    Raises:
        SettingsError: the training folds have fewer than two groups.
    """
    training = np.flatnonzero((fold_of != fold) & (fold_of >= 0))
    members = [groups[row] for row in training]
    count = len(set(members))
    if count < 2:
        raise SettingsError("validation=part needs training folds of two groups or more; take validation=none")
    part = assign_folds(members, min(FOLDS, count), seed=1 + fold)
    first = {group for group, number in zip(members, part, strict=True) if number == 0}
    return training[part == (0 if len(first) > 1 else part.max())]  # the largest groups come first


def validation_rows(validation: str, groups: Sequence[str], fold_of: np.ndarray, fold: int) -> np.ndarray:
    """Rows that are kept out of training to look at meanwhile: (n,) int64, ascending.

    Args:
        validation: ``part``, as :func:`validation_part`; ``fold``, the fold after the one that is tested on, 0 after 9;
            ``none``.
    """
    if validation == "part":
        return validation_part(groups, fold_of, fold)
    return np.flatnonzero(fold_of == (fold + 1) % FOLDS) if validation == "fold" else np.empty(0, np.int64)


def _hash(name: str, seed: int) -> bytes:
    # Python's own hash changes from process to process.
    return hashlib.sha256(f"{seed}\n{name}".encode()).digest()
