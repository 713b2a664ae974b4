"""How crystals are given to worker processes and to a GPU, and in which order their pairs come back."""

import subprocess
import sys
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lacbed_gan.crystal import CrystalError
from lacbed_gan.crystal.structures import structures
from lacbed_gan.diffraction import patterns
from lacbed_gan.diffraction import together as grouping
from lacbed_gan.store import making as pairs
from lacbed_gan.store.recipe import Recipe

RECIPE = Recipe(8, (50.0,), g_max=1.2, rho_g_max=2.0)
LIST = [SimpleNamespace(name=name) for name in "abcdefgh"]


def test_processes_give_what_one_gives_in_the_same_order():
    crystals = list(structures("prototypes", 5))
    one, two = (list(pairs.compute_pairs(crystals, {crystals[1].name}, "cpu", workers, RECIPE)) for workers in (1, 2))
    assert [crystal.name for crystal, _ in two] == [crystals[i].name for i in (0, 2, 3, 4)]
    for (_, expected), (_, found) in zip(one, two, strict=True):
        assert found.intensity.tobytes() == expected.intensity.tobytes()
        assert found.potential.tobytes() == expected.potential.tobytes()
        assert (found.error_rms, found.error_max) == (expected.error_rms, expected.error_max)


def test_one_thread_for_a_crystal_without_processes_too(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(pairs, "compute", lambda crystals, **settings: [torch.get_num_threads()])
    try:
        torch.set_num_threads(2)
        assert [threads for _, threads in pairs.compute_pairs(LIST, (), "cpu", 1, RECIPE)] == [1] * len(LIST)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


class Pool:
    """Stands for the processes: a job is done when its result is asked for."""

    def __init__(self, *arguments):
        self.open = self.most = 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def submit(self, job, item):
        self.open += 1
        self.most = max(self.most, self.open)

        def result():
            self.open -= 1
            return job(item)

        return SimpleNamespace(result=result, cancel=lambda: None)


def test_no_more_is_begun_than_a_few_crystals_for_each_process(monkeypatch):
    pool = Pool()
    monkeypatch.setattr(pairs, "ProcessPoolExecutor", lambda *arguments: pool)
    taken = pairs._in_processes(lambda item: item, [[i] for i in range(100)], 3)
    assert list(islice(taken, 50)) == [[i] for i in range(50)]
    assert pool.most == 3 * pairs.AHEAD
    assert list(taken) == [[i] for i in range(50, 100)]


def test_a_killed_process_is_one_line(monkeypatch):
    class Broken(Pool):
        def submit(self, job, item):
            future = Future()
            future.set_exception(BrokenProcessPool())
            return future

    monkeypatch.setattr(pairs, "ProcessPoolExecutor", Broken)
    with pytest.raises(OSError, match=r"a worker process was killed.*the same line goes on"):
        list(pairs._in_processes(len, LIST, 2))


@pytest.mark.parametrize(
    ("done", "together", "given"),
    [
        ("", ["abc", "def", "gh"], "abcdefgh"),
        ("ab", ["abc", "def", "gh"], "cdefgh"),  # a part of what was computed together is on disk
        ("abc", ["def", "gh"], "defgh"),
        ("acd", ["b", "def", "gh"], "befgh"),  # b failed: tried again, alone
        ("abcdefgh", [], ""),
    ],
)
def test_a_gpu_gets_the_same_crystals_together_whatever_is_done(monkeypatch, done, together, given):
    calls = []

    def compute(crystals, **settings):
        calls.append("".join(crystal.name for crystal in crystals))
        return [crystal.name for crystal in crystals]

    monkeypatch.setattr(pairs, "compute", compute)
    monkeypatch.setitem(grouping.AT_ONCE, "cuda", 3)
    found = list(pairs.compute_pairs(LIST, set(done), "cuda", 1, RECIPE))
    assert calls == together
    assert [(crystal.name, pair) for crystal, pair in found] == [(name, name) for name in given]


def test_a_crystal_that_fails_gives_its_reason_and_the_others_their_images(monkeypatch):
    compute_patterns = patterns.compute_patterns

    def second_fails(crystals, *arguments, **settings):
        found = compute_patterns(crystals, *arguments, **settings)
        return [found[0], ValueError("too many beams"), *found[2:]]

    monkeypatch.setattr(patterns, "compute_patterns", second_fails)
    crystals = list(structures("prototypes", 3))
    first, second, third = pairs.compute(crystals, RECIPE)
    assert isinstance(second, CrystalError) and str(second) == f"{crystals[1].name}: too many beams"
    assert first.potential.shape == third.potential.shape == (8, 8)


def test_cores_that_may_be_used(monkeypatch):
    monkeypatch.setattr(pairs.os, "sched_getaffinity", lambda process: {3, 5}, raising=False)
    assert pairs.usable_cores() == 2
    monkeypatch.delattr(pairs.os, "sched_getaffinity")
    monkeypatch.setattr(pairs.os, "cpu_count", lambda: 7)
    assert pairs.usable_cores() == 7


POOL = """
import os, signal, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from lacbed_gan.store.making import start_worker
if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), start_worker) as pool:
        worker = pool.submit(os.getpid).result()
        os.kill(worker, signal.SIGUSR2)  # what a cluster sends before the time limit
        time.sleep(0.2)
        assert pool.submit(os.getpid).result() == worker
        print(worker, flush=True)
        time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for the process in /proc")
def test_workers_end_when_the_command_is_killed(tmp_path):
    (tmp_path / "pool.py").write_text(POOL)
    command = subprocess.Popen([sys.executable, tmp_path / "pool.py"], stdout=subprocess.PIPE)
    worker = int(command.stdout.readline())

    def runs():
        stat = Path(f"/proc/{worker}/stat")
        return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"

    assert runs()
    command.kill()
    command.wait()
    for _ in range(100):
        if not runs():
            return
        time.sleep(0.1)
    raise AssertionError("the worker outlived the command")
