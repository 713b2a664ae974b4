"""A catalogue of well-known crystals, written from crystallographic facts (catalogue.csv, noncubic.csv)."""

from __future__ import annotations

import csv
from fractions import Fraction
from functools import cache
from pathlib import Path

from lacbed_gan.crystal.crystal import Crystal, Site


@cache
def catalogue() -> dict[str, Crystal]:
    """All cubic crystals of the catalogue by name, such as ``GaAs``, ``spinel`` or ``SrTiO3``.

    Cell edges are experimental, at room temperature where the phase exists there; B = 0 throughout. Each
    crystal's ``source`` is the reference of its row.
    """
    with Path(__file__).with_name("catalogue.csv").open(encoding="utf-8", newline="") as lines:
        return {
            row["name"]: Crystal.from_sites(
                row["name"], row["space_group"], float(row["a"]), parse_sites(row["sites"]), source=row["source"]
            )
            for row in csv.DictReader(lines)
        }


@cache
def noncubic() -> dict[str, Crystal]:
    """Crystals of the other systems by name, such as ``quartz``, ``rutile`` or ``kyanite``; B = 0 throughout.

    Cells and coordinates are those of the reference in each crystal's ``source``, rounded to its digits.
    """
    with Path(__file__).with_name("noncubic.csv").open(encoding="utf-8", newline="") as lines:
        return {
            row["name"]: Crystal.from_sites(
                row["name"],
                row["space_group"],
                [float(x) for x in row["cell"].split()],
                parse_sites(row["sites"]),
                source=row["source"],
            )
            for row in csv.DictReader(lines)
        }


def parse_sites(text: str) -> list[Site]:
    """Asymmetric unit from ``Sr 0 0 0; Fe 1/2 1/2 1/2 0.5``: symbol, x y z (fractions allowed), occupancy."""
    sites = []
    for entry in text.split(";"):
        element, *numbers = entry.split()
        x, y, z, occupancy = (float(Fraction(n)) for n in [*numbers, "1"][:4])
        sites.append(Site(element, (x, y, z), occupancy))
    return sites
