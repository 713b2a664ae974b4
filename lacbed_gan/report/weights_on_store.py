"""Trained weights on the pairs of any store, without training: measures, by space group, worst crystals."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import torch
from torch import Tensor

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.tables import to_csv
from lacbed_gan.data.conditions import QUANTITIES, quantity, thickness_number
from lacbed_gan.data.few_beams import few_beams_of, require_few_beams
from lacbed_gan.data.reading import dark_fields, require_reflections
from lacbed_gan.data.views import projected_group
from lacbed_gan.images.reduction import reduced_pattern, reduced_potential
from lacbed_gan.images.scaling import to_unit
from lacbed_gan.measures.metrics import correlation_r, mse
from lacbed_gan.measures.origin import origin_mse, origin_r
from lacbed_gan.models.weights import Trained
from lacbed_gan.report.collect import nm
from lacbed_gan.report.page import e4
from lacbed_gan.report.tables import Row, by_symmetry
from lacbed_gan.store.store import Store

BATCH = 64
WORST = 20  # crystals listed
KNOWN = ("id", "formula", "space_group", "number", "a")


@dataclass(frozen=True)
class Evaluation:
    """What weights come to on a store.

    Attributes:
        facts: about the two, plain JSON values.
        measures: a row for each thickness: means, medians and quartiles of what `crystals` has.
        space_groups: a row for each space group and thickness.
        crystals: a row for each image, as `rows_of_crystals` gives them.
    """

    facts: dict[str, Any]
    measures: list[Row]
    space_groups: list[Row]
    crystals: list[Row]

    @property
    def worst(self) -> list[Row]:
        """The images with the largest error, that at the best origin where there is one; the worst first."""
        return sorted(self.crystals, key=lambda row: -row.get("origin_mse", row["mse"]))[:WORST]

    @property
    def lines(self) -> list[str]:
        """What is printed: a line for each thickness."""
        lines = []
        for row in self.measures:
            origin = span = ""
            if "origin_mse" in row:
                origin = f"; best origin: MSE {row['origin_mse']:.3g}, R {row['origin_r']:.4f}"
            if "span_error" in row:
                span = f"; range of ρ off by {100 * row['span_error_median']:.3g} % (median)"
            lines.append(
                f"{self.facts['direction']} {nm(row['thickness'])} nm, {row['images']} crystals: MSE {row['mse']:.3g}, "
                f"R {row['r']:.4f}{origin}{span}; mean image of the store: MSE {row['mean_image_mse']:.3g}"
            )
        return lines + self.facts["remarks"]


def evaluate_weights(trained: Trained, store: Store) -> Evaluation:
    """Measures of the networks on every crystal of the store.

    Raises:
        SettingsError: the store has not the images, thicknesses or numbers that the networks take.
    """
    check_pairs(trained, store)
    settings = trained.settings
    crystals = list(_rows(trained, store))
    thicknesses = list(dict.fromkeys(row["thickness"] for row in crystals))
    measures = [_means([row for row in crystals if row["thickness"] == t]) | {"thickness": t} for t in thicknesses]
    space_groups = [
        {"space_group": name, "number": members[0]["number"], "thickness": t} | _means(members)
        for t in thicknesses
        for name, members in by_symmetry([row for row in crystals if row["thickness"] == t], "space_group").items()
    ]
    facts = {
        "direction": settings.direction,
        "store": str(store.source),
        "checksum": store.checksum,
        "crystals": len(store),
        "size": settings.size,
        "pairs": str(store.recipe),
        "remarks": remarks(trained, store),
    }
    return Evaluation(facts, measures, space_groups, crystals)


def check_pairs(trained: Trained, store: Store) -> None:
    """SettingsError where the networks cannot be given the store's pairs."""
    settings, name = trained.settings, store.source
    require_few_beams(store, settings.direction, settings.few_beams)
    if settings.measured:
        raise SettingsError(
            "networks of measured patterns (augment.measured=true) are not evaluated on calculated ones"
        )
    if settings.reflections:
        require_reflections(store, settings.reflections)
    if store.size % settings.size:
        raise SettingsError(f"{name} has {store.size} pixels, no multiple of the networks' {settings.size}")
    absent = [f"{t:g}" for t in settings.thickness if t not in store.thickness]
    present = [t for t in settings.thickness if t in store.thickness]
    if absent and (settings.direction == "inverse" or not present):
        raise SettingsError(f"{name} has no patterns at {', '.join(absent)} nm, which the networks take")
    if settings.origin == "canonical" and not store.recipe.periodic:
        raise SettingsError(f"{name} does not sample ρ at r = i/n, as the networks have it")
    for condition in settings.condition:
        for entry in store.index:
            if np.isnan(quantity(condition, entry)):
                raise SettingsError(f"{name} does not tell {QUANTITIES[condition][0]} of {entry['id']}")


def remarks(trained: Trained, store: Store) -> list[str]:
    """What a reader has to know of the pairs: whether they were trained on, and in what they are made otherwise."""
    lines, data = [], trained.config["data"]
    if data.get("checksum") == store.checksum:
        fold = trained.config["settings"].get("fold")
        lines.append(f"the networks were trained on this store, all but fold {fold}: most of these are no test")
    theirs, here = trained.recipe.settings, store.recipe.settings
    rules = [f"{name} {here[name]} (trained: {theirs[name]})" for name in theirs if theirs[name] != here[name]]
    return lines + ([f"pairs made by other rules than those trained on: {', '.join(rules)}"] if rules else [])


def _rows(trained: Trained, store: Store) -> Iterator[Row]:
    """One row a crystal (and thickness, forward): what the index says of it, and the measures of the answer."""
    settings, forward = trained.settings, trained.settings.direction == "forward"
    times = [t for t in settings.thickness if t in store.thickness]
    potential = _tensor(reduced_potential(np.asarray(store.potential), settings.size, settings.origin))[:, None]
    stored = [np.asarray(store.pattern[:, store.thickness.index(t)]) for t in times]
    pattern = torch.stack([_tensor(reduced_pattern(images, settings.size)) for images in stored], 1)
    first = settings.few_beams and torch.from_numpy(few_beams_of(store, times, settings.size, settings.few_beams))
    conditions = [
        [trained.standardised(name, quantity(name, entry)) for name in settings.condition] for entry in store.index
    ]
    condition = torch.tensor(conditions, dtype=torch.float32) if settings.condition else None
    for time, thickness in enumerate(times if forward else [tuple(times) if len(times) > 1 else times[0]]):
        inputs, targets = (potential, pattern[:, time : time + 1]) if forward else (pattern, potential)
        if first is not None:
            inputs = torch.cat([potential, first[:, time : time + 1]], 1)
        if settings.reflections:
            dark = dark_fields(store, times, settings.size, settings.reflections)
            inputs = torch.cat([pattern, dark.flatten(1, 2)], 1)
        given = condition
        if forward and len(settings.thickness) > 1:  # the network is told it
            number = torch.full((len(store), 1), thickness_number(thickness))
            given = number if condition is None else torch.cat([condition, number], 1)
        mean = targets.double().mean(0) / 255
        for start in range(0, len(store), BATCH):
            part = slice(start, start + BATCH)
            values = _measures(trained, inputs[part], targets[part], None if given is None else given[part], mean)
            if "span" in values:
                values |= _span_error(values["span"], store.index[start : start + BATCH])
            for i, entry in enumerate(store.index[start : start + BATCH]):
                yield (
                    {name: entry.get(name) for name in KNOWN}
                    | {"plane_group": projected_group(entry)}
                    | {"thickness": thickness}
                    | {name: float(value[i]) for name, value in values.items()}
                )


def _measures(trained: Trained, inputs: Tensor, targets: Tensor, condition: Tensor | None, mean: Tensor) -> Row:
    image, target = to_unit(inputs), to_unit(targets)
    with torch.inference_mode():
        answer = trained.predict(image, condition)
        span = trained.predict_span(image, condition)
    values = {"mse": mse(answer, target), "r": correlation_r(answer, target)}
    if trained.settings.direction == "inverse" and trained.recipe.periodic:
        values |= {"origin_mse": origin_mse(answer, target), "origin_r": origin_r(answer, target)}
    values["mean_image_mse"] = mse(mean.float().expand_as(target), target)
    return values | ({} if span is None else {"span": span})


def _span_error(span: Tensor, index: list[Mapping[str, Any]]) -> Row:
    """Relative error of the range of ρ."""
    truth = torch.tensor([quantity("log_span", entry) for entry in index]).exp()
    return {"span_error": (span / truth - 1).abs()}


def _means(rows: list[Row]) -> Row:
    """Counts, means, medians and quartiles of images."""
    result: Row = {"images": len(rows)}
    for name in ("mse", "r", "origin_mse", "origin_r", "mean_image_mse", "span_error"):
        values = [row[name] for row in rows if name in row]
        if values:
            low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
            result |= {name: float(np.mean(values)), f"{name}_median": middle}
            result |= {f"{name}_quartile_1": low, f"{name}_quartile_3": high}
    return result


def _tensor(images: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(images))


def write_evaluation(folder: Path, evaluation: Evaluation, command: str, version: str, date: str) -> None:
    """summary.json, crystals.csv, space_groups.csv, and last of all index.html."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
    )
    environment.filters |= {"e4": e4, "r": lambda value: "–" if value is None else f"{value:.4f}", "nm": nm}
    folder.mkdir(parents=True, exist_ok=True)
    numbers = evaluation.facts | {"command": command, "measures": evaluation.measures}
    write_atomically(folder / "summary.json", json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")
    write_atomically(folder / "crystals.csv", to_csv(evaluation.crystals))
    write_atomically(folder / "space_groups.csv", to_csv(evaluation.space_groups))
    html = environment.get_template("weights.html").render(
        evaluation=evaluation, command=command, version=version, date=date
    )
    write_atomically(folder / "index.html", html)
