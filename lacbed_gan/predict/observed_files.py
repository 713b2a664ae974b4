"""The images of one crystal from files: one image, several, a folder of a series, or an NPZ."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lacbed_gan.base.messages import printable
from lacbed_gan.images.felix_series import DIRECT, read_series
from lacbed_gan.images.file_kinds import SERIES, kind_of
from lacbed_gan.images.grey import ImageError, require_size
from lacbed_gan.images.measured import Frame, Measured, read_images
from lacbed_gan.predict.observation import Hkl

ARRAYS = ("image", "hkl")  # of an NPZ
NUMBERS = ("a", "pixel_size", "energy_kv")  # that it may hold too


def read_observed(
    paths: Sequence[Path], reflections: Sequence[Hkl] = (), frame: Frame = None, mask: Path | None = None
) -> tuple[Measured, tuple[Hkl, ...]]:
    """Images of one crystal in one orientation, (R, H, W), and the reflection hkl of each.

    Args:
        reflections: of each image; none: those of the file, or the bright field of one image.

    Raises:
        ImageError: a file that cannot be read, images of different sizes, or reflections that nobody names.
    """
    for path in paths:
        if not path.exists():
            raise ImageError(f"input={path}: no such file or folder")
    if len(paths) > 1:
        return _together(paths, reflections, frame, mask)
    (path,) = paths
    if path.suffix.lower() == ".npz":
        measured, names = _arrays(path)
    elif kind_of(path) == SERIES:
        series = read_series(path)
        names = tuple(tuple(int(i) for i in signal.name.split()) for signal in series.signals)
        one = read_images(path, signal=series.signals[0].name)
        images = np.stack([np.asarray(signal.data, dtype=np.float64) for signal in series.signals])
        measured = replace(one, images=images, remarks=())
    else:
        measured, names = read_images(path, frame, mask=mask), ()
    if reflections and names:
        if missing := [g for g in reflections if g not in names]:
            raise ImageError(f"{path}: it has no image of {' '.join(map(str, missing[0]))}")
        chosen = [names.index(g) for g in reflections]
        return replace(measured, images=measured.images[chosen]), tuple(reflections)
    names = tuple(reflections) or names or ((DIRECT,) if len(measured.images) == 1 else ())
    if not names:
        raise ImageError(
            f"{path}: holds {len(measured.images)} images; choose one with frame=0 …, or name the reflection of each "
            "with reflections=[[0,0,0],[2,0,0],…]"
        )
    return measured, names


def _together(
    paths: Sequence[Path], reflections: Sequence[Hkl], frame: Frame, mask: Path | None
) -> tuple[Measured, tuple[Hkl, ...]]:
    if len(reflections) != len(paths):
        raise ImageError(
            f"{len(paths)} files need reflections=[[0,0,0],[2,0,0],…], one of each file in the same order; "
            f"{len(reflections)} are given"
        )
    images = [read_images(path, frame, mask=mask) for path in paths]
    for path, one in zip(paths, images, strict=True):
        if one.images.shape != (1, *images[0].images.shape[1:]):
            raise ImageError(
                f"{path}: holds {one.images.shape}; images of a series are one a file, as large as {paths[0]}"
            )
    return replace(images[0], images=np.concatenate([one.images for one in images])), tuple(reflections)


def _arrays(path: Path) -> tuple[Measured, tuple[Hkl, ...]]:
    """``image`` (R, H, W) and ``hkl`` (R, 3), and what else it says."""
    try:
        with np.load(path, allow_pickle=False) as content:
            if missing := [name for name in ARRAYS if name not in content]:
                raise ImageError(f"{path}: it has no array '{missing[0]}'; a series has image (R, H, W) and hkl (R, 3)")
            require_size(int(np.prod(content["image"].shape)))
            images, hkl = np.asarray(content["image"], dtype=np.float64), np.asarray(content["hkl"])
            numbers = {name: float(content[name]) for name in NUMBERS if name in content}
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{path}: cannot be read ({printable(error)})") from None
    if images.ndim != 3 or hkl.shape != (len(images), 3) or not np.issubdtype(hkl.dtype, np.integer):
        raise ImageError(f"{path}: image {images.shape} and hkl {hkl.shape} are not (R, H, W) and whole numbers (R, 3)")
    return Measured(np.where(np.isfinite(images), images, np.nan), **numbers), tuple(map(tuple, hkl.tolist()))
