"""TIFF files of cameras and programs: values as stored, and the calibration of ImageJ and DigitalMicrograph."""

from __future__ import annotations

import io
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from lacbed_gan.images.grey import ImageError, one_line, require_size
from lacbed_gan.images.signals import Axis, Signal

TIFF_MODES = ("L", "I", "F", "I;16", "I;16B", "I;16L")
BITS, COMPRESSION, PHOTOMETRIC, DESCRIPTION, SAMPLE_FORMAT = 258, 259, 262, 270, 339  # tags of TIFF
UNSIGNED, SIGNED, WHITE_IS_ZERO = 1, 2, 0
MODES = {3: "P", 5: "CMYK", 6: "YCbCr", 8: "LAB"}  # photometric interpretations that are not grey values
BY_ITSELF = (1, 8, 32773, 32946)  # compressions that tifffile needs no other library for: none, deflate, PackBits
X_RESOLUTION, Y_RESOLUTION = 282, 283
# DigitalMicrograph's tags, columns before rows.
DM_UNIT, DM_ORIGIN, DM_SCALE = (65003, 65004), (65006, 65007), (65009, 65010)
STORED = "the file shows 0 as white: its values count as they are stored, the highest as the highest intensity"


def read_tiff(path: Path) -> list[Signal]:
    """The images of a TIFF, pages of one size as one signal (T, H, W), with the axes that ImageJ or DM wrote.

    Values are those stored, whatever the file says of how to show them.

    Raises:
        ImageError: damaged, too large, coloured, or compressed in a way that is not known.
    """
    with one_line():
        import tifffile

        logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it tells of damage by exceptions, too
        try:
            with tifffile.TiffFile(path) as file:
                tags = {tag.code: tag.value for tag in file.pages.first.tags.values()}
                if tags.get(COMPRESSION, 1) in BY_ITSELF:
                    series = [_values(one) for one in file.series]
                else:
                    series = [np.stack(_pages_by_pillow(path))]
        except ImageError:
            raise
        except Exception:  # a file that it takes for damaged may be one that Pillow reads
            series, tags = [np.stack(_pages_by_pillow(path))], {}
    if len(series) > 1:
        raise ImageError("its pages are of different sizes")
    (data,) = series
    axes = imagej_axes(tags) or dm_axes(tags, data.shape[-2:])
    return [Signal(data, axes=axes, remarks=(STORED,) if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else ())]


def _values(series: Any) -> np.ndarray:
    """(…, H, W) of pages of one size."""
    require_size(int(np.prod(series.shape, dtype=np.int64)))
    page = series.keyframe
    if page.photometric in MODES:
        raise ImageError(f"mode {MODES[page.photometric]}; save it as grey values")
    data = series.asarray()
    if page.samplesperpixel > 1 and series.axes.endswith("S"):  # samples in planes of their own are frames
        places = [i for i, axis in enumerate(series.axes) if axis == "S"]
        if places and data.shape[places[0]] in (3, 4):
            channels = np.moveaxis(data, places[0], 0)[:3]
            if (channels != channels[:1]).any():
                raise ImageError("is coloured")
            return channels[0]
        raise ImageError(f"{page.samplesperpixel} samples a pixel; save it as grey values")
    return data


def imagej_axes(tags: dict[int, Any]) -> tuple[Axis, Axis] | None:
    """Axes of rows and columns that ImageJ, or this program, wrote into description and resolution."""
    description = tags.get(DESCRIPTION)
    if not isinstance(description, str) or not description.startswith("ImageJ="):
        return None
    entries = dict(line.split("=", 1) for line in description.splitlines() if "=" in line)
    if "unit" not in entries or X_RESOLUTION not in tags:
        return None
    axes = []
    for tag, unit, origin in (
        (Y_RESOLUTION, entries.get("yunit", entries["unit"]), "yorigin"),
        (X_RESOLUTION, entries["unit"], "xorigin"),
    ):
        value = tags.get(tag, tags[X_RESOLUTION])
        density = float(value[0]) / float(value[1]) if isinstance(value, tuple) else float(value)
        if not density > 0:
            return None
        try:
            pixel = float(entries.get(origin, 0.0))
        except ValueError:
            pixel = 0.0
        axes.append(Axis(1 / density, -pixel / density, unit.strip()))
    return axes[0], axes[1]


def dm_axes(tags: dict[int, Any], shape: tuple[int, ...]) -> tuple[Axis, Axis] | None:
    """Axes of rows and columns in the tags of DigitalMicrograph; an origin is in pixels, or an offset in the unit."""
    if not all(code in tags for code in DM_SCALE):
        return None
    axes = []
    for place in (1, 0):
        scale, unit = float(tags[DM_SCALE[place]]), str(tags.get(DM_UNIT[place], ""))
        origin = float(tags.get(DM_ORIGIN[place], 0.0))
        in_unit = scale and 0 <= -origin / scale < shape[1 - place]
        axes.append(Axis(scale, origin if in_unit else -origin * scale, unit.strip("\0 ")))
    return axes[0], axes[1]


def _pages_by_pillow(path: Path) -> list[np.ndarray]:
    pages = []
    with warnings.catch_warnings(), Image.open(io.BytesIO(path.read_bytes()), formats=["TIFF"]) as image:
        assert isinstance(image, TiffImageFile)
        for number in range(image.n_frames):
            image.seek(number)
            require_size(image.width * image.height * (number + 1))
            pages.append(_page(image))
    if len({page.shape for page in pages}) > 1:
        raise ImageError("its pages are of different sizes")
    return pages


def _page(image: TiffImageFile) -> np.ndarray:
    tags = image.tag_v2
    inverted = tags.get(PHOTOMETRIC) == WHITE_IS_ZERO  # which Pillow undoes at 8 bits and at 1, not at 16
    if image.mode == "1":
        values = np.asarray(image.convert("L"))
        return 255 - values if inverted else values
    if image.mode == "RGB":
        channels = np.asarray(image)
        if (channels != channels[..., :1]).any():
            raise ImageError("is coloured")
        return channels[..., 0]
    if image.mode not in TIFF_MODES:
        raise ImageError(f"mode {image.mode}; save it as grey values")
    pixels = np.asarray(image)
    stored = tags.get(SAMPLE_FORMAT, (UNSIGNED,))
    if image.mode == "I" and tags.get(BITS) == (32,) and stored == (UNSIGNED,):
        return pixels.view(np.uint32)  # Pillow takes them for signed
    if image.mode == "L":
        pixels = 255 - pixels if inverted else pixels
        return pixels.view(np.int8) if stored == (SIGNED,) else pixels
    return pixels
