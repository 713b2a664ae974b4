"""What single settings of training change in a run of seconds."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from run_folders import data_of

from lacbed_gan.base.errors import UserError
from lacbed_gan.commands import train
from lacbed_gan.commands.config import composed
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.models.checkpoints import read_checkpoint
from lacbed_gan.models.weights import load_weights
from lacbed_gan.running.curves import read_metrics
from lacbed_gan.running.folder import run_name


def test_the_epoch_reported_on_is_chosen_by_the_validation_fold(configured):
    config, folder = configured("epochs=4", "learning_rate=0.2", "direction=inverse", "validation=true", "fold=9")
    train.train(config)
    rows = read_metrics(folder / "metrics.csv")
    errors = [row["validation/mse"] for row in rows]
    best = errors.index(min(errors))
    checkpoint = torch.load(folder / "best.ckpt", weights_only=True)
    assert checkpoint["epoch"] == best < 3
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["test/mse"] == pytest.approx(rows[best]["test/mse"], rel=1e-5)
    assert summary["validation/mse"] == pytest.approx(min(errors), rel=1e-5)
    settings = checkpoint["config"]["settings"]
    data = PairDataModule(settings["store"], "inverse", 50, 9, 4, validation=True)
    assert set(data.validation_rows) == set(PairDataModule(settings["store"], "inverse", 50, 0, 4).test_rows)
    assert len({*data.train_rows, *data.validation_rows, *data.test_rows}) == len(data.store.index)
    assert not set(data.train_rows) & {*data.validation_rows, *data.test_rows}


@torch.inference_mode()
def answers(trained, batch):
    return trained.predict(batch["input"], batch.get("condition"))


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_one_network_for_all_thicknesses(configured, direction, capsys):
    config, folder = configured(f"direction={direction}", "thickness=all")
    train.train(config)
    assert folder.name.startswith(f"{direction}-all-fold0-")
    summary = json.loads((folder / "summary.json").read_text())
    with (folder / "crystals.csv").open(newline="") as lines:
        table = [row for row in csv.DictReader(lines) if row["split"] == "test"]
    data = data_of(torch.load(folder / "last.ckpt", weights_only=True))
    if direction == "inverse":
        assert {row["thickness"] for row in table} == {"50+100"} and len(table) == len(data.test_rows)
        assert load_weights(folder / "last.ckpt").network.encoder[0].first.in_channels == 2
        return
    assert len(table) == 2 * len(data.test_rows)
    trained = load_weights(folder / "best.ckpt")
    for thickness in (50.0, 100.0):
        batch = data.batch(data.test_rows, thickness)
        time = data.store.thickness.index(thickness)
        assert torch.equal(batch["target"][:, 0] * 255, torch.tensor(reduced(data.store.pattern[data.test_rows, time])))
        error = float((answers(trained, batch) - batch["target"]).square().mean())
        assert summary[f"test/mse@{thickness:g}nm"] == pytest.approx(error, rel=1e-5)
        rows = [float(row["mse"]) for row in table if float(row["thickness"]) == thickness]
        assert sum(rows) / len(rows) == pytest.approx(error, rel=1e-5)


def reduced(patterns):
    """Means of blocks of 4 × 4 pixels, as whole numbers."""
    n, side, _ = patterns.shape
    return patterns.reshape(n, side // 4, 4, side // 4, 4).mean((2, 4)).round().astype("float32")


def test_the_range_of_the_potential_is_predicted_too(configured):
    config, folder = configured("direction=inverse", "model.loss_weights.span=1", "epochs=15", "batch_size=9")
    train.train(config)
    rows = read_metrics(folder / "metrics.csv")
    assert rows[-1]["train/loss_g_span"] < rows[0]["train/loss_g_span"]
    assert json.loads((folder / "summary.json").read_text())["test/span_error"] > 0


def test_a_profile_says_where_the_time_goes(configured):
    config, folder = configured("profile=true", "batch_size=1", "epochs=1")
    assert folder.name == run_name(configured("batch_size=1", "epochs=1")[0].plain())
    train.train(config)
    text = (folder / "profile.txt").read_text()
    assert all(part in text for part in ("generator", "discriminator", "backward", "optimizer"))
    assert json.loads((folder / "profile.json").read_text())["traceEvents"]


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_networks_train_to_the_same_losses(configured, shared_store, monkeypatch):
    """The smallest of both networks, and plain loops for them: a compiler takes a minute for those of the others."""
    monkeypatch.setattr("torch._inductor.config.compile_threads", 1)
    monkeypatch.setattr("torch._inductor.config.cpp.simdlen", 1)
    words = [f"store={shared_store}", "trainer=cpu", "logger=csv", "size=32", "batch_size=32", "epochs=1"]
    words += ["model=fourier", "model.generator.width=8", "model.generator.depth=1", "model.discriminator.layers=2"]
    words += ["model.loss_weights.adversarial=1", "model.loss_weights.feature_matching=1", "learning_rate=1e-4"]
    curves = []
    for compiled in ("false", "true"):
        config = composed("train", [*words, f"runs={compiled}", f"trainer.compile={compiled}"])
        train.train(config)
        folder = Path(compiled) / run_name(config.plain())
        curves.append(read_metrics(folder / "metrics.csv"))
        assert not any("_orig_mod" in name for name in read_checkpoint(folder / "last.ckpt")["state_dict"])
    for name in curves[0][0]:
        assert curves[0][0][name] == pytest.approx(curves[1][0][name], rel=1e-3)


def test_a_run_begins_from_another(configured, capsys):
    """By its folder; what it knows stays, the name is another one, and the error goes on from there."""
    first, folder = configured("epochs=3")
    train.train(first)
    capsys.readouterr()
    config, second = configured(f"start={folder}", "epochs=1", "learning_rate=1e-9", "fold=1")
    train.train(config)
    printed = capsys.readouterr().out
    assert second != folder and "log_a, log_span are standardised as its networks know them" in printed
    assert "trained on the test crystals of fold=1" in printed and "those of fold=0" in printed
    there, here = (torch.load(run / "last.ckpt", weights_only=True) for run in (folder, second))
    assert here["config"]["data"]["standardisation"] == there["config"]["data"]["standardisation"]
    for name, value in there["state_dict"].items():
        torch.testing.assert_close(here["state_dict"][name], value, atol=1e-6, rtol=0)
    assert any(name.startswith("discriminator") for name in there["state_dict"])
    assert json.loads((second / "summary.json").read_text())["start"].startswith(f"{folder} (")
    with pytest.raises(UserError, match=r"of thickness=\[50\], and this run's of thickness=\[100\]"):
        configured(f"start={folder}", "thickness=100")
    with pytest.raises(UserError, match="start=gone: no such file"):
        configured("start=gone")


def test_compiled_networks_take_a_last_batch_of_another_size(configured, monkeypatch):
    """With a discriminator, whose judgement is taken backwards twice; the part of the compiler that refused that."""
    compiled = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda network: compiled(network, backend="aot_eager"))
    words = ["batch_size=7", "epochs=2", "model.discriminator.layers=2", "model.generator.bottleneck=8"]
    config, folder = configured(*words, "trainer.compile=true")
    train.train(config)
    rows = read_metrics(folder / "metrics.csv")
    assert len(rows) == 2 and all(row["train/loss_d_real"] > 0 for row in rows)


@pytest.mark.parametrize(
    "words",
    [
        ["accumulate=3", "gradient_clip=0.5"],
        ["discriminator.steps=2", "discriminator.delay=1", "discriminator.learning_rate=1e-4"],
        ["direction=inverse", "model.loss_weights.span=1", "accumulate=7", "schedule=linear", "ema=0.9"],
        ["thickness=all", "accumulate=2", "validation=fold", "gan_loss=log"],
        ["validation=none", "augment.point_group=true", "checkpoint_every=1", "deterministic=true"],
    ],
    ids=lambda words: words[0],
)
def test_batches_that_do_not_divide_the_pairs(configured, words):
    config, folder = configured("batch_size=7", "epochs=2", *words)
    train.train(config)
    rows = read_metrics(folder / "metrics.csv")
    assert [row["epoch"] for row in rows] == [0, 1]
    assert json.loads((folder / "summary.json").read_text())["epochs"] == 2
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["accumulate=5", "batch_size=4"], "accumulate=5 parts of batch_size=4 pairs"),
        (["discriminator.steps=0"], "discriminator.steps=0 is not a whole number from 1 to 100"),
        (["gradient_clip=0"], "gradient_clip=0 is not a positive number"),
        (["model.loss_weights.l1=0", "discriminator.delay=1"], "discriminator.delay needs model.loss_weights.l1 or l2"),
        (
            [
                "model.loss_weights={adversarial: 0, l2: 1, feature_matching: 0}",
                "discriminator.steps=2",
            ],
            "discriminator has no effect",
        ),
        (["trainer=ddp", "accumulate=2"], "are for one device"),
        (["validation=most"], "validation=most is not one of part, fold, none"),
    ],
)
def test_settings_that_do_not_go_together(words, line):
    with pytest.raises(UserError, match=line):
        composed("train", ["model=small", *words])
