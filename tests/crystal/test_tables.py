"""Tables of crystals: what is read, and the one line for what is refused."""

import gzip
import json
import math
from pathlib import Path

import pytest

from lacbed_gan.crystal import Crystal, CrystalError
from lacbed_gan.crystal.tables import read_table

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "cubic.jsonl.gz"
GALLIUM_ARSENIDE = {
    "id": "mp:mp-2534",
    "formula": "AsGa",
    "sg": 216,
    "hm": "F -4 3 m",
    "a": 5.6533,
    "sites": [["Ga", 0, 0, 0, 1, None], ["As", 0.25, 0.25, 0.25, 1.0, 0.01]],
    "source": "Materials Project",
}


def write(path: Path, *rows: object) -> Path:
    """A table with these lines; what is no string is written as JSON."""
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["some.jsonl", "some.jsonl.gz"])
def test_reads_crystals(tmp_path, name):
    path = write(tmp_path / name, GALLIUM_ARSENIDE, "", {**GALLIUM_ARSENIDE, "id": "other", "a": 6.0})
    (place, crystal), (last, other) = read_table(path)
    assert (place, last) == (f"{path}, line 1", f"{path}, line 3")
    assert (crystal.name, crystal.formula, crystal.number) == ("mp:mp-2534", "AsGa", 216)
    assert (crystal.a, crystal.source, len(crystal.elements)) == (5.6533, "Materials Project", 8)
    assert list(crystal.b_given) == [False] * 4 + [True] * 4
    assert crystal.b_iso[4:] == pytest.approx(8 * math.pi**2 * 0.01)
    assert (other.name, other.a) == ("other", 6.0)


def test_mixed_and_empty_sites_and_deuterium(tmp_path):
    sites = [["Mg", 0, 0, 0, 0.25, None], ["Fe", 0, 0, 0, 0.75, -0.0001], ["D", 0.5, 0.5, 0.5, 1, None]]
    row = {"id": "x", "hm": "F m -3 m", "a": 4.25, "sites": [*sites, ["He", 0.25, 0.25, 0.25, 0, None]]}
    [(_, crystal)] = read_table(write(tmp_path / "x.jsonl", row))
    assert crystal.formula == "Fe3H4Mg"
    assert not crystal.b_iso.any(), "slightly negative U are zero"


SITE = GALLIUM_ARSENIDE["sites"][0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ("{", "not JSON (Expecting property name enclosed in double quotes: line 2 column 1 (char 2))"),
        ("[1, 2]", "not a JSON object"),
        ({"id": 7}, "its id 7 is not a name"),
        ({"id": ""}, 'its id "" is not a name'),
        ({"hm": "F -4 3 q"}, 'its space group "F -4 3 q" is unknown'),
        ({"hm": 216}, "its space group 216 is unknown"),
        ({"hm": "P 4 m m"}, "'P 4 m m' is not a cubic space group"),
        ({"hm": "F d -3 m"}, "'F d -3 m' has two origins; write 'F d -3 m:1' or 'F d -3 m:2'"),
        ({"a": "5.6"}, 'the cell edge, "5.6", is not a number'),
        ({"a": -1}, "the cell edge -1.0 Å is not a positive number"),
        ({"a": 10**400}, "the cell edge inf Å is not a positive number"),
        ({"a": math.nan}, "the cell edge inf Å is not a positive number"),
        ({"sites": []}, "it has no atoms"),
        ({"sites": {}}, "its sites are not a list"),
        ({"sites": [SITE[:5]]}, 'the site ["Ga", 0, 0, 0, 1] is not [element, x, y, z, occupancy, U_iso or null]'),
        ({"sites": [["Xx", *SITE[1:]]]}, "'Xx' is not an element with a known form factor (H to Lr)"),
        ({"sites": [["Ga", None, *SITE[2:]]]}, "a coordinate of Ga, null, is not a number"),
        ({"sites": [["Ga", 0, 0, 0, 1.5, None]]}, "the occupancy 1.5 of Ga is outside (0, 1]"),
        ({"sites": [["Ga", 0, 0, 0, True, None]]}, "the occupancy of Ga, true, is not a number"),
        (
            {"sites": [["Ga", 0, 0, 0, 1, 50]]},
            f"the displacement B = {8 * math.pi**2 * 50} Å² of Ga is outside 0 … 100",
        ),
        ({"sites": [SITE, SITE]}, "atoms overlap: Ga fill one place 2.00 times"),
    ],
)
def test_bad_lines(tmp_path, changes, reason):
    """Each names file, line and reason; the lines around it are read."""
    bad = changes if isinstance(changes, str) else {**GALLIUM_ARSENIDE, **changes}
    path = write(tmp_path / "some.jsonl", GALLIUM_ARSENIDE, bad, GALLIUM_ARSENIDE)
    first, (place, error), last = read_table(path)
    assert isinstance(first[1], Crystal) and isinstance(last[1], Crystal)
    assert place == f"{path}, line 2"
    assert isinstance(error, CrystalError) and str(error) == f"{path}, line 2: {reason}"


def test_missing_keys(tmp_path):
    [(_, error)] = read_table(write(tmp_path / "x.jsonl", {"id": "x", "hm": "F -4 3 m"}))
    assert str(error) == f"{tmp_path / 'x.jsonl'}, line 1: it has no a and no sites"


def test_line_that_is_no_text(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"id": "\xff\xfe"}\n' + json.dumps(GALLIUM_ARSENIDE).encode())
    (_, error), (_, crystal) = read_table(path)
    assert str(error).startswith(f"{path}, line 1: not JSON (") and isinstance(crystal, Crystal)


def test_gzip_that_breaks_off(tmp_path):
    whole = write(tmp_path / "x.jsonl.gz", *[{**GALLIUM_ARSENIDE, "id": str(i)} for i in range(200)])
    whole.write_bytes(whole.read_bytes()[:-20])
    found = [crystal for _, crystal in read_table(whole)]
    assert all(isinstance(crystal, Crystal) for crystal in found[:-1])
    assert isinstance(found[-1], CrystalError)
    assert str(found[-1]).startswith(f"{whole}: cannot be read after line {len(found) - 1} (")


@pytest.mark.parametrize("content", [b"not gzip at all", b"\x1f\x8b\x08\x00broken in its header and its stream"])
def test_no_gzip(tmp_path, content):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(content)
    [(_, error)] = read_table(path)
    assert str(error).startswith(f"{path}: cannot be read after line 0 (") and "\n" not in str(error)


def test_empty(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"")
    [(_, error)] = read_table(path)
    assert str(error) == f"{path}: it holds no structure"


def test_open_databases(tmp_path):
    """A part of the real table: formula, group and edge of each row, and as many positions."""
    if not CORPUS.exists():
        pytest.skip("the structures of open databases are not here")
    with gzip.open(CORPUS, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][::50]
    for row, (_, crystal) in zip(rows, read_table(write(tmp_path / "part.jsonl.gz", *rows)), strict=True):
        assert (crystal.name, crystal.number, crystal.a) == (row["id"], row["sg"], row["a"])
        assert len({tuple(position) for position in crystal.positions.round(3)}) == row["n"]
