"""The published images, one folder of PNG files a crystal, read once into a store."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.base.locks import exclusive
from lacbed_gan.images.grey import ImageError, physical, read_grey
from lacbed_gan.images.scaling import to_uint8
from lacbed_gan.store.published.layout import Files, image_names, image_size, list_images, survey, thickness
from lacbed_gan.store.published.tables import counted, read_metadata
from lacbed_gan.store.store import Store, StoreError, read_meta
from lacbed_gan.store.writer import StoreWriter

READER = 1  # raised when the same files would give another store


@dataclass(frozen=True)
class Published:
    """The published images and how they are to be read.

    Each image is min–max scaled to 8 bit, as in every store. Index entries are in ascending order of the codes. The
    store is another one when a file of the root, its size or time, the metadata or an option changes.

    Attributes:
        root: folder of the crystals' folders.
        cache: folder that holds the store, ``<name of root>-<hash>``.
        metadata: the authors' table; without it formula, space group and a are unknown.
        polarity: "dark_high" or "bright_high", of all images; None finds it out, for potentials and for patterns.
        colormap: "greys" undoes matplotlib's map.
        skip_bad: leave out crystals whose images are missing, unreadable or of another size, or that the metadata
            does not have.

    Raises:
        StoreError: from all that it does: no such crystals; bad ones, counted and named, and not `skip_bad`; no clear
            polarity.
    """

    root: Path
    cache: Path
    metadata: Path | None = None
    polarity: str | None = None
    colormap: str | None = None
    skip_bad: bool = False

    @cached_property
    def files(self) -> Files:
        return list_images(self.root)

    @cached_property
    def names(self) -> list[str]:
        return image_names(self.files)

    @cached_property
    def table(self) -> dict[str, dict[str, Any]] | None:
        return None if self.metadata is None else read_metadata(self.metadata)

    @cached_property
    def key(self) -> str:
        """SHA-256 of all that decides what the store holds."""
        options = [READER, self.names, self.table, self.polarity, self.colormap]
        return hashlib.sha256(json.dumps([self.files, options], sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """Of the store."""
        return self.cache / f"{self.root.resolve().name}-{self.key[:12]}"

    def describe(self) -> Store:
        """The store, or, before the images have been read, what is known of it from their names and a few of them.

        Such a store has an index, thicknesses and a size, but neither images nor a checksum.
        """
        if _finished(self.folder):
            return Store.open(self.folder)
        bad = {code: problems for code in self.files if (problems := self._absent(code))}
        if bad and not self.skip_bad:
            raise self._refusal(bad)
        entries = [self._entry(code) for code in self.files if code not in bad]
        meta = {
            "count": len(entries),
            "size": image_size(self.root, self.files, self.names),
            "thickness": [thickness(name) for name in self.names[1:]],
            "settings": {"method": "published"},
        }
        lines = "".join(json.dumps(entry) + "\n" for entry in entries)
        return Store(str(self.root), lines.encode(), meta, dict)

    def open(self, track: Callable[[list[str]], Iterable[str]] = iter) -> tuple[Store, list[str]]:
        """The images as a store, read unless they were before; reading that was stopped goes on.

        Args:
            track: shows the progress of the codes it passes on.

        Returns:
            the store, and lines for the log: what the images are, and what was left out.
        """
        self.cache.mkdir(parents=True, exist_ok=True)
        with exclusive(self.cache / f".{self.folder.name}.lock", wait=True):  # others wait, and find it finished
            if not _finished(self.folder):
                self._write(track)
        store = Store.open(self.folder)
        present = {entry["id"] for entry in store.index}
        bad = [code for code in self.files if code not in present]
        if bad and not self.skip_bad:
            now = {code: self._read(code, store.size)[0] for code in bad}
            since = f"could not be read when {self.folder} was made; delete that to read it again"
            raise self._refusal({code: now[code] or [f"{code} {since}"] for code in bad})
        lines = [self._description(store)]
        if bad:
            lines.append(f"left out: {counted(bad, 'crystal')} of {self.root} with bad images")
        return store, lines

    def _write(self, track: Callable[[list[str]], Iterable[str]]) -> None:
        """Write the store, or what of it can be, and refuse the rest."""
        settings: dict[str, Any] = {"method": "published", "root": str(self.root.resolve()), "files": self.key}
        settings |= {"colormap": self.colormap} | survey(self.root, self.files, self.names, self.polarity)
        polarity = [settings["potential"]["polarity"]] + [settings["pattern"]["polarity"]] * (len(self.names) - 1)
        size = settings.pop("size")
        bad: dict[str, list[str]] = {}
        with StoreWriter(self.folder, size, [thickness(name) for name in self.names[1:]], settings) as writer:
            done = set(writer.done)
            for code in track([code for code in self.files if code not in done]):
                problems, greys = self._read(code, size)
                if problems:
                    bad[code] = problems
                    continue
                images = [to_uint8(physical(g, p, self.colormap)) for g, p in zip(greys, polarity, strict=True)]
                writer.append(self._entry(code), images[0], np.stack(images[1:]))
            if bad and not self.skip_bad:
                raise self._refusal(bad)
            writer.finish()

    def _entry(self, code: str) -> dict[str, Any]:
        """The line of a crystal in the index."""
        known = {"formula": f"ICSD {code}", "space_group": None, "number": None, "a": None}
        known |= self.table[code] if self.table is not None else {}
        source = f"{self.root.resolve().name}/{code}"
        return {"id": code, **known, "source": source, "rho_min": None, "rho_max": None}

    def _absent(self, code: str) -> list[str]:
        """What a crystal lacks."""
        unknown = self.table is not None and code not in self.table
        missing = [f"{code}/{name} is missing" for name in self.names if name not in self.files[code]]
        return [f"{code} is not in the metadata"] * unknown + missing

    def _read(self, code: str, size: int) -> tuple[list[str], list[np.ndarray]]:
        """What is wrong with a crystal, and the grey values of the images it has in the order of the names."""
        problems, greys = self._absent(code), []
        for name in self.names:
            if name not in self.files[code]:
                continue
            try:
                grey, _ = read_grey(self.root / code / name)
            except ImageError as error:
                problems.append(f"{code}/{name} {error}")
                continue
            if grey.shape != (size, size):
                problems.append(f"{code}/{name} has {grey.shape[0]} × {grey.shape[1]} pixels, not {size} × {size}")
            elif grey.min() == grey.max():
                problems.append(f"{code}/{name} is constant")
            greys.append(grey)
        return problems, greys

    def _refusal(self, bad: Mapping[str, list[str]]) -> StoreError:
        problems = [problem for of_one in bad.values() for problem in of_one]
        kinds = Counter("missing" if p.endswith("is missing") else "unusable" for p in problems)
        counts = " and ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
        return StoreError(
            f"{self.root}: {len(bad)} of {len(self.files)} crystals cannot be used, {counts}: "
            f"{'; '.join(problems[:5])}{'; …' * (len(problems) > 5)}; repair them, or leave them out with "
            "data.skip_bad=true"
        )

    def _description(self, store: Store) -> str:
        """The line that says what the images are."""
        kinds = [
            f"{name}s {store.settings[name]['kind']}, {store.settings[name]['polarity'].replace('_', ' = ')} "
            f"({store.settings[name]['how']})"
            for name in ("potential", "pattern")
        ]
        images = len(store) * (1 + len(store.thickness))
        undone = f"; {self.colormap} undone" if self.colormap else ""
        return (
            f"{self.root}: {len(store)} crystals, {images} images of {store.size} × {store.size}; {'; '.join(kinds)}"
            f"{undone}; kept in {store.source}"
        )


def _finished(folder: Path) -> bool:
    return (folder / "meta.json").exists() and bool(read_meta(folder)["finished"])
