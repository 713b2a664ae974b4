"""Runs that go on with more epochs, or end before their time; checkpoints that are kept; what is deterministic."""

import json
import os
import shutil
import signal

import pytest
import torch
from lightning import Callback

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands import train
from lacbed_gan.models.schedules import cosine, restate, scheduled
from lacbed_gan.running import training
from lacbed_gan.running.curves import read_metrics
from lacbed_gan.running.folder import run_group
from lacbed_gan.running.resume import Standing, length

WORDS = ["model=small", "schedule=constant", "ema=0.9", "augment.point_group=true", "batch_size=4"]


def plain(value):
    """As lists and plain values, but for what tells how often and where a run was begun."""
    if isinstance(value, torch.Tensor):
        return [str(value.dtype), value.tolist()]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in ("callbacks", "loops")}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def results(folder):
    summary = json.loads((folder / "summary.json").read_text())
    del summary["seconds"]
    checkpoints = [plain(torch.load(folder / f"{name}.ckpt", weights_only=True)) for name in ("best", "last")]
    for checkpoint in checkpoints:
        checkpoint["config"]["settings"].pop("epochs")  # the best one may be from before
    return summary, checkpoints, [(folder / name).read_text() for name in ("metrics.csv", "crystals.csv")]


class Signal(Callback):
    """Sends this process a signal in the middle of an epoch."""

    def __init__(self, number, epoch):
        self.number, self.epoch = number, epoch

    def on_train_batch_start(self, trainer, module, batch, number):
        if (trainer.current_epoch, number) == (self.epoch, 1):
            os.kill(os.getpid(), self.number)


@pytest.fixture
def disturbed(monkeypatch):
    """disturbed(callback): the next run has it."""

    def disturb(callback):
        made = training.L.Trainer

        def trainer(callbacks, **arguments):
            monkeypatch.setattr(training.L, "Trainer", made)
            return made(callbacks=[*callbacks, callback], **arguments)

        monkeypatch.setattr(training.L, "Trainer", trainer)

    return disturb


def test_more_epochs_equal_as_many_at_once(configured, disturbed, capsys):
    """Bit for bit: of a run that was killed, and then of the one that it became, finished."""
    at_once, folder = configured(*WORDS, "epochs=5")
    train.train(at_once)
    expected = results(folder)
    shutil.rmtree(folder)
    short, same = configured(*WORDS, "epochs=3")
    assert same == folder and run_group(short.plain()) != run_group(at_once.plain())
    disturbed(Signal(signal.SIGTERM, 1))
    with pytest.raises(SystemExit):
        train.train(short)
    train.train(configured(*WORDS, "epochs=4")[0])
    printed = capsys.readouterr().out
    assert "it goes on after epoch 0" in printed and "begun with epochs=3 and goes on to 4\n" in printed
    assert train.train(at_once) == expected[0]["validation/mse"]
    assert results(folder) == expected
    assert json.loads((folder / "summary-4.json").read_text())["epochs"] == 4
    train.train(short)
    assert "finished after 5 epochs; delete" in capsys.readouterr().out
    assert results(folder) == expected


def test_what_there_is_nothing_to_go_on_from(configured):
    config, folder = configured("epochs=1")
    train.train(config)
    (folder / "last.ckpt").unlink()
    with pytest.raises(SettingsError, match=r"finished after 1 epochs, but last.ckpt, .* epochs=2, is gone"):
        train.train(configured("epochs=2")[0])
    assert (folder / "summary.json").exists()


def test_a_schedule_that_depends_on_the_length_follows_the_new_one(configured, capsys):
    words = ["model=small", "schedule=cosine", "batch_size=4"]
    train.train(configured(*words, "epochs=2")[0])
    config, folder = configured(*words, "epochs=4")
    train.train(config)
    assert "the learning rate follows schedule=cosine over all 4 epochs, from 52 % of its highest value on" in (
        capsys.readouterr().out
    )
    rates = [row["train/learning_rate"] for row in read_metrics(folder / "metrics.csv")]
    assert len(rates) == 4 and rates[2] == pytest.approx(1e-3 * cosine(0.5), rel=0.1) and rates[3] < rates[2]


def test_a_schedule_is_restated_as_it_would_be_anyway():
    """A checkpoint of as many steps has the very number."""
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], 1e-3)
    schedule = scheduled(optimizer, "cosine", 10)
    for _ in range(4):
        optimizer.step()
        schedule.step()
    before = optimizer.param_groups[0]["lr"]
    restate(schedule)
    assert optimizer.param_groups[0]["lr"] == before


def test_how_long_a_run_goes_on():
    assert length(None, 5, "cosine", None) == (5, "")
    assert length(Standing(2, 5, 0), 5, "cosine", None) == (5, "")
    epochs, line = length(Standing(4, 5, 0), 3, "constant", None)
    assert epochs == 4 and "4 epochs behind it already, more than epochs=3" in line
    assert length(Standing(4, 5, 3), 5, "constant", 3) == (4, "")  # stopped early


def test_training_ends_when_it_gets_no_better(configured, capsys):
    words = ["epochs=9", "learning_rate=1e-30", "early_stopping=2", "batch_size=8"]
    config, folder = configured(*words)
    train.train(config)
    summary = json.loads((folder / "summary.json").read_text())
    rows = read_metrics(folder / "metrics.csv")
    errors = [row["validation/mse"] for row in rows]
    assert summary["stopped_early"] and summary["epochs"] == len(rows) == 3
    assert len(rows) == errors.index(min(errors)) + 1 + 2 == summary["best/epoch"] + 2
    for more in (words, [*words[1:], "epochs=20"]):
        train.train(configured(*more)[0])
        assert "finished early, because it did not get better" in capsys.readouterr().out
    (folder / "summary.json").unlink()
    train.train(config)  # measured, not trained
    assert json.loads((folder / "summary.json").read_text())["epochs"] == len(read_metrics(folder / "metrics.csv"))
    with pytest.raises(SettingsError, match="early_stopping goes by the validation part"):
        configured(*words, "validation=none")


def test_checkpoints_that_are_kept_are_starts(configured):
    config, folder = configured("epochs=5", "checkpoint_every=2")
    assert folder == configured("epochs=5")[1]  # it changes no result
    train.train(config)
    assert {path.name for path in folder.glob("*.ckpt")} == {"best.ckpt", "last.ckpt", "epoch-2.ckpt", "epoch-4.ckpt"}
    assert Standing.of(folder / "epoch-4.ckpt").epochs == 4
    configured(f"start={folder / 'epoch-2.ckpt'}")


class Choices(Callback):
    def on_train_start(self, trainer, module):
        self.deterministic = torch.are_deterministic_algorithms_enabled()


def test_deterministic_training(configured, disturbed):
    """On a CPU nothing changes; an operation that has no such form on a GPU is named."""
    choices = Choices()
    for word, expected in (("deterministic=true", True), ("deterministic=false", False)):
        config, folder = configured(word, "epochs=1")
        disturbed(choices)
        train.train(config)
        assert choices.deterministic == expected
        shutil.rmtree(folder)

    class Refuses(Callback):
        def on_train_start(self, trainer, module):
            raise RuntimeError("reflection_pad2d_backward_cuda does not have a deterministic implementation, but you …")

    config, _ = configured("deterministic=true", "epochs=1")
    disturbed(Refuses())
    with pytest.raises(SettingsError, match="deterministic=true: reflection_pad2d_backward_cuda has no deterministic"):
        train.train(config)
    torch.use_deterministic_algorithms(False)


def test_control_c_says_what_sigterm_says(configured, disturbed, capsys):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background was told to ignore it
    config, folder = configured("epochs=3", "batch_size=4")
    disturbed(Signal(signal.SIGINT, 1))
    with pytest.raises(SystemExit) as stopped:
        train.train(config)
    assert stopped.value.code == 128 + signal.SIGINT
    assert f"{folder}: stopped by SIGINT; the same line goes on\n" in capsys.readouterr().err.replace(
        "runs/", f"{folder.parent}/"
    )
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    train.train(config)
    assert "it goes on after epoch 0" in capsys.readouterr().out
