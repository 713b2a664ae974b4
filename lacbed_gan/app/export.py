"""Files of a picture: PNG as a figure with axes, TIFF with its values and a calibration that ImageJ reads."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, TiffImagePlugin

from lacbed_gan.app.picture import Look, Picture

DPI = 200
DESCRIPTION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 270, 282, 283, 296  # tags of TIFF
NO_UNIT = 1  # of the resolution; ImageJ takes the unit from the description


@matplotlib.rc_context({"font.size": 9, "mathtext.default": "regular"})
def png_of(picture: Picture, look: Look, caption: str) -> bytes:
    """A PNG figure with labelled axes and a bar of the colours, under the caption and the picture's title."""
    name, low, high = look.of(picture)
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    style = {"cmap": name, "vmin": low, "vmax": high, "interpolation": "nearest"}
    first, last = picture.frame.extent
    image = axes.imshow(picture.image, extent=(first, last, last, first), **style)
    figure.colorbar(image, ax=axes, shrink=0.9)
    x, y = (f"${axis}$ ({picture.frame.unit})" for axis in picture.frame.axes)
    axes.set(title=f"{caption}\n{picture.title}", xlabel=x, ylabel=y)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def tiff_of(picture: Picture) -> bytes:
    """A TIFF of the values as 32-bit floats, rows and columns as on the page.

    Resolution and description are as ImageJ writes them, and ImageJ and Fiji show coordinates in the unit of the
    frame, with the origin at its place. The unit is spelt with an escape because descriptions are ASCII.
    """
    frame = picture.frame
    low, high = float(picture.image.min()), float(picture.image.max())
    entries = {
        "ImageJ": "1.54f",
        "unit": frame.unit.replace("Å", r"\u00C5"),
        "xorigin": frame.origin,
        "yorigin": frame.origin,
        "min": low,
        "max": high,
    }
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[DESCRIPTION] = "".join(f"{key}={value}\n" for key, value in entries.items())
    tags[X_RESOLUTION] = tags[Y_RESOLUTION] = 1 / frame.pixel
    tags[RESOLUTION_UNIT] = NO_UNIT
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture.image, dtype=np.float32)).save(file, "TIFF", tiffinfo=tags)
    return file.getvalue()
