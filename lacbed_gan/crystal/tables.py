"""Tables of crystals: ``.jsonl`` or ``.jsonl.gz``, one JSON object a line."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterator
from pathlib import Path

import gemmi

from lacbed_gan.base.messages import printable
from lacbed_gan.crystal.crystal import MOST_ATOMS, Crystal, CrystalError, Site

TABLES = (".jsonl", ".jsonl.gz")
LONGEST = 5_000_000  # bytes of a line; `MOST_ATOMS` take less, and a small gzip file can hold one without end


def read_table(path: Path) -> Iterator[tuple[str, Crystal | CrystalError]]:
    """Crystals of a table with, for each, the file and line it stands on (``cubic.jsonl, line 7``).

    Keys of a line that are read: ``id``; ``hm``, the Hermann–Mauguin symbol, with ``:1`` or ``:2`` where the
    group has two origins; ``a``, the edge of a cubic cell in Å, or ``cell``, a, b, c in Å and α, β, γ in degrees;
    ``sites``, the asymmetric unit as lists of element, x, y, z, occupancy and U_iso in Å² or null; ``source``,
    ``zone`` (uvw) and ``x_axis`` (hkl) where there are such. B = 8π²U_iso, and what is null has none.

    A line that cannot be used comes as a CrystalError that names file, line and reason; so does what is left of
    a file that breaks off or is no gzip file, as one.
    """
    number = 0
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as lines:
            for number, line in enumerate(iter(lambda: lines.readline(LONGEST), b""), 1):
                if len(line) == LONGEST:
                    raise OSError(f"line {number} is longer than {LONGEST / 1e6:g} MB")
                if line.strip():
                    yield f"{path}, line {number}", crystal_of_line(line, f"{path}, line {number}")
    except (OSError, EOFError, zlib.error) as error:
        yield str(path), CrystalError(f"{path}: cannot be read after line {number} ({printable(error)})")
        return
    if number == 0:
        yield str(path), CrystalError(f"{path}: it holds no structure")


def crystal_of_line(line: bytes, place: str) -> Crystal | CrystalError:
    """The crystal of one line of a table; where it cannot be used the error, which begins with the place."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return CrystalError(f"{place}: not JSON ({printable(error)})")
    try:
        return _from_row(row)
    except CrystalError as error:
        return CrystalError(f"{place}: {printable(error, 300)}")


def _from_row(row: object) -> Crystal:
    if not isinstance(row, dict):
        raise CrystalError("not a JSON object")
    missing = [key for key in ("id", "hm", "a", "sites") if key not in row and not (key == "a" and "cell" in row)]
    if missing:
        raise CrystalError(f"it has no {' and no '.join(missing)}")
    name, symbol, sites = row["id"], row["hm"], row["sites"]
    if not (isinstance(name, str) and name and name.isprintable()):
        raise CrystalError(f"its id {json.dumps(name)} is not a name")
    group = gemmi.find_spacegroup_by_name(symbol) if isinstance(symbol, str) else None
    if group is None:
        raise CrystalError(f"its space group {json.dumps(symbol)} is unknown")
    if group.ext in ("1", "2") and ":" not in symbol:
        raise CrystalError(f"'{symbol}' has two origins; write '{group.hm}:1' or '{group.hm}:2'")
    if not isinstance(sites, list):
        raise CrystalError("its sites are not a list")
    if len(sites) > MOST_ATOMS:
        raise CrystalError(f"it lists {len(sites)} atoms, more than {MOST_ATOMS}")
    if isinstance(row.get("cell", []), list):
        cell = [_number(x, "a number of the cell") for x in row.get("cell", [])]
    else:
        raise CrystalError("its cell is not a list of a, b, c, α, β, γ")
    edge = cell or _number(row["a"], "the cell edge")
    present = [site for site in map(_site, sites) if site.occupancy != 0]
    crystal = Crystal.from_sites(name, symbol, edge, present, source=str(row.get("source", "")))
    return crystal.seen(row.get("zone"), row.get("x_axis"))


def _site(site: object) -> Site:
    if not (isinstance(site, list) and len(site) == 6 and isinstance(site[0], str)):
        raise CrystalError(f"the site {json.dumps(site)[:80]} is not [element, x, y, z, occupancy, U_iso or null]")
    element, x, y, z, occupancy, u_iso = site
    coordinate = f"a coordinate of {element}"
    return Site(
        "H" if element == "D" else element,
        (_number(x, coordinate), _number(y, coordinate), _number(z, coordinate)),
        _number(occupancy, f"the occupancy of {element}"),
        None if u_iso is None else 8 * math.pi**2 * max(_number(u_iso, f"the displacement of {element}"), 0.0),
    )


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CrystalError(f"{what}, {json.dumps(value)[:80]}, is not a number")
    return float(value) if abs(value) < 1e300 else math.inf
