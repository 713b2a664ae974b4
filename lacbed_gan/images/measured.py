"""Images from files of any kind that an instrument or a program writes, told apart by their content."""

from __future__ import annotations

import importlib
import importlib.util
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.messages import printable
from lacbed_gan.crystal.sources import is_poscar, is_xyz
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.images.grey import ImageError, one_line, read_grey, require_size

# Beginnings of files, and what they are.
STRUCTURES = ("CIF", "POSCAR", "XYZ")  # kinds that are no images
BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\x93NUMPY", "NPY"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"\0\0\0\x03", "DM"),
    (b"\0\0\0\x04", "DM"),
    (b"IMGBLO", "BLO"),
)
# Readers of RosettaSciIO, in the order in which they are tried.
READERS = {"HDF5": ("hspy", "emd"), "DM": ("digitalmicrograph",), "MRC": ("mrc",), "BLO": ("blockfile",)}
MICROSCOPY = "pip install 'lacbed_gan[microscopy]'"
# Å⁻¹, or radians, in one of these units of an axis.
LENGTHS = {"1/Å": 1.0, "1/A": 1.0, "1 / angstrom": 1.0, "1/nm": 0.1, "1 / nm": 0.1, "nm^-1": 0.1, "Å^-1": 1.0}
ANGLES = {"mrad": 1e-3, "rad": 1.0}
TIFF_MODES = ("L", "I", "F", "I;16", "I;16B", "I;16L")
BITS, SAMPLE_FORMAT, UNSIGNED = 258, 339, 1  # tags of TIFF


@dataclass(frozen=True)
class Measured:
    """Images of one file.

    Attributes:
        images: (T, H, W) float64, the file's own values.
        pixel_size: 1/Å per pixel where the file says so, else None.
        pixel_angle: radians per pixel where the file says so, else None.
    """

    images: np.ndarray
    pixel_size: float | None = None
    pixel_angle: float | None = None

    def pixel_size_at(self, energy_kv: float) -> float | None:
        """1/Å per pixel, as the file says or of its angles λk at that beam energy in kV; None where it says neither."""
        if self.pixel_angle is None:
            return self.pixel_size
        return self.pixel_angle / wavelength(energy_kv)


def kind_of(path: Path) -> str:
    """CIF, PNG, TIFF, NPY, HDF5 (HSPY, EMD), DM, MRC or BLO, by what the file holds; POSCAR and XYZ by its name.

    Raises:
        ImageError: it is none of these, or cannot be read; the message is one line with the file's name.
    """
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
    raise ImageError(f"{path}: neither a CIF nor an image of a known format (PNG, TIFF, NPY, HSPY, EMD, DM, MRC, BLO)")


def prediction_inputs(paths: Sequence[Path]) -> tuple[dict[Path, str], list[str]]:
    """The files to predict from, with their kind by content, and those of folders that are left out, with why.

    Raises:
        SettingsError: there is no such file, nothing to predict from, or two would have results of one name.
        ImageError: a file that was named is of no known kind.
    """
    inputs: dict[Path, str] = {}
    left_out = []
    for path in paths:
        if not path.exists():
            raise SettingsError(f"input={path}: no such file or folder")
        if not path.is_dir():
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


def read_images(path: Path) -> Measured:
    """The images of a file, one or several of one size.

    PNG and TIFF of 8, 16 and 32 bits, grey, of one page or more; NPY (H, W) or (T, H, W); what microscopes write is
    read by RosettaSciIO, with the calibration of its axes in 1/nm, 1/Å or mrad.

    Raises:
        ImageError: not an image, damaged, animated, too large, coloured, or RosettaSciIO is needed and missing; one
            line with the name.
    """
    kind = kind_of(path)
    try:
        if kind in STRUCTURES:
            raise ImageError(f"is a {kind}, not an image")
        if kind == "PNG":
            measured = Measured(read_grey(path)[0])
        elif kind == "TIFF":
            measured = Measured(_read_tiff(path))
        elif kind == "NPY":
            measured = Measured(_read_npy(path))
        else:
            measured = _read_microscopy(path, kind)
        require_size(measured.images.size)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None
    images = measured.images
    if images.ndim == 2:
        images = images[None]
    if images.ndim != 3 or min(images.shape) < 1 or min(images.shape[1:]) < 8:
        raise ImageError(f"{path}: holds {images.shape}, not images of at least 8 × 8 pixels")
    if np.iscomplexobj(images) or images.dtype.kind not in "buif" or not np.isfinite(images).all():
        raise ImageError(f"{path}: holds values that are no finite real numbers")
    return replace(measured, images=np.asarray(images, dtype=np.float64))


def _read_npy(path: Path) -> np.ndarray:
    with one_line():  # mapped: a header that claims more than the file holds allocates nothing
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _read_tiff(path: Path) -> np.ndarray:
    pages = []
    with one_line(), Image.open(io.BytesIO(path.read_bytes()), formats=["TIFF"]) as image:
        assert isinstance(image, TiffImageFile)
        for number in range(image.n_frames):
            image.seek(number)
            require_size(image.width * image.height * (number + 1))
            pages.append(_page(image))
    if len({page.shape for page in pages}) > 1:
        raise ImageError("its pages are of different sizes")
    return np.stack(pages)


def _page(image: TiffImageFile) -> np.ndarray:
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode == "RGB":
        channels = np.asarray(image)
        if (channels != channels[..., :1]).any():
            raise ImageError("is coloured")
        return channels[..., 0]
    if image.mode not in TIFF_MODES:
        raise ImageError(f"mode {image.mode}; save it as grey values")
    pixels = np.asarray(image)
    tags = image.tag_v2
    if image.mode == "I" and tags.get(BITS) == (32,) and tags.get(SAMPLE_FORMAT, (UNSIGNED,)) == (UNSIGNED,):
        return pixels.view(np.uint32)  # Pillow takes them for signed
    return pixels


def _read_microscopy(path: Path, kind: str) -> Measured:
    if importlib.util.find_spec("rsciio") is None:
        raise ImageError(f"{kind} files are read by RosettaSciIO, which is not installed; {MICROSCOPY}")
    reasons = []
    for name in READERS[kind]:
        try:
            reader = importlib.import_module(f"rsciio.{name}")
            signals = [signal for signal in reader.file_reader(str(path)) if np.ndim(signal["data"]) >= 2]
        except Exception as error:  # whatever its readers raise on a file of another program
            reasons.append(f"{name}: {printable(error, 80) or type(error).__name__}")
            continue
        if signals:
            axes = signals[0]["axes"]
            return Measured(np.asarray(signals[0]["data"]), _pixel(axes, LENGTHS), _pixel(axes, ANGLES))
        reasons.append(f"{name}: no image in it")
    raise ImageError(f"cannot be read ({'; '.join(reasons)})")


def _pixel(axes: list[dict[str, Any]], units: dict[str, float]) -> float | None:
    """Step of the last two axes; None where they are not in one of the units, and alike."""
    steps = [abs(axis.get("scale") or 0.0) * units.get(str(axis.get("units")), 0.0) for axis in axes[-2:]]
    return float(steps[1]) if min(steps) > 0 and abs(steps[0] / steps[1] - 1) < 1e-3 else None
