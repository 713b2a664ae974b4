"""The fields of the tab for patterns: what its user says of a frame, and what was found where nothing is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from lacbed_gan.app.fields import NumberField
from lacbed_gan.app.raw_frame import Geometry
from lacbed_gan.app.uploads import Refused
from lacbed_gan.images.calibration import POLARITY, Calibration, calibrate
from lacbed_gan.images.grey import POLARITIES
from lacbed_gan.images.measured import Measured
from lacbed_gan.store.recipe import Recipe

APART = ("frame", "thickness")  # no part of a calibration
PLACES = ("row", "column", "rotation", "radius")  # of one frame


class PatternFields:
    """Fields for the crystal, the beam, the scale, the place in the frame, and the choice in a file.

    Args:
        recipe: of the network.
        known_thickness: thicknesses that the network knows, in words.
        on_change: called with nothing when the frame is to be read otherwise.
        on_choice: called with nothing when another frame of the file is wanted.
    """

    def __init__(
        self,
        recipe: Recipe,
        known_thickness: str,
        on_change: Callable[[], None],
        on_choice: Callable[[], None],
    ) -> None:
        self._recipe = recipe
        self._rim: tuple[float, float] | None = None  # centre of an aperture that was dragged

        def number(label: str, hint: str, positive: bool = True) -> NumberField:
            return NumberField(label, hint, on_change, positive)

        a = number("a (Å)", "cell edge; always needed")
        self.crystal = ui.column().classes("crystal-fields")  # what a crystal of another system needs
        window = f"half of the shorter edge; {recipe.half_width:g} unless given"
        known = f"the network knows {known_thickness}"
        self._numbers = {
            "a": a,
            "thickness": number("thickness (nm)", known),
            "energy_kv": number("voltage (kV)", f"as the file says, or {recipe.energy_kv:g}"),
            "pixel_size": number("pixel_size (1/Å per pixel)", "or half_width, or as the file says"),
            "half_width": number("half_width (1/a)", window),
            "row": number("centre, row", "from 0, on top; found unless given", positive=False),
            "column": number("centre, column", "from 0, on the left", positive=False),
            "rotation": number("rotation (°)", "of k_x, counter-clockwise", positive=False),
            "radius": number("aperture radius (px)", "found unless given"),
        }
        self._polarity = ui.select(list(POLARITIES), value=POLARITY, label="polarity", on_change=on_change)
        self._polarity.props("dense options-dense outlined hint='bright_high: white is the highest intensity'")
        self._polarity.classes("wide")
        self._numbers["frame"] = NumberField("frame", "of a stack, from 0", on_choice, positive=False)
        self._signal = ui.input("signal", on_change=on_choice).classes("wide")
        self._signal.props("dense outlined debounce=600 hint='of a file with several'")

    def calibration(self, measured: Measured) -> Calibration:
        """What the fields and the file say.

        Raises:
            Refused: a field is no number.
        """
        said = {name: field.value for name, field in self._numbers.items() if name not in APART}
        row, column, radius = said.pop("row"), said.pop("column"), said.pop("radius")
        if (row is None) != (column is None):
            raise Refused("The centre needs a row and a column.")
        height, width = measured.images.shape[1:]
        rim = self._rim or ((height - 1) / 2, (width - 1) / 2)
        return calibrate(
            measured,
            self._recipe.energy_kv,
            self._recipe.half_width,
            centre=None if row is None or column is None else (row, column),
            aperture=None if radius is None else (*rim, radius),
            polarity=None if self._polarity.value == POLARITY else self._polarity.value,
            **said,
        )

    @property
    def thickness(self) -> float | None:
        """In nm.

        Raises:
            Refused: it is no positive number.
        """
        return self._numbers["thickness"].value

    @property
    def choice(self) -> tuple[int | None, str | None]:
        """Frame and signal.

        Raises:
            Refused: the frame is no number.
        """
        frame = self._numbers["frame"].value
        return None if frame is None else int(frame), self._signal.value or None

    @property
    def texts(self) -> dict[str, str]:
        """What is typed, by the name of the field."""
        return {name: field.text for name, field in self._numbers.items()}

    def fill(self, texts: Mapping[str, Any]) -> None:
        """Set fields, without telling anybody."""
        for name, text in texts.items():
            self._numbers[name].value = text

    def suggest(self, known: Calibration, shape: tuple[int, int]) -> None:
        """Show in the empty fields what is taken for a frame of that shape."""
        row, column = known.centre or ((shape[0] - 1) / 2, (shape[1] - 1) / 2)
        values = {"row": row, "column": column, "radius": known.aperture and known.aperture[2]}
        for name in self._numbers.keys() - set(APART):
            self._numbers[name].suggest(values[name] if name in values else getattr(known, name))

    def take(self, geometry: Geometry) -> None:
        """What was dragged."""
        if geometry.handle == "centre":
            self.fill(dict(zip(("row", "column"), geometry.centre, strict=True)))
        elif geometry.handle == "rotation":
            self.fill({"rotation": geometry.rotation})
        else:
            self._rim = geometry.aperture[:2]
            self.fill({"radius": geometry.aperture[2]})

    def forget(self, everything: bool = False) -> None:
        """Empty the fields for the place in the frame, or all of them."""
        self._rim = None
        self.fill(dict.fromkeys(self._numbers if everything else PLACES))
        if everything:
            self._signal.value = ""
