"""Which runs belong together."""

from pathlib import Path

import pytest

from lacbed_gan.report.collect import Run, collect_runs, grouped
from lacbed_gan.report.tables import measure_table


def run(direction="forward", thickness=50, fold=0, checksum="a" * 64, name="", group="sweep"):
    settings = {"direction": direction, "thickness": [thickness], "fold": fold, "group": group}
    made = Run(Path(name or f"{direction}-{thickness}-{fold}"), settings, {})
    made.__dict__["checksum"] = checksum  # where it is kept once it is read
    return made


def sizes(*runs):
    groups, left_out = grouped(runs)
    return sorted(len(group.runs) for group in groups), left_out


def test_a_sweep_is_one_group():
    runs = [run(d, t, f) for d in ("inverse", "forward") for t in (100, 50) for f in (1, 0)]
    (group,), left_out = grouped(runs)
    assert group.cells == [("forward", 50), ("forward", 100), ("inverse", 50), ("inverse", 100)]
    assert [r.fold for r in group.cell("inverse", 100)] == [0, 1]
    assert left_out == {} and group.folds() == [0, 1]


@pytest.mark.parametrize("other", [{"group": "another"}, {"checksum": "b" * 64}])
def test_other_settings_and_other_data_are_other_groups(other):
    assert sizes(run(), run(**other)) == ([1, 1], {})


def test_a_group_s_name_is_that_of_a_folder():
    (group,), _ = grouped([run(group="../mine/…")])
    assert group.name == "_mine__"


def test_a_run_without_checkpoint_goes_with_the_others_where_there_is_no_choice():
    assert sizes(run(), run(fold=1, checksum=None)) == ([2], {})
    counted, left_out = sizes(run(), run(fold=1, checksum="b" * 64), run(fold=2, checksum=None))
    assert counted == [1, 1] and list(left_out) == ["forward-50-2"] and "last.ckpt" in left_out["forward-50-2"]


def test_the_same_run_twice_counts_once():
    assert sizes(run(), run(name="copy")) == ([1], {"copy": "the same as forward-50-0"})


def test_a_folder_without_runs(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "multirun.yaml").touch()
    assert collect_runs(tmp_path) == ([], {})


def test_seeds_are_one_group():
    """Of a fold each counts with the mean over its seeds, and the spread stands beside it."""
    runs = [run(name=f"seed{seed}") for seed in range(3)]
    for seed, one in enumerate(runs):
        one.settings["seed"] = seed
        one.summary.update({"test/mse": 1e-3 * (seed + 1), "test/r": 0.9})
        one.__dict__["crystals"] = []
    (group,), left_out = grouped(runs)
    row = measure_table(group)[0]
    assert left_out == {} and (row["folds"], row["seeds"]) == (1, 3)
    assert (row["mse"], row["mse_seed_deviation"]) == (pytest.approx(2e-3), pytest.approx(1e-3))
