"""Composing a command's configuration and refusing a wrong one in one line, before any work starts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

# Beside the package in a checkout, inside it in a wheel.
CONF = next(p for p in (Path(__file__).parent / "conf", Path(__file__).parents[1] / "conf") if p.is_dir())


class ConfigError(ValueError):
    """A setting that cannot be used; the message is one line that names it and what is allowed."""


def run_command(config_name: str, check: Callable[[DictConfig], None], main: Callable[[DictConfig], None]) -> None:
    """Run a command: check every job that the command line asks for, then hand over to Hydra.

    Args:
        config_name: the YAML file of the command in ``conf/``.
        check: raises ConfigError (or another ValueError or OSError with a one-line message) on a bad setting.
        main: does one job.
    """
    words = sys.argv[1:]
    if not {"--help", "-h", "--hydra-help", "--version", "--info", "-i"} & set(words):
        try:
            for overrides in jobs([w for w in words if "=" in w or w[0] in "+~"]):
                check(composed(config_name, overrides))
        except (ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(2) from None

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)
    def job(config: DictConfig) -> None:
        try:
            main(config)
        except (ConfigError, FileNotFoundError) as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(2) from None

    job()


def composed(config_name: str, overrides: list[str]) -> DictConfig:
    """The configuration of one job.

    Raises:
        ConfigError: an override names no key or no choice there is.
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        base = compose(config_name, return_hydra_config=True)
        groups = set(base.hydra.runtime.choices)
        for override in parse(overrides):
            key = override.key_or_group
            if override.type is not None and override.type.name != "CHANGE" and not key.startswith("hydra"):
                raise ConfigError(f"'{override.input_line}' adds or deletes a key; {_allowed(base)}")
            if key in groups or key.startswith("hydra"):
                continue
            if OmegaConf.select(base, key, default=...) is ... and not _optional_key(base, key, overrides, config_name):
                raise ConfigError(f"unknown key '{key}'; {_allowed(base)}")
        try:
            return compose(config_name, overrides=overrides)
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigError(_one_line(str(error))) from None


def parse(overrides: list[str]) -> list[Override]:
    """Parsed overrides; ConfigError where one is not ``key=value``."""
    try:
        return OverridesParser.create().parse_overrides(overrides)
    except HydraException as error:
        raise ConfigError(_one_line(str(error))) from None


def jobs(overrides: list[str]) -> Iterator[list[str]]:
    """Jobs that together use every value of a sweep once (not their whole product)."""
    values = [
        [f"{o.get_key_element()}={v}" for v in o.sweep_string_iterator()] if o.is_sweep_override() else [o.input_line]
        for o in parse(overrides)
    ]
    if not values:
        yield []
    for job in zip_longest(*values):
        yield [chosen or column[0] for chosen, column in zip(job, values, strict=True)]


def require(condition: bool, message: str) -> None:
    """Raise ConfigError with the message unless the condition holds."""
    if not condition:
        raise ConfigError(message)


def require_choice(name: str, value: object, allowed: list) -> None:
    """Raise ConfigError unless the value of the setting is among the allowed ones."""
    require(value in allowed, f"{name}={value} is not one of {', '.join(map(str, allowed))}")


def _optional_key(base: DictConfig, key: str, overrides: list[str], config_name: str) -> bool:
    """Whether a key that the default choices lack exists with the choices that the overrides make."""
    groups = set(base.hydra.runtime.choices)
    choices = [o.input_line for o in parse(overrides) if o.key_or_group in groups]
    try:
        chosen = compose(config_name, overrides=choices)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(_one_line(str(error))) from None
    return OmegaConf.select(chosen, key, default=...) is not ...


def _allowed(config: DictConfig) -> str:
    keys = []
    for key, value in config.items():
        if key != "hydra":
            keys += [f"{key}.{inner}" for inner in value] if isinstance(value, DictConfig) else [key]
    return "keys are " + ", ".join(map(str, keys))


def _one_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and "HYDRA_FULL_ERROR" not in line]
    return "; ".join(lines).replace(":;", ":").replace(";;", ";")
