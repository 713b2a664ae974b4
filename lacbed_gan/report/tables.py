"""The tables of a report: measures by direction and thickness, by space group, by plane group, by crystal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lacbed_gan.data.folds import FOLDS
from lacbed_gan.report import paper
from lacbed_gan.report.collect import Group, Run

Row = dict[str, Any]
SPLITS = ("test", "train")
CRYSTAL_COLUMNS = (
    "id,formula,space_group,number,a,plane_group,split,mse,r,origin_mse,origin_r".split(",")  # of crystals.csv
)


def measure_table(group: Group) -> list[Row]:
    """One row a direction, thickness and split.

    ``mse`` and ``r`` are means over the folds of each fold's mean over images, with the standard error over
    folds (None for one fold); medians, quartiles and the share below 10⁻⁴ are of the images of all folds
    together. ``origin_mse`` and ``origin_r`` (inverse) are the same over all periodic shifts and inversion;
    ``misjudged`` counts the test images, of ``judged`` in those runs that say it, whose error is the origin's.
    ``paper_…`` is what is printed, None where nothing is; ``paper_ratio`` is mse / paper_mse.
    """
    rows = []
    for direction, thickness in group.cells:
        runs = group.cell(direction, thickness)
        for split in SPLITS:
            images = [row for run in runs for row in run.of(split)]
            row: Row = {"group": group.name, "direction": direction, "thickness": thickness, "split": split}
            row |= {"folds": len(runs), "of_folds": FOLDS, "images": len(images)}
            for name in ("mse", "r", "origin_mse", "origin_r"):
                row |= _over_folds(name, [run.summary.get(f"{split}/{name}") for run in runs])
                row |= _over_images(name, [image[name] for image in images if name in image])
            errors = [image["mse"] for image in images]
            row["below_1e-4"] = float(np.mean(np.array(errors) < paper.BELOW)) if errors else None
            row |= _misjudged(runs) if split == "test" else {"misjudged": None, "judged": None}
            for name in ("mean_image", "nearest"):
                values = [run.summary.get(f"baseline/{name}_mse") for run in runs]
                row[f"baseline_{name}_mse"] = _over_folds("x", values)["x"] if split == "test" else None
            printed = paper.MEASURES.get((direction, thickness, split), {})
            for name in ("mse", "mse_standard_error", "below"):
                row[f"paper_{name}"] = printed.get(name)
            ratio = row["mse"] is not None and "mse" in printed
            row["paper_ratio"] = row["mse"] / printed["mse"] if ratio else None
            rows.append(row)
    return rows


def symmetry_table(group: Group, column: str) -> list[Row]:
    """Counts and measures of the test images by space group or plane group.

    Args:
        column: space_group, in the order of the groups' numbers, where another origin choice of one group (S
            and Z in the published metadata, :1 and :2 in CIF files) is a row of its own; or plane_group.
    """
    rows = []
    for direction, thickness in group.cells:
        images = [row for run in group.cell(direction, thickness) for row in run.of("test")]
        for name, members in by_symmetry(images, column).items():
            row: Row = {"group": group.name, "direction": direction, "thickness": thickness, column: name}
            if column == "space_group":
                row |= {"number": members[0]["number"], "plane_group": members[0]["plane_group"]}
            row["images"] = len(members)
            for measure in ("mse", "r", "origin_mse", "origin_r"):
                values = [image[measure] for image in members if measure in image]
                row[measure] = float(np.mean(values)) if values else None
                row |= _over_images(measure, values)
            rows.append(row)
    return rows


def by_symmetry(images: Iterable[Row], column: str) -> dict[str, list[Row]]:
    """Images by space group, ordered by number, or plane group, ordered by name; "unknown" comes last."""
    groups: dict[tuple, list[Row]] = {}
    for image in images:
        number = int(image["number"]) if column == "space_group" and image.get("number") else 0
        key = (not image[column], number, image[column] or "unknown")
        groups.setdefault(key, []).append(image)
    return {key[-1]: groups[key] for key in sorted(groups)}


def crystal_table(group: Group) -> list[Row]:
    """The rows of every run's crystals.csv, with the run they are from."""
    return [
        {"group": group.name, "run": run.folder.name, "direction": run.direction, "thickness": run.thickness}
        | {"fold": run.fold}
        | {name: row.get(name) for name in CRYSTAL_COLUMNS}
        for run in group.runs
        for row in run.crystals
    ]


def _over_folds(name: str, values: Sequence[float | None]) -> Row:
    values = [value for value in values if value is not None]
    several = len(values) > 1
    return {
        name: float(np.mean(values)) if values else None,
        f"{name}_standard_error": float(np.std(values, ddof=1) / len(values) ** 0.5) if several else None,
    }


def _over_images(name: str, values: Sequence[float]) -> Row:
    names = [f"{name}_{part}" for part in ("median", "quartile_1", "quartile_3")]
    return dict(zip(names, np.quantile(values, (0.5, 0.25, 0.75)).tolist() if values else [None] * 3, strict=True))


def _misjudged(runs: Sequence[Run]) -> Row:
    known = [run for run in runs if run.summary.get("test/misjudged") is not None]
    return {
        "misjudged": sum(int(run.summary["test/misjudged"]) for run in known) if known else None,
        "judged": sum(len(run.of("test")) for run in known) if known else None,
    }
