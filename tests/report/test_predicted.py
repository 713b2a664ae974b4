"""Which crystals the figures of a report show."""

from pathlib import Path

import pytest

from lacbed_gan.report.collect import Group, Run
from lacbed_gan.report.predicted import Gap, extreme_cases, predict_cases, thickness_series


def run(thickness, fold, errors, direction="forward"):
    made = Run(Path(f"{thickness}-{fold}"), {"direction": direction, "thickness": [thickness], "fold": fold}, {})
    made.__dict__["crystals"] = [{"id": name, "mse": error, "split": "test"} for name, error in errors.items()] + [
        {"id": "trained on", "mse": 0.0, "split": "train"}
    ]
    return made


def test_best_median_and_worst_of_all_folds():
    first, second = run(50, 0, {"Si": 3.0, "Cu": 5.0, "Al": 1.0}), run(50, 1, {"Ge": 2.0, "NaCl": 9.0})
    assert extreme_cases([first, second]) == {"best": (first, "Al"), "median": (first, "Si"), "worst": (second, "NaCl")}
    with pytest.raises(Gap, match="names no test crystal"):
        extreme_cases([run(50, 0, {})])


def test_the_series_shows_the_median_of_the_crystals_tested_at_every_thickness():
    thin = run(50, 0, {"Si": 1.0, "Cu": 2.0, "Al": 6.0}), run(50, 1, {"Ge": 1.5})
    thick = run(100, 0, {"Si": 1.0, "Cu": 9.0, "Al": 3.0})
    group = Group("g", (*thin, thick, run(100, 1, {"Ge": 0.1}, "inverse")), None)
    assert thickness_series(group, "forward") == {50: (thin[0], "Al"), 100: (thick, "Al")}  # means 1, 4.5 and 5.5
    assert thickness_series(group, "forward", "Si") == {50: (thin[0], "Si"), 100: (thick, "Si")}
    with pytest.raises(Gap, match="Ge is in the test fold of runs at fewer than two thicknesses"):
        thickness_series(group, "forward", "Ge")
    with pytest.raises(Gap, match="runs at one thickness only"):
        thickness_series(group, "inverse")
    with pytest.raises(Gap, match="no crystal is in a test fold at every thickness"):
        thickness_series(Group("g", (thin[1], thick), None), "forward")


def test_a_damaged_checkpoint_is_named(tmp_path):
    made = Run(tmp_path, {}, {})
    (tmp_path / "last.ckpt").write_text("damaged")
    with pytest.raises(Gap, match=f"last.ckpt of {tmp_path.name} cannot be read"):
        predict_cases({"best": (made, "Si")})
    assert made.checksum is None
