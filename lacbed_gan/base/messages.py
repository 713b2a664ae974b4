"""Errors, and what files say, as the one line that a user reads."""

from __future__ import annotations

import errno
import re

# What to do about errors of the operating system.
ROOM = "make room, and the same line goes on"
PLACE = "name one that you may write to, or files that you may read"
REMEDIES = {errno.ENOSPC: ROOM, errno.EDQUOT: ROOM, errno.EACCES: PLACE, errno.EPERM: PLACE, errno.EROFS: PLACE}


def one_line(text: str) -> str:
    """Lines joined with semicolons, without Hydra's advice."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and "HYDRA_FULL_ERROR" not in line]
    return re.sub(r"[.;]; ", "; ", "; ".join(lines)).replace(":;", ":")


def error_line(error: Exception) -> str:
    """An error's message in one line; of the operating system's errors file, reason and remedy."""
    if not isinstance(error, OSError) or not error.strerror or not error.filename:
        return one_line(str(error))
    remedy = REMEDIES.get(error.errno or 0)
    return f"{error.filename}: {error.strerror}{f'; {remedy}' if remedy else ''}"


def printable(text: object, most: int = 160) -> str:
    """Text from a file, or an error about one, as one line of at most `most` characters.

    Control characters, which move the cursor or colour a terminal, become spaces.

    >>> printable("Fe\\n\\x1b[31m  3+"), printable("a" * 9, 5)
    ('Fe [31m 3+', 'aaaa…')
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= most else line[: most - 1] + "…"
