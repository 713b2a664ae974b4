"""The store: pairs of projected potential and LACBED patterns in one folder, memory-mapped.

potential.npy  (N, H, W) uint8        projected potentials ρ, min–max scaled per image
pattern.npy    (N, T, H, W) uint8     patterns at T thicknesses, min–max scaled per image
intensity.npy  (N, T, H, W) float32   raw intensities in [0, 1]; only where they were asked for
dark_field.npy (N, G, T, H, W) uint8    patterns of G reflections, scaled likewise; only where they were asked for
dark_field_range.npy (N, G, T, 2) float32  their minima and maxima before scaling
index.jsonl                           one line a crystal, in the order of the arrays
meta.json                             version, thicknesses, size, settings, checksums
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.base.errors import UserError
from lacbed_gan.base.messages import printable
from lacbed_gan.store.dark_fields import DarkFields
from lacbed_gan.store.recipe import Recipe

FORMAT = "lacbed_gan store"
VERSIONS = (1, 2)  # 2: dark fields, where there are any, are in 8 bit; in 1 they were float32

# Every index line has these; what a data set does not know is null, but never the id or the formula.
# rho_min and rho_max are the range of ρ in 1/Å² before scaling, a is in Å, number is the space group's.
INDEX_KEYS = ("id", "formula", "space_group", "number", "a", "source", "rho_min", "rho_max")


class StoreError(UserError):
    """A store that cannot be read or written: one line with file, reason and remedy."""


Layout = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]  # name of an array → shape of one crystal's record, dtype


def array_layout(size: int, thicknesses: int, intensity: bool, reflections: int = 0, version: int = 2) -> Layout:
    """The arrays of a store of a version of the format."""
    layout: Layout = {
        "potential": ((size, size), np.dtype(np.uint8)),
        "pattern": ((thicknesses, size, size), np.dtype(np.uint8)),
    }
    if intensity:
        layout["intensity"] = ((thicknesses, size, size), np.dtype("<f4"))
    if reflections:
        kind = np.dtype("<f4" if version == 1 else np.uint8)
        layout["dark_field"] = ((reflections, thicknesses, size, size), kind)
    if reflections and version > 1:
        layout["dark_field_range"] = ((reflections, thicknesses, 2), np.dtype("<f4"))
    return layout


def sha256(array: np.ndarray) -> str:
    """Hex SHA-256 of an array's bytes in C order; a memory map is read record by record."""
    digest = hashlib.sha256()
    for record in array:
        digest.update(np.ascontiguousarray(record).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Store:
    """Pairs and what is known about them. Open a folder with `Store.open`; no image is read before it is asked for.

    Attributes:
        source: where it came from, for messages.
        index_text: the N lines of index.jsonl as bytes.
        meta: the content of meta.json.
        load: gives the arrays by their names, once, when the first of them is asked for.
        files: that hold the arrays; when none has changed, they are as they were.
    """

    source: str
    index_text: bytes
    meta: Mapping[str, Any]
    load: Callable[[], Mapping[str, np.ndarray]]
    files: tuple[Path, ...] = ()

    @classmethod
    def open(cls, folder: str | Path) -> Store:
        """Open a finished store; arrays are memory-mapped and not read (`verify` reads and checks them).

        Raises:
            StoreError: not a store, unfinished, of another version, or its files do not fit each other.
        """
        folder = Path(folder)
        meta = read_meta(folder)
        if not meta["finished"]:
            raise StoreError(f"{folder}: the store is unfinished; run the command that makes it again")
        arrays = {
            name: _map_array(folder / f"{name}.npy", (meta["count"], *shape), dtype)
            for name, (shape, dtype) in _layout(meta).items()
        }
        try:
            index_text = (folder / "index.jsonl").read_bytes()
        except OSError as error:
            raise StoreError(f"{folder / 'index.jsonl'}: {error.strerror}; make the store again") from None
        files = tuple(folder / f"{name}.npy" for name in arrays)
        return cls(str(folder), index_text, meta, lambda: arrays, files).checked()

    def checked(self) -> Store:
        """Itself, once its index is known to be that of meta.json.

        Raises:
            StoreError: the index is shorter or longer than the arrays, or damaged.
        """
        lines = self.index_text.count(b"\n")
        if lines != self.meta["count"]:
            raise StoreError(
                f"{self.source}: index.jsonl has {lines} lines for {self.meta['count']} crystals in the arrays; "
                "make the store again"
            )
        if hashlib.sha256(self.index_text).hexdigest() != self.meta["sha256"]["index"]:
            raise StoreError(f"{self.source}: index.jsonl differs from its checksum; make the store again")
        return self

    def __len__(self) -> int:
        return int(self.meta["count"])

    @cached_property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """All arrays by their names."""
        return self.load()

    @property
    def potential(self) -> np.ndarray:
        """(N, H, W) uint8: ρ on 0…255, row is y, column is x."""
        return self.arrays["potential"]

    @property
    def pattern(self) -> np.ndarray:
        """(N, T, H, W) uint8: bright-field patterns on 0…255."""
        return self.arrays["pattern"]

    @property
    def intensity(self) -> np.ndarray | None:
        """(N, T, H, W) float32 in [0, 1], or None where raw intensities were not kept."""
        return self.arrays.get("intensity")

    @cached_property
    def dark_field(self) -> DarkFields | None:
        """Patterns of the reflections, in the order of `recipe.dark_field`, or None where there are none."""
        images = self.arrays.get("dark_field")
        return None if images is None else DarkFields.kept(images, self.arrays.get("dark_field_range"))

    @cached_property
    def index(self) -> list[dict[str, Any]]:
        """One dict a crystal with at least `INDEX_KEYS`, in the order of the arrays.

        Raises:
            StoreError: a line is none.
        """
        entries = []
        for number, line in enumerate(self.index_text.splitlines(), 1):
            try:
                entry = json.loads(line)
                if not (isinstance(entry, dict) and entry.keys() >= set(INDEX_KEYS)):
                    raise ValueError
            except (ValueError, RecursionError):
                place = f"index.jsonl, line {number}"
                raise StoreError(f"{self.source}: {place} tells no crystal; make the store again") from None
            entries.append(entry)
        return entries

    @cached_property
    def recipe(self) -> Recipe:
        """What its pairs look like."""
        return Recipe.of_meta(self.meta)

    @property
    def settings(self) -> dict[str, Any]:
        """Those of meta.json: the recipe's, and of published images what is known of their files."""
        return dict(self.meta["settings"])

    @property
    def thickness(self) -> tuple[float, ...]:
        """The T thicknesses in nm."""
        return self.recipe.thickness

    @property
    def size(self) -> int:
        """Pixels along an edge, H = W."""
        return self.recipe.size

    @cached_property
    def checksum(self) -> str:
        """SHA-256 that identifies the data: images, index and thicknesses, not how they are kept on disk."""
        recorded = self.meta["sha256"]
        identity = [recorded["potential"], recorded["pattern"], recorded["index"], list(self.thickness)]
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()

    def verify(self) -> None:
        """Read every array and compare it with its recorded checksum.

        Raises:
            StoreError: an array differs.
        """
        for name, array in self.arrays.items():
            if sha256(array) != self.meta["sha256"][name]:
                raise StoreError(f"{self.source}: {name} differs from its checksum; make the store again")


def read_meta(folder: Path) -> dict[str, Any]:
    """meta.json of a finished or unfinished store.

    Raises:
        StoreError: missing, not JSON, not a store's, incomplete, or of another version.
    """
    path = folder / "meta.json"
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        reason = "not a store (it has no meta.json)" if folder.exists() else "no such store"
        raise StoreError(f"{folder}: {reason}; name a folder that lacbed_gan.simulate wrote") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read ({error})") from None
    try:
        meta = json.loads(text)
    except (ValueError, RecursionError):
        raise StoreError(f"{path}: not JSON; make the store again") from None
    return check_meta(meta, str(path))


def check_meta(meta: Any, source: str) -> dict[str, Any]:
    """The content of a meta.json, once it is known to describe a store that this program reads."""
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise StoreError(f"{source}: does not describe a lacbed_gan store")
    if meta.get("version") not in VERSIONS:
        raise StoreError(
            f"{source}: store format version {printable(meta.get('version'), 20)}, this program reads up to "
            f"{VERSIONS[-1]}; "
            "use the lacbed_gan that wrote it or make the store again"
        )
    kinds = {"finished": bool, "size": int, "thickness": list, "intensity": bool, "settings": dict}
    if meta.get("finished"):
        kinds |= {"count": int, "sha256": dict}
    if meta.get("shard") is not None:
        kinds |= {"shard": dict}
    wrong = [key for key, kind in kinds.items() if not isinstance(meta.get(key), kind)]
    if not wrong and not all(isinstance(t, int | float) and t > 0 for t in meta["thickness"]):
        wrong.append("thickness")
    wrong += [key for key in ("size", "count") if key in kinds and key not in wrong and meta[key] < 0]
    if not wrong:
        try:
            Recipe.of_meta(meta)
        except ValueError as error:
            wrong.append(f"settings.{error}")
    if meta.get("finished") and not wrong:
        names = {"index", *_layout(meta)}
        wrong = [f"sha256.{name}" for name in sorted(names - set(meta["sha256"]))]
    if wrong:
        raise StoreError(f"{source}: {', '.join(wrong)} missing or of the wrong type; make the store again")
    return meta


def _layout(meta: Mapping[str, Any]) -> Layout:
    """`array_layout` of a finished store; a packed one keeps the setting of its dark-field patterns, not them."""
    reflections = len(meta["settings"].get("dark_field", ())) if "dark_field" in meta["sha256"] else 0
    return array_layout(meta["size"], len(meta["thickness"]), meta["intensity"], reflections, meta["version"])


def _map_array(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise StoreError(f"{path}: missing; make the store again") from None
    except (OSError, ValueError, EOFError) as error:
        raise StoreError(f"{path}: cannot be read ({printable(error)}); make the store again") from None
    if not isinstance(array, np.ndarray):  # a zip archive under this name
        raise StoreError(f"{path}: not a NumPy array; make the store again")
    if array.shape != shape or array.dtype != dtype:
        raise StoreError(
            f"{path}: shape {array.shape} {array.dtype} where meta.json says {shape} {dtype}; make the store again"
        )
    return array
