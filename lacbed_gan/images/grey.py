"""Grey images in PNG files of any mode and depth, and what a grey value stands for."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, reduce
from pathlib import Path

import numpy as np
from PIL import Image

from lacbed_gan.base.errors import UserError
from lacbed_gan.base.messages import printable

POLARITIES = ("dark_high", "bright_high")
# Pillow's names of modes, in words.
MODES = dict.fromkeys(("1", "L", "I", "I;16", "I;16B"), "grey") | {"LA": "grey with alpha", "P": "palette"}
MOST_PIXELS = 100_000_000  # of a file; the largest cameras have 94 million, and a few kilobytes can claim any number
MOST_PACKED = 8 * 1032  # pixels of one bit that a byte of a PNG can stand for: deflate's limit
TOO_LARGE = f"holds more than {MOST_PIXELS / 1e6:.0f} million pixels"
COLOURED = 2  # of 255: red, green and blue of a grey pixel differ by no more


class ImageError(UserError):
    """An image that cannot be used; the message is the reason, without the file's name."""


def read_grey(path: Path, transparent: bool = False) -> tuple[np.ndarray, str]:
    """Grey values of a PNG.

    Colour images of 16 bits a channel are read to their upper 8 bits, grey ones exactly.

    Args:
        transparent: take pixels that are not opaque for such without a value, NaN, instead of refusing the image.

    Returns:
        (H, W) float64, 0 black … 1 white, and what the file holds, such as "8 bit RGBA".

    Raises:
        ImageError: not an image, damaged, animated, too large, coloured, or partly transparent.
    """
    with one_line():
        data = path.read_bytes()
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if (frames := getattr(image, "n_frames", 1)) > 1:
                raise ImageError(f"is animated ({frames} frames); save one of them")
            require_size(image.width * image.height)
            if image.width * image.height > len(data) * MOST_PACKED:  # Pillow would make up the rest
                raise ImageError(f"is cut short ({image.height} × {image.width} pixels in {len(data)} bytes)")
            kind = f"{data[24]} bit {MODES.get(image.mode, image.mode)}"  # byte 24 of a PNG is its bit depth
            pixels = np.asarray(_plain(image))
    if pixels.ndim == 2:
        return pixels / (255 if pixels.dtype == np.uint8 else 65535), kind
    *channels, last = np.moveaxis(pixels, -1, 0)
    hidden = None
    if len(channels) in (1, 3):
        if last.min() < 255 and not transparent:
            raise ImageError("is partly transparent")
        hidden = last < 255
        channels = [np.where(hidden, channels[0].dtype.type(0), channel) for channel in channels]
    else:
        channels.append(last)
    low, high = reduce(np.minimum, channels), reduce(np.maximum, channels)
    if (high - low).max() > COLOURED:
        raise ImageError("is coloured")
    total = reduce(np.add, channels[1:], channels[0].astype(np.uint16))
    grey = total / len(channels) / 255
    return grey if hidden is None else np.where(hidden, np.nan, grey), kind


@contextmanager
def one_line() -> Iterator[None]:
    """Whatever a damaged file makes a reader raise, as ImageError, and its warnings not at all."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(TOO_LARGE) from None
    except Exception as error:
        raise ImageError(f"cannot be read ({printable(error, 80) or type(error).__name__})") from None


def require_size(pixels: int) -> None:
    """Raise ImageError where there are more than `MOST_PIXELS`."""
    if pixels > MOST_PIXELS:
        raise ImageError(TOO_LARGE)


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
