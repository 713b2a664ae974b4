"""What a file says, in a message."""

from __future__ import annotations


def printable(text: object, most: int = 160) -> str:
    """Text from a file, or an error about one, as one line of at most `most` characters.

    Control characters, which move the cursor or colour a terminal, become spaces.

    >>> printable("Fe\\n\\x1b[31m  3+"), printable("a" * 9, 5)
    ('Fe [31m 3+', 'aaaa…')
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= most else line[: most - 1] + "…"
