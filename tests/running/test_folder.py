"""Who may work in the folder of a run."""

import errno
import os
import platform
import signal
import subprocess
import sys
import time

import pytest

from lacbed_gan.base import files
from lacbed_gan.base.errors import SettingsError
from lacbed_gan.running import folder as runs
from lacbed_gan.running.folder import claimed

HOLD = """import sys, time
from pathlib import Path
from lacbed_gan.running.folder import claimed
with claimed(Path(sys.argv[1])):
    time.sleep(60)
"""
LIMIT = 60  # seconds


@pytest.fixture
def other(tmp_path):
    """A process that has claimed the folder of a run."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")])
    give_up = time.monotonic() + LIMIT
    lock = tmp_path / "run" / "running.lock"
    while not (lock.exists() and lock.read_text()):
        assert process.poll() is None and time.monotonic() < give_up
        time.sleep(0.05)
    yield process
    process.kill()
    process.wait()


def test_a_folder_is_made_and_claimed_and_free_again(tmp_path):
    folder = tmp_path / "runs" / "run"
    for _ in range(2):
        with claimed(folder):
            assert (folder / "running.lock").read_text() == f"{os.getpid()} {platform.node()}\n"
        assert list(folder.iterdir()) == []
    with pytest.raises(ZeroDivisionError), claimed(folder):
        _ = 1 / 0
    assert list(folder.iterdir()) == []


def test_a_living_process_keeps_its_folder_and_a_killed_one_does_not(tmp_path, other):
    folder = tmp_path / "run"
    line = f"^{folder}: process {other.pid} is at work on this run$"
    for _ in range(2):
        with pytest.raises(SettingsError, match=line), claimed(folder):
            pass
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (folder / "running.lock").exists()
    with claimed(folder):
        assert (folder / "running.lock").read_text().startswith(f"{os.getpid()} ")


def test_another_machine_is_asked_about(tmp_path):
    (tmp_path / "running.lock").write_text("123 node-7\n")
    line = f"process 123 on node-7 is at work on this run; if it no longer is, delete {tmp_path}/running.lock"
    with pytest.raises(SettingsError, match=line), claimed(tmp_path):
        pass
    assert (tmp_path / "running.lock").read_text() == "123 node-7\n"


def test_a_requeued_job_goes_on_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "running.lock").write_text("123 node-7 4711\n")
    monkeypatch.setenv("SLURM_JOB_ID", "4712")
    with pytest.raises(SettingsError, match="process 123 on node-7"), claimed(tmp_path):
        pass
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    with claimed(tmp_path):
        assert (tmp_path / "running.lock").read_text().split()[::2] == [str(os.getpid()), "4711"]
    assert not (tmp_path / "running.lock").exists()


def test_a_lock_that_its_owner_removes_meanwhile_is_not_the_lock(tmp_path, monkeypatch):
    """Between opening and locking the file its owner ends, and a third process claims the folder."""
    path = tmp_path / "running.lock"
    lock, opened = runs._lock, []

    def late(file, pid):
        opened.append(os.fstat(file.fileno()).st_ino)
        if len(opened) == 1:
            path.rename(tmp_path / "gone")
        return lock(file, pid)

    monkeypatch.setattr(runs, "_lock", late)
    with claimed(tmp_path):
        assert len(set(opened)) == 2
        assert path.stat().st_ino == opened[1]


def test_file_systems_without_locks_go_by_the_process_number(tmp_path, other, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", unsupported)
    with pytest.raises(SettingsError, match=f"process {other.pid} is at work"), claimed(tmp_path / "run"):
        pass
    other.kill()
    other.wait()
    with claimed(tmp_path / "run"):
        pass
