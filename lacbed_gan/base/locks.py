"""Locks between processes, which end with the process however that ends."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP)  # of file systems, such as some networks'


class Occupied(Exception):
    """Another process holds the lock."""


def acquire(path: Path, wait: bool = False) -> BaseFileLock:
    """The lock that this file stands for, held until its `release`, or until the process ends.

    Where the file system has no locks, the file itself is the lock, and what a killed process left of it is taken over
    on the same machine.

    Args:
        path: the file is made, and left empty.
        wait: for another process to let go of it.

    Raises:
        Occupied: another process holds it, and not `wait`.
        OSError: the file cannot be made.
    """
    for kind in (FileLock, SoftFileLock):
        lock = kind(path, timeout=-1 if wait else 0)
        try:
            lock.acquire()
            return lock
        except Timeout:
            raise Occupied(str(path)) from None
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS or kind is SoftFileLock:
                raise
            if path.stat().st_size == 0:  # made by this attempt; that of a process at work holds its number
                path.unlink(missing_ok=True)
    raise AssertionError("unreachable")


@contextmanager
def exclusive(path: Path, wait: bool = False) -> Iterator[None]:
    """Hold the lock that this file stands for, and remove the file; arguments and errors as for `acquire`."""
    lock = acquire(path, wait)
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file
            path.unlink()
        lock.release()
