"""What the experiments with networks for measured patterns reckon: the table of perovskites, loss and gain."""

import importlib.util
import json
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def script(folder, name):
    """A script of an experiment, as a module that no other one can meet."""
    spec = importlib.util.spec_from_file_location(f"{folder}_{name}", EXPERIMENTS / folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_holds_perovskites_and_no_solid_solution_of_strontium_titanate(tmp_path, capsys):
    path = tmp_path / "perovskites.jsonl"
    script("measured", "perovskites").main(str(path))
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert capsys.readouterr().out == f"{path}: {len(rows)} perovskites\n"
    formulas = {row["formula"] for row in rows}
    assert {"BaO3Ti", "O3SrV"} <= formulas and "O3SrTi" not in formulas
    assert all(3.5 < row["a"] < 4.3 for row in rows)
    assert not any({"Sr", "Ti"} <= {site[0] for site in row["sites"]} for row in rows)
    script("measured", "perovskites").main(str(path), "count=5")
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == rows[:5]
    assert len({row["id"] for row in rows}) == len(rows) > 500


@pytest.mark.parametrize(
    ("sites", "answer"),
    [
        ([["Ba", 0, 0, 0], ["Ti", 0.5, 0.5, 0.5], ["O", 0.5, 0.5, 0]], True),
        ([["Ti", 0, 0, 0], ["Ba", 0.5, 0.5, 0.5], ["O", 0.5, 0, 0]], True),
        ([["Ba", 0, 0, 0], ["Sr", 0, 0, 0], ["Ti", 0.5, 0.5, 0.5], ["O", 0, 0.5, 0.5]], True),
        ([["Cu", 0, 0, 0], ["Au", 0.5, 0.5, 0]], False),
        ([["Ba", 0, 0, 0], ["Ti", 0.5, 0.5, 0.5], ["O", 0.25, 0.5, 0]], False),
    ],
)
def test_what_a_perovskite_is(sites, answer):
    row = {"sg": 221, "sites": [[*site, 1.0, None] for site in sites]}
    assert script("measured", "perovskites").perovskite(row) is answer
    assert not script("measured", "perovskites").perovskite(row | {"sg": 225})


def test_loss_and_gain_are_those_of_the_means():
    """Fold 0: clean 2, all 10, disturbed 2.2 and 5.2; fold 4 twice as much, and two seeds about these."""
    table = script("series", "table")
    rows = [
        {"network": name, "fold": fold, "seed": seed}
        | {case: {"mse": [1e-4 * value * (1 + fold / 4) * (0.9 + 0.2 * seed), 3e-4]} for case, value in errors.items()}
        for name, errors in (
            (table.PLAIN, {table.CLEAN: 2.0, table.ALL: 4.0, "all": 10.0}),
            (table.DISTURBED, {table.CLEAN: 2.2, table.ALL: 3.0, "all": 5.2}),
        )
        for fold in (0, 4)
        for seed in (0, 1)
    ]
    for folds in ([0], [4], [0, 4]):
        assert table.lost_and_gained(rows, table.PLAIN, folds) == "+10% | -25% | 60%"
    first = [row for row in rows if row["fold"] == 0]
    assert table.mean(first, table.DISTURBED, table.CLEAN) == "2.2 ± 0.3"
    assert table.mean(first, table.DISTURBED, table.CLEAN, 1) == "3.0"
