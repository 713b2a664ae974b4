"""Which runs belong together."""

from pathlib import Path

import pytest

from lacbed_gan.report.collect import Run, collect_runs, grouped


def run(direction="forward", thickness=50, fold=0, condition=None, checksum="a" * 64, name="", **settings):
    condition = condition or ("scale" if direction == "forward" else "none")
    values = {"direction": direction, "thickness": [thickness], "fold": fold, "condition": condition, "store": "s"}
    made = Run(
        Path(name or f"{direction}-{thickness}-{fold}"), values | {"model": {"condition": "scale"}} | settings, {}
    )
    made.__dict__["checksum"] = checksum  # where it is kept once it is read
    return made


def sizes(*runs):
    groups, left_out = grouped(runs)
    return sorted(len(group.runs) for group in groups), left_out


def test_a_sweep_is_one_group():
    """The inverse networks take no condition: that alone does not set them apart."""
    runs = [run(d, t, f) for d in ("inverse", "forward") for t in (100, 50) for f in (1, 0)]
    (group,), left_out = grouped(runs)
    assert group.cells == [("forward", 50), ("forward", 100), ("inverse", 50), ("inverse", 100)]
    assert [r.fold for r in group.cell("inverse", 100)] == [0, 1]
    assert left_out == {} and group.folds() == [0, 1]


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"epochs": 3}, {"checksum": "b" * 64}, {"trainer": {"precision": "bf16"}}]
)
def test_other_settings_and_other_data_are_other_groups(other):
    assert sizes(run(), run(**other)) == ([1, 1], {})


@pytest.mark.parametrize(
    "alike", [{"trainer": {"accelerator": "gpu"}}, {"runs": "elsewhere"}, {"logger": {"name": "csv"}}]
)
def test_what_changes_no_result_makes_no_group(alike):
    assert sizes(run(), run(fold=1, **alike)) == ([2], {})


def test_forward_runs_of_both_conditions_are_two_groups():
    assert sizes(run(), run(condition="none"), run("inverse"))[0] == [1, 2]
    assert sizes(run(condition="none"), run("inverse"))[0] == [2]


def test_the_group_that_training_wrote_down_counts():
    assert sizes(run(group="mine"), run(fold=1, group="mine", condition="none"))[0] == [2]


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
