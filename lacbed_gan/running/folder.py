"""The folder of a run: its name, who is at work in it, and the files that say what was run and how it ended."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.locks import Occupied, exclusive

# What does not change a result: where things are written and what computes them (but in which precision does).
WITHOUT_EFFECT = ("runs", "logger", "trainer", "profile", "allow_data_change", "deterministic", "checkpoint_every")
# Values that leave a run as it was before there were these settings, and with it its name.
NEUTRAL = {
    "start": None,
    "gradient_clip": None,
    "accumulate": 1,
    "weight_decay": 0.0,
    "early_stopping": None,
    "reflections": [],
    "discriminator": {"learning_rate": None, "steps": 1, "delay": 0},
}


def run_name(settings: Mapping[str, Any]) -> str:
    """Direction, thickness, fold and eight letters of a hash of all that changes results but the number of epochs.

    More epochs go on with the run.

    Args:
        settings: plain values, as the schema of train gives them: a list of thicknesses, empty for all.
    """
    thickness = thickness_name(settings["thickness"])
    return f"{settings['direction']}-{thickness}-fold{settings['fold']}-{_hash(settings, 'epochs')}"


def thickness_name(thickness: Sequence[float]) -> str:
    """50nm, 50+100nm or all."""
    return f"{'+'.join(f'{one:g}' for one in thickness)}nm" if thickness else "all"


def run_group(settings: Mapping[str, Any]) -> str:
    """One name for all runs that differ in direction, thickness, fold and seed alone: pairs, network and epochs."""
    pairs = settings["data"].get("root") or settings["store"]  # published images have a folder of their own
    name = f"{Path(pairs).stem[:40]}-{settings['model']['generator']['name']}-{settings['epochs']}epochs"
    return f"{name}-{_hash(settings, 'direction', 'thickness', 'fold', 'seed')}"


def _hash(settings: Mapping[str, Any], *without: str) -> str:
    plain = {key: value for key, value in settings.items() if key not in (*WITHOUT_EFFECT, *without)}
    plain = {key: value for key, value in plain.items() if key not in NEUTRAL or value != NEUTRAL[key]}
    # where published images are kept once they are read
    plain["data"] = {key: value for key, value in settings["data"].items() if key != "cache"}
    plain["precision"] = settings["trainer"]["precision"]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]


@contextmanager
def in_folder(folder: Path) -> Iterator[None]:
    """An error inside knows, as ``error.run``, which run it is of."""
    try:
        yield
    except Exception as error:
        error.run = folder
        raise


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep the folder of a run to this process; makes the folder where there is none.

    running.lock in it names the process and its machine, and is held by a lock of the operating system, which ends with
    the process however that ends: what a killed process leaves behind is taken over on the same machine, and by the
    same SLURM job wherever it is requeued. Elsewhere nothing can tell whether the process lives.

    Raises:
        SettingsError: another process has the folder, or had it on another machine and left running.lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "running.lock"
    pid, host, job = _holder(path)
    if host and host != platform.node():
        if not job or job != os.environ.get("SLURM_JOB_ID"):  # SLURM starts a job again when it has ended
            raise SettingsError(
                f"{folder}: process {pid} on {host} is at work on this run; if it no longer is, delete {path}"
            )
        path.unlink(missing_ok=True)
    note = f"{os.getpid()} {platform.node()} {os.environ.get('SLURM_JOB_ID', '')}".strip() + "\n"
    try:
        with exclusive(path, note=note):
            yield
    except Occupied:
        pid, *_ = _holder(path)
        raise SettingsError(
            f"{folder}: {f'process {pid}' if pid else 'another process'} is at work on this run"
        ) from None


def _holder(path: Path) -> tuple[str, str, str]:
    """Process, machine and SLURM job that a lock file names; empty where it does not."""
    try:
        return (*path.read_text(encoding="utf-8").split(), "", "", "")[:3]
    except FileNotFoundError:
        return "", "", ""
