"""Locks between processes, which end with the process however that ends."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

AGAIN = 0.2  # seconds in which a file that its owner is about to remove is gone
WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP)  # of file systems, such as some networks'


class Occupied(Exception):
    """Another process holds the lock."""


@contextmanager
def exclusive(path: Path, wait: bool = False, note: str = "") -> Iterator[None]:
    """Hold the lock that a file stands for, and remove the file; the lock ends with the process, too.

    Where the file system has no locks, the file itself is the lock, and what a killed process left of it is taken over
    on the same machine.

    Args:
        path: of the file, in a folder that there is.
        wait: for another process to let go of it.
        note: for others to read in the file; without locks of the file system it has process and machine instead.

    Raises:
        Occupied: another process holds it, and not `wait`.
        OSError: the file cannot be made.
    """
    timeout = -1 if wait else AGAIN
    lock: BaseFileLock = FileLock(path, timeout=timeout)
    try:
        try:
            lock.acquire()
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
            if path.stat().st_size == 0:  # made by this attempt; that of a process at work holds its number
                path.unlink(missing_ok=True)
            lock, note = SoftFileLock(path, timeout=timeout), ""
            lock.acquire()
    except Timeout:
        raise Occupied(str(path)) from None
    try:
        if note:
            path.write_text(note, encoding="utf-8")
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file
            path.unlink()
        lock.release()
