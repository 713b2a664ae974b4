"""The tables of a report: measures by direction and thickness, by space group, by plane group, by crystal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lacbed_gan.data.folds import FOLDS
from lacbed_gan.report import paper
from lacbed_gan.report.collect import VARIED, Group, Run
from lacbed_gan.running.folder import WITHOUT_EFFECT

Row = dict[str, Any]
SPLITS = ("test", "train")
CRYSTAL_COLUMNS = (
    "id,formula,space_group,number,a,plane_group,split,mse,r,origin_mse,origin_r".split(",")  # of crystals.csv
)


def measure_table(group: Group) -> list[Row]:
    """One row a direction, thickness and split.

    ``mse`` and ``r`` are means over the folds of each fold's mean over images, with the standard error over
    folds (None for one fold); a fold that was trained with several seeds counts with their mean, and
    ``mse_seed_deviation`` is the standard deviation over seeds, a mean over such folds (None for one seed);
    medians, quartiles and the share below 10⁻⁴ are of the images of all folds together. ``origin_mse`` and
    ``origin_r`` (inverse) are the same over all periodic shifts and inversion;
    ``misjudged`` counts the test images, of ``judged`` in those runs that say it, whose error is the origin's.
    ``paper_…`` is what is printed, None where nothing is; ``paper_ratio`` is mse / paper_mse.
    """
    rows = []
    for direction, thickness in group.cells:
        runs = group.cell(direction, thickness)
        for split in SPLITS:
            images = [row for run in runs for row in run.of(split)]
            row: Row = {"group": group.name, "direction": direction, "thickness": thickness, "split": split}
            row |= {"folds": len({run.fold for run in runs}), "of_folds": FOLDS}
            row |= {"seeds": len({run.seed for run in runs}), "images": len(images)}
            for name in ("mse", "r", "origin_mse", "origin_r"):
                values = _by_fold(runs, f"{split}/{name}")
                row |= _over_folds(name, [float(np.mean(one)) for one in values])
                row |= _over_seeds(name, values) if name in ("mse", "r") else {}
                row |= _over_images(name, [image[name] for image in images if name in image])
            errors = [image["mse"] for image in images]
            row["below_1e-4"] = float(np.mean(np.array(errors) < paper.BELOW)) if errors else None
            row |= _misjudged(runs) if split == "test" else {"misjudged": None, "judged": None}
            for name in ("mean_image", "nearest"):
                values = [float(np.mean(one)) for one in _by_fold(runs, f"baseline/{name}_mse")]
                row[f"baseline_{name}_mse"] = _over_folds("x", values)["x"] if split == "test" else None
            printed = paper.MEASURES.get((direction, thickness, split), {})
            for name in ("mse", "mse_standard_error", "below"):
                row[f"paper_{name}"] = printed.get(name)
            ratio = row["mse"] is not None and "mse" in printed
            row["paper_ratio"] = row["mse"] / printed["mse"] if ratio else None
            rows.append(row)
    return rows


def training_table(group: Group) -> list[Row]:
    """One row a direction and thickness: how long and how fast its networks were trained, None where it is not known.

    ``epoch`` is the one that is reported on, a mean over the runs; ``images_per_second`` the median over epochs.
    """
    rows = []
    for direction, thickness in group.cells:
        runs = group.cell(direction, thickness)
        speeds = [row["images_per_second"] for run in runs for row in run.speed]
        seconds = [sum(row["seconds"] for row in run.speed) for run in runs if run.speed]
        rates = [row["train/learning_rate"] for run in runs for row in run.curves if "train/learning_rate" in row]
        known = {
            name: [run.summary[name] for run in runs if run.summary.get(name) is not None]
            for name in ("epochs", "best/epoch", "train_crystals")
        }
        rows.append(
            {"group": group.name, "direction": direction, "thickness": thickness, "runs": len(runs)}
            | {"epochs": _mean(known["epochs"]), "epoch": _mean(known["best/epoch"])}
            | {"crystals": _mean(known["train_crystals"]), "seconds": _mean(seconds)}
            | {"images_per_second": float(np.median(speeds)) if speeds else None}
            | {"learning_rate": max(rates) if rates else None}
        )
    return rows


def swept_table(groups: Sequence[Group]) -> list[Row]:
    """Runs by the settings in which those of several groups differ; nothing of one group.

    One row for the values of these settings (``settings``, as one types them), direction and thickness: the mean of the
    test MSE and R over the runs of all folds and seeds, and their standard deviations (None for one run).
    """
    plain = {group.name: dict(_flat(group.runs[0].settings)) for group in groups}
    names = sorted({name for settings in plain.values() for name in settings})
    differ = [n for n in names if len({repr(settings.get(n)) for settings in plain.values()}) > 1]
    rows = []
    for group in groups if differ else ():
        text = " ".join(f"{name}={_typed(plain[group.name].get(name))}" for name in differ)
        for direction, thickness in group.cells:
            runs = group.cell(direction, thickness)
            row: Row = {"settings": text, "direction": direction, "thickness": thickness, "runs": len(runs)}
            for name in ("mse", "r"):
                values = [run.summary[f"test/{name}"] for run in runs]
                row |= {name: _mean(values), f"{name}_deviation": float(np.std(values, ddof=1)) if runs[1:] else None}
            rows.append(row)
    return rows


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by dotted name, without those in which the runs of one group may differ or that change no result."""
    for key, value in settings.items():
        if not prefix and key in (*VARIED, "seed", "group", *WITHOUT_EFFECT):
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _typed(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"[{','.join(map(_typed, value))}]" if isinstance(value, list | tuple) else str(value)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


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


def _by_fold(runs: Sequence[Run], name: str) -> list[list[float]]:
    """The values that runs of each fold, of one seed each, have of a measure."""
    folds: dict[int, list[float]] = {}
    for run in runs:
        if (value := run.summary.get(name)) is not None:
            folds.setdefault(run.fold, []).append(value)
    return list(folds.values())


def _over_seeds(name: str, folds: Sequence[Sequence[float]]) -> Row:
    deviations = [np.std(values, ddof=1) for values in folds if len(values) > 1]
    return {f"{name}_seed_deviation": float(np.mean(deviations)) if deviations else None}


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
