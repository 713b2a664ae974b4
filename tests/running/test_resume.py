"""A run that was stopped, however it was, goes on to the very numbers of one that nobody disturbed."""

import json
import os
import random
import shutil
import signal
import time

import pytest
import torch
from lightning import Callback

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands import train
from lacbed_gan.running import training
from lacbed_gan.running.curves import read_metrics

CGAN = ["model=small", "schedule=linear", "ema=0.9", "augment.point_group=true"]
SQUARES = "{adversarial: 0, feature_matching: 0, l2: 1}"
KINDS = {
    "cgan": CGAN,
    "regression": [
        "model.loss_weights={adversarial: 0, feature_matching: 0, l2: 1}",
        "schedule=cosine",
        "validation=true",
    ],
    "inverse": ["model=small", "direction=inverse", "model.loss_weights.span=1", "schedule=constant", "ema=0"],
}
EPOCHS, BATCHES = 3, 6
WORDS = [f"epochs={EPOCHS}", "batch_size=4"]


def plain(value):
    """Tensors of a checkpoint as lists, so that == compares every bit but that of NaN; without times and places."""
    if isinstance(value, torch.Tensor):
        return [str(value.dtype), value.tolist()]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in ("callbacks", "dirpath", "best_model_path")}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def results(folder):
    """All that a finished run has computed."""
    summary = json.loads((folder / "summary.json").read_text())
    del summary["seconds"]
    checkpoint = plain(torch.load(folder / "last.ckpt", weights_only=True))
    checkpoint.pop("loops")  # how often Lightning was started is in them
    tables = [(folder / name).read_text() for name in ("metrics.csv", "crystals.csv")]
    return {"summary": summary, "tables": tables, "random": torch.get_rng_state().tolist(), **checkpoint}


FOUND = {}  # of undisturbed runs, by their words


@pytest.fixture
def undisturbed(configured):
    """undisturbed(words) → configuration, folder, and the results of a run from end to end; the folder is gone."""

    def run(words):
        config, folder = configured(*WORDS, *words)
        if str(words) not in FOUND:
            train.train(config)
            FOUND[str(words)] = found = results(folder)
            assert found["optimizer_states"] and len(read_metrics(folder / "metrics.csv")) == EPOCHS
            shutil.rmtree(folder)
        return config, folder, FOUND[str(words)]

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_a_random_step(undisturbed, program, shared_store, tmp_path, kind):
    config, folder, expected = undisturbed(KINDS[kind])
    words = [f"store={shared_store}", "experiment=smoke", "trainer=cpu", *WORDS, *KINDS[kind]]
    killed = program("train", words, tmp_path)
    killed.until((folder / "last.ckpt").exists)
    time.sleep(random.Random(kind).uniform(0, 0.3))
    assert killed.kill() == -signal.SIGKILL
    assert not (folder / "summary.json").exists()
    train.train(config)
    assert results(folder) == expected


class Terminate(Callback):
    """Sends this process SIGTERM at one moment of one epoch."""

    def __init__(self, hook, epoch, batch):
        setattr(self, hook, lambda trainer, *rest: trainer.current_epoch == epoch and self.at(rest, batch))

    def at(self, rest, batch):
        if batch is None or (len(rest) > 1 and batch in rest[1:]):
            os.kill(os.getpid(), signal.SIGTERM)


# hook, epoch and batch at which SIGTERM comes, and the last whole epoch
MOMENTS = {
    "first batch": ("on_train_batch_start", 0, 0, None),
    "later": ("on_train_batch_end", 1, 3, 0),
    "last batch": ("on_train_batch_start", 1, BATCHES - 1, 0),
    "while measuring": ("on_validation_start", 1, None, 0),
    "between epochs": ("on_train_epoch_end", 1, None, 1),
}


@pytest.mark.parametrize(
    ("kind", "moment"), [*(("cgan", moment) for moment in MOMENTS), ("regression", "later"), ("inverse", "last batch")]
)
def test_sigterm_keeps_every_whole_epoch(undisturbed, monkeypatch, capsys, kind, moment):
    config, folder, expected = undisturbed(KINDS[kind])
    hook, epoch, batch, whole = MOMENTS[moment]
    trained = training.L.Trainer

    def terminated(callbacks, **arguments):
        return trained(callbacks=[*callbacks, Terminate(hook, epoch, batch)], **arguments)

    monkeypatch.setattr(training.L, "Trainer", terminated)
    with pytest.raises(SystemExit) as stopped:
        train.train(config)
    monkeypatch.setattr(training.L, "Trainer", trained)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM; the same line goes on" in capsys.readouterr().err
    assert not (folder / "running.lock").exists() and not (folder / "summary.json").exists()
    assert (folder / "last.ckpt").exists() == (whole is not None)
    train.train(config)
    printed = capsys.readouterr().out
    assert f"it goes on after epoch {whole}" in printed or (whole is None and "goes on" not in printed)
    assert results(folder) == expected


def test_a_program_ends_soon_after_sigterm(configured, program, shared_store, tmp_path):
    _, folder = configured("epochs=1000", "batch_size=4")
    words = [f"store={shared_store}", "experiment=smoke", "trainer=cpu", "epochs=1000", "batch_size=4"]
    process = program("train", words, tmp_path)
    process.until((folder / "last.ckpt").exists)
    told = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    assert process.end() == 143
    assert time.monotonic() - told < 10
    assert "stopped by SIGTERM" in process.err and "Traceback" not in process.err
    assert {path.name for path in folder.glob("*.ckpt")} >= {"last.ckpt"}
    assert not list(folder.glob("*.part")) and not (folder / "running.lock").exists()


def test_what_was_cut_short_is_left_out_and_said(undisturbed, capsys):
    """A full disk, or a kill, while a checkpoint was being written: the one before is whole."""
    config, folder, expected = undisturbed(KINDS["regression"])
    train.train(config)
    whole = (folder / "last.ckpt").read_bytes()
    (folder / "summary.json").unlink()
    (folder / "last.ckpt.part").write_bytes(whole[: len(whole) // 2])
    train.train(config)
    assert f"{folder.name}: last.ckpt.part was cut short and is left out, it goes on after epoch 2" in (
        capsys.readouterr().out
    )
    assert results(folder)["state_dict"] == expected["state_dict"]
    assert not (folder / "last.ckpt.part").exists()


def test_a_damaged_checkpoint_is_named(configured):
    config, folder = configured(*WORDS)
    folder.mkdir(parents=True)
    (folder / "last.ckpt").write_bytes(b"PK\x03\x04 half of a checkpoint")
    line = "last.ckpt: not a checkpoint, or cut short .*; put a copy of it back, or delete it"
    with pytest.raises(SettingsError, match=line):
        train.train(config)
    assert {path.name for path in folder.iterdir()} == {"last.ckpt"}


def test_other_data_stops_and_can_be_allowed(configured, capsys):
    config, folder = configured("epochs=1")
    train.train(config)
    (folder / "summary.json").unlink()
    checkpoint = torch.load(folder / "last.ckpt", weights_only=True)
    checkpoint["config"]["data"]["checksum"] = "other"
    torch.save(checkpoint, folder / "last.ckpt")
    with pytest.raises(
        SettingsError, match=r"trained on other data than the store holds now; .*allow_data_change=true"
    ):
        train.train(config)
    assert not (folder / "summary.json").exists()
    allowed, same = configured("epochs=1", "allow_data_change=true")
    assert same == folder
    train.train(allowed)
    assert "last.ckpt was trained on other data than the store holds now" in capsys.readouterr().out
    assert (folder / "summary.json").exists()


def test_the_same_line_gives_the_same_numbers(undisturbed):
    """Bit for bit, on a CPU."""
    config, folder, expected = undisturbed(KINDS["cgan"])
    train.train(config)
    assert results(folder) == expected
