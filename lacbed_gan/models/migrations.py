"""Settings, weights and checkpoints of before in today's words: a dated step for each change, in order.

A step finds out by itself whether it has anything to do, so that all of them can be applied to files of any age.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lacbed_gan.data.conditions import SHORTHAND
from lacbed_gan.store.recipe import Recipe

STORE_SIZE = 128  # pixels of the stores that networks without a recipe were trained on, smaller ones on parts of them
T = TypeVar("T")


def loss_weights_2026_11(settings: dict[str, Any]) -> None:
    """``model.weights`` became ``loss_weights``, and its ``scale`` became ``span``."""
    model = settings["model"]
    if "weights" in model:
        weights = dict(model.pop("weights"))
        if "scale" in weights:
            weights["span"] = weights.pop("scale")
        model["loss_weights"] = weights


def conditions_2026_11(settings: dict[str, Any]) -> None:
    """The words none, cell and scale became the names of what networks are given."""
    for values in (settings, settings["model"]):
        if isinstance(word := values.get("condition"), str) and word in SHORTHAND:
            values["condition"] = list(SHORTHAND[word])


def thickness_2026_11(settings: dict[str, Any]) -> None:
    """One thickness, which was a number, became a list of one."""
    if isinstance(settings["thickness"], int | float):
        settings["thickness"] = [settings["thickness"]]


def periodic_2026_11(settings: dict[str, Any]) -> None:
    """``model.periodic`` became an argument of the only generator on which it had an effect."""
    model = settings["model"]
    if "periodic" in model:
        periodic = model.pop("periodic")
        if model["generator"].get("name") == "global_unet":
            model["generator"]["periodic"] = periodic


SETTINGS_STEPS: tuple[Callable[[dict[str, Any]], None], ...] = (
    loss_weights_2026_11,
    conditions_2026_11,
    thickness_2026_11,
    periodic_2026_11,
)


def migrated_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The plain settings of a run (config.yaml, or those in a checkpoint) in today's words; a copy.

    Raises:
        KeyError: there is no thickness or no model, so that they are not a run's.
    """
    settings = copy.deepcopy(dict(settings))
    for step in SETTINGS_STEPS:
        step(settings)
    return settings


def standardisation_2026_11(config: dict[str, Any]) -> None:
    """Means and deviations in columns became a pair for each quantity by its name."""
    data, condition = config["data"], config["settings"]["condition"]
    if "condition_mean" in data:
        columns = {"condition": condition, "scale": ["log_span"]}
        pairs: dict[str, Any] = {}
        for key, names in columns.items():
            mean, std = data.pop(f"{key}_mean", None) or [], data.pop(f"{key}_std", None) or []
            pairs |= {name: list(pair) for name, *pair in zip(names, mean, std, strict=bool(mean))}
        data["standardisation"] = pairs


def recipe_2026_11(config: dict[str, Any]) -> None:
    """Files did not say what their pairs look like: those of a store are of the defaults, or the published ones."""
    settings, data = config["settings"], config["data"]
    if "recipe" not in data:
        size = STORE_SIZE if STORE_SIZE % settings["size"] == 0 else settings["size"]
        values = {"size": size, "thickness": settings["thickness"]}
        if settings.get("data", {}).get("name") == "kaggle":
            values["method"] = "published"
        data["recipe"] = Recipe.from_json(values).to_json()


def migrated(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint or a file of weights says of itself, ``settings`` and ``data``, in today's words; a copy.

    Raises:
        KeyError, TypeError, ValueError: it is not of a run.
    """
    config = {"settings": migrated_settings(config["settings"]), "data": copy.deepcopy(dict(config["data"]))}
    for step in (standardisation_2026_11, recipe_2026_11):
        step(config)
    return config


def migrated_names(tensors: Mapping[str, T]) -> dict[str, T]:
    """Weights by name: 2026-11, the ``scale_head`` became ``span_head``.

    Raises:
        ValueError: they are of a flow of before 2026-11-26, which had no regression.
    """
    if flows := [name.removesuffix("time.weight") for name in tensors if name.endswith(".time.weight")]:
        if f"{flows[0]}regression.weight" not in tensors:
            raise ValueError("its flow draws no errors of a regression, as flows do now; train model=flow again")
    return {name.replace("scale_head.", "span_head.", 1): value for name, value in tensors.items()}
