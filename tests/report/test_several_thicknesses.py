"""Networks that serve several thicknesses, in a report beside those of one."""

import csv
import json

import pytest
from run_folders import undrawn

from lacbed_gan.commands import evaluate, train
from lacbed_gan.commands.config import composed
from lacbed_gan.report import section
from lacbed_gan.report.collect import collect_runs, grouped, nm


@pytest.fixture(scope="module")
def runs(shared_store, tmp_path_factory):
    """Folder of four real runs of seconds: forward at 50 nm alone, and both directions at all thicknesses."""
    runs = tmp_path_factory.mktemp("several") / "runs"
    for words in (["thickness=50"], ["thickness=all"], ["thickness=all", "direction=inverse"]):
        words = [f"store={shared_store}", f"runs={runs}", "experiment=smoke", "trainer=cpu", *words]
        with undrawn():
            train.train(composed("train", words))
    return runs


def test_one_part_for_each_thickness_of_a_forward_run(runs):
    groups, left_out = grouped(collect_runs(runs)[0])
    alone, together = groups
    assert not left_out and together.name == f"{alone.name}-all"
    assert together.cells == [("forward", 50.0), ("forward", 100.0), ("inverse", (50.0, 100.0))]
    summary = json.loads((together.runs[0].folder / "summary.json").read_text())
    for thickness in (50.0, 100.0):
        (part,) = together.cell("forward", thickness)
        assert part.summary["test/mse"] == summary[f"test/mse@{thickness:g}nm"]
        errors = [row["mse"] for row in part.of("test")]
        assert sum(errors) / len(errors) == pytest.approx(part.summary["test/mse"], rel=1e-5)
    assert nm((50.0, 100.0)) == "50+100" and nm(50.0) == "50"


def test_a_report_on_them(runs, monkeypatch, capsys):
    monkeypatch.setattr(section, "rendered", lambda figure: (b"", b"%PDF"))
    config = composed("evaluate", [f"runs={runs}"])
    evaluate.check(config)
    evaluate.evaluate(config)
    printed = capsys.readouterr().out
    assert printed.count("left out") == printed.count("there are runs at one thickness only") == 2
    with (runs / "report/table.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["split"] == "test"]
    cells = [(row["direction"], row["thickness"], row["group"].endswith("-all")) for row in rows]
    expected = [
        ("forward", "50", False),
        ("forward", "50", True),
        ("forward", "100", True),
        ("inverse", "50+100", True),
    ]
    assert cells == expected
    assert all(float(row["baseline_nearest_mse"]) > 0 for row in rows)
    figures = {path.stem for path in (runs / "report/figures").glob("*-all/*.pdf")}
    assert {"cases_forward_50nm", "cases_forward_100nm", "cases_inverse_50+100nm", "thickness_forward"} <= figures
