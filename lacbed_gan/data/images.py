"""Grey images in PNG files of any mode and depth, and what a grey value stands for."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

POLARITIES = ("dark_high", "bright_high")
COLORMAPS = ("greys",)
# Pillow's names of modes, in words.
MODES = dict.fromkeys(("1", "L", "I", "I;16", "I;16B"), "grey") | {"LA": "grey with alpha", "P": "palette"}
COLOURED = 2  # of 255: red, green and blue of a grey pixel differ by no more


class ImageError(ValueError):
    """An image that cannot be used; the message is the reason, without the file's name."""


def read_grey(path: Path) -> tuple[np.ndarray, str]:
    """Grey values of a PNG.

    Colour images of 16 bits a channel are read to their upper 8 bits, grey ones exactly.

    Returns:
        (H, W) float64, 0 black … 1 white, and what the file holds, such as "8 bit RGBA".

    Raises:
        ImageError: not an image, damaged, coloured, or partly transparent.
    """
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            kind = f"{data[24]} bit {MODES.get(image.mode, image.mode)}"  # byte 24 of a PNG is its bit depth
            pixels = np.asarray(_plain(image))
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error) as error:
        raise ImageError(f"cannot be read ({' '.join(str(error).split())[:80]})") from None
    if pixels.ndim == 2:
        return pixels / (255 if pixels.dtype == np.uint8 else 65535), kind
    channels = np.moveaxis(pixels, -1, 0).astype(np.int16)
    if len(channels) in (2, 4) and channels[-1].min() < 255:
        raise ImageError("is partly transparent")
    red, green, blue = channels[:3] if len(channels) > 2 else channels[[0, 0, 0]]
    if max(np.abs(red - green).max(), np.abs(green - blue).max(), np.abs(blue - red).max()) > COLOURED:
        raise ImageError("is coloured")
    return (red + green + blue) / 3 / 255, kind


def physical(grey: np.ndarray, polarity: str, colormap: str | None = None) -> np.ndarray:
    """The quantity that an image shows, up to scale and offset.

    Args:
        grey: real on [0, 1], 0 black.
        polarity: "dark_high": black is the highest value; "bright_high": white is.
        colormap: "greys" where the image went through matplotlib's Greys (dark_high) or Greys_r (bright_high),
            whose light end has two values for many a grey: the mean of the two is taken.

    Returns:
        the shape of `grey`, float64 on [0, 1].
    """
    dark = 1 - grey if colormap is None else np.interp(grey, *_greys())
    return dark if polarity == "dark_high" else 1 - dark


@cache
def _greys() -> tuple[np.ndarray, np.ndarray]:
    """The greys of matplotlib's Greys, ascending on [0, 1], and the value on [0, 1] that each stands for."""
    from matplotlib import colormaps

    greys = colormaps["Greys"](np.arange(256), bytes=True)[:, 0]
    unique, where, count = np.unique(greys, return_inverse=True, return_counts=True)
    return unique / 255, np.bincount(where, np.arange(256)) / count / 255


def _plain(image: Image.Image) -> Image.Image:
    """An image whose pixels are the values: palettes and single bits resolved."""
    if image.mode == "P":
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    image.load()
    if image.mode not in ("L", "LA", "RGB", "RGBA", "I", "I;16", "I;16B"):
        raise ImageError(f"mode {image.mode}")
    return image
