"""The published images on disk: which there are, and of what kind.

<ICSD code>/potential.png          projected potential
<ICSD code>/pattern_0500.png …     bright-field patterns; the number is the thickness in Å
"""

from __future__ import annotations

import os
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.images.grey import ImageError, read_grey
from lacbed_gan.store.published.polarity import decide, patterns_are_bright_high, potential_is_bright_high
from lacbed_gan.store.store import StoreError

SAMPLE = 200  # crystals that are asked for the polarity, evenly over all
PATTERN = re.compile(r"pattern_(\d+)\.png")
IMAGE = re.compile(r"potential\.png|" + PATTERN.pattern)
Files = dict[str, dict[str, tuple[int, int]]]  # crystal → file → size in bytes, time of change in ns


def list_images(root: Path) -> Files:
    """Crystals of the root in ascending order, with the images that each has.

    A crystal is a folder with at least one image, or named by an ICSD code and not by a fold.

    Raises:
        StoreError: not a folder, or no crystal in it.
    """
    found: Files = {}
    try:
        for folder in os.scandir(root):
            if not folder.is_dir():
                continue
            stats = {file.name: file.stat() for file in os.scandir(folder) if IMAGE.fullmatch(file.name)}
            if stats or (folder.name.isdecimal() and len(folder.name) > 2):
                found[folder.name] = {name: (s.st_size, s.st_mtime_ns) for name, s in sorted(stats.items())}
    except OSError as error:
        raise StoreError(f"{error.filename or root}: {error.strerror}; data.root is the folder of the images") from None
    if not any(found.values()):
        raise StoreError(f"{root}: holds no <ICSD code>/potential.png; data.root is the folder of such folders")
    return {code: found[code] for code in sorted(found, key=order)}


def image_names(files: Files) -> list[str]:
    """potential.png and, by thickness, the patterns that more than half of the crystals with images have.

    Raises:
        StoreError: there is no pattern, or two names for one thickness.
    """
    count = Counter(name for images in files.values() for name in images if name != "potential.png")
    crystals = sum(bool(images) for images in files.values())
    patterns = sorted((name for name in count if 2 * count[name] > crystals), key=thickness)
    if not patterns:
        raise StoreError("data.root: most crystals have no pattern_0500.png (50 nm) or other thickness")
    if len({thickness(name) for name in patterns}) < len(patterns):
        raise StoreError(f"data.root: one thickness under two names among {', '.join(patterns)}")
    return ["potential.png", *patterns]


def survey(root: Path, files: Files, names: list[str], polarity: str | None) -> dict[str, Any]:
    """Size, kinds and polarity of the images, from a sample of the crystals that have them all.

    Returns:
        "size", pixels along an edge; "potential" and "pattern", each with "kind", "polarity" and "how" it is known.

    Raises:
        StoreError: none can be read, they are not square, or `polarity` is None and not clear.
    """
    whole = [code for code in files if all(name in files[code] for name in names)]
    shapes: Counter[tuple[int, ...]] = Counter()
    kinds: tuple[Counter[str], Counter[str]] = Counter(), Counter()
    crystals = []
    for code in whole[:: max(1, len(whole) // SAMPLE)]:
        with suppress(ImageError):
            images, found = zip(*(read_grey(root / code / name) for name in names), strict=True)
            for image, kind, name in zip(images, found, names, strict=True):
                shapes[image.shape] += 1
                kinds[name != "potential.png"][kind] += 1
            crystals.append(images)
    if not crystals:
        raise StoreError(f"{root}: none of the images in a sample of the crystals can be read")
    shape = shapes.most_common(1)[0][0]
    if shape[0] != shape[1]:
        raise StoreError(f"{root}: images of {shape[0]} × {shape[1]} pixels; they have to be square")
    crystals = [images for images in crystals if all(image.shape == shape for image in images)]
    surveyed: dict[str, Any] = {"size": shape[0]}
    votes = {
        "potential": [potential_is_bright_high(images[0]) for images in crystals],
        "pattern": [patterns_are_bright_high(images[0], np.stack(images[1:])) for images in crystals],
    }
    for (name, of_one), kind in zip(votes.items(), kinds, strict=True):
        found, agreeing = decide(of_one)
        if polarity is None and found is None:
            raise StoreError(
                f"{root}: whether dark or bright is high in the {name}s is not clear ({agreeing} of {len(of_one)} "
                "sampled crystals agree); say data.polarity=dark_high or data.polarity=bright_high"
            )
        how = f"{agreeing} of {len(of_one)} sampled crystals agree"
        if polarity is not None:
            against = found not in (None, polarity)
            how = "as data.polarity says" + f", against {agreeing} of {len(of_one)} sampled crystals" * against
        surveyed[name] = {"kind": " and ".join(sorted(kind)), "polarity": polarity or found, "how": how}
    return surveyed


def thickness(name: str) -> float:
    """In nm, from the Å of a file's name."""
    return int(PATTERN.fullmatch(name)[1]) / 10


def order(code: str) -> tuple[bool, int, str]:
    """ICSD codes by number, then other names."""
    return (not code.isdecimal(), int(code) if code.isdecimal() else 0, code)
