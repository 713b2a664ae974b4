"""Each of the runs that are made side by side has a GPU of its own."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from hydra_plugins.hydra_joblib_launcher import _core as joblib_launcher

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands.command import run_command
from lacbed_gan.commands.config import composed
from lacbed_gan.running.devices import claimed_gpu, own_gpu

HOLD = """import sys, time
from pathlib import Path
from lacbed_gan.running.devices import claimed_gpu
with claimed_gpu(["a", "b"], Path(sys.argv[1])) as gpu:
    print(gpu, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def two_gpus(tmp_path, monkeypatch):
    """Two GPUs."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=f"uuid-{number}"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def held(names, folder, seconds):
    """(GPU, begin, end) of a job."""
    with claimed_gpu(names, folder) as gpu:
        begin = time.monotonic()
        time.sleep(seconds)
        return gpu, begin, time.monotonic()


def test_the_first_free_gpu_and_then_the_least_shared(tmp_path):
    with ExitStack() as first, ExitStack() as second:
        assert [first.enter_context(claimed_gpu("abc", tmp_path / "locks")) for _ in "abc"] == [0, 1, 2]
        assert [second.enter_context(claimed_gpu("abc", tmp_path / "locks")) for _ in range(4)] == [0, 1, 2, 0]
        first.close()
        with claimed_gpu("abc", tmp_path / "locks") as gpu:
            assert gpu == 0


def test_uneven_jobs_never_share_a_gpu(tmp_path):
    seconds = [0.3, 0.01, 0.01, 0.1, 0.01, 0.05, 0.1, 0.01]
    with ThreadPoolExecutor(2) as pool:  # their locks are as far apart as those of processes
        done = list(pool.map(lambda one: held(["a", "b"], tmp_path, one), seconds))
    assert {gpu for gpu, _, _ in done} == {0, 1}
    for number in (0, 1):
        times = sorted((begin, end) for gpu, begin, end in done if gpu == number)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(times))


def test_a_killed_job_leaves_its_gpu(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "0\n"
        with claimed_gpu(["a", "b"], tmp_path) as gpu:
            assert gpu == 1
        process.send_signal(signal.SIGKILL)
        process.wait()
        with claimed_gpu(["a", "b"], tmp_path) as gpu:
            assert gpu == 0


def test_runs_side_by_side_have_a_gpu_each(two_gpus):
    machine = composed("train", []).trainer.model_dump()
    with own_gpu(machine, side_by_side=True) as one, own_gpu(machine, side_by_side=True) as other:
        assert (one["devices"], other["devices"], machine["devices"]) == ([0], [1], 1)
        assert one == machine | {"devices": [0]}


@pytest.mark.parametrize(("words", "side_by_side"), [(["trainer=cpu"], True), ([], False), (["trainer=ddp"], False)])
def test_otherwise_the_settings_say(two_gpus, words, side_by_side):
    machine = composed("train", words).trainer.model_dump()
    with own_gpu(machine, side_by_side) as same:
        assert same is machine


def test_several_gpus_for_each_of_them_are_refused(two_gpus):
    line = r"trainer.devices=auto, but with hydra/launcher=joblib each run has one GPU"
    machine = composed("train", ["trainer=ddp"]).trainer.model_dump()
    with pytest.raises(SettingsError, match=line), own_gpu(machine, side_by_side=True):
        pass


@pytest.mark.parametrize(("gpus", "words", "n_jobs"), [(3, [], 3), (0, [], -1), (3, ["trainer=cpu"], -1)])
def test_as_many_jobs_side_by_side_as_gpus(tmp_path, monkeypatch, gpus, words, n_jobs):
    """Without GPUs one a core (joblib's −1); what the line says goes first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    asked = []

    def parallel(**settings):
        asked.append((settings["n_jobs"], settings["batch_size"]))
        return lambda calls: []

    monkeypatch.setattr(joblib_launcher, "Parallel", parallel)
    silent = ["hydra/job_logging=none", "hydra/hydra_logging=none"]
    line = ["train", "-m", "hydra/launcher=joblib", "fold=0,1", *words, *silent]
    for own in ([], ["hydra.launcher.n_jobs=5"]):
        monkeypatch.setattr(sys, "argv", [*line, *own])
        run_command("train", lambda config: None, lambda config: None)
    assert asked == [(n_jobs, 1), (5, 1)]
