"""The tab for patterns: a frame and what is known of it → how it lies, ρ and its range, and what physics says to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
from nicegui import ui

from lacbed_gan.app.background import Background, Latest
from lacbed_gan.app.pattern_fields import PatternFields
from lacbed_gan.app.picture import Picture
from lacbed_gan.app.raw_frame import Geometry, RawFrame
from lacbed_gan.app.uploads import Refused, images_from, in_a_sentence, plain_name
from lacbed_gan.app.widgets import Colours, Drop, Messages, Panel
from lacbed_gan.images.calibration import Calibration
from lacbed_gan.images.measured import Measured
from lacbed_gan.images.preparation import pixel_pitch
from lacbed_gan.predict.frame import pattern_frame, potential_frame
from lacbed_gan.predict.physics_check import PhysicsCheck, check_potential, recomputed_pattern
from lacbed_gan.predict.prediction import PotentialPrediction
from lacbed_gan.predict.predictor import Predictor

NEEDS_A = "Give a, the cell edge in Å: the axes and the network need it, and a pattern does not tell it."
EXAMPLE, EXAMPLE_A = Path(__file__).with_name("example.tif"), 5.64  # NaCl
SAMPLES = 64  # of ρ, of networks that draw them
ROUGH = 2  # the recomputed pattern has every so many of the pixels


class InverseTab:
    """Widgets and state of the tab in one browser window."""

    def __init__(
        self, predictor: Predictor, background: Background, colours: Colours, memory: dict[str, Any] | None = None
    ) -> None:
        self._predictor, self._background = predictor, background
        self._memory: dict[str, Any] = {} if memory is None else memory
        self._latest = Latest()
        self._name = self._title = ""
        self._file: tuple[bytes, str] | None = None
        self._measured: Measured | None = None
        self._unchecked: PotentialPrediction | None = None
        with ui.row().classes("tab"):
            with ui.column().classes("inputs"):
                self._build_inputs()
            with ui.column().classes("results"):
                known = f"{predictor.known_thickness} and {predictor.recipe.energy_kv:g} kV"
                self._messages = Messages(f"ρ from a pattern along [001] at {known}, which the network was trained on.")
                with ui.element().classes("panels"):
                    self._raw = RawFrame(self._dragged)
                    self._pattern = Panel("prepared pattern", colours, self._caption)
                    self._potential = Panel("predicted ρ", colours, self._caption)
                    self._spread = Panel("deviation of ρ", colours, self._caption) if predictor.draws else None
                    self._recomputed = Panel("recomputed pattern", colours, self._caption)
                    self._difference = Panel("recomputed − prepared", colours, self._caption)

    def stop(self) -> None:
        """End what is being computed."""
        self._latest.stop()

    def restore(self) -> None:
        """Go on with the file and the fields that a page before this one had."""
        self._fields.fill(self._memory.get("fields", {}))
        if file := self._memory.get("file"):
            self._latest.start(self._take(*file), reads=True)

    def _build_inputs(self) -> None:
        Drop("Drop a pattern here, or click", self._dropped, self._decline)
        ui.button("Try an example", on_click=self._try_example).props("flat dense no-caps").classes("example")
        predictor = self._predictor
        self._fields = PatternFields(predictor.recipe, predictor.known_thickness, self._begin, self._read_again)
        ui.button("Find all again", on_click=self._forget).props("flat dense no-caps").classes("example")

    async def _dropped(self, data: bytes, name: str) -> None:
        self._latest.start(self._take(data, name), reads=True)

    async def _try_example(self) -> None:
        self._fields.forget(everything=True)
        self._fields.fill({"a": EXAMPLE_A})
        self._memory["fields"] = self._fields.texts
        self._latest.start(self._take(EXAMPLE.read_bytes(), EXAMPLE.name), reads=True)

    def _read_again(self) -> None:
        if self._file is not None:
            self._latest.start(self._take(*self._file), reads=True)

    async def _take(self, data: bytes, name: str) -> None:
        """Read a file and answer; the one before stays until this one is known to be a pattern."""
        try:
            with self._messages.waiting(f"Reading {plain_name(name)}"):
                measured = await asyncio.to_thread(images_from, data, name, *self._fields.choice)
        except Refused as refusal:
            self._latest.has_read()
            if "frame=" in str(refusal) or "signal=" in str(refusal):  # the file is right, a choice is open
                self._file = data, name
            self._decline(str(refusal))
            await self._follow()
            return
        self._latest.has_read()
        if (data, name) != self._file and self._name:
            self._fields.forget()
        self._file, self._measured, self._name = (data, name), measured, plain_name(name)
        self._memory["file"] = self._file
        self._raw.show(measured.images[0], f"frame of {self._name}, {' × '.join(map(str, measured.images.shape[1:]))}")
        self._clear("")
        self._messages.show(self._name, [])
        await self._begin_now()

    def _begin(self) -> None:
        """Predict again, with what the fields say now."""
        self._memory["fields"] = self._fields.texts
        self._latest.start(self._begin_now())

    async def _begin_now(self) -> None:
        if self._measured is None:
            return
        try:
            calibration, thickness = self._fields.calibration(self._measured), self._fields.thickness
        except Refused as refusal:
            self._refuse(str(refusal))
            return
        if calibration.a is None:
            self._refuse(NEEDS_A)
            return
        await self._answer(self._measured, calibration, thickness)

    async def _answer(self, measured: Measured, calibration: Calibration, thickness: float | None = None) -> None:
        """ρ at once, then the check, then the pattern that ρ would give."""
        self._unchecked = None
        try:
            with self._messages.waiting("Aligning and predicting"), in_a_sentence("The prediction"):
                prediction = await asyncio.to_thread(
                    self._predictor.predict_potential,
                    measured.images,
                    calibration=calibration,
                    thickness=thickness,
                    fit=False,  # minutes: who looks wants to see ρ, and what is doubted of it
                )
        except Refused as refusal:
            self._refuse(str(refusal))
            return
        self._show(prediction, measured)
        await self._draw(prediction)
        if np.ptp(prediction.potential) > 0:  # else there is nothing to check; a warning says so
            self._unchecked = prediction
            await self._follow()

    async def _draw(self, prediction: PotentialPrediction) -> None:
        """How far samples of ρ spread, of a network that draws them."""
        if self._spread is None:
            return
        with self._spread.waiting("being drawn"):
            samples = await asyncio.to_thread(self._predictor.sampled, prediction, SAMPLES)
        frame = potential_frame(prediction.recipe, len(prediction.potential), prediction.calibration.a)
        spread, top = samples.deviation, float(samples.deviation.max()) or 1.0
        self._spread.show(Picture(spread, frame, "deviation of ρ", top=top), samples.lines[0])

    async def _follow(self) -> None:
        """What physics says to the answer, unless it has."""
        prediction = self._unchecked
        if prediction is None:
            return
        calibration = prediction.calibration
        images = prediction.potential, prediction.pattern
        arguments = (*images, calibration.a, prediction.recipe, prediction.thickness, prediction.span)
        key = (*(image.tobytes() for image in images), prediction.span, calibration.a)
        try:
            with self._messages.waiting("The physics check is being computed"), in_a_sentence("The physics check"):
                check = await self._background.compute(key, check_potential, *arguments)
        except Refused as refusal:
            self._messages.refuse(str(refusal))
            return
        self._messages.verdict(verdict(check), check.flagged)
        await self._compare(prediction, check)
        self._unchecked = None

    async def _compare(self, prediction: PotentialPrediction, check: PhysicsCheck) -> None:
        """The pattern that ρ would give, and its difference from the prepared one."""
        arguments = prediction.potential, prediction.pattern, prediction.calibration.a, prediction.recipe
        key = ("recomputed", *(image.tobytes() for image in arguments[:2]), check.span, arguments[2])
        try:
            with self._recomputed.waiting("being computed"), in_a_sentence("The pattern of ρ"):
                pattern, difference = await self._background.compute(
                    key, recomputed_pattern, *arguments, prediction.thickness, check.span, ROUGH
                )
        except Refused as refusal:
            self._recomputed.clear(str(refusal))
            return
        frame = pattern_frame(prediction.recipe, pattern.shape[-1], prediction.calibration.a)
        self._recomputed.show(Picture(pattern[0], frame, "recomputed pattern"), "exact calculation from ρ")
        line = f"1 − R = {check.residual:.2g}"
        self._difference.show(Picture(difference[0], frame, "recomputed − prepared", signed=True), line)

    def _show(self, prediction: PotentialPrediction, measured: Measured) -> None:
        """The images, and what was taken for granted."""
        known = prediction.calibration
        count, size, a, span = len(prediction.pattern), len(prediction.potential), known.a, prediction.span
        self._title = f"{self._name}, a = {a:g} Å"
        which = f"{prediction.thickness[0]:g} nm" + (f", first of {count}" if count > 1 else "")
        pattern, potential = pattern_frame(prediction.recipe, size, a), potential_frame(prediction.recipe, size, a)
        self._clear("")
        self._pattern.show(Picture(prediction.pattern[0], pattern, f"prepared pattern, {which}"), "aligned and cut")
        if span is None:
            self._potential.show(Picture(prediction.potential, potential, "predicted ρ, scaled"))
        else:
            picture = Picture(prediction.potential * span, potential, "predicted ρ", top=span)
            self._potential.show(picture, f"range of ρ {span:.3g} 1/Å²; drawn is ρ − ρ_min in 1/Å²")
        shape = measured.images.shape[1:]
        half = prediction.recipe.half_width / pixel_pitch(*shape, prediction.recipe.window, known)
        self._raw.lay(shape, known, half)
        self._fields.suggest(known, (shape[0], shape[1]))
        self._messages.show(f"{self._name}: {prediction.assumptions}", prediction.warnings)

    def _dragged(self, geometry: Geometry) -> None:
        self._fields.take(geometry)
        self._begin()

    def _forget(self) -> None:
        self._fields.forget()
        self._begin()

    def _clear(self, line: str) -> None:
        for panel in (self._pattern, self._potential, self._spread, self._recomputed, self._difference):
            if panel is not None:
                panel.clear(line)

    def _decline(self, sentence: str) -> None:
        """A file that is no pattern: the one before it stays, under its own name."""
        self._messages.decline(f"{sentence} Still shown: {self._name}." if self._name else sentence)

    def _refuse(self, sentence: str) -> None:
        self._unchecked = None
        self._clear("")
        self._messages.refuse(sentence)

    def _caption(self) -> str:
        return self._title


def verdict(check: PhysicsCheck) -> str:
    """The sentence on the physics check, with its numbers."""
    beginning = "The physics check cannot tell" if check.limit is None else "The physics check holds"
    if check.flagged:
        beginning = "Flagged by the physics check"
    return f"{beginning}: {check.verdict}; range of ρ {check.span:.3g} 1/Å², {check.seconds:.1f} s."
