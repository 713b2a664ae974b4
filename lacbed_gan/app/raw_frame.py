"""The frame as the file has it, row 0 on top, with a centre, axes and an aperture that can be dragged."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nicegui import events, ui
from PIL import Image

from lacbed_gan.images.calibration import Calibration
from lacbed_gan.images.defects import sample
from lacbed_gan.images.filling import binned

SCRIPT = Path(__file__).with_name("raw_frame.js").read_text(encoding="utf-8")
SHOWN = 640  # pixels along the longer edge of what the browser gets
ENDS = (0.002, 0.998)  # quantiles of the values that are drawn black and white
ARM = 0.3  # of the shorter edge: the axes


@dataclass(frozen=True)
class Geometry:
    """What was dragged, in pixels of the file and degrees.

    Attributes:
        handle: centre, rotation or aperture.
        centre: row and column.
        rotation: in degrees, counter-clockwise.
        aperture: row, column and radius.
    """

    handle: str
    centre: tuple[float, float]
    rotation: float
    aperture: tuple[float, float, float]


class RawFrame:
    """The drawing of one frame.

    Args:
        on_drag: gets what was dragged, once it is let go.
    """

    def __init__(self, on_drag: Callable[[Geometry], None]) -> None:
        self._on_drag = on_drag
        self._small: np.ndarray | None = None
        self._range = (0.0, 1.0)
        with ui.column().classes("panel raw"):
            with ui.row().classes("panel-head"):
                self._title = ui.label("frame").classes("panel-title")
            with ui.element().classes("raw-box"):
                self._image = ui.html(sanitize=False).classes("raw-image")
                self._overlay = ui.html(sanitize=False).classes("raw-overlay")
            self._contrast = ui.range(min=0, max=100, step=1, on_change=self._draw)
            self._contrast.props("label dense aria-label='contrast of the frame'").classes("contrast")
            ui.label("Drag the centre, the tip of k_x or the rim of the aperture.").classes("panel-said")
        self._overlay.on("pointerdown", js_handler="(event) => rawFrame.start(event, event.currentTarget)")
        self._overlay.on("moved", self._moved, args=["detail"])

    def show(self, image: np.ndarray, title: str) -> None:
        """Show a frame (H, W); NaN is drawn black."""
        factor = max(1, -(-max(image.shape) // SHOWN))
        self._small = binned(image, factor)
        values = sample(self._small)
        low, high = np.quantile(values, ENDS) if values.size else (0.0, 1.0)
        self._range = (float(low), float(high) if high > low else float(low) + 1)
        self._title.text = title
        self._overlay.content = ""
        self._draw()

    def lay(self, shape: tuple[int, int], known: Calibration, half: float) -> None:
        """Draw centre, axes, aperture and the edge of the cut over a frame of that shape.

        Args:
            half: half an edge of the cut, in steps of columns.
        """
        height, width = shape
        row, column = known.centre or ((height - 1) / 2, (width - 1) / 2)
        middle = ((height - 1) / 2, (width - 1) / 2, 0.49 * min(height * known.aspect, width))
        state = {
            "width": width, "height": height, "row": row, "column": column, "rotation": known.rotation,
            "aspect": known.aspect, "length": ARM * min(height * known.aspect, width),
            "circle": list(known.aperture or middle), "open": known.aperture is None,
        }  # fmt: skip
        self._overlay.content = overlay_svg(state, half)

    def clear(self) -> None:
        """Show nothing."""
        self._small = None
        self._image.content = self._overlay.content = ""
        self._title.text = "frame"

    def _draw(self) -> None:
        if self._small is None:
            return
        low, high = self._range
        ends = self._contrast.value
        first = low + (high - low) * min(ends["min"], 99) / 100
        last = low + (high - low) * max(ends["max"], min(ends["min"], 99) + 1) / 100
        grey = np.clip((np.nan_to_num(self._small, nan=first) - first) / (last - first), 0, 1)
        file = io.BytesIO()
        Image.fromarray(np.rint(255 * grey).astype(np.uint8)).save(file, "PNG", compress_level=1)
        data = base64.b64encode(file.getvalue()).decode()
        self._image.content = f"<img alt='frame as the file has it' src='data:image/png;base64,{data}'>"

    def _moved(self, event: events.GenericEventArguments) -> None:
        detail: dict[str, Any] = event.args["detail"] if "detail" in event.args else event.args
        row, column, radius = map(float, detail["circle"])
        centre = float(detail["row"]), float(detail["column"])
        self._on_drag(Geometry(detail["handle"], centre, float(detail["rotation"]), (row, column, radius)))


def overlay_svg(state: dict[str, Any], half: float) -> str:
    """Axes, edge of the cut and aperture in the pixels of the file; pixel i is drawn from i to i + 1."""
    size, arm = max(state["width"], state["height"]), state["length"]
    thin, knob = size / 250, size / 60
    row, column, radius = state["circle"]
    place = f"translate({state['column'] + 0.5} {state['row'] + 0.5}) scale(1 {1 / state['aspect']})"
    text = f"font-size='{size / 18:.4g}' font-weight='bold' fill='#ffb000' stroke='black' paint-order='stroke'"
    return (
        f"<svg viewBox='0 0 {state['width']} {state['height']}' preserveAspectRatio='none' role='img' "
        f"aria-label='centre, axes and aperture' data-state='{json.dumps(state)}'>"
        f"<g fill='none' stroke='#ffb000' stroke-width='{thin:.4g}'>"
        f"<g class='axes' transform='{place} rotate({-state['rotation']})'>"
        f"<rect x='{-half:.6g}' y='{-half:.6g}' width='{2 * half:.6g}' height='{2 * half:.6g}' "
        f"stroke-dasharray='{3 * thin:.4g}'/>"
        f"<path d='M0 0H{arm:.6g}M0 0V{arm:.6g}'/><text x='{0.8 * arm:.6g}' y='{-0.08 * arm:.6g}' {text}>k_x</text>"
        f"<text x='{0.06 * arm:.6g}' y='{0.95 * arm:.6g}' {text}>k_y</text>"
        f"<circle r='{knob:.4g}' fill='#ffb00066'/><circle cx='{arm:.6g}' r='{knob:.4g}' fill='#ffb00066'/></g>"
        f"<g stroke='#40c4ff'><ellipse class='rim' cx='{column + 0.5}' cy='{row + 0.5}' rx='{radius:.6g}' "
        f"ry='{radius / state['aspect']:.6g}' opacity='{0.25 if state['open'] else 1}'/>"
        f"<circle class='knob' cx='{column + radius + 0.5:.6g}' cy='{row + 0.5}' r='{knob:.4g}' "
        "fill='#40c4ff66'/></g></g></svg>"
    )
