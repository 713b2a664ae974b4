"""From the words of a command line to the settings of each of its jobs, by Hydra and the command's schema."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.messages import one_line
from lacbed_gan.commands.refusal import places, refusal, typed

# Beside the package in a checkout, inside it in a wheel.
CONF = next(p for p in (Path(__file__).parents[1] / "conf", Path(__file__).parents[2] / "conf") if p.is_dir())
# Modules and classes of the commands' settings.
SCHEMAS = {"train": "train_settings.TrainSettings"} | {
    name: f"settings.{name.capitalize()}Settings"
    for name in ("simulate", "predict", "evaluate", "join", "app", "dashboard")
}
SCHEMAS |= {name: f"series_settings.{name.capitalize()}Settings" for name in ("identify", "refine")}
# Keys of before, and what they are called now.
RENAMED = {
    "train": {
        "model.weights.scale": "model.loss_weights.span",
        "model.weights": "model.loss_weights",
        "model.periodic": "model.generator.periodic (of model=small, the U-Net)",
    },
    "predict": {"scale": "pixel_size"},
}
# ${either:${a},b} in a YAML file: a, or b where a is null.
OmegaConf.register_new_resolver("either", lambda value, default: default if value is None else value, replace=True)
# ${by_direction:${direction},a,b}: b of inverse networks, else a.
OmegaConf.register_new_resolver("by_direction", lambda name, a, b: b if name == "inverse" else a, replace=True)


@cache
def schema(command: str) -> type[BaseModel]:
    """The class of a command's settings."""
    module, name = SCHEMAS[command].split(".")
    return getattr(importlib.import_module(f"lacbed_gan.commands.{module}"), name)


def composed(command: str, overrides: list[str]) -> Any:
    """The settings of one job: an instance of the command's schema.

    Raises:
        SettingsError: an override names no key or no choice there is, or a value is not what the schema allows.
    """
    groups, words, keys = _groups(command), [], ", ".join(schema(command).model_fields)
    for override in parse([literal(word, command) for word in overrides]):
        key, text = override.key_or_group, override.input_line
        first = re.split("[./]", key)[0]
        for before, now in RENAMED.get(command, {}).items():
            if f"{key}.".startswith(f"{before}."):
                raise SettingsError(f"{key} is now {now}{key.removeprefix(before)}")
        if first != "hydra" and (override.type != OverrideType.CHANGE or override.package):
            raise SettingsError(f"'{text}' adds or deletes a key; keys are {keys}")
        if first == "hydra":
            words.append(text)
        elif key in groups:
            _require_choices(key, override.value())
            if override.value() is not None:  # of the experiment, which is none unless one is named
                words.append(text)
        elif first in schema(command).model_fields:
            words.append(f"++{text}")  # what there is not goes in too, for the schema to refuse
        else:
            raise SettingsError(f"unknown key '{first}'; keys are {keys}")
    with initialize_config_dir(str(CONF), version_base="1.3"), one_line_errors():
        return settings(command, compose(command, words), overrides)


def settings(command: str, config: DictConfig, overrides: list[str] = ()) -> Any:
    """A composed configuration as an instance of the command's schema.

    Args:
        overrides: of the command line, to say where an unknown key comes from.

    Raises:
        SettingsError: in one line that names key, value and what is allowed.
    """
    with one_line_errors():
        values = OmegaConf.to_container(config, resolve=True)
    values = {key: value for key, value in values.items() if key != "hydra"}
    try:
        return schema(command).model_validate_json(json.dumps(values))
    except ValidationError as error:
        line = refusal(error, schema(command), values)
        key = re.match(r"unknown key '(.*?)'", line)
        experiment = next((word for word in overrides if word.startswith("experiment=")), None)
        if key and experiment and not any(word.startswith(key[1]) for word in overrides):
            line = f"{experiment} sets the {line}"
        raise SettingsError(line) from None


def parse(overrides: list[str]) -> list[Override]:
    """Parsed overrides; SettingsError where one is not ``key=value``."""
    parser, parsed = OverridesParser.create(), []
    for word in overrides:
        if not re.match(r"[^\s=]+=", word) and word[:1] != "~":
            raise SettingsError(f"'{word}' is not of the form key=value")
        with one_line_errors(f"'{word}': "):
            parsed.append(parser.parse_override(word))
    return parsed


def literal(word: str, command: str) -> str:
    """The word, in quotes for Hydra where it gives a path that Hydra would not take as it is.

    Raises:
        SettingsError: it is a list with such a path; the message says what to type.
    """
    key, _, path = word.partition("=")
    if not path or key not in places(schema(command)):
        return word
    with suppress(HydraException):
        override = OverridesParser.create().parse_override(word)
        if override.is_sweep_override() or isinstance(override.value(), str | list | None):
            if override.value() == path or not Path(path).exists():
                return word
    if path.startswith("[") and path.endswith("]") and not Path(path).exists():
        names = ",".join(json.dumps(name.strip(), ensure_ascii=False) for name in path[1:-1].split(","))
        raise SettingsError(f"'{word}' is no list of names; type {shlex.quote(f'{key}=[{names}]')}")
    escaped = re.sub(r"(\\*)('|$)", lambda match: match[1] * 2 + ("\\'" if match[2] else ""), path)
    return f"{key}='{escaped}'"


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
        if override.is_interval_sweep():  # of a sweeper that searches; both ends stand for what lies between
            ends = override.value()
            values.append([f"{override.get_key_element()}={end}" for end in (ends.start, ends.end)])
            continue
        with one_line_errors(f"'{override.input_line}': "):
            values.append([f"{override.get_key_element()}={v}" for v in override.sweep_string_iterator()])
    if not values:
        yield []
    for job in zip_longest(*values):
        yield [chosen or column[0] for chosen, column in zip(job, values, strict=True)]


@contextmanager
def one_line_errors(
    prefix: str = "", errors: type | tuple[type, ...] = (HydraException, OmegaConfBaseException)
) -> Iterator[None]:
    """Errors, of Hydra and OmegaConf unless others are named, as SettingsError."""
    try:
        yield
    except errors as error:
        raise SettingsError(one_line(f"{prefix}{error}")) from None


@cache
def _groups(command: str) -> frozenset[str]:
    """The groups of files that the command's configuration chooses from."""
    entries = [entry for entry in OmegaConf.load(CONF / f"{command}.yaml").defaults if not isinstance(entry, str)]
    return frozenset(str(key).removeprefix("optional ") for entry in entries for key in entry if "hydra/" not in key)


def _require_choices(group: str, value: object) -> None:
    choices = sorted(file.stem for file in (CONF / group).glob("*.yaml"))
    for choice in value if isinstance(value, list) else [value]:
        if choice not in choices and not (group == "experiment" and choice is None):
            raise SettingsError(f"{group}={typed(choice)} is not one of {', '.join(choices)}")
