"""What a terminal and a file see of a long calculation."""

import io
import re
import sys

import pytest

from lacbed_gan.base import progress as module
from lacbed_gan.base.progress import progress


@pytest.fixture
def clock(monkeypatch):
    """Ten seconds go by at each look."""
    times = iter(range(0, 10_000, 10))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(times)))


def test_a_file_gets_a_line_now_and_then(clock, capsys):
    assert list(progress(iter("abcdef"), total=10, done=4)) == list("abcdef")
    assert capsys.readouterr().out.splitlines() == [
        "7 of 10 crystals, 10.00s/crystal, 00:30 left",
        "10 of 10 crystals, 10.00s/crystal, 00:00 left",
    ]


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", terminal)
    assert list(progress(iter("abc"), total=5, done=2)) == list("abc")
    last = terminal.getvalue().rstrip().split("\r")[-1]
    assert re.fullmatch(r"100% .* 5 of 5 crystals,  *[\d.]+crystal/s, 00:00 left", last)
