"""The lines about the error of a store's intensities, against a distribution made by hand."""

from types import SimpleNamespace

from lacbed_gan.diffraction.cut_off import AutoCutOff
from lacbed_gan.store.convergence import convergence
from lacbed_gan.store.recipe import Recipe


def store(errors, method="converged", g_max=3.0):
    index = [{"id": f"c{i}", "formula": f"A{i}", "error_rms": error} for i, error in enumerate(errors)]
    return SimpleNamespace(index=index, recipe=Recipe(8, (50.0,), method, g_max))


def test_distribution():
    said = convergence(store([0.001 * i for i in range(101)]), 1.0)
    assert said == "error of intensities (rms): median 0.05, 90 % below 0.09, largest 0.1"


def test_the_worst_come_first_and_say_what_to_do():
    lines = convergence(store([0.01, 0.03, 0.02, 0.25]), 0.02).splitlines()
    assert lines[1].startswith("2 crystals are past tolerance=0.02; raise g_max, or give B")
    assert lines[2:] == ["  c3  A3  0.25", "  c1  A1  0.03"]
    auto = convergence(store([0.1], g_max=AutoCutOff(0.02)), 0.02).splitlines()[1]
    assert "g_max=auto ends at 4.48 1/Å; give g_max" in auto
    assert "method=converged" in convergence(store([0.1], "felix"), 0.02).splitlines()[1]


def test_of_many_the_worst_twenty():
    lines = convergence(store([1.0 + i for i in range(50)]), 0.02).splitlines()
    assert lines[2] == "  c49  A49  50" and lines[21] == "  c30  A30  31"
    assert lines[22] == "  and 30 more; error_rms in index.jsonl has all" and len(lines) == 23


def test_nothing_to_say(make_store):
    assert convergence(make_store(), 0.02) == ""  # its entries have no error_rms, as in older stores
    assert convergence(store([None, None]), 0.02) == ""
    assert "largest 0.01" in convergence(store([None, 0.01]), 0.02)
