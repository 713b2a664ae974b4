"""Runs of seconds, end to end: what they leave behind, going on after an interruption, and what W&B gets."""

import csv
import json
import signal
import subprocess
import sys
from contextlib import nullcontext

import pytest
import torch
import wandb
from omegaconf import OmegaConf
from run_folders import data_of

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands import train
from lacbed_gan.commands.config import composed
from lacbed_gan.models.weights import load_weights
from lacbed_gan.running import training
from lacbed_gan.running.curves import read_metrics
from lacbed_gan.running.epochs import MetricsTable
from lacbed_gan.running.folder import claimed, run_group, run_name
from lacbed_gan.running.tracking import wandb_logger
from lacbed_gan.store.store import Store

TABLES = {"metrics.csv", "speed.csv", "crystals.csv", "summary.json"}
FILES = {"config.yaml", "best.ckpt", "last.ckpt", "samples.png", "loss_curves.png", *TABLES}
TERMS = {f"train/loss_{term}" for term in ("d_real", "d_fake", "g_gan", "g_feature_matching", "g_l1")}
TERMS |= {"train/gradient_generator", "train/gradient_discriminator", "train/total_g", "train/total_d"}
TERMS |= {"train/score_real", "train/score_fake", "train/learning_rate", "train/learning_rate_d", "train/share"}
MEASURES = {f"{part}/{name}" for part in ("test", "train") for name in ("mse", "r", "told_apart")}
ORIGIN = {"test/origin_mse", "test/origin_r", "train/origin_mse", "train/origin_r"}
MEASURED = {"forward": MEASURES, "inverse": MEASURES | ORIGIN}


class Stop(Exception):
    """What ends a run before its time."""


def stop_in_epoch(monkeypatch, epoch):
    class StoppingTable(MetricsTable):
        def on_train_epoch_end(self, trainer, module):
            super().on_train_epoch_end(trainer, module)
            if trainer.current_epoch == epoch:
                raise Stop

    monkeypatch.setattr(training, "MetricsTable", StoppingTable)
    return lambda: monkeypatch.setattr(training, "MetricsTable", MetricsTable)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_a_run_leaves_everything_behind(configured, tmp_path, capsys, direction):
    config, folder = configured(f"direction={direction}", "fold=3", "thickness=100")
    train.train(config)
    printed = capsys.readouterr().out
    assert folder.name.startswith(f"{direction}-100nm-fold3-")
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert f" runs/{folder.name}: summary.json" in printed

    rows = read_metrics(folder / "metrics.csv")
    assert [row["epoch"] for row in rows] == [0, 1]
    test = {name for name in MEASURED[direction] if name.startswith("test/")}
    watched = {name.replace("test/", "validation/") for name in MEASURED[direction]}  # and of the training part
    summary = json.loads((folder / "summary.json").read_text())
    best = summary["best/epoch"] - 1
    assert rows[best]["validation/mse"] == min(row["validation/mse"] for row in rows)
    for number, row in enumerate(rows):  # the test fold is measured once, at the end
        assert set(row) == {"epoch"} | TERMS | watched | (test if number == best else set())
    for name in MEASURED[direction]:
        assert summary[name] == pytest.approx(rows[best][name], rel=1e-5)
    for name in ("test/mse", "baseline/mean_image_mse", "baseline/nearest_mse"):
        assert f"{summary[name]:.5f}" in printed
    for name in MEASURED[direction]:
        assert summary[f"{name}_quartile_1"] <= summary[f"{name}_median"] <= summary[f"{name}_quartile_3"]
        if name in ORIGIN:
            assert f"{summary[name]:.5f}" in printed or f"R {summary[name]:.4f}" in printed
    assert ("test/misjudged" in summary) == (direction == "inverse") == ("right but for the origin" in printed)

    settings = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    checkpoint = torch.load(folder / "last.ckpt", weights_only=True)
    assert checkpoint["config"]["settings"] == settings
    assert settings["condition"] == ["log_a", "log_span"][: 1 + (direction == "forward")]
    assert checkpoint["config"]["data"]["checksum"] == Store.open(config.store).checksum
    assert checkpoint["direction"] == direction

    # The file alone gives back the network that was measured.
    data = data_of(checkpoint)
    batch = data.batch(data.test_rows)
    with torch.inference_mode():
        predicted = load_weights(folder / "best.ckpt").predict(batch["input"], batch.get("condition"))
    assert float((predicted - batch["target"]).square().mean()) == pytest.approx(summary["test/mse"], rel=1e-5)

    with (folder / "crystals.csv").open(newline="") as lines:
        table = list(csv.DictReader(lines))
    crystals = [(row["split"], row["id"]) for row in table]
    parts = (("test", data.test_rows), ("train", data.train_sample_rows))
    assert crystals == [(part, data.store.index[i]["id"]) for part, numbers in parts for i in numbers]
    for name in MEASURED[direction]:
        part, measure = name.split("/")
        values = [float(row[measure]) for row in table if row["split"] == part]
        assert sum(values) / len(values) == pytest.approx(summary[name], rel=1e-5)
    errors = (predicted - batch["target"]).square().mean((1, 2, 3)).tolist()
    assert [float(row["mse"]) for row in table[: len(errors)]] == pytest.approx(errors, rel=1e-5)

    (folder / "last.ckpt").unlink()
    train.train(config)
    assert capsys.readouterr().out.startswith(f"runs/{folder.name} holds this run, finished; delete the folder")
    assert not (folder / "last.ckpt").exists()


def test_a_run_of_a_network_that_draws_finds_its_spread(shared_store, tmp_path, monkeypatch, capsys):
    """By the validation part, in the checkpoint that predicts."""
    model = ["model.noise=3", *(f"model.generator.{size}" for size in ("width=16", "depth=1", "order=3"))]
    words = ["direction=inverse", "fold=3", "thickness=100", "size=32", "epochs=1", "logger=csv"]
    config = composed("train", [f"store={shared_store}", *words, *model, "trainer=cpu"])
    monkeypatch.chdir(tmp_path)
    train.train(config)
    folder = tmp_path / "runs" / run_name(config.plain())
    summary = json.loads((folder / "summary.json").read_text())
    assert "spread of samples, by the validation part:" in capsys.readouterr().out
    found = torch.load(folder / "best.ckpt", weights_only=True)["config"]["data"]["spread"]
    assert found["scale"] == summary["posterior/scale"] and found["tail"] == summary["posterior/tail"]
    assert (
        load_weights(folder / "best.ckpt").network.spread == (found["scale"], found["tail"]) and found["crystals"] > 0
    )
    assert "spread" not in torch.load(folder / "last.ckpt", weights_only=True)["config"]["data"]
    assert len((folder / "posterior.csv").read_text().splitlines()) > 1


def test_a_run_that_only_lacks_its_summary_is_measured_again(configured):
    config, folder = configured()
    train.train(config)
    before = json.loads((folder / "summary.json").read_text())
    table = (folder / "metrics.csv").read_text()
    (folder / "summary.json").unlink()
    (folder / "samples.png").unlink()
    train.train(config)
    after = json.loads((folder / "summary.json").read_text())
    assert {k: v for k, v in after.items() if k != "seconds"} == {k: v for k, v in before.items() if k != "seconds"}
    assert (folder / "metrics.csv").read_text() == table
    assert {path.name for path in folder.iterdir()} == FILES


def test_what_changes_results_changes_the_name_of_a_run():
    alike = [["runs=other"], ["logger=csv"], ["trainer=cpu"], ["thickness=50.0"], ["model=fourier"], ["profile=true"]]
    (name,) = {run_name(composed("train", words).plain()) for words in ([], *alike)}
    published = [composed("train", ["data=kaggle", "data.root=icsd", f"data.cache={cache}"]) for cache in ("a", "b")]
    assert len({run_name(config.plain()) for config in published} | {name}) == 2
    assert run_group(published[0].plain()).startswith("icsd-")
    for word in ("seed=1", "thickness=100", "fold=1", "direction=inverse", "batch_size=8", "model.loss_weights.l1=1"):
        assert run_name(composed("train", [word]).plain()) != name


def test_wandb_offline_where_nobody_is_logged_in(configured, wandb_records, tmp_path, monkeypatch):
    """Never a question; the run is closed when training fails, so that the next one is not merged into it."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked a question"))
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    config, folder = configured("logger=wandb", "direction=inverse", "fold=2")
    go_on = stop_in_epoch(monkeypatch, 0)
    with pytest.raises(Stop):
        train.train(config)
    assert wandb.run is None
    go_on()
    train.train(config)
    assert wandb.run is None
    stopped, finished = (wandb_records(file) for file in sorted(folder.glob("wandb/offline-run-*/*.wandb")))
    assert (stopped[-1].exit.exit_code, finished[-1].exit.exit_code) == (1, 0)
    rows = [{item.nested_key[0]: item.value_json for item in record.history.item} for record in finished]
    for name in TERMS | {name.replace("test/", "validation/") for name in MEASURES | ORIGIN}:
        logged = {json.loads(row["epoch"]): json.loads(row[name]) for row in rows if name in row}
        expected = {row["epoch"]: pytest.approx(row[name], rel=1e-5) for row in read_metrics(folder / "metrics.csv")}
        assert logged == expected
    assert not any(name.startswith("test/") for row in rows for name in row)
    assert sum("samples" in row for row in rows) == 2
    axes = {record.metric.glob_name: record.metric.step_metric for record in finished}
    assert axes["*"] == "epoch"
    assert {path.name for path in folder.iterdir()} == FILES | {"wandb"}

    (run,) = (record.run for record in finished if record.HasField("run"))
    assert (run.display_name, run.run_group, run.project) == (folder.name, run_group(config.plain()), "lacbed_gan")
    settings = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert (settings["direction"], settings["thickness"], settings["fold"]) == ("inverse", 50, 2)
    summary = {item.key: item.value_json for record in finished for item in record.summary.update}
    for name, value in json.loads((folder / "summary.json").read_text()).items():
        assert json.loads(summary[name]) == pytest.approx(value)
    (artifact,) = (record.artifact for record in finished if record.HasField("artifact"))
    (file,) = artifact.manifest.contents
    assert (artifact.name, artifact.type) == (f"crystals-{folder.name}", "table")
    assert (file.path, file.local_path) == ("crystals.csv", str(folder / "crystals.csv"))
    # Going on with a run goes on in W&B; the same run made anew is another one there.
    (first,) = (record.run for record in stopped if record.HasField("run"))
    assert run.run_id == first.run_id == (folder / "wandb" / "id").read_text()
    other = wandb_logger(tmp_path / folder.name, folder.name, None, "lacbed_gan", {})
    assert other.experiment.id not in ("", run.run_id)
    wandb.finish()


def test_a_run_is_made_once_at_a_time(configured, monkeypatch):
    """Another process has the folder; and the run that finished it just before is not made again."""
    config, folder = configured()
    with claimed(folder):
        with pytest.raises(SettingsError, match="is at work on this run"):
            train.train(config)
        assert {path.name for path in folder.iterdir()} == {"running.lock"}
    monkeypatch.setattr(train, "claimed", lambda folder: nullcontext((folder / "summary.json").touch()))
    monkeypatch.setattr(train, "train_in", lambda *_: pytest.fail("made twice"))
    train.train(config)


def test_as_a_program(shared_store, tmp_path):
    words = [sys.executable, "-m", "lacbed_gan.train", f"store={shared_store}", "experiment=smoke", "trainer=cpu"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert f" runs/{folder.name}: " in done.stdout
    assert "Epoch" not in done.stdout + done.stderr  # a bar is for terminals


def test_a_killed_run_is_taken_over(configured, program, shared_store, tmp_path):
    config, folder = configured("epochs=5")
    words = [f"store={shared_store}", "experiment=smoke", "trainer=cpu", "epochs=5"]
    other = program("train", words, tmp_path)
    other.until((folder / "last.ckpt").exists)
    with pytest.raises(SettingsError, match=f"process {other.pid} is at work on this run"):
        train.train(config)
    assert other.kill() == -signal.SIGKILL
    assert (folder / "running.lock").exists() and not (folder / "summary.json").exists()
    train.train(config)
    assert [row["epoch"] for row in read_metrics(folder / "metrics.csv")] == [0, 1, 2, 3, 4]
    assert {path.name for path in folder.iterdir() if path.suffix != ".part"} == FILES


def test_runs_of_one_group_differ_in_direction_thickness_and_fold_alone(configured):
    one, _ = configured("fold=1", "thickness=100")
    other, _ = configured("fold=2", "direction=inverse")
    third, _ = configured("epochs=3")
    assert run_group(one.plain()) == run_group(other.plain()) != run_group(third.plain())
    assert len({run_name(one.plain()), run_name(other.plain()), run_name(third.plain())}) == 3
