"""Running a command: every job is checked before the first one starts, and what is refused is said in one line."""

from __future__ import annotations

import importlib.util
import math
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, OmegaConf

from lacbed_gan.base.errors import SettingsError, UserError
from lacbed_gan.base.messages import error_line
from lacbed_gan.commands.config import CONF, composed, jobs, literal, one_line_errors, parse, settings

# Hydra's options, and those that take the next word.
INFORMATION = {"-h", "--help", "--hydra-help", "--version", "-i", "--info"}
OPTIONS = INFORMATION | {"-m", "--multirun", "--resolve", "-r", "--run"}
TAKES = {"-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir"}
# Extras of pyproject.toml that bring the launchers whose names begin so.
EXTRAS = {"joblib": "joblib", "submitit": "slurm"}
# Of hydra/launcher=joblib: as many jobs side by side as GPUs, else (−1) as cores, with one thread each; handed out one
# by one, although the finished runs of a sweep that is started again end at once and make joblib take jobs for short.
# A search by Optuna goes on after a run that failed.
OPTUNA = "hydra/sweeper=optuna"
ADDED = {
    "hydra/launcher=joblib": ["hydra.launcher.n_jobs=${side_by_side:}", "hydra.launcher.batch_size=1"],
    OPTUNA: ["hydra.sweeper.max_failure_rate=1.0"],
}
# Settings by which runs of a command do not differ, and why a sweep cannot have several of their values.
ONE_RUN = {
    "train": {
        "epochs": "more epochs go on with the same run; give the largest number, whose metrics.csv has every epoch"
    }
}
NOT_ALL = "not every job is done; the lines above say why, and the same line again makes the others"
OmegaConf.register_new_resolver("side_by_side", lambda *, _root_: _gpus(_root_) or -1, replace=True)


def run_command(command: str, check: Callable[[Any], None], main: Callable[[Any], object]) -> None:
    """Check every job that the command line asks for, then do it, several of them by Hydra.

    Args:
        command: the name of its file in ``conf/``.
        check: raises UserError or OSError on settings that cannot be used, before any work or folder.
        main: does one job; its UserError and OSError become one line as well.
    """
    options, words = _split(sys.argv)
    several = bool({"-m", "--multirun"} & {*options}) or any(word.startswith("hydra.mode=") for word in words)
    job_settings = None
    try:
        words = [literal(word, command) for word in words if word != "experiment=null"]  # which Hydra does not take
        if not INFORMATION & {*options}:
            for option in options:
                _check_option(option)
            _check_plugins(words)
            _check_sweep(command, words)
            for job in jobs(words, several):
                require("experiment=null" not in job, "experiment=null is none of several; leave it out of the sweep")
                job_settings = composed(command, job)
                check(job_settings)
    except (ValueError, OSError) as error:
        _refuse(error)
        raise SystemExit(2) from None
    refused = []
    here = (platform.node(), os.getpid())
    lines = _job_lines(command, words)

    def do(job: Any) -> Any:
        try:
            if isinstance(job, DictConfig):
                job = settings(command, job)
            if several:  # the checks above took each value of the sweep, not each combination
                with one_line_errors(errors=ValueError):
                    check(job)
            return main(job)
        except Exception as error:
            if not several and not isinstance(error, UserError | OSError):
                raise
            _refuse(error)  # the other jobs of a sweep go on
            if (platform.node(), os.getpid()) != here:  # a launcher's job: Hydra passes one error on to the command
                raise CompactHydraException(f"error: {NOT_ALL}") from None
            refused.append(error)
            if OPTUNA in words:
                raise CompactHydraException(f"error: {NOT_ALL}") from None  # a trial without a value
            return math.nan

    try:
        if options or several or any(word.startswith("hydra") for word in words):
            extra = [word for name, more in ADDED.items() if name in words for word in more]
            sys.argv[1:] = [*options, *extra, *words]  # Hydra wants all overrides in a row
            hydra.main(version_base="1.3", config_path=str(CONF), config_name=command)(do)()
        else:  # Hydra would compose it again, which takes longer than a prediction
            do(job_settings)
    except KeyboardInterrupt:
        print(f"{command}: stopped by SIGINT; the same line goes on", file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from None
    finally:
        for line in lines():
            print(line, file=sys.stderr)
    if refused:
        raise SystemExit(2)


def _job_lines(command: str, words: list[str]) -> Callable[[], list[str]]:
    """What finds the error lines of a cluster's jobs that begin from now on, which are in their logs alone."""
    if not any(word.startswith("hydra/launcher=submitit") for word in words):
        return list
    key, place = ("runs", "runs") if command == "train" else ("output", "multirun")  # as conf/ has hydra.sweep.dir
    folder = next((word.partition("=")[2] for word in reversed(words) if word.startswith(f"{key}=")), place)
    logs, before = Path(folder) / ".submitit", time.time()

    def lines() -> list[str]:
        recent = [path for path in sorted(logs.glob("*/*_log.err")) if path.stat().st_mtime >= before]
        text = [line for path in recent for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
        return [line for line in text if line.startswith("error: ") and NOT_ALL not in line]

    return lines


def launcher() -> str:
    """What made this job: basic, joblib, submitit_slurm …; nothing outside of Hydra's jobs."""
    return HydraConfig.get().runtime.choices["hydra/launcher"] if HydraConfig.initialized() else ""


def in_process(command: str) -> int:
    """Make this job of Hydra as a command of its own, and wait for it; its exit status.

    SIGTERM and Ctrl-C end the other process too.
    """
    line = [sys.executable, "-m", f"lacbed_gan.{command}", *HydraConfig.get().overrides.task]
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    process = subprocess.Popen(line)
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def submitted() -> bool:
    """Whether this command hands its jobs to a cluster, whose machines may have what this one has not."""
    return "hydra/launcher=submitit_slurm" in sys.argv


def require(condition: bool, message: str) -> None:
    """Raise SettingsError with the message unless the condition holds."""
    if not condition:
        raise SettingsError(message)


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """Options with what they take, and the other words, without the program's name."""
    words: tuple[list[str], list[str]] = [], []
    for before, word in pairwise(argv):
        words[not (word.startswith("-") or before in TAKES)].append(word)
    return words


def _check_option(word: str) -> None:
    known = word.partition("=")[0] in OPTIONS | TAKES or not word.startswith("-")
    require(known, f"unknown option '{word}'; settings are given as key=value, and -m makes several runs")


def _check_sweep(command: str, words: list[str]) -> None:
    for override in parse(words):
        reason = ONE_RUN.get(command, {}).get(override.key_or_group)
        require(not (reason and override.is_sweep_override()), f"'{override.input_line}': {reason}")


def _check_plugins(words: list[str]) -> None:
    if OPTUNA in words:
        spec = importlib.util.find_spec
        installed = spec("hydra_plugins") and spec("hydra_plugins.hydra_optuna_sweeper")
        require(bool(installed), "hydra/sweeper=optuna is not installed; pip install 'lacbed_gan[optuna]'")
    name = next((str(o.value()) for o in parse(words) if o.key_or_group == "hydra/launcher"), "")
    plugin = name.partition("_")[0]
    if plugin in EXTRAS:
        spec = importlib.util.find_spec
        installed = spec("hydra_plugins") and spec(f"hydra_plugins.hydra_{plugin}_launcher")
        require(bool(installed), f"hydra/launcher={name} is not installed; pip install 'lacbed_gan[{EXTRAS[plugin]}]'")
        cluster = name != "submitit_slurm" or shutil.which("srun") is not None
        require(cluster, f"hydra/launcher={name}, but there is no srun here; give this line on a SLURM cluster")


def _gpus(config: DictConfig) -> int:
    import torch  # takes a second, which most commands spend later

    return 0 if OmegaConf.select(config, "trainer.accelerator") == "cpu" else torch.cuda.device_count()


def _refuse(error: Exception) -> None:
    line, run = error_line(error), getattr(error, "run", None)
    if not isinstance(error, UserError | OSError | ValueError):
        line = f"{type(error).__name__}: {line}"
    if run is not None and str(run) not in line:
        line = f"{run}: {line}"
    print(f"error: {line}", file=sys.stderr, flush=True)
