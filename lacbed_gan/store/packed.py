"""A store packed into one small file, as it ships with the program, and the one way to open any store.

A packed store is a zip archive (LZMA): meta.json, index.jsonl, the potentials as they are, and of each
crystal's patterns the pixels that their symmetry leaves, checked to give back every pixel exactly. Potentials
repeat themselves by translation, which LZMA finds, and stay small; patterns are most of the file. PNG-like
prediction would save another 5 % of them. Raw intensities are not packed.
"""

from __future__ import annotations

import io
import json
import lzma
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.base.files import replacing
from lacbed_gan.base.messages import printable
from lacbed_gan.images.symmetry import quadrant, unfold
from lacbed_gan.store.store import Store, StoreError, check_meta

BUNDLED = Path(__file__).parent / "bundled.zip"

MOST_BYTES = 4 << 30  # of what it expands to in memory; a larger store is a folder, whose arrays are mapped

# What reading an archive with flipped, missing or foreign bytes raises.
FORMATS = (zipfile.BadZipFile, lzma.LZMAError, OSError, EOFError)
DAMAGE = (*FORMATS, LookupError, TypeError, ValueError, RuntimeError, OverflowError, MemoryError)


def open_store(source: str | Path) -> Store:
    """Open a store's folder, a packed store, or, by the name "bundled", the one that ships with the program.

    Raises:
        StoreError: it is none of these, or damaged.
    """
    if source == "bundled":
        if not BUNDLED.exists():
            raise StoreError(f"{BUNDLED}: this copy of the program ships no store; make one with lacbed_gan.simulate")
        return open_packed(BUNDLED)
    return open_packed(source) if Path(source).is_file() else Store.open(source)


def pack(store: Store, file: str | Path) -> None:
    """Write a store, without raw intensities, to one file; the same store always gives the same bytes.

    Raises:
        StoreError: the arrays are not what the store's checksums say.
    """
    store.verify()
    symmetry = [_symmetry(pattern) for pattern in store.pattern]
    meta = dict(store.meta) | {"intensity": False}
    meta["sha256"] = {name: meta["sha256"][name] for name in ("potential", "pattern", "index")}
    members = {
        "meta.json": json.dumps(meta, ensure_ascii=False, indent=1).encode(),
        "index.jsonl": store.index_text,
        "symmetry.json": json.dumps(symmetry).encode(),
        "potential.npy": _npy(store.potential),
    }
    for name in sorted(set(symmetry)):
        reduce, _ = SYMMETRIES[name]
        rows = [i for i, of in enumerate(symmetry) if of == name]
        members[f"pattern_{name}.npy"] = _npy(reduce(store.pattern[rows]))
    with replacing(Path(file)) as whole, zipfile.ZipFile(whole, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_LZMA)  # ZipInfo's date is 1980, always


def open_packed(file: str | Path) -> Store:
    """Open a packed store; its arrays are expanded in memory when the first of them is asked for.

    Raises:
        StoreError: not a packed store, or damaged; what is wrong with the arrays is known once they are expanded.
    """
    with _archive(file) as archive:
        _require_size(sum(member.file_size for member in archive.infolist()))
        meta = check_meta(json.loads(archive.read("meta.json")), str(file))
        _require_size(meta["count"] * (1 + len(meta["thickness"])) * meta["size"] ** 2)
        index_text = archive.read("index.jsonl")
    return Store(str(file), index_text, meta, partial(_expanded, Path(file), meta), (Path(file),)).checked()


def _expanded(file: Path, meta: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays by their names."""
    count, size, thicknesses = meta["count"], meta["size"], len(meta["thickness"])
    with _archive(file) as archive:
        symmetry = np.array(json.loads(archive.read("symmetry.json")))
        potential = _read_npy(archive, "potential.npy")
        pattern = np.empty((count, thicknesses, size, size), dtype=np.uint8)
        for name in set(symmetry.tolist()):
            _, expand = SYMMETRIES[name]
            pattern[symmetry == name] = expand(_read_npy(archive, f"pattern_{name}.npy"), size)
    if potential.shape != (count, size, size) or potential.dtype != np.uint8 or len(symmetry) != count:
        raise StoreError(f"{file}: the packed arrays do not fit meta.json; pack the store again")
    return {"potential": potential, "pattern": pattern}


@contextmanager
def _archive(file: str | Path) -> Iterator[zipfile.ZipFile]:
    """The archive, in which whatever damage raises is a StoreError."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except StoreError:
        raise
    except FileNotFoundError:
        raise StoreError(f"{file}: no such store") from None
    except DAMAGE as error:
        raise StoreError(f"{file}: not a packed store, or damaged ({printable(error)})") from None


def _require_size(expanded: int) -> None:
    if expanded > MOST_BYTES:
        raise ValueError(f"it expands to {expanded / 2**30:.3g} GiB, more than {MOST_BYTES >> 30}")


def _triangle(pattern: np.ndarray) -> np.ndarray:
    """(N, T, S, S) → (N, T, pixels): the quadrant on and below its diagonal, row by row."""
    rows, columns = np.tril_indices(pattern.shape[-1] // 2)
    return quadrant(pattern)[..., rows, columns]


def _unfold_triangle(triangle: np.ndarray, size: int) -> np.ndarray:
    """(N, T, pixels) → (N, T, S, S)."""
    rows, columns = np.tril_indices(size // 2)
    quarter = np.empty((*triangle.shape[:2], size // 2, size // 2), dtype=np.uint8)
    quarter[..., rows, columns] = triangle
    quarter[..., columns, rows] = triangle
    return unfold(quarter, size)


def _whole(pattern: np.ndarray, size: int | None = None) -> np.ndarray:
    return pattern


# Point group of the pixels → (what to keep of (N, T, S, S), how to get all of it back); smallest first.
SYMMETRIES: dict[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]] = {
    "4mm": (_triangle, _unfold_triangle),
    "2mm": (quadrant, unfold),
    "1": (_whole, _whole),
}


def _symmetry(pattern: np.ndarray) -> str:
    """The highest of `SYMMETRIES` that every pixel of (T, S, S) patterns obeys."""
    pattern, size = pattern[None], pattern.shape[-1]
    exact = (
        name
        for name, (reduce, expand) in SYMMETRIES.items()
        if name == "1" or (size % 2 == 0 and np.array_equal(expand(reduce(pattern), size), pattern))
    )
    return next(exact)


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _read_npy(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    return np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
