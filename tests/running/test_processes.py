"""Two processes (DDP, gloo) train as one does on the batches of both together."""

import csv
import subprocess
import sys

import pytest
import torch

from lacbed_gan.commands import train
from lacbed_gan.running.curves import read_metrics

# The differences of rounding grow with each step of Adam, the faster the larger it is.
WORDS = ["epochs=1", "model=small", "learning_rate=1e-5", "schedule=linear", "ema=0.9"]
WORDS += ["augment.point_group=true", "validation=true"]

PROCESSES = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "runs=several"]


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="PyTorch without gloo")
def test_two_processes_train_as_one_does(configured, shared_store, tmp_path):
    config, alone = configured(*WORDS, "batch_size=2")
    train.train(config)
    words = [f"store={shared_store}", "experiment=smoke", *WORDS, "batch_size=1"]
    line = [sys.executable, "-m", "lacbed_gan.train", *words, *PROCESSES]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (together,) = (tmp_path / "several").iterdir()
    assert {path.name for path in together.iterdir()} == {path.name for path in alone.iterdir()}
    assert done.stdout.count("summary.json") == 1

    one, two = (read_metrics(folder / "metrics.csv") for folder in (alone, together))
    assert len(one) == len(two) == 1  # epoch of ten steps or more
    alone_in_each = {"train/share"}  # a ratio of norms, of the images of one process
    names = one[0].keys() - alone_in_each
    assert {name: two[0][name] for name in names} == pytest.approx({name: one[0][name] for name in names}, rel=1e-5)

    tables = []
    for folder in (alone, together):
        with (folder / "crystals.csv").open(newline="") as lines:
            tables.append({(row["split"], row["id"]): float(row["mse"]) for row in csv.DictReader(lines)})
    assert tables[0].keys() == tables[1].keys()
    assert all(tables[1][key] == pytest.approx(value, rel=1e-4) for key, value in tables[0].items())


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="PyTorch without gloo")
def test_a_sweep_of_runs_of_two_processes(shared_store, tmp_path):
    """Every run is made once, by both of its processes; one that fails does not stop the others."""
    words = [f"store={shared_store}", "experiment=smoke", "epochs=1", "batch_size=4", "learning_rate=1e30,1e-3"]
    line = [sys.executable, "-m", "lacbed_gan.train", "-m", *words, *PROCESSES]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2, done.stderr
    assert len(list((tmp_path / "several").glob("*/summary.json"))) == 1 == done.stdout.count("summary.json")
    assert sum(": training stopped in epoch 0" in line for line in done.stderr.splitlines()) >= 1
    assert "this run failed; the lines above say why" in done.stderr
