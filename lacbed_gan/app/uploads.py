"""What a browser sends → a crystal or images; every file that cannot be used becomes one sentence."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from lacbed_gan.base.errors import UserError
from lacbed_gan.base.messages import printable
from lacbed_gan.crystal import Crystal
from lacbed_gan.images.measured import Frame, Measured, kind_of, read_images
from lacbed_gan.predict.observation import Hkl
from lacbed_gan.predict.observed_files import read_observed

Result = TypeVar("Result")
MOST_BYTES = 160 * 1024 * 1024  # of a file: a frame of 4096² pixels of 64 bits has 128 MB
ZIP = b"PK\x03\x04"  # the first bytes of an NPZ
log = logging.getLogger(__name__)


class Refused(Exception):
    """What cannot be done with what was given: one sentence for the page."""


def crystal_from(data: bytes, name: str) -> Crystal:
    """The crystal of an uploaded CIF.

    Args:
        name: what the user calls the file; only said, never a path.

    Raises:
        Refused: the file cannot be used.
    """

    def read(path: Path) -> Crystal:
        kind = kind_of(path)
        if kind != "CIF":
            raise Refused(f"{plain_name(name)} is not a CIF but an image ({kind}); patterns go to the other tab.")
        return replace(Crystal.from_cif(path), name=plain_name(name))

    return _read(read, data, name)


def images_from(data: bytes, name: str, frame: Frame = None, signal: str | None = None) -> Measured:
    """The images of an uploaded file of any format that :func:`lacbed_gan.images.measured.read_images` knows.

    Args:
        name: what the user calls the file; only said, never a path.
        frame, signal: which of several.

    Raises:
        Refused: the file cannot be used.
    """

    def read(path: Path) -> Measured:
        if kind_of(path) == "CIF":
            raise Refused(f"{plain_name(name)} is a CIF, not an image; crystals go to the other tab.")
        return read_images(path, frame, signal)

    return _read(read, data, name)


def series_from(data: bytes, name: str) -> tuple[Measured, tuple[Hkl, ...]]:
    """The images of an uploaded file, a bright field or an NPZ of a series, and the reflection of each.

    Args:
        name: what the user calls the file; only said, never a path.

    Raises:
        Refused: the file cannot be used.
    """

    def read(path: Path) -> tuple[Measured, tuple[Hkl, ...]]:
        if not path.suffix and kind_of(path) == "CIF":
            raise Refused(f"{plain_name(name)} is a CIF, not an image; crystals go to the place below.")
        return read_observed([path])

    return _read(read, data, name, ".npz" if data.startswith(ZIP) and name.lower().endswith(".npz") else "")


@contextmanager
def in_a_sentence(what: str) -> Iterator[None]:
    """Whatever is raised inside, as Refused; what a user cannot mend is logged."""
    try:
        yield
    except Refused:
        raise
    except UserError as error:
        raise Refused(printable(error, 300)) from None
    except Exception as error:
        log.exception(what)
        reason = printable(error, 300) if isinstance(error, ValueError) else type(error).__name__
        raise Refused(f"{what} failed ({reason}).") from None


def plain_name(name: str) -> str:
    """A file's name for a sentence: printable, without folders, not too long."""
    return printable(re.split(r"[/\\]", name)[-1], 60) or "the file"


def _read(read: Callable[[Path], Result], data: bytes, name: str, suffix: str = "") -> Result:
    name = plain_name(name)
    if len(data) > MOST_BYTES:
        raise Refused(f"{name} has more than {MOST_BYTES // 2**20} MB, the most this page takes.")
    if not data:
        raise Refused(f"{name} is empty.")
    with tempfile.TemporaryDirectory(prefix="lacbed_gan-") as folder:
        path = Path(folder) / f"upload{suffix}"
        path.write_bytes(data)
        try:
            with in_a_sentence(f"reading {name}"):
                return read(path)
        except Refused as error:
            raise Refused(str(error).replace(str(path), name)) from None
