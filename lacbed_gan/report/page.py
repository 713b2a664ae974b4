"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import yaml

from lacbed_gan.report import paper
from lacbed_gan.report.collect import Thickness, nm
from lacbed_gan.report.tables import Row, swept_table

if TYPE_CHECKING:
    from lacbed_gan.report.section import Section  # brings Lightning


def page(sections: Sequence[Section], left_out: Mapping[str, str], command: str, version: str, date: str) -> str:
    """HTML with the images inside.

    Args:
        left_out: runs that are in no section, and why.
        command: the line that makes this report.
        version: of the program.
        date: of the report, with the time.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {
        "e4": e4,
        "r": lambda value: "–" if value is None else f"{value:.4f}",
        "percent": lambda value: "–" if value is None else f"{100 * value:.3g} %",
        "significant": significant,
        "base64": lambda content: base64.b64encode(content).decode(),
        "yaml": lambda settings: yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
        "by_cell": by_cell,
        "nm": nm,
    }
    return environment.get_template("page.html").render(
        sections=sections,
        left_out=left_out,
        command=command,
        version=version,
        date=date,
        printed=paper.PRINTED,
        printed_mse=defaultdict(str, {cell: values["printed"] for cell, values in paper.MEASURES.items()}),
        swept=swept_table([section.group for section in sections]),
        timed=any(section.timing for section in sections),
    )


def significant(value: float, digits: int = 3) -> str:
    """A number with this many significant digits and without an exponent.

    >>> significant(0.0123456), significant(8.1499), significant(1794.2), significant(0.5, 2)
    ('0.0123', '8.15', '1794', '0.50')
    """
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return f"{value:.{max(0, digits - 1 - exponent)}f}" if value else "0"


def e4(value: float | None, digits: int = 3) -> str:
    """A mean squared error in units of 10⁻⁴.

    >>> e4(8.15e-4), e4(None), e4(0.04e-4, 1)
    ('8.15', '–', '0.04')
    """
    return "–" if value is None else significant(value * 1e4, digits)


def by_cell(rows: Sequence[Row], column: str, cells: Sequence[tuple[str, Thickness]]) -> list[dict[str, Any]]:
    """Rows of a symmetry table as lines of name, crystals, and R by (direction, thickness), None where it has none.

    The crystals are those of the cell that has most of them.
    """
    lines: dict[str, dict[str, Any]] = {}
    for row in rows:
        line = lines.setdefault(row[column], {"name": row[column], "crystals": 0, "r": [None] * len(cells)})
        line |= {"number": row.get("number"), "plane_group": row.get("plane_group")}
        line["crystals"] = max(line["crystals"], row["images"])
        line["r"][cells.index((row["direction"], row["thickness"]))] = row["r"]
    order = sorted(lines.values(), key=lambda line: int(line["number"] or 1000)) if column == "space_group" else None
    return order or [lines[name] for name in sorted(lines, key=lambda name: (name == "unknown", name))]
