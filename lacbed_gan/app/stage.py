"""What a calculation in another process is at, for the page to say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory


@dataclass(frozen=True)
class Stage:
    """A line that one process writes and another reads.

    Attributes:
        path: of a file that holds it, or of none yet.
    """

    path: Path

    def tell(self, what: str, done: int, total: int) -> None:
        """Say how far a step of the calculation is."""
        self.path.write_text(f"{what}: {done} of {total}", encoding="utf-8")

    def __str__(self) -> str:
        return self.path.read_text(encoding="utf-8") if self.path.exists() else ""


@contextmanager
def stage() -> Iterator[Stage]:
    """One that is gone afterwards."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a process that is being ended may still write
        yield Stage(Path(folder) / "stage")
