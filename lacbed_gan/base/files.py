"""Files that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


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
