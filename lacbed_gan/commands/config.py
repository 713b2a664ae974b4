"""Composing a command's configuration and refusing a wrong one in one line, before any work starts."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import CompactHydraException, HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lacbed_gan.base.errors import SettingsError, UserError
from lacbed_gan.base.messages import one_line, told

# Beside the package in a checkout, inside it in a wheel.
CONF = next(p for p in (Path(__file__).parents[1] / "conf", Path(__file__).parents[2] / "conf") if p.is_dir())
# Hydra's options, and those that take the next word.
OPTIONS = {"-m", "--multirun", "-h", "--help", "--hydra-help", "--version", "-i", "--info", "--resolve", "-r", "--run"}
TAKES = {"-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir"}
# What a default is, what may replace it, and what that is called; text and null say nothing about their kind.
KINDS = (
    (bool, bool, "true or false"),
    (int, int, "a whole number"),
    (float, (int, float), "a number"),
    (ListConfig, list, "a list"),
    (DictConfig, dict, "a mapping"),
)
# Settings for which the commands name the allowed values, whatever is given.
CHOSEN = ("thickness", "fold")
# ${given:${a},b} in a YAML file: a, or b where a is null.
OmegaConf.register_new_resolver("given", lambda value, default: default if value is None else value, replace=True)
# Extras of pyproject.toml that bring the launchers whose names begin so.
EXTRAS = {"joblib": "joblib", "submitit": "slurm"}

# Of hydra/launcher=joblib: as many jobs side by side as GPUs, else (−1) as cores, with one thread each; handed out one
# by one, although the finished runs of a sweep that is started again end at once and make joblib take jobs for short.
JOBLIB = ["hydra.launcher.n_jobs=${side_by_side:}", "hydra.launcher.batch_size=1"]
OmegaConf.register_new_resolver("side_by_side", lambda *, _root_: _gpus(_root_) or -1, replace=True)


def run_command(config_name: str, check: Callable[[DictConfig], None], main: Callable[[DictConfig], None]) -> None:
    """Run a command: check every job that the command line asks for, then do it, several of them by Hydra.

    Args:
        config_name: the YAML file of the command in ``conf/``.
        check: raises UserError or OSError, with a message of one line, on a bad setting.
        main: does one job; its UserError and OSError become one line as well.
    """
    options, overrides = _split(sys.argv)
    joblib = JOBLIB if "hydra/launcher=joblib" in overrides else []
    sys.argv[1:] = [*options, *joblib, *overrides]  # Hydra wants all overrides in a row
    several = bool({"-m", "--multirun"} & {*options}) or any(word.startswith("hydra.mode=") for word in overrides)
    if not {"-h", "--help", "--hydra-help", "--version", "-i", "--info"} & {*options}:
        try:
            for option in options:
                _check_option(option)
            _check_launcher(overrides)
            for one in jobs(overrides, several):
                config = composed(config_name, one)
                check(config)
        except (ValueError, OSError) as error:
            _refuse(error)
            raise SystemExit(2) from None
    refused = []
    here = (platform.node(), os.getpid())

    def job(config: DictConfig) -> None:
        try:
            if several:  # the checks above took each value of the sweep, not each combination
                with _in_one_line(errors=ValueError):
                    check(config)
            main(config)
        except (UserError, OSError) as error:
            if (platform.node(), os.getpid()) != here:  # a launcher's job: Hydra passes one error on to the command
                if launcher() == "joblib":
                    _refuse(error)
                    error = "not every job is done; the lines above say why, and the same line again makes the others"
                raise CompactHydraException(f"error: {told(error)}") from None
            _refuse(error)  # the other jobs of a sweep go on
            refused.append(error)

    if options or several or any(word.startswith("hydra") for word in overrides):
        hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(job)()
    else:  # Hydra would compose it again, which takes longer than a prediction
        job(config)
    if refused:
        raise SystemExit(2)


def composed(config_name: str, overrides: list[str]) -> DictConfig:
    """The configuration of one job, its interpolations resolved.

    Raises:
        SettingsError: an override names no key or no choice there is, or has a value of another kind than the
            one it replaces; or an experiment sets a key there is not.
    """
    given = parse(overrides)
    own = [o for o in given if re.split("[./]", o.key_or_group)[0] != "hydra"]
    with initialize_config_dir(str(CONF), version_base="1.3"), _in_one_line():
        base = compose(config_name, return_hydra_config=True)
        groups = [name for name in base.hydra.runtime.choices if not name.startswith("hydra/")]
        for override in own:
            if override.type != OverrideType.CHANGE or override.package:
                raise SettingsError(f"'{override.input_line}' adds or deletes a key; {_allowed(base)}")
            if override.key_or_group in groups:
                _require_choices(override.key_or_group, override.value())
        choices = [o.input_line for o in own if o.key_or_group in groups]
        if choices:
            base = compose(config_name, choices, return_hydra_config=True)
        _check_experiment(config_name, base, groups)
        for override in own:
            if override.key_or_group not in groups:
                _check_setting(override.key_or_group, override.value(), base)
        config = compose(config_name, overrides)
        OmegaConf.resolve(config)
        return config


def parse(overrides: list[str]) -> list[Override]:
    """Parsed overrides; SettingsError where one is not ``key=value``."""
    for word in overrides:
        if not re.match(r"[^\s=]+=", word) and word[:1] != "~":
            raise SettingsError(f"'{word}' is not of the form key=value")
    parsed = []
    for word in overrides:
        with _in_one_line(f"'{word}': "):
            parsed.append(OverridesParser.create().parse_override(word))
    return parsed


def jobs(overrides: list[str], several: bool = True) -> Iterator[list[str]]:
    """Jobs that together use every value of a sweep once (not their whole product).

    Raises:
        SettingsError: an override is not ``key=value``, or is a sweep although only one job is wanted.
    """
    values = []
    for override in parse(overrides):
        if not override.is_sweep_override():
            values.append([override.input_line])
            continue
        if not several:
            raise SettingsError(f"'{override.input_line}' asks for several runs; add -m to make them all")
        with _in_one_line(f"'{override.input_line}': "):
            values.append([f"{override.get_key_element()}={v}" for v in override.sweep_string_iterator()])
    if not values:
        yield []
    for job in zip_longest(*values):
        yield [chosen or column[0] for chosen, column in zip(job, values, strict=True)]


def launcher() -> str:
    """What made this job: basic, joblib, submitit_slurm …; nothing outside of Hydra's jobs."""
    return HydraConfig.get().runtime.choices["hydra/launcher"] if HydraConfig.initialized() else ""


def submitted() -> bool:
    """Whether this command hands its jobs to a cluster, whose machines may have what this one has not."""
    return "hydra/launcher=submitit_slurm" in sys.argv


def require(condition: bool, message: str) -> None:
    """Raise SettingsError with the message unless the condition holds."""
    if not condition:
        raise SettingsError(message)


def require_choice(name: str, value: object, allowed: Iterable) -> None:
    """Raise SettingsError unless the value of the setting is among the allowed ones, and of their type."""
    require(
        any(value == one and type(value) is type(one) for one in allowed),
        f"{name}={shown(value)} is not one of {', '.join(map(shown, allowed))}",
    )


def is_number(value: object) -> bool:
    """Whether it is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def plain(value: object) -> Any:
    """A setting as Python's own lists and mappings."""
    return OmegaConf.to_object(value) if OmegaConf.is_config(value) else value


def shown(value: object) -> str:
    """A value as one types it: null, true."""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """Options with what they take, and the other words, without the program's name."""
    words: tuple[list[str], list[str]] = [], []
    for before, word in pairwise(argv):
        words[not (word.startswith("-") or before in TAKES)].append(word)
    return words


def _check_option(word: str) -> None:
    known = word.partition("=")[0] in OPTIONS | TAKES or not word.startswith("-")
    require(known, f"unknown option '{word}'; settings are given as key=value, and -m makes several runs")


def _check_launcher(overrides: list[str]) -> None:
    name = next((str(o.value()) for o in parse(overrides) if o.key_or_group == "hydra/launcher"), "")
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
    print(f"error: {told(error)}", file=sys.stderr)


@contextmanager
def _in_one_line(
    prefix: str = "", errors: type | tuple[type, ...] = (HydraException, OmegaConfBaseException)
) -> Iterator[None]:
    """Errors, of Hydra and OmegaConf unless others are named, as SettingsError."""
    try:
        yield
    except errors as error:
        raise SettingsError(one_line(f"{prefix}{error}")) from None


def _require_choices(group: str, value: object) -> None:
    allowed = sorted(file.stem for file in (CONF / group).glob("*.yaml"))
    for choice in value if isinstance(value, list) else [value]:
        require_choice(group, choice, allowed)


def _check_setting(key: str, value: object, base: DictConfig) -> None:
    """Refuse an unknown key, and what is no number, truth value, list or mapping where the base has one."""
    default = OmegaConf.select(base, key, default=...)
    if default is ...:
        raise SettingsError(f"unknown key '{key}'; {_allowed(base, key)}")
    if key in CHOSEN or (isinstance(value, str) and "${" in value):
        return
    for kind, accepted, name in KINDS:
        if isinstance(default, kind):
            right = isinstance(value, accepted) and isinstance(value, bool) == (kind is bool)
            require(right, f"{key}={shown(value)} is not {name}; the default is {shown(default)}")
            return


def _check_experiment(config_name: str, chosen: DictConfig, groups: list[str]) -> None:
    """Refuse keys that only the experiment's file has: Hydra adds them without a word."""
    choices = {group: chosen.hydra.runtime.choices[group] for group in groups}
    experiment = choices.pop("experiment", None)
    if experiment is None:
        return
    plain = compose(config_name, [f"{group}={choice}" for group, choice in choices.items()])
    for key in _keys(chosen):
        if OmegaConf.select(plain, key, default=...) is ...:
            raise SettingsError(f"experiment={experiment} sets the unknown key '{key}'; {_allowed(plain, key)}")


def _keys(config: DictConfig, prefix: str = "") -> Iterator[str]:
    """Dotted names of all settings, without Hydra's own."""
    for key in config:
        if prefix + str(key) != "hydra":
            yield f"{prefix}{key}"
            if OmegaConf.is_dict(config._get_node(key)):
                yield from _keys(config[key], f"{prefix}{key}.")


def _allowed(config: DictConfig, key: str = "") -> str:
    """The keys of the innermost mapping that the key names rightly; of the whole configuration at first."""
    outer = key.rpartition(".")[0]
    if not outer:
        return "keys are " + ", ".join(k for k in _keys(config) if k.count(".") <= 1)
    inner = OmegaConf.select(config, outer)
    return f"keys of {outer} are {', '.join(map(str, inner))}" if OmegaConf.is_dict(inner) else _allowed(config, outer)
