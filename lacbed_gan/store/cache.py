"""What follows from a store alone, computed once and kept beside it.

A store's folder keeps it in ``cache``; a packed store, or a folder that cannot be written, in the user's own folder for
such things. All of it may be deleted at any time. Names hold a hash of the store's checksum and of all that decides, so
that another store's are never taken.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from lacbed_gan.base.files import replacing
from lacbed_gan.store.store import Store

EDITION = 1  # raised when the same store would give other numbers


def kept(store: Store, name: str, decides: Sequence[object], compute: Callable[[], np.ndarray]) -> np.ndarray:
    """An array that was computed from this store before, memory-mapped, or is now.

    Args:
        name: of what it is, for the file.
        decides: plain values on which it depends beside the store.
        compute: computes it.
    """
    text = json.dumps([EDITION, store.checksum, *decides])
    file = f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npy"
    for folder in _folders(store):
        with suppress(OSError, ValueError, EOFError):
            return np.load(folder / file, mmap_mode="r", allow_pickle=False)
    values = compute()
    for folder in _folders(store):
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            partial = folder / f"{file}-{os.getpid()}"  # another process may be at the same
            with replacing(partial) as whole:
                np.save(whole, values)
            os.replace(partial, folder / file)
            break
    return values


def verify_once(store: Store) -> None:
    """`Store.verify`, unless these very files were right before and have not changed since.

    What tells is the identity, size and times of each file; the arrays of a store without files are read each time.

    Raises:
        StoreError: an array differs from its checksum.
    """

    def verified() -> np.ndarray:
        store.verify()
        return np.ones(1, dtype=bool)

    stats = [(str(file.resolve()), file.stat()) for file in store.files]
    unchanged = [(name, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in stats]
    if unchanged:
        kept(store, "verified", [sorted(store.meta["sha256"].items()), unchanged], verified)
    else:
        store.verify()


def _folders(store: Store) -> Iterator[Path]:
    """Where it may be kept, in the order of preference."""
    if store.files and (store.files[0].parent / "meta.json").exists():
        yield store.files[0].parent / "cache"
    yield user_cache_path("lacbed_gan") / store.checksum[:16]
