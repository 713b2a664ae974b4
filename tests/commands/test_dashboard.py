"""The dashboard: what would be sent to W&B, taken by a stand-in for its server; and what is said where it cannot be."""

import importlib.util
import json
import sys

import pytest
from run_folders import write_run
from wandb_server import Server

from lacbed_gan.commands import dashboard
from lacbed_gan.commands.command import run_command
from lacbed_gan.report.dashboard import CURVES, table

WORDS = ["entity=me", "project=lacbed_gan"]


@pytest.fixture
def made(monkeypatch, tmp_path, capsys):
    """made(words…) → exit status, what was printed, and the views that the server was sent, by type."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")

    def make(*words, key="0" * 40, url=None):
        monkeypatch.setenv("WANDB_API_KEY", key)
        monkeypatch.setattr(sys, "argv", ["dashboard", *WORDS, *words])
        status = 0
        with Server() as server:
            monkeypatch.setenv("WANDB_BASE_URL", url or server.url)
            try:
                run_command("dashboard", dashboard.check, dashboard.show)
            except SystemExit as end:
                status = end.code
        sent = [q["variables"] for q in server.queries if "upsertView" in q.get("query", "")]
        return status, capsys.readouterr(), {view["type"]: view | {"spec": json.loads(view["spec"])} for view in sent}

    return make


def panels(spec):
    """Every plot in a specification: its kind and its configuration."""
    if isinstance(spec, dict):
        if "viewType" in spec:
            yield spec["viewType"], spec.get("config", {})
        for value in spec.values():
            yield from panels(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from panels(value)


def test_what_is_sent(made, tmp_path):
    pytest.importorskip("wandb_workspaces")
    for direction in ("forward", "inverse"):
        for thickness in (50, 100):
            for fold in range(2):
                write_run(tmp_path / "runs", direction, thickness, fold)
    status, captured, views = made("group=gone-0")
    assert status == 0, captured.err
    assert captured.out.splitlines()[-2].startswith("workspace: http") and "/reports/" in captured.out
    report, workspace = views.pop("runs"), *views.values()
    for view in (workspace, report):
        assert view["displayName"] == "lacbed_gan gone-0"
        found = list(panels(view["spec"]))
        curves = {name for kind, config in found if "Line" in kind for name in config["metrics"]}
        assert curves >= {name for plots in CURVES.values() for _, names, _ in plots for name in names}
        assert curves >= {"train/total_g", "train/score_real", "train/learning_rate", "step/loss_d", "test/mse"}
        for kind, config in found:  # folds as a band around their mean
            if "Line" in kind and "step/" not in str(config["metrics"]):
                assert config["groupAgg"] == "mean" and config["groupArea"] == "minmax"
                assert ("groupBy" in config) == (view is report)  # else those of the table of runs
        assert {kind for kind, _ in found} >= {"Run History Line Plot", "Bar Chart", "Media Browser"}
        assert "gone-0" in json.dumps(view["spec"])
    groups = json.dumps(workspace["spec"]["section"]["runSets"])
    assert "direction" in groups and "thickness" in groups
    text = json.dumps(report["spec"], ensure_ascii=False)
    assert "8.15(4)" in text and "2 of 10" in text and "inverse" in text


def test_the_table_beside_the_paper_s():
    row = {"direction": "forward", "thickness": 50.0, "split": "test", "folds": 3, "of_folds": 10}
    lines = table([row | {"mse": 9e-4, "mse_standard_error": 1e-5, "r": 0.97}]).splitlines()
    assert "| forward | 50 | 3 of 10 | 9.00 ± 0.10 | 0.9700 | 8.15(4) |" in lines
    assert "| inverse | 200 | – | – | – | 2.4 |" in lines


def test_what_is_missing_is_said_in_one_line(made, monkeypatch):
    status, captured, views = made(url="http://127.0.0.1:9")
    assert (status, views) == (2, {}) and captured.err.startswith("error: no way to http://127.0.0.1:9")
    status, captured, _ = made(key="")
    assert status == 2 and "nobody is logged in" in captured.err and captured.err.count("\n") == 1
    spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "wandb_workspaces" else spec(name))
    status, captured, _ = made()
    assert captured.err == "error: the dashboard needs wandb-workspaces; pip install 'lacbed_gan[dashboard]'\n"
