"""The tab for crystals: a CIF or an entry of the catalogue → patterns by the network and by calculation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from nicegui import events, ui

from lacbed_gan.app.background import Background, Latest, identity
from lacbed_gan.app.picture import Picture
from lacbed_gan.app.uploads import Refused, crystal_from, in_a_sentence
from lacbed_gan.app.widgets import Colours, Drop, Messages, Panel
from lacbed_gan.crystal import Crystal
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.formulas import conventional_formula, printed_formula
from lacbed_gan.predict.exact import Exact, exact_patterns
from lacbed_gan.predict.frame import pattern_frame, potential_frame
from lacbed_gan.predict.prediction import PatternPrediction
from lacbed_gan.predict.predictor import Predictor


class ForwardTab:
    """Widgets and state of the tab in one browser window."""

    def __init__(
        self, predictor: Predictor, background: Background, colours: Colours, memory: dict[str, Any] | None = None
    ) -> None:
        self._predictor, self._background = predictor, background
        self._memory: dict[str, Any] = {} if memory is None else memory
        self._latest = Latest()
        self._crystal: Crystal | None = None
        self._prediction: PatternPrediction | None = None
        self._exact: Exact | None = None
        self._seconds = 0.0  # from the file to the network's patterns
        with ui.row().classes("tab"):
            with ui.column().classes("inputs"):
                self._build_inputs()
                self._potential = Panel("ρ", colours, self._caption)
            with ui.column().classes("results"):
                with ui.element().classes("panels"):
                    self._network = Panel("network", colours, self._caption)
                    self._calculation = Panel("exact calculation", colours, self._caption)
                    self._difference = Panel("network − exact", colours, self._caption)
                self._messages = Messages(
                    "A crystal's pattern along [001]: drop its CIF, or choose one of the catalogue."
                )

    def stop(self) -> None:
        """End what is being computed."""
        self._latest.stop()

    def restore(self) -> None:
        """Go on with the crystal that a page before this one had."""
        if file := self._memory.get("file"):
            self._latest.start(self._answer(lambda: crystal_from(*file), {"file": file}))
        elif name := self._memory.get("choice"):
            self._choice.value = name

    def _build_inputs(self) -> None:
        Drop("Drop a CIF here, or click", self._dropped, self._decline)
        names = {name: catalogue_line(crystal) for name, crystal in catalogue().items()}
        self._choice = ui.select(names, label="or one of the catalogue", with_input=True, on_change=self._chosen)
        self._choice.props("dense options-dense outlined").classes("wide")
        known = self._predictor.thicknesses
        ui.label("thickness (nm)").classes("slider-label")
        self._thickness = ui.slider(min=0, max=max(len(known) - 1, 1), step=1, value=0, on_change=self._draw)
        self._thickness.props("snap markers aria-label=thickness").classes("thickness")
        self._thickness.props["marker-labels"] = [{"value": i, "label": f"{t:g}"} for i, t in enumerate(known)]
        self._thickness.set_enabled(len(known) > 1)

    async def _dropped(self, data: bytes, name: str) -> None:
        self._latest.start(self._answer(lambda: crystal_from(data, name), {"file": (data, name)}))

    def _chosen(self, event: events.ValueChangeEventArguments) -> None:
        if event.value is not None:
            self._latest.start(self._answer(lambda: catalogue()[event.value], {"choice": event.value}))

    async def _answer(self, read: Callable[[], Crystal], source: dict[str, Any] | None = None) -> None:
        """The network's patterns at once, then the exact ones; the source is remembered if it is a crystal."""
        began = time.perf_counter()

        def predicted() -> tuple[Crystal, PatternPrediction]:
            crystal = read()
            with in_a_sentence("The prediction"):
                return crystal, self._predictor.predict_patterns(crystal)

        try:
            self._crystal, self._prediction = await asyncio.to_thread(predicted)
        except Refused as refusal:
            self._decline(str(refusal))
            await self._follow()
            return
        crystal, prediction = self._crystal, self._prediction
        self._memory.clear()
        self._memory.update(source or {})
        if "file" in self._memory:
            self._choice.value = None
        self._exact = None
        self._seconds = time.perf_counter() - began
        parts = [f"{crystal.name}: {self._caption()}", prediction.displacement]
        self._messages.show("; ".join(filter(None, parts)), prediction.warnings)
        frame = potential_frame(prediction.recipe, len(prediction.potential), crystal.a)
        self._potential.show(Picture(prediction.potential, frame, "ρ given to the network"))
        self._draw()
        await self._follow()

    async def _follow(self) -> None:
        """The exact patterns, unless they are there."""
        crystal, prediction = self._crystal, self._prediction
        if crystal is None or prediction is None or self._exact is not None:
            return
        try:
            with self._calculation.waiting("being computed"), in_a_sentence("The exact calculation"):
                arguments = (crystal, prediction.recipe, prediction.pattern, prediction.thickness, prediction.b_iso)
                key = (identity(crystal), prediction.thickness, prediction.b_iso)
                self._exact = await self._background.compute(key, exact_patterns, *arguments)
        except Refused as refusal:
            self._calculation.clear("not computed")
            self._messages.refuse(str(refusal))
            return
        self._draw()

    def _draw(self) -> None:
        """The images of the chosen thickness."""
        if self._prediction is None:
            return
        number, prediction = self._thickness.value, self._prediction
        at = f"{prediction.thickness[number]:g} nm"
        pattern = prediction.pattern[number]
        frame = pattern_frame(prediction.recipe, len(pattern), self._crystal.a)
        self._network.show(Picture(pattern, frame, f"network, {at}"), f"{self._seconds:.2f} s, all thicknesses")
        if self._exact is None:
            self._difference.clear()
            return
        exact, mse, r = (part[number] for part in (self._exact.pattern, self._exact.mse, self._exact.r))
        seconds = f"{self._exact.seconds:.1f} s, all thicknesses"
        self._calculation.show(Picture(exact, frame, f"exact calculation, {at}"), seconds)
        difference = Picture(pattern - exact, frame, f"network − exact, {at}", signed=True)
        self._difference.show(difference, f"R {r:.4f}, MSE {mse:.3g}")

    def _decline(self, sentence: str) -> None:
        """A file that is no crystal: the one before it stays, under its own name."""
        shown = f" Still shown: {self._crystal.name}." if self._crystal and self._prediction else ""
        self._messages.decline(sentence + shown)

    def _caption(self) -> str:
        crystal = self._crystal
        return f"{printed_formula(crystal.formula)}, {crystal.space_group}, a = {crystal.a:.4g} Å"


def catalogue_line(crystal: Crystal) -> str:
    """What is found by name, formula, and group however it is spelt: ``spinel, MgAl2O4, F d -3 m:2 (Fd-3m, 227)``."""
    formula = conventional_formula(crystal.formula)
    group = crystal.space_group.split(":")[0].replace(" ", "")
    parts = [crystal.name, *([formula] if formula != crystal.name else []), crystal.space_group]
    return f"{', '.join(parts)} ({group}, {crystal.number})"
