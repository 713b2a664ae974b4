"""A calibrated image, and how it is drawn on the page: SVG with axes around an image in the chosen colours."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator
from PIL import Image

from lacbed_gan.predict.frame import Frame

COLOUR_MAPS = {"grey": "gray", "viridis": "viridis", "magma": "magma", "inferno": "inferno", "cividis": "cividis"}
SIGNED_MAP = "RdBu_r"  # white where two images agree
# Of the drawing, in units of its view box: the image's edge and what is left around it.
EDGE, LEFT, TOP, RIGHT, BOTTOM = 260, 46, 8, 58, 40
FINE = 512  # pixels along an edge of what the browser gets
BAR = 10  # width of the bar of colours
GREY = np.linspace(0, 1, 64)[::-1, None]


@dataclass(frozen=True)
class Picture:
    """An image over calibrated axes.

    Attributes:
        image: (n, n) float32; row 0 is drawn on top, as in the file.
        frame: where its pixels lie.
        title: what it shows.
        signed: a difference, drawn in diverging colours about 0.
        top: the value at the end of its range, which begins at 0.
    """

    image: np.ndarray
    frame: Frame
    title: str
    signed: bool = False
    top: float = 1.0


@dataclass(frozen=True)
class Look:
    """How images are coloured.

    Attributes:
        colour_map: a key of `COLOUR_MAPS`.
        low, high: parts of an image's range drawn in the first and the last colour; a difference is drawn about 0,
            from − to + this part of its largest.
    """

    colour_map: str = "grey"
    low: float = 0.0
    high: float = 1.0

    def of(self, picture: Picture) -> tuple[str, float, float]:
        """matplotlib's name of the colour map, and the values at its ends."""
        if picture.signed:
            limit = (float(np.abs(picture.image).max()) or 1.0) * self.high
            return SIGNED_MAP, -limit, limit
        return COLOUR_MAPS[self.colour_map], self.low * picture.top, self.high * picture.top


def svg(picture: Picture, look: Look) -> str:
    """The picture with axes and a bar of its colours; lines and text have the colour of the text around it."""
    name, low, high = look.of(picture)
    left, right = LEFT, LEFT + EDGE
    bottom = TOP + EDGE
    parts = [_image(_coloured(picture.image, name, low, high), left, TOP, EDGE, EDGE)]
    parts += [_image(_coloured(low + (high - low) * GREY, name, low, high), right + 10, TOP, BAR, EDGE)]
    parts += [_frame(left, EDGE), _frame(right + 10, BAR)]
    first, last = picture.frame.extent
    for value in _ticks(first, last):
        at = (value - first) / (last - first) * EDGE
        parts += [_line(left + at, bottom, 0, 4), _text(left + at, bottom + 15, f"{value:g}")]
        parts += [_line(left, TOP + at, -4, 0), _text(left - 7, TOP + at + 4, f"{value:g}", "end")]
    for value in _ticks(low, high):
        at = bottom - (value - low) / (high - low) * EDGE
        parts += [
            _line(right + 10 + BAR, at, 3, 0),
            _text(right + 16 + BAR, at + 4, f"{value:g}".replace("-", "−"), "start"),
        ]
    x, y = (f"{_subscripted(axis)} ({picture.frame.unit})" for axis in picture.frame.axes)
    parts.append(_text(left + EDGE / 2, bottom + 31, x))
    parts.append(f"<g transform='translate(14 {TOP + EDGE / 2}) rotate(-90)'>{_text(0, 0, y)}</g>")
    return _svg("".join(parts).replace(">-", ">−"), picture.title)


def empty_svg(text: str) -> str:
    """A frame of the same size with a few words in it."""
    words = _text(LEFT + EDGE / 2, TOP + EDGE / 2, text)
    return _svg(f"<g opacity='0.6'>{_frame(LEFT, EDGE)}{words}</g>", text)


def _coloured(image: np.ndarray, name: str, low: float, high: float) -> np.ndarray:
    """(H, W, 3) uint8."""
    return colormaps[name]((image - low) / (high - low), bytes=True)[..., :3]


def _image(pixels: np.ndarray, x: float, y: float, width: float, height: float) -> str:
    times = math.ceil(FINE / max(pixels.shape))  # so that pixels look even at whatever scale the browser shows them
    pixels = pixels.repeat(times, 0).repeat(times, 1)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f"<image x='{x}' y='{y}' width='{width}' height='{height}' preserveAspectRatio='none' "
        f"href='data:image/png;base64,{data}'/>"
    )


def _ticks(low: float, high: float) -> list[float]:
    values = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(v) for v in values if low <= v <= high]


def _subscripted(name: str) -> str:
    letter, _, index = name.partition("_")
    return f"{letter}<tspan dy='3' font-size='9'>{index}</tspan><tspan dy='-3'> </tspan>" if index else letter


def _svg(content: str, title: str) -> str:
    box = f"0 0 {LEFT + EDGE + RIGHT} {TOP + EDGE + BOTTOM}"
    return f"<svg viewBox='{box}' role='img' aria-label='{title}' fill='currentColor' font-size='11'>{content}</svg>"


def _frame(x: float, width: float) -> str:
    return f"<rect x='{x}' y='{TOP}' width='{width}' height='{EDGE}' fill='none' stroke='currentColor'/>"


def _line(x: float, y: float, across: float, down: float) -> str:
    return f"<path d='M{x:.1f} {y:.1f} l{across} {down}' stroke='currentColor'/>"


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'>{text}</text>"
