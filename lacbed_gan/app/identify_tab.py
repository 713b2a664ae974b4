"""The tab for identification: a bright field or a series of reflections → which crystal, how thick; then a fit."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from nicegui import ui

from lacbed_gan.app.background import Background, Latest, identity
from lacbed_gan.app.fields import NumberField
from lacbed_gan.app.identification import (
    CANDIDATES,
    PARAMETERS,
    candidate_rows,
    identified,
    parameter_rows,
    pictures,
    refined,
    refinement_line,
)
from lacbed_gan.app.row_table import RowTable
from lacbed_gan.app.stage import Stage, stage
from lacbed_gan.app.uploads import Refused, crystal_from, in_a_sentence, plain_name, series_from
from lacbed_gan.app.widgets import Colours, Drop, Messages, Panel
from lacbed_gan.crystal import Crystal
from lacbed_gan.crystal.formulas import printed_formula
from lacbed_gan.images.measured import Measured
from lacbed_gan.predict.identification.identification import Identification
from lacbed_gan.predict.identification.search import Scored
from lacbed_gan.predict.identification.verdict import NONE
from lacbed_gan.predict.observation import Hkl, Observation


class IdentifyTab:
    """Widgets and state of the tab in one browser window."""

    def __init__(self, background: Background, colours: Colours, memory: dict[str, Any] | None = None) -> None:
        self._background = background
        self._memory: dict[str, Any] = {} if memory is None else memory
        self._latest = Latest()
        self._name = ""
        self._series: tuple[Measured, tuple[Hkl, ...]] | None = None
        self._own: Crystal | None = None
        self._result: Identification | None = None
        self._shown: tuple[Observation, np.ndarray | None, str] | None = None  # calculated (R, n, n), of what
        with ui.row().classes("tab"):
            with ui.column().classes("inputs"):
                self._build_inputs()
            with ui.column().classes("results"):
                self._messages = Messages(
                    "Which known crystal a pattern is of, and how thick: drop a bright field, or an NPZ with image "
                    "(R, H, W) and hkl (R, 3) of a series. Compared with 14,270 cubic structures along [001], or with "
                    "your own CIF; some minutes."
                )
                self._table = RowTable(CANDIDATES, "rank", self._chosen)
                self._reflection = ui.select([], label="reflection", on_change=self._draw)
                self._reflection.props("dense outlined").classes("reflection").set_visibility(False)
                with ui.element().classes("panels"):
                    names = ("measured", "calculated", "measured − calculated")
                    self._panels = [Panel(name, colours, self._caption) for name in names]
                self._fit_line = ui.label().classes("about")
                self._fit = RowTable(PARAMETERS, "name")

    def stop(self) -> None:
        """End what is being computed."""
        self._latest.stop()

    def restore(self) -> None:
        """Go on with the file and the fields that a page before this one had."""
        for name, text in self._memory.get("fields", {}).items():
            self._numbers[name].value = text
        if (crystal := self._memory.get("crystal")) is not None:
            self._alone(crystal)
        if file := self._memory.get("file"):
            self._latest.start(self._take(*file))

    def _build_inputs(self) -> None:
        Drop("Drop a pattern or a series here, or click", self._dropped, self._decline)
        Drop("A CIF of your own instead of all known crystals", self._crystal_dropped, self._decline)
        self._all = ui.button(on_click=lambda: self._alone(None)).props("flat dense no-caps").classes("wide")
        self._all.set_visibility(False)

        def number(label: str, hint: str) -> NumberField:
            return NumberField(label, hint, self._remember)

        self._numbers = {
            "a": number("a (Å)", "cell edge, to 1 %; as the CIF says"),
            "pixel_size": number("pixel_size (1/Å per pixel)", "or half_width, or as the file says"),
            "half_width": number("half_width (1/a)", "half of the shorter edge; 7.266 unless given"),
            "least": number("least thickness (nm)", "20 unless given"),
            "largest": number("largest thickness (nm)", "200 unless given"),
            "energy_kv": number("voltage (kV)", "as the file says, or 200"),
            "g_max": number("g_max (1/Å)", "cut-off of the beams; 3 unless given"),
        }
        self._absorption = ui.select(["tds", "proportional", "none"], value="tds", label="absorption")
        self._absorption.props("dense options-dense outlined").classes("wide")
        with ui.row().classes("buttons"):
            self._begin = ui.button("identify", on_click=lambda: self._latest.start(self._identify()))
            self._refine = ui.button("refine", on_click=lambda: self._latest.start(self._fit_chosen()))
            self._cancel = ui.button("cancel", on_click=self._latest.stop).props("flat")
        for button in (self._begin, self._refine, self._cancel):
            button.props("no-caps").disable()

    def _decline(self, sentence: str) -> None:
        self._messages.decline(sentence)

    def _remember(self) -> None:
        self._memory["fields"] = {name: field.text for name, field in self._numbers.items()}

    async def _dropped(self, data: bytes, name: str) -> None:
        self._latest.start(self._take(data, name))

    async def _take(self, data: bytes, name: str) -> None:
        try:
            series = await asyncio.to_thread(series_from, data, name)
        except Refused as refusal:
            self._messages.decline(str(refusal) + (f" Still there: {self._name}." if self._name else ""))
            return
        self._series, self._name, self._result = series, plain_name(name), None
        self._memory["file"] = data, name
        self._clear()
        self._tell_given()

    async def _crystal_dropped(self, data: bytes, name: str) -> None:
        try:
            crystal = await asyncio.to_thread(crystal_from, data, name)
        except Refused as refusal:
            self._messages.decline(str(refusal))
            return
        self._alone(crystal)

    def _alone(self, crystal: Crystal | None) -> None:
        """Compare with this crystal alone, or with all known ones; what was found before is of others."""
        self._latest.stop()
        self._own = self._memory["crystal"] = crystal
        self._all.text = "" if crystal is None else f"{crystal.name} alone: take all known crystals again"
        self._all.set_visibility(crystal is not None)
        self._result = None
        self._clear()
        self._tell_given()

    def _tell_given(self) -> None:
        """Say which images there are and what they will be compared with; offer what can be done with them."""
        count = 0 if self._series is None else len(self._series[1])
        images = f"{self._name}: {count} {'reflection' if count == 1 else 'reflections'}" if count else ""
        alone = self._own and f"compared with {printed_formula(self._own.formula)} ({self._own.name}) alone"
        self._messages.show("; ".join(filter(None, (images, alone))), [])
        self._begin.set_enabled(count > 0)
        self._refine.set_enabled(count > 0 and self._own is not None)

    def _options(self) -> dict[str, Any]:
        """Arguments of `identify`.

        Raises:
            Refused: a field is no positive number.
        """
        said = {name: field.value for name, field in self._numbers.items()}
        low, high = said.pop("least"), said.pop("largest")
        options: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
        if low is not None or high is not None:
            options["thickness"] = (low or 20.0, high or 200.0)
        if "a" not in options and self._own is not None:
            options["a"] = self._own.a
        if "a" not in options:
            raise Refused(
                "Give a, the cell edge in Å, to 1 %: without it all known crystals would have to be computed."
            )
        return options | {"absorption": self._absorption.value}

    async def _identify(self) -> None:
        """Candidates, the likeliest first; until they are there the search can be cancelled."""
        crystals = [] if self._own is None else [self._own]
        what = "known crystals" if self._own is None else self._own.name
        with stage() as at:
            result = await self._computed(f"{self._name} is being compared with {what}", identified, crystals, None, at)
        if result is None:
            return
        self._result = result
        self._table.fill(candidate_rows(result))
        self._messages.show(f"{self._name}: {result.observation.calibration}", list(result.remarks))
        self._messages.verdict(result.verdict.text, result.verdict.if_measured == NONE)
        self._show(result.verdict.order[0])
        self._refine.enable()

    async def _fit_chosen(self) -> None:
        """Refine the chosen candidate, or the crystal of the CIF."""
        one = self._candidate()
        crystal = self._own if one is None else one.crystal
        if crystal is None:
            return
        near = None if one is None else one.fit.thickness
        formula = printed_formula(crystal.formula)
        result = await self._computed(f"{formula} is being fitted", refined, [crystal], near)
        if result is None:
            return
        self._fit.fill(parameter_rows(result))
        self._fit_line.text = f"{formula}, fitted: {refinement_line(result)}"
        self._shown = result.observations[0], result.images[0], f"{formula}, fitted"
        self._offer(result.observations[0].hkl)

    async def _computed(self, what: str, function: Any, crystals: list[Crystal], near: float | None, *at: Stage) -> Any:
        """A result of another process; None where there is none, which the page says."""
        if self._series is None:
            return None
        for button in (self._begin, self._refine):
            button.disable()
        self._cancel.enable()
        self._messages.decline("")
        try:
            with self._messages.waiting(what, *at), in_a_sentence("The calculation"):
                options = self._options()
                file = hashlib.sha256(self._memory["file"][0]).digest()
                key = (function.__name__, file, near, *map(identity, crystals), *options.items())
                return await self._background.compute(key, function, *self._series, crystals, near, options, *at)
        except Refused as refusal:
            self._messages.decline(str(refusal))
            return None
        finally:
            self._cancel.disable()
            self._begin.enable()
            self._refine.set_enabled(self._own is not None or self._result is not None)

    def _candidate(self) -> Scored | None:
        """That of the chosen row."""
        row = self._table.chosen
        if self._result is None or row is None:
            return None
        ranked = [*self._result.verdict.order, *self._result.ranking.others]
        return ranked[row["rank"] - 1]

    def _chosen(self) -> None:
        if (one := self._candidate()) is not None:
            self._show(one)

    def _show(self, one: Scored) -> None:
        """The images of a candidate; calculated ones where they have all pixels."""
        assert self._result is not None
        compared, images = self._result.ranking.compared, one.images
        what = f"{printed_formula(one.crystal.formula)}, {one.fit.thickness:.1f} nm"
        self._shown = compared, None if images is None else images.calculated, what
        self._offer(compared.hkl)

    def _offer(self, hkl: Sequence[Hkl]) -> None:
        """The reflections to choose of; draws."""
        names = {i: " ".join(map(str, g)) for i, g in enumerate(hkl)}
        kept = self._reflection.value if self._reflection.value in names else 0
        self._reflection.set_options(names, value=kept)
        self._reflection.set_visibility(True)
        self._draw()

    def _draw(self) -> None:
        for panel in self._panels:
            panel.clear()
        if self._shown is None or self._reflection.value is None:
            return
        observation, calculated, what = self._shown
        index = self._reflection.value
        lines = ("0 and 1 are the measured extremes", what, "of the measured range")
        shown = pictures(observation, index, None if calculated is None else calculated[index])
        for panel, picture, line in zip(self._panels, shown, lines, strict=False):
            panel.show(picture, line)
        for panel in self._panels[len(shown) :]:
            panel.clear("calculated roughly only")

    def _clear(self) -> None:
        self._shown, self._fit_line.text = None, ""
        for table in (self._table, self._fit):
            table.fill([])
        self._reflection.set_visibility(False)
        self._draw()

    def _caption(self) -> str:
        return self._name
