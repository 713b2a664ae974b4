"""Sweeps: killed and started again, side by side with joblib, as jobs of submitit; the report on what they leave."""

import json
import re
import signal
import subprocess
import sys

import pytest
import torch
from run_folders import undrawn

from lacbed_gan.commands import evaluate, train
from lacbed_gan.commands.command import run_command
from lacbed_gan.commands.config import composed
from lacbed_gan.report import section
from lacbed_gan.running.curves import read_metrics
from lacbed_gan.running.folder import run_name

LIMIT = 300  # seconds for one command
EPOCHS = 15


@pytest.fixture(autouse=True)
def logged_out(tmp_path, monkeypatch):
    # The last names the process of W&B that earlier tests began, which would outlive the killed sweep and keep its run.
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".log"]  # W&B goes on in its logs
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def folds_reported(monkeypatch, capsys):
    """What evaluate says of runs/ about folds, once for each direction, thickness and split; it leaves out no run."""
    monkeypatch.setattr(section, "rendered", lambda figure: (b"", b"%PDF"))
    config = composed("evaluate", ["timing=false"])
    evaluate.check(config)
    evaluate.evaluate(config)
    printed = capsys.readouterr().out
    assert "\nleft out:" not in printed
    return re.findall(r"(\d+) of 10 folds", printed)


def test_killed_and_started_again(program, shared_store, tmp_path, wandb_records, monkeypatch, capsys):
    """Finished runs are left alone, the broken one goes on, the last is made; in W&B each is one of one group."""
    runs = tmp_path / "runs"
    words = ["-m", "experiment=smoke", "trainer=cpu", f"store={shared_store}", "direction=inverse", "logger=wandb"]
    words += ["fold=range(3)", f"epochs={EPOCHS}"]
    killed, folders = program("train", words, tmp_path), []

    def one_finished_and_one_begun():
        finished = list(runs.glob("*/summary.json"))  # first: a run that ends in between is not a begun one
        folders[:] = [p.parent for p in runs.glob("*/last.ckpt") if not (p.parent / "summary.json").exists()]
        return folders and finished

    killed.until(one_finished_and_one_begun)
    assert killed.kill() == -signal.SIGKILL
    (broken,) = folders
    (finished,) = (path.parent for path in runs.glob("*/summary.json"))
    before = contents(finished)
    reached = torch.load(broken / "last.ckpt", weights_only=True)["epoch"]
    assert reached < EPOCHS - 1 and not (broken / "summary.json").exists()

    monkeypatch.setattr(sys, "argv", ["train", *words])
    with undrawn():
        run_command("train", train.check, train.train)
    printed = capsys.readouterr().out
    assert printed.count("holds this run, finished") == 1
    assert f"runs/{finished.name} holds this run, finished" in printed
    assert contents(finished) == before
    folders = [path.parent for path in runs.glob("*/summary.json")]
    assert len(folders) == 3
    assert all([row["epoch"] for row in read_metrics(folder / "metrics.csv")] == [*range(EPOCHS)] for folder in folders)

    settings, groups = [], set()
    for folder in folders:
        *_, file = sorted(folder.glob("wandb/offline-run-*/*.wandb"))
        records = wandb_records(file)
        (run,) = (record.run for record in records if record.HasField("run"))
        assert (run.run_id, run.display_name) == ((folder / "wandb" / "id").read_text(), folder.name)
        groups.add(run.run_group)
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        settings.append((config["direction"], config["thickness"], config["fold"]))
        rows = [{item.nested_key[0]: item.value_json for item in record.history.item} for record in records]
        epochs = {json.loads(row["epoch"]) for row in rows if "train/loss_d_real" in row}
        assert epochs == set(range(reached + 1 if folder == broken else 0, EPOCHS))
    assert sorted(settings) == [("inverse", 50, fold) for fold in range(3)]
    assert len(groups) == 1 and len({(folder / "wandb" / "id").read_text() for folder in folders}) == 3
    assert folds_reported(monkeypatch, capsys) == ["3", "3"]


def test_side_by_side(shared_store, tmp_path, monkeypatch, capsys):
    """A damaged run does not stop the others, and the command says which, and that not all is done."""
    words = ["experiment=smoke", "trainer=cpu", f"store={shared_store}", "logger=csv", "epochs=40"]  # seconds each
    damaged = tmp_path / "runs" / run_name(composed("train", [*words, "fold=0"]).plain())
    (damaged / "last.ckpt").mkdir(parents=True)
    line = ["-m", *words, "fold=0,1,2", "hydra/launcher=joblib"]
    command = [sys.executable, "-m", "lacbed_gan.train", *line, "hydra.launcher.n_jobs=2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode != 0
    assert done.stderr.startswith("error: ") and f"{damaged.name}" in done.stderr.splitlines()[0]
    assert "error: not every job is done; the lines above say why" in done.stderr
    finished = sorted((tmp_path / "runs").glob("*/summary.json"))
    assert len(finished) == 2 and damaged not in [path.parent for path in finished]
    begun = [(path.parent / "config.yaml").stat().st_mtime for path in finished]
    assert max(begun) < min(path.stat().st_mtime for path in finished)  # together
    assert "Epoch" not in done.stdout  # bars of two runs would overwrite each other

    (damaged / "last.ckpt").rmdir()
    monkeypatch.setattr(sys, "argv", ["train", *line, "hydra.launcher.n_jobs=1"])
    run_command("train", train.check, train.train)
    assert (damaged / "summary.json").exists()
    assert capsys.readouterr().out.count("holds this run, finished") == 2


def test_as_jobs_of_submitit(program, shared_store, tmp_path, monkeypatch, capsys):
    """Their logs are beside the runs, where the report does not take them for runs."""
    words = ["experiment=smoke", "trainer=cpu", f"store={shared_store}", "fold=0,1", "logger=csv"]
    done = program("train", ["-m", *words, "hydra/launcher=submitit_local"], tmp_path)
    assert done.end(LIMIT) == 0, done.err
    assert len(list((tmp_path / "runs").glob("forward-50nm-fold[01]-*/summary.json"))) == 2
    assert len(list((tmp_path / "runs/.submitit").glob("*/*_log.out"))) == 2
    assert folds_reported(monkeypatch, capsys) == ["2", "2"]
