"""A command that has to refuse its input, run as `python -m` runs it, but in this process."""

import importlib
import os
import pickle
import sys

import pytest

from lacbed_gan.commands.command import run_command

SILENT = ["hydra/job_logging=none", "hydra/hydra_logging=none"]


def tree(folder):
    """Every file below a folder with what it holds, or its size where that is much; and every folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        small = path.is_file() and path.stat().st_size < 1 << 20
        found[path] = path.read_bytes() if small else path.stat().st_size if path.is_file() else None
    return found


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(monkeypatch, capfd):
    """run(command, words…) → (exit status, what it printed, what stands on stderr)."""

    def run(command, *words):
        module = importlib.import_module(f"lacbed_gan.commands.{command}")
        monkeypatch.setattr(sys, "argv", [command, *SILENT, *words])
        capfd.readouterr()
        status = 0
        try:
            run_command(command, module.check, getattr(module, command))
        except SystemExit as exit:
            status = exit.code
        return status, *capfd.readouterr()

    return run


@pytest.fixture
def refused(here, run):
    """refused(command, words…) → the one line with which it ends; nothing is left behind and no file is changed."""

    def refused(command, *words):
        before = tree(here)
        status, out, error = run(command, *words)
        assert status == 2
        assert error.startswith("error: ") and error.endswith("\n") and error[:-1].isprintable(), error
        assert "Traceback" not in out + error
        assert tree(here) == before
        return error

    return refused


class Trap:
    """An object whose pickle makes a file where it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)

    def assert_not_sprung(self):
        assert not self.path.exists()


@pytest.fixture
def trap(tmp_path_factory):
    """A `Trap`, which is known to work."""
    made = Trap(tmp_path_factory.mktemp("trap") / "sprung")
    pickle.loads(pickle.dumps(made))
    made.path.rmdir()
    return made
