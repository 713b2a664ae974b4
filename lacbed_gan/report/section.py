"""One section of a report: the tables and figures of one group of runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from lacbed_gan.data.folds import FOLDS
from lacbed_gan.report.collect import Group, Thickness, nm
from lacbed_gan.report.image_figures import cases_figure, series_figure
from lacbed_gan.report.posterior import posterior_rows, posterior_tables, rank_figure
from lacbed_gan.report.predicted import Gap, extreme_cases, predict_cases, thickness_series
from lacbed_gan.report.publication import rendered
from lacbed_gan.report.statistics_figures import loss_figure, symmetry_figure, training_figure
from lacbed_gan.report.tables import Row, crystal_table, measure_table, symmetry_table, training_table
from lacbed_gan.report.timing import timing_table

FOLD_RULES = {
    "formula": "no formula is on both sides of a fold (data.group=formula)",
    "prototype": "no structure type is on both sides of a fold (data.group=prototype)",
    "lists": "the lists of test crystals in {folds}",
}


@dataclass(frozen=True)
class Picture:
    """One figure, for the screen and for print."""

    name: str
    caption: str
    png: bytes
    pdf: bytes


@dataclass
class Section:
    """What the report says about one group.

    Attributes:
        facts: (label, value) pairs about its data and settings.
        gaps: figures and tables that are missing, and why, a line each.
    """

    group: Group
    facts: list[tuple[str, str]]
    measures: list[Row]
    space_groups: list[Row]
    plane_groups: list[Row]
    crystals: list[Row]
    training: list[Row] = field(default_factory=list)
    timing: list[Row] = field(default_factory=list)
    posterior: list[Row] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    def add(self, name: str, caption: str, draw: Callable[[], Figure]) -> None:
        """Draw a figure, or note why it cannot be drawn."""
        try:
            self.pictures.append(Picture(name, caption, *rendered(draw())))
        except Gap as reason:
            self.gaps.append(f"{name} left out: {reason}")


def build_section(group: Group, crystal: str | None, timing: bool) -> Section:
    """All tables and figures of a group.

    Args:
        crystal: id of the crystal of the thickness series; None: a median one.
        timing: measure prediction times.
    """
    section = Section(
        group,
        facts(group),
        measure_table(group),
        symmetry_table(group, "space_group"),
        symmetry_table(group, "plane_group"),
        crystal_table(group),
        training_table(group),
    )
    for direction in sorted({direction for direction, _ in group.cells}):
        _statistics(section, direction)
        for thickness in (t for d, t in group.cells if d == direction):
            _cases(section, direction, thickness)
        _series(section, direction, crystal)
    section.posterior = posterior_rows(group)
    if tables := posterior_tables(group):
        section.add(
            "ranks",
            "Rank of the truth among the samples, of the ten strongest |U_hk| of test crystals: even (line) where the "
            "samples are right, high at both ends where they are too sure, in the middle where they are too cautious.",
            lambda: rank_figure(tables),
        )
    if timing:
        try:
            section.timing = timing_table(group)
        except Gap as reason:
            section.gaps.append(f"prediction times left out: {reason}")
    return section


def facts(group: Group) -> list[tuple[str, str]]:
    """What was run on what."""
    settings = group.runs[0].settings
    data: dict[str, Any] = settings.get("data") or {}
    rule = FOLD_RULES[data.get("group", "formula")].format(folds=data.get("folds"))
    folds, seeds = group.folds(), sorted({run.seed for run in group.runs})
    recipe = next((run.recipe for run in group.runs if run.recipe), None)
    generator = settings["model"]["generator"]["name"]
    return [
        ("Runs", str(len(group.runs)) + f", of seeds {', '.join(map(str, seeds))}" * (len(seeds) > 1)),
        ("Crystals", f"{len(group.crystals())} in the test folds"),
        ("Folds", f"{len(folds)} of {FOLDS} ({', '.join(map(str, folds))}); {rule}"),
        ("Data", f"{data.get('root') or settings['store']}, checksum {group.checksum or 'not known'}"),
        ("Pairs", "not known" if recipe is None else str(recipe)),
        ("Network", f"{generator}, {settings['size']} × {settings['size']} pixels, {settings['epochs']} epochs"),
    ]


def _statistics(section: Section, direction: str) -> None:
    group = section.group
    section.add(
        f"loss_{direction}",
        f"{direction}: MSE and the terms of the loss against epoch, means over the folds (band: lowest to highest "
        "fold; dots: test images, measured at the end), and box plots of the MSE of images after the epoch that is "
        "reported on (box: quartiles; whiskers: 5th and 95th percentile; dots: means of the folds). As figure 3 of the "
        "paper.",
        lambda: loss_figure(group, direction),
    )
    if any("train/total_g" in row for run in group.runs for row in run.curves):  # which older versions did not write
        _training(section, direction)
    for column, name in (("space_group", "space group"), ("plane_group", "plane group of the projection")):
        section.add(
            f"{column}s_{direction}",
            f"{direction}: MSE of test images by {name}, with the number of crystals (box: quartiles; whiskers: 5th "
            "and 95th percentile; dashed: mean of all). As figure 4 of the paper.",
            lambda column=column: symmetry_figure(group, direction, column),
        )


def _training(section: Section, direction: str) -> None:
    section.add(
        f"training_{direction}",
        f"{direction}: R, the total losses of generator G and discriminator D, D's mean answers to true and generated "
        "pairs, learning rate and training images a second against epoch, means over the folds (band: lowest to "
        "highest fold).",
        lambda: training_figure(section.group, direction),
    )


def _cases(section: Section, direction: str, thickness: Thickness) -> None:
    section.add(
        f"cases_{direction}_{nm(thickness)}nm",
        f"{direction}, {nm(thickness)} nm: the test crystals with the lowest, the median and the highest MSE, and the "
        "difference map p(i, j) = (truth − prediction)², on a scale of its own. As figures 5 and 6 of the paper.",
        lambda: cases_figure(predict_cases(extreme_cases(section.group.cell(direction, thickness))), direction),
    )


def _series(section: Section, direction: str, crystal: str | None) -> None:
    name = f"thickness_{direction}"
    try:
        requests = thickness_series(section.group, direction, crystal)
    except Gap as reason:
        section.gaps.append(f"{name} left out: {reason}")
        return
    run, id_ = next(iter(requests.values()))
    row = next(row for row in run.of("test") if row["id"] == id_)
    section.add(
        name,
        f"{direction}: {row['formula']} ({id_}, {row['space_group']}) at "
        f"{', '.join(map(nm, requests))} nm, by networks that never saw it. As figure 7 of "
        "the paper.",
        lambda: series_figure(predict_cases(requests), direction),
    )
