"""Fields for numbers, as people of all countries type them."""

from __future__ import annotations

import re
from collections.abc import Callable

from nicegui import ui

from lacbed_gan.app.uploads import Refused

NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")


def decimal(text: str | None, name: str) -> float | None:
    """The number that a text says, with a point or a comma before its decimals; None for an empty text.

    Raises:
        Refused: it is no number.

    >>> decimal(" 5,43 ", "a"), decimal("5.43", "a"), decimal("", "a")
    (5.43, 5.43, None)
    """
    plain = "".join((text or "").split()).replace("−", "-")
    if not plain:
        return None
    if not NUMBER.fullmatch(plain):
        raise Refused(f"{name}: “{text}” is not a number, such as 5.43.")
    return float(plain.replace(",", "."))


class NumberField:
    """A field for one number.

    Args:
        label: what it is, with its unit.
        hint: said below it.
        on_change: called with nothing when it changes.
        positive: whether 0 and less are refused.
    """

    def __init__(self, label: str, hint: str, on_change: Callable[[], None], positive: bool = True) -> None:
        self._label, self._positive, self._silent = label, positive, False

        def changed() -> None:
            if not self._silent:
                on_change()

        self._field = ui.input(label, on_change=changed).classes("wide")
        self._field.props(f'dense outlined debounce=400 inputmode=decimal autocomplete=off hint="{hint}"')

    @property
    def value(self) -> float | None:
        """What it says; None where it is empty.

        Raises:
            Refused: it is no number, or not a positive one.
        """
        number = decimal(self._field.value, self._label)
        if number is not None and self._positive and not number > 0:
            raise Refused(f"{self._label}: {self._field.value} is not a positive number.")
        return number

    @value.setter
    def value(self, number: float | str | None) -> None:
        """Set it without telling anybody."""
        self._silent = True
        self._field.value = "" if number is None else number if isinstance(number, str) else f"{number:.6g}"
        self._silent = False

    @property
    def text(self) -> str:
        """What is typed."""
        return self._field.value or ""

    def suggest(self, number: float | None) -> None:
        """Show the value in use where none is typed."""
        if number is None:
            self._field.props(remove="placeholder stack-label")
        else:
            self._field.props(f'stack-label placeholder="{number:.5g}"')
