"""The published images, one folder of PNG files a crystal, read once into a store."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.base.files import lock
from lacbed_gan.images.grey import ImageError, physical, read_grey
from lacbed_gan.images.scaling import to_uint8
from lacbed_gan.store.published.layout import Files, image_names, list_images, survey, thickness
from lacbed_gan.store.published.tables import counted, read_metadata
from lacbed_gan.store.store import Store, StoreError, read_meta
from lacbed_gan.store.writer import StoreWriter

READER = 1  # raised when the same files would give another store


def open_published(
    root: str | Path,
    cache: str | Path,
    metadata: str | Path | None = None,
    polarity: str | None = None,
    colormap: str | None = None,
    skip_bad: bool = False,
    track: Callable[[list[str]], Iterable[str]] = iter,
) -> tuple[Store, list[str]]:
    """The images as a store, read unless they were before; reading that was stopped goes on.

    Each image is min–max scaled to 8 bit, as in every store. Index entries are in ascending order of the codes. The
    store is another one when a file of the root, its size or time, the metadata or an option changes.

    Args:
        root: folder of the crystals' folders.
        cache: folder that holds the store, ``<name of root>-<hash>``.
        metadata: the authors' table; without it formula, space group and a are unknown.
        polarity: "dark_high" or "bright_high", of all images; None finds it out, for potentials and for patterns.
        colormap: "greys" undoes matplotlib's map.
        skip_bad: leave out crystals whose images are missing, unreadable or of another size, or that the metadata
            does not have.
        track: shows the progress of the codes it passes on.

    Returns:
        the store, and lines for the log: what the images are, and what was left out.

    Raises:
        StoreError: no such crystals; bad ones, counted and named, and not `skip_bad`; no clear polarity.
    """
    root, files = Path(root), list_images(root)
    names = image_names(files)
    table = None if metadata is None else read_metadata(metadata)
    options = [READER, names, table, polarity, colormap]
    key = hashlib.sha256(json.dumps([files, options], sort_keys=True).encode()).hexdigest()
    folder = Path(cache) / f"{root.resolve().name}-{key[:12]}"
    with _alone(folder):
        if not _finished(folder):
            settings = {"method": "published", "root": str(root.resolve()), "files": key, "colormap": colormap}
            settings |= survey(root, files, names, polarity)
            _write(root, folder, files, names, table, settings, skip_bad, track)
    store = Store.open(folder)
    present = {entry["id"] for entry in store.index}
    bad = [code for code in files if code not in present]
    if bad and not skip_bad:
        now = {code: _read(root, code, files[code], names, table, store.size)[0] for code in bad}
        since = "could not be read when {} was made; delete that to read it again"
        raise _refusal(root, files, {code: now[code] or [f"{code} {since.format(folder)}"] for code in bad})
    said = [_described(root, store, colormap)]
    if bad:
        said.append(f"left out: {counted(bad, 'crystal')} of {root} with bad images")
    return store, said


def _write(
    root: Path,
    folder: Path,
    files: Files,
    names: list[str],
    table: Mapping[str, dict[str, Any]] | None,
    settings: dict[str, Any],
    skip_bad: bool,
    track: Callable[[list[str]], Iterable[str]],
) -> None:
    """Write the store, or what of it can be, and refuse the rest."""
    size, colormap = settings["size"], settings["colormap"]
    polarity = [settings["potential"]["polarity"]] + [settings["pattern"]["polarity"]] * (len(names) - 1)
    bad = {}
    settings = {key: value for key, value in settings.items() if key != "size"}
    with StoreWriter(folder, size, [thickness(name) for name in names[1:]], settings) as writer:
        done = set(writer.done)
        for code in track([code for code in files if code not in done]):
            problems, greys = _read(root, code, files[code], names, table, size)
            if problems:
                bad[code] = problems
                continue
            images = [to_uint8(physical(g, p, colormap)) for g, p in zip(greys, polarity, strict=True)]
            known = {"formula": f"ICSD {code}", "space_group": None, "number": None, "a": None}
            known |= table[code] if table is not None else {}
            entry = {"id": code, **known, "source": f"{root.resolve().name}/{code}", "rho_min": None, "rho_max": None}
            writer.append(entry, images[0], np.stack(images[1:]))
        if bad and not skip_bad:
            raise _refusal(root, files, bad)
        writer.finish()


def _read(
    root: Path,
    code: str,
    present: Mapping[str, Any],
    names: list[str],
    table: Mapping[str, Any] | None,
    size: int | None,
) -> tuple[list[str], list[np.ndarray]]:
    """What is wrong with a crystal's images, and the grey values of the others in the order of the names."""
    problems, greys = [], []
    if table is not None and code not in table:
        problems.append(f"{code} is not in the metadata")
    for name in names:
        if name not in present:
            problems.append(f"{code}/{name} is missing")
            continue
        try:
            grey, _ = read_grey(root / code / name)
        except ImageError as error:
            problems.append(f"{code}/{name} {error}")
            continue
        if grey.shape != (size, size):
            problems.append(f"{code}/{name} has {grey.shape[0]} × {grey.shape[1]} pixels, not {size} × {size}")
        elif grey.min() == grey.max():
            problems.append(f"{code}/{name} is constant")
        greys.append(grey)
    return problems, greys


def _refusal(root: Path, files: Files, bad: Mapping[str, list[str]]) -> StoreError:
    problems = [problem for of_one in bad.values() for problem in of_one]
    kinds = Counter("missing" if p.endswith("is missing") else "unusable" for p in problems)
    kinds = " and ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    return StoreError(
        f"{root}: {len(bad)} of {len(files)} crystals cannot be used, {kinds}: {'; '.join(problems[:5])}"
        f"{'; …' * (len(problems) > 5)}; repair them, or leave them out with data.skip_bad=true"
    )


def _described(root: Path, store: Store, colormap: str | None) -> str:
    """The line that says what the images are."""
    kinds = [
        f"{name}s {store.settings[name]['kind']}, {store.settings[name]['polarity'].replace('_', ' = ')} "
        f"({store.settings[name]['how']})"
        for name in ("potential", "pattern")
    ]
    images = len(store) * (1 + len(store.thickness))
    undone = f"; {colormap} undone" if colormap else ""
    return (
        f"{root}: {len(store)} crystals, {images} images of {store.size} × {store.size}; {'; '.join(kinds)}{undone}; "
        f"kept in {store.source}"
    )


def _finished(folder: Path) -> bool:
    return (folder / "meta.json").exists() and read_meta(folder)["finished"]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time read images into this store; others wait and find it finished."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f".{folder.name}.lock", "w") as file:
        lock(file, wait=True)
        yield
