"""CIFs and tables that cannot be used, given to simulate and predict."""

import subprocess
import sys
import time

import numpy as np
import pytest
from bad_input.conftest import tree
from bad_input.structures import CIFS, GOOD, TABLES, content, pipe, swapped, table

from lacbed_gan.crystal import Crystal, CrystalError
from lacbed_gan.store.store import Store

TINY = ["size=8", "g_max=1.2", "thickness=[50]", "workers=1", "device=cpu"]


NOT_PREDICTED = ("binary", "200 MB")  # predict does not even take them for CIFs


@pytest.mark.parametrize(("number", "name"), list(enumerate(CIFS)))
def test_cif(here, refused, number, name):
    """One line in a few seconds, by the two commands in turn and by the function below them."""
    write, reason = CIFS[name]
    write(here / "bad.cif")
    started = time.process_time()
    if number % 2 or name in NOT_PREDICTED:
        line = refused("simulate", "structures=bad.cif", "output=out", *TINY)
    else:
        line = refused("predict", "input=bad.cif", "output=out")
    assert line.startswith("error: bad.cif: ") and reason in line
    with pytest.raises(CrystalError) as error:
        Crystal.from_cif("bad.cif")
    assert line == f"error: {error.value}\n"
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("write", "simulate", "predict"),
    [
        (content(b""), "bad.cif: it has no atoms", "bad.cif: neither a CIF nor an image of a known format"),
        (content(b"to be or not"), "bad.cif: not a CIF", "bad.cif: neither a CIF nor an image"),
        (pipe, "structures=bad.cif is neither a file, a folder", "bad.cif: not a file"),  # it would wait for ever
    ],
    ids=["empty", "text", "pipe"],
)
def test_what_is_not_even_taken_for_a_cif(here, refused, write, simulate, predict):
    write(here / "bad.cif")
    assert refused("simulate", "structures=bad.cif", "output=out").startswith(f"error: {simulate}")
    assert refused("predict", "input=bad.cif", "output=out").startswith(f"error: {predict}")


@pytest.mark.parametrize("name", TABLES)
def test_table(here, refused, name):
    write, end, reason = TABLES[name]
    write(here / f"bad{end}")
    line = refused("simulate", f"structures=bad{end}", "output=out", *TINY)
    assert line.startswith(f"error: bad{end}") and reason in line


def test_a_folder_goes_on_without_them(here, run):
    """One line for each bad file, and the store of the good one."""
    (here / "cifs").mkdir()
    for name, (write, _) in CIFS.items():
        if name != "200 MB":
            write(here / "cifs" / f"{name}.cif")
    (here / "cifs/good.cif").write_text(GOOD)
    table({"id": "row"}, {"a": -1})(here / "cifs/rows.jsonl")
    status, out, error = run("simulate", "structures=cifs", "output=out", *TINY)
    assert (status, error) == (0, "")
    lines = [line for line in out.splitlines() if line.startswith("left out: ")]
    assert len(lines) == len(CIFS)  # all but one, and a line of the table
    for name, (_, reason) in CIFS.items():
        if name != "200 MB":
            assert any(line.startswith(f"left out: cifs/{name}.cif: ") and reason.strip() in line for line in lines)
    assert [entry["id"] for entry in Store.open("out").index] == ["good", "row"]
    status, out, error = run("predict", "input=cifs", "output=predicted", "thickness=50", "figure=false")
    assert (status, error) == (0, "")
    assert sorted(path.name for path in (here / "predicted").iterdir()) == ["good.json", "good.npy"]
    assert sum(line.startswith("left out: ") for line in out.splitlines()) == len(CIFS)  # the table among them


def test_a_name_in_a_file_is_never_a_path(here, run):
    """Neither the CIF's data name nor a table's id says where anything is written."""
    (here / "in").mkdir()
    swapped(("data_GaAs", "data_../../escaped"))(here / "in/crystal.cif")
    table({"id": "../../escaped"}, {"id": str(here / "escaped")})(here / "in/rows.jsonl")
    before = tree(here)
    assert run("simulate", "structures=in", "output=made/out", *TINY)[0] == 0
    assert run("predict", "input=in/crystal.cif", "output=made/predicted", "thickness=50")[0] == 0
    written = set(tree(here)) - set(before)
    assert here / "made/out/index.jsonl" in written and here / "made/predicted/crystal.npy" in written
    assert all((here / "made") in path.parents or path == here / "made" for path in written)
    assert not any("escaped" in path.name for path in here.parent.rglob("*"))


@pytest.mark.parametrize(
    ("pairs", "what"),
    [
        ([("data_GaAs", "data_notes\n_journal_year 1985\ndata_GaAs")], "a block without atoms beside it"),
        ([("0.25 1\n", "0.25 1.004\n")], "an occupancy above 1 within its error"),
        ([("data_GaAs", "# Müller\ndata_GaAs")], "an author's name"),
        ([("0.25 1\n", "0.25 ?\n")], "an occupancy that is not known"),
    ],
)
def test_what_crystallographers_write_is_read(here, pairs, what):
    swapped(*pairs)(here / "a.cif")
    latin = (here / "a.cif").read_text().encode("latin-1", "replace")
    for data in ((here / "a.cif").read_bytes(), b"\xef\xbb\xbf" + latin):
        (here / "a.cif").write_bytes(data)
        crystal = Crystal.from_cif("a.cif")
        assert (crystal.formula, len(crystal.elements), crystal.occupancy.max()) == ("AsGa", 8, 1.0), what
        assert np.array_equal(np.unique(crystal.occupancy), [1.0])


def test_as_a_program(here):
    """Without anything of this process: exit status, stdout and stderr."""
    swapped(("5.6533", "-1"))(here / "bad.cif")
    words = [sys.executable, "-m", "lacbed_gan.predict", "input=bad.cif"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: bad.cif: its cell edge -1 Å is not positive\n"
    assert sorted(path.name for path in here.iterdir()) == ["bad.cif"]
