"""The tab for calculations: a crystal along any zone axis, as the microscope sees it, without a network."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from nicegui import events, ui

from lacbed_gan.app.background import Background, Latest, identity
from lacbed_gan.app.forward_tab import catalogue_line
from lacbed_gan.app.picture import Picture
from lacbed_gan.app.uploads import Refused, crystal_from, in_a_sentence
from lacbed_gan.app.widgets import Colours, Drop, Messages, Panel
from lacbed_gan.base.messages import printable
from lacbed_gan.crystal import Crystal
from lacbed_gan.crystal.catalogue import catalogue, noncubic
from lacbed_gan.crystal.formulas import printed_formula
from lacbed_gan.diffraction.constants import ABSORPTIONS, HALF_WIDTH
from lacbed_gan.predict.frame import Frame
from lacbed_gan.store.recipe import USUAL_B

# Unit of each window, and the names of its axes.
WINDOWS = {"reciprocal": ("b₁, b₂", ("κ_1", "κ_2")), "1/Å": ("1/Å", ("k_x", "k_y")), "mrad": ("mrad", ("θ_x", "θ_y"))}
MOST_PIXELS = 512


class CalculationTab:
    """Widgets and state of the tab in one browser window."""

    def __init__(self, background: Background, colours: Colours, memory: dict[str, Any] | None = None) -> None:
        self._background = background
        self._memory: dict[str, Any] = {} if memory is None else memory
        self._latest = Latest()
        self._crystal: Crystal | None = None
        with ui.row().classes("tab"):
            with ui.column().classes("inputs"):
                self._build_inputs()
            with ui.column().classes("results"):
                with ui.element().classes("panels"):
                    self._panel = Panel("calculated pattern", colours, self._caption)
                self._messages = Messages(
                    "A crystal's patterns along any zone axis, bright and dark fields: drop its CIF, or choose one."
                )

    def stop(self) -> None:
        """End what is being computed."""
        self._latest.stop()

    def restore(self) -> None:
        """Go on with the crystal that a page before this one had."""
        if file := self._memory.get("file"):
            self._latest.start(self._read(lambda: crystal_from(*file)))
        elif name := self._memory.get("choice"):
            self._choice.value = name

    def _build_inputs(self) -> None:
        Drop("Drop a CIF here, or click", self._dropped, self._decline)
        names = {name: catalogue_line(crystal) for name, crystal in known_crystals().items()}
        self._choice = ui.select(names, label="or one of the catalogue", with_input=True, on_change=self._chosen)
        self._zone = ui.input("zone axis uvw", value="0 0 1")
        self._x_axis = ui.input("x axis hkl, or the shortest")
        self._hkl = ui.input("reflection hkl", value="0 0 0")
        self._thickness = ui.number("thickness (nm)", value=50, min=1)
        self._absorption = ui.select(list(ABSORPTIONS), value="none", label="absorption")
        self._b_iso = ui.number("B (Å²) where none is given", value=USUAL_B, min=0, step=0.1)
        self._energy = ui.number("voltage (kV)", value=200, min=1)
        self._window = ui.select(list(WINDOWS), value="reciprocal", label="angles in", on_change=self._rescale)
        self._half_width = ui.number("half width", value=HALF_WIDTH, min=0)
        self._g_max = ui.number("g_max (1/Å)", value=3.0, min=0.1, step=0.5)
        self._size = ui.number("pixels", value=128, min=2, max=MOST_PIXELS, precision=0)
        for each in (self._choice, self._zone, self._x_axis, self._hkl, self._thickness, self._absorption, self._b_iso,
                     self._energy, self._window, self._half_width, self._g_max, self._size):  # fmt: skip
            each.props("dense options-dense outlined").classes("wide")
        with ui.row():
            self._compute = ui.button("compute", on_click=self._begin).props("no-caps")
            self._cancel = ui.button("cancel", on_click=self._end).props("no-caps flat")
        self._compute.disable()
        self._cancel.disable()

    def _rescale(self, event: events.ValueChangeEventArguments) -> None:
        """A usual half width of the window that was chosen."""
        self._half_width.value = {"reciprocal": HALF_WIDTH, "1/Å": 1.0, "mrad": 25.0}[event.value]

    async def _dropped(self, data: bytes, name: str) -> None:
        self._choice.value = None
        self._memory["file"] = data, name
        self._latest.start(self._read(lambda: crystal_from(data, name)))

    def _chosen(self, event: events.ValueChangeEventArguments) -> None:
        if event.value is not None:
            self._memory.pop("file", None)
            self._memory["choice"] = event.value
            self._latest.start(self._read(lambda: known_crystals()[event.value]))

    async def _read(self, read: Callable[[], Crystal]) -> None:
        try:
            self._crystal = await asyncio.to_thread(read)
        except Refused as refusal:
            self._decline(str(refusal))
            return
        self._cancel.disable()
        self._compute.enable()
        self._panel.clear()
        self._messages.show(f"{self._crystal.name}: {self._caption()}", [])

    def _begin(self) -> None:
        self._latest.start(self._answer())

    def _end(self) -> None:
        self._latest.stop()

    async def _answer(self) -> None:
        """The pattern of what is set; until it is there the calculation can be cancelled."""
        assert self._crystal is not None
        began = time.monotonic()
        self._compute.disable()
        self._cancel.enable()
        try:
            with self._panel.waiting("being computed"), in_a_sentence("The calculation"):
                hkl, thickness, size, options = self._settings()
                crystal = self._crystal.with_default_b_iso(_positive("B", self._b_iso.value, zero=True))
                key = "calculation", identity(crystal), hkl, thickness, size, tuple(options.items())
                arguments = (crystal, hkl, thickness, size, options)
                image = await self._background.compute(key, calculated, *arguments)
        except Refused as refusal:
            self._panel.clear("not computed")
            self._messages.refuse(str(refusal))
            return
        except asyncio.CancelledError:
            self._panel.clear("cancelled")
            raise
        finally:
            self._compute.enable()
            self._cancel.disable()
        unit, axes = WINDOWS[options["window"]]
        frame = Frame(size, 2 * options["half_width"] / size, (size - 1) / 2, unit, axes)
        zone = " ".join(map(str, options["zone"]))
        title = f"{' '.join(map(str, hkl))} along [{zone}], {thickness:g} nm"
        about = f"absorption {options['absorption']}, {options['energy_kv']:g} kV, {time.monotonic() - began:.1f} s"
        self._panel.show(Picture(image, frame, title, top=float(image.max()) or 1.0), about)
        self._messages.show(f"{self._crystal.name}: {self._caption()}", [])

    def _settings(self) -> tuple[tuple[int, ...], float, int, dict[str, Any]]:
        """Reflection, thickness in nm, pixels, and the other arguments of `dark_field`.

        Raises:
            Refused: something is no number.
        """
        size = round(_positive("pixels", self._size.value))
        if size > MOST_PIXELS:
            raise Refused(f"{size} pixels are more than {MOST_PIXELS}, the most this page computes.")
        x_axis = (self._x_axis.value or "").strip()
        options = {
            "zone": indices("zone axis", self._zone.value),
            "x_axis": indices("x axis", x_axis) if x_axis else None,
            "window": self._window.value,
            "half_width": _positive("half width", self._half_width.value),
            "g_max": _positive("g_max", self._g_max.value),
            "energy_kv": _positive("voltage", self._energy.value),
            "absorption": self._absorption.value,
        }
        return indices("reflection", self._hkl.value), _positive("thickness", self._thickness.value), size, options

    def _decline(self, sentence: str) -> None:
        """A file that is no crystal: the one before it stays, under its own name."""
        self._messages.decline(sentence + (f" Still shown: {self._crystal.name}." if self._crystal else ""))

    def _caption(self) -> str:
        crystal = self._crystal
        return "" if crystal is None else f"{printed_formula(crystal.formula)}, {crystal.space_group}"


def known_crystals() -> dict[str, Crystal]:
    """Those of both catalogues; a form of another system that has the name of a cubic one is told by its group."""
    cubic = catalogue()
    others = {
        name if name not in cubic else f"{name}, {other.space_group}": other for name, other in noncubic().items()
    }
    return cubic | others


def indices(name: str, text: str) -> tuple[int, ...]:
    """Three or four whole numbers, however they are separated: ``1 -1 0``, ``[1,-1,0]``, ``1-10``.

    Raises:
        Refused: they are not.
    """
    inner = (text or "").strip(" ()[]<>{}")
    words = re.split(r"[\s,;]+", inner) if re.search(r"[\s,;]", inner) else re.findall(r"-?\d|[^-\d]", inner)
    if len(words) not in (3, 4) or not all(re.fullmatch(r"[+-]?\d{1,3}", word) for word in words):
        raise Refused(f"'{printable(text, 40)}' is no {name}; three whole numbers are, such as 1 -1 0.")
    return tuple(map(int, words))


def calculated(
    crystal: Crystal, hkl: tuple[int, ...], thickness: float, size: int, options: dict[str, Any]
) -> np.ndarray:
    """(size, size) float32 intensity, for a process of its own; 0 0 0 is the bright field."""
    from lacbed_gan.diffraction import dark_field

    return dark_field(crystal, hkl, (thickness,), size, **options)[0].numpy()


def _positive(name: str, value: float | None, zero: bool = False) -> float:
    if value is None or not (value > 0 or (zero and value == 0)):
        raise Refused(f"{name} is no positive number.")
    return float(value)
