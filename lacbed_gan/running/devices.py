"""Which GPU a run takes when several runs are made side by side (``hydra/launcher=joblib``)."""

from __future__ import annotations

import getpass
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import torch
from filelock import BaseFileLock, FileLock, Timeout

from lacbed_gan.base.errors import SettingsError


@contextmanager
def own_gpu(machine: Mapping[str, Any], side_by_side: bool) -> Iterator[Mapping[str, Any]]:
    """What computes a run, with a GPU of its own where runs are made side by side on several.

    Args:
        machine: accelerator, devices and the rest of the group ``trainer``.
        side_by_side: whether this run is a job of a sweep whose jobs are made side by side on this machine.

    Raises:
        SettingsError: the run wants several devices at once.
    """
    gpus = torch.cuda.device_count() if side_by_side and machine["accelerator"] != "cpu" else 0
    if not gpus:
        yield machine
        return
    if machine["devices"] != 1:
        raise SettingsError(
            f"trainer.devices={machine['devices']}, but with hydra/launcher=joblib each run has one GPU; leave one of "
            "them out"
        )
    names = [str(torch.cuda.get_device_properties(number).uuid) for number in range(gpus)]
    with claimed_gpu(names, Path(tempfile.gettempdir()) / f"lacbed_gan-{getpass.getuser()}") as number:
        yield {**machine, "devices": [number]}


@contextmanager
def claimed_gpu(names: Sequence[str], folder: Path) -> Iterator[int]:
    """The number of a GPU that no other process has claimed; where all are claimed, one with few claims.

    A claim is a lock of the operating system, which ends with the process however that ends.

    Args:
        names: of the GPUs, the same in every process that may take them.
        folder: keeps the lock files; it is made where there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number, lock = next(_free(names, folder))
    try:
        yield number
    finally:
        lock.release()


def _free(names: Sequence[str], folder: Path) -> Iterator[tuple[int, BaseFileLock]]:
    for place in count():  # the first place of every GPU, then the second
        for number, name in enumerate(names):
            lock = FileLock(folder / f"{name}-{place}.lock")
            with suppress(Timeout):
                lock.acquire(blocking=False)
                yield number, lock
