"""Commands in processes of their own, forked from one that has imported what they need, which takes them seconds each.

For tests that kill, limit or end a process. That a command runs as ``python -m`` starts it, others test.
"""

import faulthandler
import multiprocessing
import os
import runpy
import signal
import sys
import time
from contextlib import suppress

if hasattr(os, "fork"):
    import resource

FORKS = multiprocessing.get_context("forkserver") if hasattr(os, "fork") else None
NEEDED = ["lightning", "matplotlib.figure", "lacbed_gan.running.training", "lacbed_gan.store.making"]
NEEDED += ["lacbed_gan.commands.train", "lacbed_gan.commands.simulate"]
LIMIT = 120  # seconds
if FORKS:
    FORKS.set_forkserver_preload(NEEDED)


def work(command, words, folder, environment, said, largest_file):
    """In the new process: what ``python -m lacbed_gan.COMMAND WORDS`` does in a folder."""
    os.setsid()
    for stream, path in ((1, said / "out"), (2, said / "err")):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, stream)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    faulthandler.enable()
    sys.argv = [command, *words]
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    runpy.run_module(f"lacbed_gan.{command}", run_name="__main__", alter_sys=True)


class Program:
    """A command at work; what it has printed so far in ``out`` and ``err``.

    No file that it writes grows larger than `largest_file` bytes, as on a disk that is full.
    """

    def __init__(self, said, command, words, folder, largest_file=None):
        said.mkdir()
        self.said = said
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        arguments = (command, [str(word) for word in words], str(folder), environment, said, largest_file)
        self.process = FORKS.Process(target=work, args=arguments)
        self.process.start()

    @property
    def pid(self):
        return self.process.pid

    @property
    def ended(self):
        return self.process.exitcode is not None

    @property
    def out(self):
        return (self.said / "out").read_text()

    @property
    def err(self):
        return (self.said / "err").read_text()

    def until(self, reached, pause=0.001):
        """Waits for a moment of the work; it must not end before."""
        assert self.comes_to(reached, pause), f"ended with {self.process.exitcode} before\n{self.err}"

    def comes_to(self, reached, pause=0.001):
        """Waits for a moment of the work or its end; whether the moment was seen."""
        give_up = time.monotonic() + LIMIT
        while not reached():
            if self.ended:
                return False
            if time.monotonic() > give_up:
                self.kill(signal.SIGABRT)  # which has it say where it hangs
                raise AssertionError(f"still at work after {LIMIT} s\n{self.err}")
            time.sleep(pause)
        return True

    def end(self, seconds=LIMIT):
        """Its exit status, which is negative where a signal has ended it."""
        self.process.join(seconds)
        assert self.ended, self.err
        return self.process.exitcode

    def kill(self, by=signal.SIGKILL):
        """By a signal, with all that it has started."""
        for kill in (os.killpg, os.kill):  # at first it has no group of its own
            with suppress(ProcessLookupError):
                kill(self.pid, by)
        return self.end()
