"""The tab for patterns: an image and its calibration → ρ, its range, and what physics says to it."""

from __future__ import annotations

import asyncio

from nicegui import ui

from lacbed_gan.app.background import Background, Latest
from lacbed_gan.app.picture import Picture
from lacbed_gan.app.uploads import Refused, images_from, in_a_sentence, plain_name
from lacbed_gan.app.widgets import Colours, Drop, Messages, Panel
from lacbed_gan.images.calibration import POLARITY, Calibration, calibrate
from lacbed_gan.images.grey import POLARITIES
from lacbed_gan.images.measured import Measured
from lacbed_gan.predict.frame import pattern_frame, potential_frame
from lacbed_gan.predict.physics_check import PhysicsCheck, check_potential
from lacbed_gan.predict.prediction import PotentialPrediction
from lacbed_gan.predict.predictor import Predictor

NEEDS_A = "Give a, the cell edge in Å: the axes and the network need it, and a pattern does not tell it."


class InverseTab:
    """Widgets and state of the tab in one browser window."""

    def __init__(self, predictor: Predictor, background: Background, colours: Colours) -> None:
        self._predictor, self._background = predictor, background
        self._latest = Latest()
        self._name = self._title = ""
        self._measured: Measured | None = None
        with ui.row().classes("tab"):
            with ui.column().classes("inputs"):
                self._build_inputs()
            with ui.column().classes("results"):
                with ui.row().classes("panels"):
                    self._pattern = Panel("prepared pattern", colours, self._caption)
                    self._potential = Panel("predicted ρ", colours, self._caption)
                thickness = " and ".join(f"{t:g}" for t in predictor.thicknesses)
                self._messages = Messages(
                    f"ρ from a pattern along [001] at {thickness} nm and {predictor.recipe.energy_kv:g} kV, which the "
                    "network was trained on."
                )

    def stop(self) -> None:
        """End what is being computed."""
        self._latest.stop()

    def _build_inputs(self) -> None:
        Drop("Drop a pattern here, or click", self._dropped, self._refuse)
        self._a = self._number("a (Å)", "cell edge; always needed")
        self._pixel_size = self._number("pixel_size (1/Å per pixel)", "or half_width, or as the file says")
        window = f"{self._predictor.recipe.half_width:g}"
        self._half_width = self._number("half_width (1/a)", f"half of the shorter edge; {window} unless given")
        self._rotation = self._number("rotation (°)", "of the crystal's axes, counter-clockwise; 0 unless given")
        self._polarity = ui.select(list(POLARITIES), value=POLARITY, label="polarity", on_change=self._begin)
        self._polarity.props("dense options-dense outlined hint='bright_high: white is the highest intensity'")
        self._polarity.classes("wide")

    def _number(self, label: str, hint: str) -> ui.number:
        field = ui.number(label, on_change=self._begin)
        return field.props(f'dense outlined debounce=400 hint="{hint}"').classes("wide")

    async def _dropped(self, data: bytes, name: str) -> None:
        try:
            self._measured = await asyncio.to_thread(images_from, data, name)
        except Refused as refusal:
            self._measured = None
            self._refuse(str(refusal))
            return
        self._name = plain_name(name)
        self._begin()

    def _begin(self) -> None:
        """Predict again, with what the fields say now."""
        if self._measured is None:
            return
        if self._a.value is None:
            self._refuse(NEEDS_A)
            return
        self._latest.start(self._answer(self._measured, self._calibration(self._measured)))

    def _calibration(self, measured: Measured) -> Calibration:
        """What the fields and the file say."""
        recipe = self._predictor.recipe
        return calibrate(
            measured,
            recipe.energy_kv,
            recipe.half_width,
            a=self._a.value,
            pixel_size=self._pixel_size.value,
            half_width=self._half_width.value,
            rotation=self._rotation.value,
            polarity=None if self._polarity.value == POLARITY else self._polarity.value,
        )

    async def _answer(self, measured: Measured, calibration: Calibration, align: bool = True) -> None:
        """ρ at once, then the check."""
        try:
            with in_a_sentence("The prediction"):
                prediction = await asyncio.to_thread(
                    self._predictor.predict_potential, measured.images, calibration=calibration, align=align
                )
        except Refused as refusal:
            self._refuse(str(refusal))
            return
        calibration = prediction.calibration
        self._show(prediction, calibration)
        if prediction.potential.max() == prediction.potential.min():  # nothing to check; a warning says so
            return
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

    def _show(self, prediction: PotentialPrediction, calibration: Calibration) -> None:
        """The images, and what was taken for granted."""
        count, size, a = len(prediction.pattern), len(prediction.potential), calibration.a
        self._title = f"{self._name}, a = {a:g} Å"
        which = f"{prediction.thickness[0]:g} nm" + (f", first of {count}" if count > 1 else "")
        pattern, potential = pattern_frame(prediction.recipe, size, a), potential_frame(prediction.recipe, size, a)
        self._pattern.show(Picture(prediction.pattern[0], pattern, f"prepared pattern, {which}"))
        span = "" if prediction.span is None else f"range of ρ {prediction.span:.3g} 1/Å²"
        self._potential.show(Picture(prediction.potential, potential, "predicted ρ"), span)
        self._messages.show(f"{self._name}: {prediction.assumptions}", prediction.warnings)

    def _refuse(self, sentence: str) -> None:
        self.stop()
        for panel in (self._pattern, self._potential):
            panel.clear()
        self._messages.refuse(sentence)

    def _caption(self) -> str:
        return self._title


def verdict(check: PhysicsCheck) -> str:
    """The sentence on the physics check, with its numbers."""
    beginning = "The physics check cannot tell" if check.limit is None else "The physics check holds"
    if check.flagged:
        beginning = "Flagged by the physics check"
    return f"{beginning}: {check.verdict}; range of ρ {check.span:.3g} 1/Å², {check.seconds:.1f} s."
