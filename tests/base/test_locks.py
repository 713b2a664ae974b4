"""Locks between processes."""

import errno
import subprocess
import sys

import filelock._unix
import pytest

from lacbed_gan.base.locks import Occupied, exclusive

HOLDER = """
import sys
from pathlib import Path
from lacbed_gan.base.locks import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "a.lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_one_process_at_a_time_and_a_killed_one_lets_go(tmp_path, holder):
    with pytest.raises(Occupied), exclusive(tmp_path / "a.lock"):
        pass
    holder.kill()
    holder.wait()
    with exclusive(tmp_path / "a.lock"), pytest.raises(Occupied), exclusive(tmp_path / "a.lock"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_where_files_have_no_locks_the_file_is_the_lock(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock._unix.fcntl, "flock", unsupported)
    with exclusive(tmp_path / "a.lock"), pytest.raises(Occupied), exclusive(tmp_path / "a.lock"):
        pass
    with exclusive(tmp_path / "a.lock"):
        pass
