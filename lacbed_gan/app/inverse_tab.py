"""The tab for patterns: an image and its calibration → ρ, its range, and what physics says to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from nicegui import ui

from lacbed_gan.app.background import Background, Latest
from lacbed_gan.app.compute import physics_check
from lacbed_gan.app.picture import pattern_picture, potential_picture
from lacbed_gan.app.uploads import Refused, images_from, in_a_sentence, shown_name
from lacbed_gan.app.widgets import Colours, Drop, Panel, Said
from lacbed_gan.images.grey import POLARITIES
from lacbed_gan.images.measured import Measured
from lacbed_gan.predict.predictor import PotentialPrediction, Predictor
from lacbed_gan.predict.trust import SUSPICIOUS, PhysicsCheck

NEEDS_A = "Give a, the cell edge in Å: the axes and the network need it, and a pattern does not tell it."


@dataclass(frozen=True)
class Calibration:
    """What the fields say; see :func:`lacbed_gan.images.preparation.prepare_pattern`."""

    a: float | None
    scale: float | None
    half_width: float | None
    rotation: float
    polarity: str

    def scaled_by_file(self, measured: Measured) -> bool:
        """Whether the angles come from the file's own calibration."""
        return self.scale is None and self.half_width is None and measured.scale is not None


class InverseTab:
    """Widgets and state of the tab in one browser window."""

    def __init__(self, predictor: Predictor, background: Background, colours: Colours) -> None:
        self._predictor, self._background = predictor, background
        self._latest = Latest()
        self._name = self._shown = ""
        self._measured: Measured | None = None
        with ui.row().classes("tab"):
            with ui.column().classes("inputs"):
                self._build_inputs()
            with ui.column().classes("results"):
                with ui.row().classes("panels"):
                    self._pattern = Panel("prepared pattern", colours, self._caption)
                    self._potential = Panel("predicted ρ", colours, self._caption)
                asked = " and ".join(f"{t:g}" for t in predictor.thicknesses)
                self._said = Said(f"ρ from a pattern along [001] at {asked} nm, which the network was trained on.")

    def stop(self) -> None:
        """End what is being computed."""
        self._latest.stop()

    def _build_inputs(self) -> None:
        Drop("Drop a pattern here, or click", self._dropped, self._refuse)
        self._a = self._number("a (Å)", "cell edge; always needed")
        self._scale = self._number("scale (1/Å per pixel)", "or half_width, or as the file says")
        self._half_width = self._number("half_width (1/a)", "half of the shorter edge; 7.266 unless given")
        self._rotation = self._number("rotation (°)", "of the crystal's axes, counter-clockwise", value=0.0)
        self._polarity = ui.select(list(POLARITIES), value="bright_high", label="polarity", on_change=self._begin)
        self._polarity.props("dense options-dense outlined hint='bright_high: white is the highest intensity'")
        self._polarity.classes("wide")

    def _number(self, label: str, hint: str, value: float | None = None) -> ui.number:
        field = ui.number(label, value=value, on_change=self._begin)
        return field.props(f'dense outlined debounce=400 hint="{hint}"').classes("wide")

    async def _dropped(self, data: bytes, name: str) -> None:
        try:
            self._measured = await asyncio.to_thread(images_from, data, name)
        except Refused as refusal:
            self._measured = None
            self._refuse(str(refusal))
            return
        self._name = shown_name(name)
        self._begin()

    def _begin(self) -> None:
        """Predict again, with what the fields say now."""
        if self._measured is None:
            return
        rotation = self._rotation.value or 0.0
        fields = (self._a.value, self._scale.value, self._half_width.value, rotation, self._polarity.value)
        self._latest.start(self._answer(self._measured, Calibration(*fields)))

    async def _answer(self, measured: Measured, calibration: Calibration) -> None:
        """ρ at once, then the check."""
        if calibration.a is None:
            self._refuse(NEEDS_A)
            return
        try:
            with in_a_sentence("The prediction"):
                found = await asyncio.to_thread(self._predicted, measured, calibration)
        except Refused as refusal:
            self._refuse(str(refusal))
            return
        a = calibration.a
        self._shown = f"{self._name}, a = {a:g} Å"
        which = f"{found.thickness[0]:g} nm" + (f", first of {len(found.pattern)}" if len(found.pattern) > 1 else "")
        self._pattern.show(pattern_picture(found.pattern[0], a, f"prepared pattern, {which}"))
        span = "" if found.span is None else f"range of ρ {found.span:.3g} 1/Å²"
        self._potential.show(potential_picture(found.potential, a, "predicted ρ"), span)
        own = f", {measured.scale:.4g} 1/Å per pixel as the file says" if calibration.scaled_by_file(measured) else ""
        self._said.show(f"{self._shown}{own}", found.warnings)
        if found.potential.max() == found.potential.min():  # nothing to check; a warning says so
            return
        try:
            with self._said.waiting("The physics check is being computed"), in_a_sentence("The physics check"):
                key = (found.potential.tobytes(), found.pattern.tobytes(), found.span, a)
                checked, seconds = await self._background.compute(key, physics_check, found, a)
        except Refused as refusal:
            self._said.refuse(str(refusal))
            return
        self._said.verdict(verdict(checked, seconds), checked.flagged)

    def _predicted(self, measured: Measured, calibration: Calibration) -> PotentialPrediction:
        scale = measured.scale if calibration.scaled_by_file(measured) else calibration.scale
        return self._predictor.predict_potential(
            -measured.images if calibration.polarity == "dark_high" else measured.images,
            calibration.a,
            half_width=calibration.half_width,
            scale=scale,
            rotation=calibration.rotation,
        )

    def _refuse(self, sentence: str) -> None:
        self.stop()
        for panel in (self._pattern, self._potential):
            panel.clear()
        self._said.refuse(sentence)

    def _caption(self) -> str:
        return self._shown


def verdict(check: PhysicsCheck, seconds: float) -> str:
    """One sentence on the physics check."""
    numbers = (
        f"the pattern recomputed from ρ differs from the input by 1 − R = {check.residual:.2g} (right ones stay below "
        f"{SUSPICIOUS}), with a range of ρ of {check.span:.3g} 1/Å² ({seconds:.1f} s)"
    )
    if check.flagged:
        return f"Flagged by the physics check: {numbers}. ρ is not right, or a, the thickness or the angles are others."
    return f"The physics check holds: {numbers}."
