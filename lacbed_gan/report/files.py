"""The files of a report: the page, its tables and its figures."""

from __future__ import annotations

from pathlib import Path

from lacbed_gan.base.files import replacing, write_atomically
from lacbed_gan.base.tables import to_csv
from lacbed_gan.report.section import Section

REPORT = "report"  # the report's folder, beside the runs'
FIGURES = "figures"  # in it, a folder for each group


def write_report(folder: Path, sections: list[Section], html: str) -> None:
    """The page, its tables and its figures; figures that an older report had and this one has not are deleted."""
    tables = {
        "table": [row for section in sections for row in section.measures],
        "space_groups": [row for section in sections for row in section.space_groups],
        "plane_groups": [row for section in sections for row in section.plane_groups],
        "crystals": [row for section in sections for row in section.crystals],
        "posterior": [row for section in sections for row in section.posterior],
        "timing": [row for section in sections for row in section.timing],
    }
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        if rows:
            write_atomically(folder / f"{name}.csv", to_csv(rows))
        else:
            (folder / f"{name}.csv").unlink(missing_ok=True)
    written = set()
    for section in sections:
        figures = folder / FIGURES / section.group.name
        figures.mkdir(parents=True, exist_ok=True)
        for picture in section.pictures:
            path = figures / f"{picture.name}.pdf"
            with replacing(path) as file:
                file.write(picture.pdf)
            written.add(path)
    write_atomically(folder / "index.html", html)
    for path in (folder / FIGURES).glob("*/*.pdf"):
        if path not in written:
            path.unlink()
