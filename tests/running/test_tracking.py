"""W&B never decides about a run: no way to the server, one that is gone in the middle, an artifact that fails."""

import json
import time

import pytest
import wandb
from lightning import Callback
from wandb_server import Server

from lacbed_gan.commands import train
from lacbed_gan.running import tracking, training


@pytest.fixture(autouse=True)
def logged_in(monkeypatch, tmp_path):
    for name in ("WANDB_MODE", "WANDB_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    yield
    wandb.teardown()


@pytest.fixture
def server(monkeypatch):
    with Server() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        yield server


def lines_of(captured):
    return [line for line in captured.out.splitlines() if line.startswith("W&B: ")]


def test_no_way_to_the_server(configured, monkeypatch, capsys, wandb_records):
    """Within seconds the run is an offline one, which can be sent later."""
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    config, folder = configured("logger=wandb", "epochs=1")
    begun = time.monotonic()
    train.train(config)
    assert time.monotonic() - begun < 60  # a busy machine; W&B alone waits for two minutes
    captured = capsys.readouterr()
    (line,) = lines_of(captured)
    assert line.startswith(
        "W&B: no way to http://127.0.0.1:9 (ConnectionError); the run is recorded offline, `wandb sync"
    )
    assert json.loads((folder / "summary.json").read_text())["test/mse"] > 0
    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    assert wandb_records(file)[-1].exit.exit_code == 0


class Dies(Callback):
    def __init__(self, server):
        self.server = server

    def on_train_epoch_start(self, trainer, module):
        if trainer.current_epoch == 1:
            self.server.die()


def test_a_server_that_is_gone_in_the_middle(configured, server, monkeypatch, capsys):
    monkeypatch.setattr(tracking, "FINISH", 1.0)
    made, written = training.L.Trainer, []
    monkeypatch.setattr(
        training.L, "Trainer", lambda callbacks, **arguments: made(callbacks=[*callbacks, Dies(server)], **arguments)
    )
    config, folder = configured("logger=wandb", "logger.every_steps=2", "batch_size=8")
    finish = tracking.finish
    monkeypatch.setattr(
        tracking, "finish", lambda *words: (written.append((folder / "summary.json").exists()), finish(*words))
    )
    train.train(config)
    (line,) = lines_of(capsys.readouterr())
    assert f"no way to {server.url}" in line and "any more; `wandb sync" in line
    assert written == [True]  # before anything is waited for
    assert list(folder.glob("wandb/run-*/*.wandb")) and wandb.run is None


def test_what_a_server_takes(configured, server, capsys):
    """Curves with their axes, facts, tags, a group with a name to read; an artifact that fails costs one line."""
    config, folder = configured("logger=wandb", "logger.every_steps=1", "batch_size=8", "direction=inverse")
    train.train(config)
    (line,) = lines_of(capsys.readouterr())
    assert "the run goes on without it" in line  # the stand-in knows no artifacts
    assert (folder / "summary.json").exists()
    rows = [json.loads(row) for chunk in server.streams for row in history(chunk)]
    names = {name for row in rows for name in row}
    assert {"validation/mse", "train/total_g", "train/total_d", "train/score_real", "train/score_fake"} <= names
    assert {"train/learning_rate", "speed/images_per_second", "samples", "step/loss_g", "step/loss_d"} <= names
    assert not any(name.startswith("test/") for name in names)
    steps = [row["batch"] for row in rows if "step/loss_g" in row]
    assert steps == list(range(1, 2 * 3 + 1))
    (first, *_) = [q["variables"] for q in server.queries if "mutation UpsertBucket" in q.get("query", "")]
    settings = json.loads(first["config"])
    assert settings["checksum"]["value"] and settings["parameters"]["value"] > 1000
    assert settings["train_crystals"]["value"] + settings["test_crystals"]["value"] < 30
    assert set(first["tags"]) == {"inverse", "50nm", "fold0", "global_unet"} and first["jobType"] == "train"
    (samples,) = [row["samples"] for row in rows if "samples" in row][:1]
    assert "input, prediction, truth, difference²" in samples["captions"][0] and "(crystal-" in samples["captions"][0]


def history(chunk):
    return chunk.get("files", {}).get("wandb-history.jsonl", {}).get("content", [])


def test_an_agent_s_run_that_was_made_before_gets_the_summary(configured, monkeypatch, capsys, wandb_records):
    monkeypatch.setenv("WANDB_MODE", "offline")
    config, folder = configured("logger=wandb", "epochs=1")
    found = train.train(config)
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    monkeypatch.setenv("WANDB_RUN_ID", "agents-own")
    assert train.train(config) == found > 0
    assert "holds this run, finished" in capsys.readouterr().out
    (file,) = folder.glob("wandb/offline-run-*-agents-own/*.wandb")
    records = wandb_records(file)
    summary = {item.key: item.value_json for record in records for item in record.summary.update}
    for name, value in json.loads((folder / "summary.json").read_text()).items():
        assert json.loads(summary[name]) == pytest.approx(value)


def test_what_fails_in_w_and_b_is_said_once(capsys):
    record = object.__new__(tracking.Record)
    record.trouble = ""

    def fails():
        raise RuntimeError("its process\nis gone")

    assert record.attempt(fails) is None and record.attempt(fails) is None and record.attempt(lambda: 3) is None
    assert capsys.readouterr().out == "W&B: RuntimeError: its process is gone; the run goes on without it\n"
