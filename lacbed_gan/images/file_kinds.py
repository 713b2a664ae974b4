"""What a file is, by what it holds, and which files of a folder can be predicted from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.crystal.sources import is_poscar, is_xyz
from lacbed_gan.images.grey import ImageError

STRUCTURES = ("CIF", "POSCAR", "XYZ")  # kinds that are no images
SERIES = "FELIX"  # a folder of images, one a reflection
# Beginnings of files, and what they are.
BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
    (b"\x93NUMPY", "NPY"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"\0\0\0\x03", "DM"),
    (b"\0\0\0\x04", "DM"),
    (b"IMGBLO", "BLO"),
)
KNOWN = "PNG, TIFF, NPY, HSPY, EMD, DM, MRC, BLO"
REFLECTION = re.compile(r".*_([+-]\d+)([+-]\d+)([+-]\d+)\.img", re.IGNORECASE)  # Felix's SrTiO3_+2+0+0.img


def kind_of(path: Path) -> str:
    """CIF, PNG, TIFF, NPY, HDF5 (HSPY, EMD), DM, MRC or BLO, by what the file holds; POSCAR and XYZ by its name.

    A folder of Felix's images, one a reflection, is FELIX.

    Raises:
        ImageError: it is none of these, or cannot be read; the message is one line with the file's name.
    """
    if path.is_dir() and reflections(path):
        return SERIES
    if path.exists() and not path.is_file():  # a pipe or a device may never end
        raise ImageError(f"{path}: not a file")
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    for beginning, kind in BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[208:212] == b"MAP ":
        return "MRC"
    if head.strip() and b"\0" not in head and (b"data_" in head.lower() or b"_cell_length" in head):
        return "CIF"
    if head.strip() and b"\0" not in head and (is_poscar(path) or is_xyz(path)):
        return "XYZ" if is_xyz(path) else "POSCAR"
    if REFLECTION.fullmatch(path.name):
        raise ImageError(f"{path}: one image of a series of Felix; give its folder, input={path.parent}")
    raise ImageError(f"{path}: neither a CIF nor an image of a known format ({KNOWN})")


def reflections(folder: Path) -> dict[tuple[int, int, int], Path]:
    """Felix's images in a folder, by their reflection hkl; empty where there are none."""
    matches = ((REFLECTION.fullmatch(path.name), path) for path in sorted(folder.iterdir()))
    return {(int(m[1]), int(m[2]), int(m[3])): path for m, path in matches if m}


def prediction_inputs(paths: Sequence[Path]) -> tuple[dict[Path, str], list[str]]:
    """The files to predict from, with their kind by content, and those of folders that are left out, with why.

    A folder of Felix's images is one input.

    Raises:
        SettingsError: there is no such file, nothing to predict from, or two would have results of one name.
        ImageError: a file that was named is of no known kind.
    """
    inputs: dict[Path, str] = {}
    left_out = []
    for path in paths:
        if not path.exists():
            raise SettingsError(f"input={path}: no such file or folder")
        if not path.is_dir() or reflections(path):
            inputs[path] = kind_of(path)
            continue
        for file in sorted(path.iterdir()):
            if file.name.startswith(".") or not file.is_file():
                continue
            try:
                inputs[file] = kind_of(file)
            except ImageError as error:
                left_out.append(str(error))
    if not inputs:
        raise SettingsError(f"input={', '.join(map(str, paths))}: it holds neither a CIF nor an image")
    stems: dict[str, Path] = {}
    for path in inputs:
        other = stems.setdefault(path.stem, path)
        if other is not path:
            raise SettingsError(f"{other} and {path} would both be called {path.stem}; rename one")
    return inputs, left_out
