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
GLANCE = 20  # crystals that tell the size of the images
PATTERN = re.compile(r"pattern_(\d+)\.png")
IMAGE = re.compile(r"potential\.png|" + PATTERN.pattern)
Files = dict[str, dict[str, tuple[int, int]]]  # crystal → file → size in bytes, time of change in ns


def list_images(root: Path) -> Files:
    """Crystals of the root in ascending order, with the images that each has.

    A crystal is a folder with at least one image, or named by an ICSD code and not by a fold.

    Raises:
        StoreError: not a folder, or no crystal in it.
    """
    crystals: Files = {}
    try:
        for folder in os.scandir(root):
            if not folder.is_dir():
                continue
            stats = {file.name: file.stat() for file in os.scandir(folder) if IMAGE.fullmatch(file.name)}
            if stats or (folder.name.isdecimal() and len(folder.name) > 2):
                crystals[folder.name] = {name: (s.st_size, s.st_mtime_ns) for name, s in sorted(stats.items())}
    except OSError as error:
        raise StoreError(f"{error.filename or root}: {error.strerror}; data.root is the folder of the images") from None
    if not any(crystals.values()):
        raise StoreError(f"{root}: holds no <ICSD code>/potential.png; data.root is the folder of such folders")
    return {code: crystals[code] for code in sorted(crystals, key=order)}


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


def image_size(root: Path, files: Files, names: list[str]) -> int:
    """Pixels along an edge, from a few crystals.

    Raises:
        StoreError: none can be read, or they are not square.
    """
    return _square(root, _sample(root, files, names, GLANCE))


def survey(root: Path, files: Files, names: list[str], polarity: str | None) -> dict[str, Any]:
    """Size, kinds and polarity of the images, from a sample of the crystals that have them all.

    Returns:
        "size", pixels along an edge; "potential" and "pattern", each with "kind", "polarity" and "how" it is known.

    Raises:
        StoreError: none can be read, they are not square, or `polarity` is None and not clear.
    """
    sample = _sample(root, files, names, SAMPLE)
    size = _square(root, sample)
    kinds = [{crystal[0][1] for crystal in sample}, {kind for crystal in sample for _, kind in crystal[1:]}]
    crystals = [[image for image, _ in crystal] for crystal in sample]
    crystals = [images for images in crystals if all(image.shape == (size, size) for image in images)]
    surveyed: dict[str, Any] = {"size": size}
    votes = {
        "potential": [potential_is_bright_high(images[0]) for images in crystals],
        "pattern": [patterns_are_bright_high(images[0], np.stack(images[1:])) for images in crystals],
    }
    for (name, of_one), kind in zip(votes.items(), kinds, strict=True):
        majority, agreeing = decide(of_one)
        if polarity is None and majority is None:
            raise StoreError(
                f"{root}: whether dark or bright is high in the {name}s is not clear ({agreeing} of {len(of_one)} "
                "sampled crystals agree); say data.polarity=dark_high or data.polarity=bright_high"
            )
        how = f"{agreeing} of {len(of_one)} sampled crystals agree"
        if polarity is not None:
            against = majority not in (None, polarity)
            how = "as data.polarity says" + f", against {agreeing} of {len(of_one)} sampled crystals" * against
        surveyed[name] = {"kind": " and ".join(sorted(kind)), "polarity": polarity or majority, "how": how}
    return surveyed


def _sample(root: Path, files: Files, names: list[str], count: int) -> list[list[tuple[np.ndarray, str]]]:
    """Images and their kinds of about so many crystals that can be read, evenly over all."""
    whole = [code for code in files if all(name in files[code] for name in names)]
    crystals = []
    for code in whole[:: max(1, len(whole) // count)]:
        with suppress(ImageError):
            crystals.append([read_grey(root / code / name) for name in names])
    if not crystals:
        raise StoreError(f"{root}: none of the images in a sample of the crystals can be read")
    return crystals


def _square(root: Path, sample: list[list[tuple[np.ndarray, str]]]) -> int:
    """Pixels along an edge of most images."""
    height, width = Counter(image.shape for crystal in sample for image, _ in crystal).most_common(1)[0][0]
    if height != width:
        raise StoreError(f"{root}: images of {height} × {width} pixels; they have to be square")
    return int(height)


def thickness(name: str) -> float:
    """In nm, from the Å of the name of a pattern's file."""
    return int(name.removeprefix("pattern_").removesuffix(".png")) / 10


def order(code: str) -> tuple[bool, int, str]:
    """ICSD codes by number, then other names."""
    return (not code.isdecimal(), int(code) if code.isdecimal() else 0, code)
