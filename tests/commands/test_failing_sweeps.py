"""Sweeps in which runs fail: each gets one line with its folder and reason, the others are made; searches."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from run_folders import undrawn

from lacbed_gan.commands import train
from lacbed_gan.commands.command import run_command
from lacbed_gan.commands.config import composed, jobs
from lacbed_gan.running.folder import run_name

LIMIT = 300  # seconds
DIVERGES = "learning_rate=1e30"


@pytest.fixture
def words(shared_store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return ["experiment=smoke", "trainer=cpu", f"store={shared_store}", "logger=csv", "epochs=1", "batch_size=8"]


def folder_of(*words):
    return Path("runs") / run_name(composed("train", list(words)).plain())


def swept(monkeypatch, *words):
    """The exit status of a sweep in this process."""
    monkeypatch.setattr(sys, "argv", ["train", "-m", *words])
    with undrawn():
        try:
            run_command("train", train.check, train.train)
        except SystemExit as end:
            return end.code
    return 0


def test_two_runs_that_diverge_and_one_that_breaks(words, monkeypatch, capsys):
    made = train.train_in

    def breaks(folder, settings, *rest):
        if settings.fold == 1 and settings.learning_rate < 1:
            raise ZeroDivisionError("of a fault in the program")
        return made(folder, settings, *rest)

    monkeypatch.setattr(train, "train_in", breaks)
    assert swept(monkeypatch, *words, "fold=0,1", f"{DIVERGES},1e-3") == 2
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 3 and "Traceback" not in captured.err
    for fold in (0, 1):
        folder = folder_of(*words, f"fold={fold}", DIVERGES)
        (line,) = [line for line in lines if line.startswith(f"error: {folder}: training stopped in epoch 0")]
        assert "lower the learning rate" in line
    broken = folder_of(*words, "fold=1", "learning_rate=1e-3")
    assert f"error: {broken}: ZeroDivisionError: of a fault in the program" in lines
    assert (folder_of(*words, "fold=0", "learning_rate=1e-3") / "summary.json").exists()


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_runs_that_diverge_as_jobs_of_their_own(words, tmp_path, launcher):
    rates, more = ["1e30", "1e-3"], []
    if launcher == "joblib":
        rates, more = ["1e30", "1e29", "1e-3"], ["hydra.launcher.n_jobs=2"]
    line = ["-m", *words, f"learning_rate={','.join(rates)}", f"hydra/launcher={launcher}", *more]
    command = [sys.executable, "-m", "lacbed_gan.train", *line]  # joblib needs a process that is not forked
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode != 0
    for rate in rates[:-1]:
        folder = folder_of(*words, f"learning_rate={rate}")
        lines = [line for line in done.stderr.splitlines() if f"{folder}: training stopped" in line]
        assert len(lines) == 1, done.stderr
    assert (folder_of(*words, "learning_rate=1e-3") / "summary.json").exists()


def test_a_single_run_shows_where_the_program_broke(words, monkeypatch):
    monkeypatch.setattr(train, "train_in", lambda *_: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["train", *words])
    with pytest.raises(ZeroDivisionError):
        run_command("train", train.check, train.train)


def test_a_search_by_optuna(words, monkeypatch, capsys):
    """interval and choice; the measure is that of the validation part; a run that diverges does not end the search."""
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    search = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1"]
    search += ["hydra.sweeper.sampler.seed=1"]
    assert swept(monkeypatch, *words, *search, "learning_rate=interval(1e-4,1e-3)", "ema=choice(0.0,0.5)") == 0
    finished = list(Path("runs").glob("*/summary.json"))
    assert len(finished) == 3
    best = min(json.loads(path.read_text())["validation/mse"] for path in finished)
    assert yaml.safe_load(Path("runs/optimization_results.yaml").read_text())["best_value"] == pytest.approx(best)
    capsys.readouterr()
    grid = ["hydra/sweeper=optuna", "hydra/sweeper/sampler=grid", "learning_rate=choice(1e30,1e-3)", "seed=1"]
    assert swept(monkeypatch, *words, *grid, "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1") == 2
    assert len(list(Path("runs").glob("*/summary.json"))) == 4
    assert f"error: {folder_of(*words, DIVERGES, 'seed=1')}: training stopped" in capsys.readouterr().err


def test_a_search_is_checked_at_both_ends():
    assert list(jobs(["learning_rate=interval(1e-4,1e-2)", "ema=choice(0.1,0.2)"])) == [
        ["learning_rate=0.0001", "ema=0.1"],
        ["learning_rate=0.01", "ema=0.2"],
    ]


def test_what_is_minimised(words):
    config = composed("train", words)
    with undrawn():
        found = train.train(config)
    assert found == train.finished(folder_of(*words), config)["validation/mse"] and math.isfinite(found)


def test_several_lengths_of_one_run_are_no_sweep(words, monkeypatch, capsys):
    assert swept(monkeypatch, *words[:4], "epochs=1,2") == 2
    assert "error: 'epochs=1,2': more epochs go on with the same run" in capsys.readouterr().err
