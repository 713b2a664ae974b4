"""A table on the page, one row a result; nothing is shown of a table without rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui


class RowTable:
    """Rows of texts under heads.

    Args:
        heads: by the keys of the rows, in order.
        key: of what tells rows apart.
        on_choice: called with nothing when another row is chosen; None: rows are not to be chosen.
    """

    def __init__(self, heads: Mapping[str, str], key: str, on_choice: Callable[[], None] | None = None) -> None:
        self._chooses = on_choice is not None
        columns = [{"name": name, "label": head, "field": name, "align": "left"} for name, head in heads.items()]
        self._table = ui.table(
            columns=columns,
            rows=[],
            row_key=key,
            selection="single" if on_choice else None,
            on_select=on_choice and (lambda _: on_choice()),
        )
        self._table.props("dense flat hide-bottom").classes("wide choices" if on_choice else "wide")
        self.fill([])

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Those that are shown."""
        return self._table.rows

    @property
    def chosen(self) -> dict[str, Any] | None:
        """The chosen row; None where none is."""
        return self._table.selected[0] if self._table.selected else None

    def fill(self, rows: Sequence[dict[str, Any]]) -> None:
        """Show these rows, the first of them chosen where rows can be."""
        self._table.rows = list(rows)
        self._table.selected = self._table.rows[:1] if self._chooses else []
        self._table.set_visibility(bool(rows))
