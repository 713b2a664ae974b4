"""Files that are whole or not there, and that one process at a time writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

try:
    import fcntl
except ImportError:  # Windows: nothing there keeps two processes from one file
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of path in one step once it is whole.

    Whoever is killed, or finds the disk full, leaves the old file as it was; what an error cuts short is removed.
    """
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a machine that goes down may have the new name and not the content
        os.replace(partial, path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and not error.filename:  # of a write: it names no file
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def write_atomically(path: Path, text: str) -> None:
    """Replace a text file in one step, as `replacing` does."""
    with replacing(path) as file:
        file.write(text.encode())


def lock(file: IO[bytes], wait: bool = False) -> bool | None:
    """Lock an open file until it is closed; False where another process has it, None where files have no locks.

    Args:
        wait: for the other process to close it.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # of a file system without locks
        return None
    return True
