"""Writing a store crystal by crystal, so that a killed run keeps what it finished and goes on from there."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.locks import Occupied, exclusive
from lacbed_gan.base.version import program_version
from lacbed_gan.store.dark_fields import DarkFields
from lacbed_gan.store.store import FORMAT, INDEX_KEYS, VERSIONS, StoreError, array_layout, read_meta

_json = partial(json.dumps, default=np.generic.item, allow_nan=False, ensure_ascii=False)  # NumPy's scalars too
# The header of an .npy file, of one fixed length, so that it can be rewritten in place when N is known.
HEADER_BYTES = 128
LOCK = "writing.lock"  # held by the process that writes
LEFT_OUT = "left_out.txt"  # beside a store: a line for each structure that could not be used
# What may lie beside a store: what a kill leaves before there is a meta.json, shards, and the files of a launcher that
# runs them.
BESIDE = re.compile(rf"meta\.json\.part|{LOCK}|shard-\d+-of-\d+|multirun\.yaml|\.submitit")


class FinishedStore(StoreError):
    """The store that was asked for is there already."""


class StoreWriter:
    """Appends crystals to a store; killed at any moment and opened again it goes on where it was.

    Each array file grows by one record a crystal and the index line comes last, so that a crystal counts once
    all of it is on disk. Opening cuts the files back to whole crystals. `finish` completes the .npy headers,
    then replaces meta.json, which makes the folder a store. The bytes depend on the crystals and the settings
    alone, not on interruptions.

    Args:
        folder: made if absent; an unfinished store in it is continued.
        size: pixels along an image edge.
        thickness: T thicknesses in nm.
        settings: every setting that changes the images, as plain JSON values; ``dark_field`` among them lists
            the reflections whose patterns are kept, 8 bit.
        save_intensity: also keep raw intensities, float32.
        shard: what meta.json says of a store that is one part of a larger one; such a part may be empty.

    Raises:
        FinishedStore: the folder holds this store, finished.
        StoreError: the folder holds another finished store, an unfinished one of other settings, or something else, or
            another process is writing it.
    """

    def __init__(
        self,
        folder: str | Path,
        size: int,
        thickness: Sequence[float],
        settings: Mapping[str, Any],
        save_intensity: bool = False,
        shard: Mapping[str, Any] | None = None,
    ):
        self.folder = Path(folder)
        self.done: list[str] = []
        """Ids of the crystals present, in order."""
        reflections = len(settings.get("dark_field", ()))
        self._layout = array_layout(size, len(thickness), save_intensity, reflections)
        self._meta: dict[str, Any] = json.loads(
            _json(
                {
                    "format": FORMAT,
                    "version": VERSIONS[-1] if reflections else VERSIONS[0],  # which versions before can read
                    "finished": False,
                    "program": program_version(),
                    "size": int(size),
                    "thickness": [float(t) for t in thickness],
                    "intensity": bool(save_intensity),
                    "settings": dict(settings),
                    **({"shard": dict(shard)} if shard else {}),
                }
            )
        )
        require_place(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        names = [f"{name}.npy" for name in self._layout] + ["index.jsonl"]
        with ExitStack() as stack:
            try:
                stack.enter_context(exclusive(self.folder / LOCK))
            except Occupied:
                raise StoreError(f"{self.folder}: another process is writing this store; wait, or stop it") from None
            self._start_or_continue()
            for name in names:
                (self.folder / name).touch()
            # Unbuffered: what append has written is in the operating system's hands and survives the process.
            self._files = {name: stack.enter_context(open(self.folder / name, "r+b", buffering=0)) for name in names}
            self._ends = dict.fromkeys(names, HEADER_BYTES) | {"index.jsonl": 0}
            self._find_complete_crystals()
            self._cut()
            self._open = stack.pop_all()

    def append(
        self,
        entry: Mapping[str, Any],
        potential: np.ndarray,
        pattern: np.ndarray,
        intensity: np.ndarray | None = None,
        dark_field: np.ndarray | None = None,
        dark_field_range: np.ndarray | None = None,
    ) -> None:
        """Add one crystal; when this returns it is on disk.

        Args:
            entry: the index line; `INDEX_KEYS` and any further keys with plain JSON values.
            potential: (H, W) uint8.
            pattern: (T, H, W) uint8.
            intensity: (T, H, W) float32, exactly when the store keeps intensities.
            dark_field: (G, T, H, W), exactly when the store keeps dark-field patterns: float32 in [0, 1], shares of the
                incident beam; or uint8, as a store has them, with their range.
            dark_field_range: (G, T, 2) float32, minima and maxima of 8-bit ones.

        Raises:
            ValueError: an array or the entry does not fit the store; nothing is written.
            StoreError: the id is already there.
            OSError: the disk is full or gone; the store is as it was before.
        """
        if dark_field is not None and dark_field.dtype == np.float32:
            scaled = DarkFields.of(dark_field)
            dark_field, dark_field_range = scaled.images, scaled.range
        arrays = {"potential": potential, "pattern": pattern, "intensity": intensity}
        arrays |= {"dark_field": dark_field, "dark_field_range": dark_field_range}
        records = {}
        for name, array in arrays.items():
            shape, dtype = self._layout.get(name, (None, None))
            if (array is None) != (shape is None):
                raise ValueError(f"{name} is {'missing' if array is None else 'not kept by this store'}")
            if array is not None:
                if array.shape != shape or array.dtype != dtype:
                    raise ValueError(f"{name} is {array.shape} {array.dtype}, the store's is {shape} {dtype}")
                records[f"{name}.npy"] = array.tobytes()
        missing = [key for key in INDEX_KEYS if key not in entry]
        missing += [key for key in ("id", "formula") if not (isinstance(entry.get(key), str) and entry[key])]
        if missing:
            raise ValueError(f"index entry without {', '.join(missing)}")
        if entry["id"] in self._ids:
            raise StoreError(f"{self.folder}: crystal {entry['id']} is already in the store")
        records["index.jsonl"] = _json(entry).encode() + b"\n"
        try:
            for name, data in records.items():
                _write(self._files[name], data)
        except BaseException:
            self._cut()
            raise
        for name, data in records.items():
            self._ends[name] += len(data)
        self.done.append(entry["id"])
        self._ids.add(entry["id"])

    def finish(self) -> None:
        """Make the folder a finished store and close it.

        Raises:
            StoreError: no crystal was written, and the store is not a shard.
        """
        if not self.done and "shard" not in self._meta:
            raise StoreError(f"{self.folder}: no crystal was written, so there is no store to finish")
        digests = {}
        for name, (shape, dtype) in self._layout.items():
            file = self._files[f"{name}.npy"]
            file.seek(0)
            _write(file, _npy_header((len(self.done), *shape), dtype))
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        digests["index"] = hashlib.sha256((self.folder / "index.jsonl").read_bytes()).hexdigest()
        self._write_meta(self._meta | {"finished": True, "count": len(self.done), "sha256": digests})
        self.close()

    def discard(self) -> None:
        """Take the files of an unfinished store away again, and the folder where nothing else is in it."""
        self.close()
        for name in (*self._files, "meta.json"):
            (self.folder / name).unlink()
        with suppress(OSError):
            self.folder.rmdir()

    def close(self) -> None:
        """Close the files and leave the store unfinished, to be continued later."""
        self._open.close()

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _start_or_continue(self) -> None:
        if not (self.folder / "meta.json").exists():
            self._write_meta(self._meta)
            return
        present = read_meta(self.folder)
        changed = differences(present, self._meta)
        if changed:
            raise StoreError(
                f"{self.folder}: holds {'a finished' if present['finished'] else 'an unfinished'} store made with "
                f"other settings ({changed}); delete it or choose another output"
            )
        if present["finished"]:
            raise FinishedStore(f"{self.folder}: holds a finished store; delete it or choose another output")
        (self.folder / "meta.json.part").unlink(missing_ok=True)

    def _find_complete_crystals(self) -> None:
        """Set `done` and the file positions after the last crystal that is wholly on disk."""
        layout = self._layout.items()
        records = {f"{name}.npy": math.prod(shape) * dtype.itemsize for name, (shape, dtype) in layout}
        complete = min((os.path.getsize(self.folder / name) - HEADER_BYTES) // size for name, size in records.items())
        for line in (self.folder / "index.jsonl").read_bytes().splitlines(keepends=True)[: max(complete, 0)]:
            try:
                crystal_id = json.loads(line)["id"]
            except (ValueError, KeyError, TypeError):
                break
            if not line.endswith(b"\n"):
                break
            self.done.append(crystal_id)
            self._ends["index.jsonl"] += len(line)
            for name, size in records.items():
                self._ends[name] += size
        self._ids = set(self.done)

    def _cut(self) -> None:
        """Cut every file back to the last complete crystal."""
        for name, file in self._files.items():
            file.truncate(self._ends[name])
            file.seek(self._ends[name])

    def _write_meta(self, meta: Mapping[str, Any]) -> None:
        write_atomically(self.folder / "meta.json", _json(meta, indent=1) + "\n")


def require_place(folder: Path) -> None:
    """Raise StoreError unless the folder is absent, a store, or holds nothing but what may lie beside one."""
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder}: not a folder; choose another output")
    if not folder.exists() or (folder / "meta.json").exists():
        return
    if not all(BESIDE.fullmatch(path.name) for path in folder.iterdir()):
        raise StoreError(f"{folder}: the folder is not empty and not a store; choose another output")


def _npy_header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """Header of an .npy file, format 1.0, padded to `HEADER_BYTES`."""
    text = repr({"descr": dtype.str, "fortran_order": False, "shape": shape})
    body = text.ljust(HEADER_BYTES - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body.encode("latin1")


def _write(file: Any, data: bytes) -> None:
    """Write all of `data` and wait for the disk."""
    view = memoryview(data)
    try:
        while view:
            view = view[file.write(view) :]
        os.fsync(file.fileno())
    except OSError as error:  # it names no file
        raise OSError(error.errno, error.strerror, file.name) from None


def differences(present: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """The first few differing settings of two meta.json, as "name: there, asked for"; empty if there are none."""
    flat = [meta | meta["settings"] for meta in (present, asked)]
    names = sorted((set(flat[0]) | set(flat[1])) - {"settings", "finished", "count", "sha256"})
    changed = [n for n in names if flat[0].get(n) != flat[1].get(n)]
    return ", ".join(f"{n}: {flat[0].get(n)} there, {flat[1].get(n)} asked for" for n in changed[:4])
