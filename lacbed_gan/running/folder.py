"""The folder of a run: its name, who is at work in it, and the files that say what was run and how it ended."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from omegaconf import DictConfig, OmegaConf

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.files import lock

# What does not change a result: where things are written and what computes them (but in which precision does).
WITHOUT_EFFECT = ("hydra", "runs", "logger", "trainer", "profile", "allow_data_change")


def run_name(config: DictConfig) -> str:
    """Direction, thickness, fold and eight letters of a hash of all that changes results."""
    return f"{config.direction}-{thickness_name(config.thickness)}-fold{config.fold}-{_hash(config)}"


def thickness_name(thickness: float | Sequence[float] | str) -> str:
    """50nm, 50+100nm or all."""
    if isinstance(thickness, str):
        return thickness
    return "+".join(f"{one:g}" for one in ([thickness] if isinstance(thickness, int | float) else thickness)) + "nm"


def run_group(config: DictConfig) -> str:
    """One name for all runs that differ in direction, thickness and fold alone."""
    pairs = config.data.get("root") or config.store  # published images have a folder of their own
    return f"{Path(pairs).stem}-{_hash(config, ('direction', 'thickness', 'fold'))}"


def _hash(config: DictConfig, without: tuple[str, ...] = ()) -> str:
    plain = {k: v for k, v in plain_settings(config).items() if k not in (*WITHOUT_EFFECT, *without)}
    plain["data"].pop("cache", None)  # where published images are kept once they are read
    plain["precision"] = config.trainer.precision
    # 50 and 50.0 are one thickness
    plain = json.loads(json.dumps(plain), parse_float=lambda x: int(float(x)) if float(x).is_integer() else float(x))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]


def plain_settings(config: DictConfig) -> dict[str, Any]:
    """The resolved configuration as plain Python values, without Hydra's own."""
    return {k: v for k, v in OmegaConf.to_container(config, resolve=True).items() if k != "hydra"}


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
    while True:
        with path.open("a+", encoding="utf-8") as file:
            file.seek(0)
            pid, host, job = (*file.read().split(), "", "", "")[:3]
            free = _lock(file, pid if host == platform.node() else "")
            requeued = bool(job) and job == os.environ.get("SLURM_JOB_ID")  # SLURM starts a job again when it has ended
            if host and host != platform.node() and not requeued:
                raise SettingsError(
                    f"{folder}: process {pid} on {host} is at work on this run; if it no longer is, delete {path}"
                )
            if not free:
                raise SettingsError(
                    f"{folder}: {f'process {pid}' if pid else 'another process'} is at work on this run"
                )
            if not _is(file, path):  # its owner ended and removed it while it was being opened
                continue
            file.truncate(0)
            file.write(f"{os.getpid()} {platform.node()} {os.environ.get('SLURM_JOB_ID', '')}".strip() + "\n")
            file.flush()
            try:
                yield
            finally:
                with suppress(OSError):  # Windows removes no open file
                    path.unlink()
            return


def _lock(file: TextIO, pid: str) -> bool:
    """Lock an open file until it is closed; False where another process has it, which the file says is pid."""
    locked = lock(file)
    return not _lives(pid) if locked is None else locked


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def _is(file: TextIO, path: Path) -> bool:
    """Whether the path still names the open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
