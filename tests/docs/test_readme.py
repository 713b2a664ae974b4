"""The README is short, prints what `make demo` prints, and maps every room."""

import json
import re
from pathlib import Path

from lacbed_gan.report.run import report

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROOMS = """base crystal diffraction images measures store data models running predict report app commands"""


def test_length():
    lines = README.splitlines()
    assert len(lines) <= 150 and max(map(len, lines)) < 120


def test_what_the_demo_prints():
    """The lines made of the summary that is kept of `make demo`."""
    folder = ROOT / "experiments" / "demo"
    lines = report(folder, json.loads((folder / "summary.json").read_text())).splitlines()
    printed = re.search(r"```text\n(.*?)```", README, re.DOTALL)[1].splitlines()
    assert printed[:-1] == lines[:-1]
    assert printed[-1].split()[0] == lines[-1].split()[0] == "results:"


def test_the_map_has_every_room():
    rooms = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    packages = {path.parent.name for path in (ROOT / "lacbed_gan").glob("*/__init__.py")}
    assert rooms == ROOMS.split() and set(rooms) == packages
