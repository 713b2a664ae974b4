"""Finished runs of a folder, and the groups that belong in one table."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from lacbed_gan.base.messages import printable
from lacbed_gan.models.checkpoints import read_checkpoint
from lacbed_gan.models.migrations import migrated, migrated_settings
from lacbed_gan.running.curves import read_metrics
from lacbed_gan.store.recipe import Recipe

VARIED = ("direction", "thickness", "fold")  # what the runs of one group differ in
MOST_BYTES, DEEPEST = 1_000_000, 20  # of config.yaml, whose settings are nested
Thickness = float | tuple[float, ...]
NUMBERS = ("a", "mse", "r", "origin_mse", "origin_r")  # columns of crystals.csv


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        folder: holds crystals.csv, metrics.csv and last.ckpt, each read when it is asked for.
        settings: config.yaml, the resolved configuration, in today's words.
        summary: summary.json; a value that is not finite is None.
        at: in nm, where this is the part of a forward run of several thicknesses that is about one of them.
    """

    folder: Path
    settings: dict[str, Any]
    summary: dict[str, Any]
    at: float | None = None

    @property
    def direction(self) -> str:
        return self.settings["direction"]

    @property
    def thickness(self) -> Thickness:
        """In nm; those of an inverse run that takes several together."""
        if self.at is not None:
            return self.at
        return tuple(self.settings["thickness"]) if self.several else self.settings["thickness"][0]

    @property
    def several(self) -> bool:
        """Whether one network serves several thicknesses."""
        return len(self.settings["thickness"]) > 1

    @property
    def checkpoint(self) -> Path:
        """Of the epoch that the measures are about."""
        return self.folder / (
            "best.ckpt" if self.settings.get("validation") not in (None, False, "none") else "last.ckpt"
        )

    @property
    def fold(self) -> int:
        return self.settings["fold"]

    @property
    def seed(self) -> int:
        return self.settings.get("seed", 0)

    @cached_property
    def crystals(self) -> list[dict[str, Any]]:
        """Rows of crystals.csv: measures of each test crystal and of as many training crystals."""
        with (self.folder / "crystals.csv").open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if self.at is None or float(row["thickness"]) == self.at]
        return [row | {name: float(row[name]) for name in NUMBERS if row.get(name)} for row in rows]

    def of(self, split: str) -> list[dict[str, Any]]:
        """Rows of crystals.csv of the split, test or train."""
        return [row for row in self.crystals if row["split"] == split]

    @cached_property
    def curves(self) -> list[dict[str, float]]:
        """Rows of metrics.csv, one an epoch."""
        return read_metrics(self.folder / "metrics.csv")

    @cached_property
    def speed(self) -> list[dict[str, float]]:
        """Rows of speed.csv, one an epoch; none of an older version."""
        return read_metrics(self.folder / "speed.csv")

    @cached_property
    def data(self) -> dict[str, Any]:
        """What its checkpoint knows of the pairs; nothing where that is gone."""
        try:
            return migrated(read_checkpoint(self.checkpoint, mmap=True)["config"])["data"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    @cached_property
    def checksum(self) -> str | None:
        """Of the store it was trained on; None where the checkpoint cannot tell."""
        return str(self.data["checksum"]) if "checksum" in self.data else None

    @property
    def recipe(self) -> Recipe | None:
        """Of the pairs it was trained on; None where the checkpoint cannot tell."""
        return Recipe.from_json(self.data["recipe"]) if "recipe" in self.data else None


@dataclass(frozen=True)
class Group:
    """Runs that differ in direction, thickness, fold and seed alone, no two of them alike, of one store."""

    name: str
    runs: tuple[Run, ...]
    checksum: str | None

    @property
    def cells(self) -> list[tuple[str, Thickness]]:
        """(direction, thickness) of the runs, in order."""
        return sorted({(run.direction, run.thickness) for run in self.runs})

    def cell(self, direction: str, thickness: Thickness) -> list[Run]:
        """Its runs of all folds and seeds."""
        return [run for run in self.runs if (run.direction, run.thickness) == (direction, thickness)]

    def folds(self) -> list[int]:
        return sorted({run.fold for run in self.runs})

    def crystals(self) -> set[str]:
        """Ids of all test crystals."""
        return {row["id"] for run in self.runs for row in run.of("test")}


def collect_runs(folder: Path) -> tuple[list[Run], dict[str, str]]:
    """Finished runs of a folder, by name, and why each of the other runs is left out."""
    runs, left_out = [], {}
    for path in sorted(folder.iterdir()):
        if not (path / "config.yaml").is_file():
            continue
        try:
            runs += _by_thickness(_read_run(path))
        except _LeftOut as reason:
            left_out[path.name] = str(reason)
    return runs, left_out


def nm(thickness: Thickness) -> str:
    """50, or 50+100 for several together."""
    return "+".join(f"{one:g}" for one in ([thickness] if isinstance(thickness, int | float) else thickness))


def _by_thickness(run: Run) -> list[Run]:
    """A forward run of several thicknesses as one for each; any other as it is."""
    if run.direction == "inverse" or not run.several:
        return [run]
    parts = []
    for thickness in run.settings["thickness"]:
        end = f"@{thickness:g}nm"
        summary = {name.removesuffix(end): value for name, value in run.summary.items() if name.endswith(end)}
        parts.append(Run(run.folder, run.settings, summary, float(thickness)))
    return parts


def grouped(runs: Sequence[Run]) -> tuple[list[Group], dict[str, str]]:
    """Groups by name, and why a run is in none of them.

    Training wrote the name of its group, which follows from the settings, into config.yaml. Runs on different data are
    in different groups; a run whose checkpoint is gone is taken for one on the same data where there is no choice.
    """
    by_name: dict[str, list[Run]] = {}
    for run in runs:
        name = re.sub(r"[^\w .+=@-]", "_", str(run.settings["group"]))[:100].lstrip(".")  # of a folder of figures
        by_name.setdefault(name + "-all" * run.several, []).append(run)  # beside those of one thickness
    groups, left_out = [], {}
    for key, members in sorted(by_name.items()):
        known = sorted({run.checksum for run in members} - {None})
        for number, checksum in enumerate(known or [None]):
            cells: dict[tuple, Run] = {}
            for run in members:
                if run.checksum != checksum and not (run.checksum is None and len(known) == 1):
                    if run.checksum is None and number == 0:
                        left_out[run.folder.name] = "its last.ckpt, which says which data it is about, is missing"
                    continue
                first = cells.setdefault((run.direction, run.thickness, run.fold, run.seed), run)
                if first is not run:
                    left_out[run.folder.name] = f"the same as {first.folder.name}"
            name = key if len(known) < 2 else f"{key}-{checksum[:8]}"
            groups.append(Group(name, tuple(cells[cell] for cell in sorted(cells)), checksum))
    return groups, left_out


class _LeftOut(Exception):
    """Why a run is not in the report."""


def _read_run(path: Path) -> Run:
    settings = _read_settings(path / "config.yaml")
    if not (path / "summary.json").is_file():
        epochs = len(read_metrics(path / "metrics.csv"))
        raise _LeftOut(f"unfinished, after {epochs} of {settings.get('epochs', '?')} epochs")
    try:
        summary = json.loads((path / "summary.json").read_text(encoding="utf-8"))
        summary["test/mse"], summary["train/mse"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise _LeftOut("summary.json is damaged; delete it and give the run's line again") from None
    if not (path / "crystals.csv").is_file():
        raise _LeftOut("no crystals.csv (an older version); delete summary.json and give the run's line again")
    run = Run(path, settings, summary)
    for name, read in (("crystals.csv", lambda: run.of("test")), ("metrics.csv", lambda: run.curves)):
        try:
            read()
        except (OSError, ValueError, KeyError, TypeError, csv.Error):
            raise _LeftOut(f"{name} is damaged; delete summary.json and give the run's line again") from None
    return run


def _read_settings(path: Path) -> dict[str, Any]:
    """Plain values of config.yaml; what a ${…} in it would stand for is not looked up, and nothing is made of a tag."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError
        text, depth = path.read_text(encoding="utf-8"), 0
        for event in yaml.parse(text, yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            # Training writes neither: a few lines of aliases can stand for gigabytes, deep nesting takes hours.
            if isinstance(event, yaml.AliasEvent) or depth > DEEPEST:
                raise ValueError
        settings = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise _LeftOut(f"config.yaml cannot be read ({type(error).__name__})") from None
    if not isinstance(settings, dict):
        raise _LeftOut("config.yaml holds no settings")
    missing = [key for key in (*VARIED, "store", "model", "group") if key not in settings]
    if missing:
        raise _LeftOut(f"config.yaml lacks {', '.join(missing)}")
    thickness = settings["thickness"]
    several = thickness if isinstance(thickness, list) and thickness else [thickness]
    right = {
        "direction": settings["direction"] in ("forward", "inverse"),
        "thickness": all(isinstance(one, int | float) and 0 < one < 1e6 for one in several),
        "fold": isinstance(settings["fold"], int),
        "store": isinstance(settings["store"], str),
        "model": isinstance(settings["model"], dict) and isinstance(settings["model"].get("generator"), dict),
        "size": isinstance(settings.get("size"), int),
        "epochs": isinstance(settings.get("epochs"), int),
        "trainer": isinstance(settings.get("trainer", {}), dict),
        "data": isinstance(settings.get("data") or {}, dict),
    }
    wrong = [f"{key}: {printable(settings.get(key), 40)}" for key, known in right.items() if not known]
    if wrong:
        raise _LeftOut(f"config.yaml has a setting that no run has ({', '.join(wrong)})")
    return migrated_settings(settings)
