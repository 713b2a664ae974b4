"""A part of what ``python tests/fuzz.py 10000`` reads: damaged files are used or refused in one line, and nothing else.

What came of all of them stands in experiments/fuzz/README.md.
"""

import sys

import pytest
from damage import KINDS, damaged_files

fuzz = pytest.importorskip("fuzz", exc_type=ImportError)  # there is no module resource but on Unix
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited and measured as Linux does")


@pytest.mark.parametrize(("kind", "count"), [("cif", 300), ("png", 200)])
def test_damaged_files(tmp_path, kind, count):
    result = fuzz.run(kind, count, tmp_path, seed=1)
    assert result.wrong == []
    assert result.files == count and result.used > 0 and result.refused > 0
    assert len(result.reasons) > 2  # not all for one reason
    assert result.slowest < fuzz.SECONDS and result.growth < 1024


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_the_same_in_every_run(kind):
    files = list(damaged_files(kind, 50))
    assert files == list(damaged_files(kind, 50)) and files != list(damaged_files(kind, 50, seed=1))
    assert len(set(files)) > 30


def test_most_files_are_good_before_they_are_damaged(tmp_path):
    for kind, (make, _) in KINDS.items():
        said = []
        for data in make():
            (tmp_path / f"a.{kind}").write_bytes(data)
            said.append(fuzz.outcome(tmp_path / f"a.{kind}")[0])
        assert said.count("refused") <= 1 and "wrong" not in said  # one PNG moves, one TIFF is CMYK


def test_what_goes_wrong_is_noticed(tmp_path, monkeypatch):
    """An error of another kind, a message of two lines, one without the file's name."""
    from lacbed_gan.crystal import CrystalError

    path = tmp_path / "a.cif"
    for error in (KeyError("x"), MemoryError(), CrystalError(f"{path}: a\nb"), CrystalError("no name")):

        def fails(path, error=error):
            raise error

        monkeypatch.setattr(fuzz, "use", fails)
        assert fuzz.outcome(path)[0] == "wrong"
