"""Who may work in the folder of a run."""

import errno
import fcntl
import os
import platform
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.running.folder import claimed

HOLD = """import sys, time
from pathlib import Path
from lacbed_gan.running.folder import claimed
with claimed(Path(sys.argv[1])):
    time.sleep(60)
"""
LIMIT = 60  # seconds


@contextmanager
def holding(folder, program=HOLD):
    """A process that has claimed the folder of a run, until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", program, str(folder)])
    give_up = time.monotonic() + LIMIT
    lock = folder / "running.lock"
    while not (lock.exists() and lock.read_text()):
        assert process.poll() is None and time.monotonic() < give_up
        time.sleep(0.05)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def other(tmp_path):
    with holding(tmp_path / "run") as process:
        yield process


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
    """Between opening and locking the file its owner ends and removes it."""
    path = tmp_path / "running.lock"
    flock, descriptors = fcntl.flock, []

    def late(descriptor, operation):
        if not descriptors:
            path.unlink()
        descriptors.append(os.fstat(descriptor).st_ino)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with claimed(tmp_path):
        assert path.stat().st_ino == descriptors[-1] and len(descriptors) > 1


WITHOUT_LOCKS = """import errno, fcntl
def unsupported(*_):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = unsupported
"""


def test_file_systems_without_locks_go_by_the_process_number(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with holding(tmp_path / "run", WITHOUT_LOCKS + HOLD) as other:
        with pytest.raises(SettingsError, match=f"process {other.pid} is at work"), claimed(tmp_path / "run"):
            pass
    with claimed(tmp_path / "run"):
        pass
