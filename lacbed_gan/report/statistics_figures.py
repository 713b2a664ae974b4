"""Figures of measures: loss against epoch with box plots, and errors by space group and plane group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lacbed_gan.base.files import replacing
from lacbed_gan.images.colours import LINE_COLOURS
from lacbed_gan.report.collect import Group, Run, Thickness, nm
from lacbed_gan.report.publication import (
    COLUMN,
    PAGE,
    SCREEN_DPI,
    SPLIT_COLOURS,
    SPLIT_LINES,
    box_plot,
    logarithmic,
    new_figure,
    published,
)
from lacbed_gan.report.tables import SPLITS, by_symmetry

TERM_LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
TERMS = "train/loss_"
# Columns of metrics.csv after train/, and how figures call them.
TOTALS = {"total_g": "G", "total_d": "D"}
SCORES = {"score_real": "D(real)", "score_fake": "D(fake)"}
RATES = {"learning_rate": "G", "learning_rate_d": "D"}


@published
def loss_figure(group: Group, direction: str) -> Figure:
    """MSE against epoch, the terms of the loss, and box plots of the MSE of images; a column a thickness.

    As figure 3 of arXiv 2503.02852. Lines are means over the folds, bands go from the lowest to the highest
    fold, dots on the boxes are the folds' means.
    """
    thicknesses = _thicknesses(group, direction)
    figure = new_figure(COLUMN if len(thicknesses) == 1 else PAGE, 150)
    grid = figure.subplots(3, len(thicknesses), squeeze=False, sharey="row", height_ratios=(1, 1, 0.8))
    for thickness, (measures, terms, boxes) in zip(thicknesses, grid.T, strict=True):
        runs = group.cell(direction, thickness)
        measures.set_title(f"{nm(thickness)} nm")
        _draw_curves(measures, terms, runs)
        box_plot(
            boxes,
            [[row["mse"] for run in runs for row in run.of(split)] for split in SPLITS],
            [SPLIT_COLOURS[split] for split in SPLITS],
        )
        for position, split in enumerate(SPLITS, 1):
            means = [run.summary[f"{split}/mse"] for run in runs]
            spread = np.linspace(-0.15, 0.15, len(means)) if len(means) > 1 else [0]
            boxes.plot(position + np.array(spread), means, "o", color="black", markersize=2)
        boxes.set_xticks([1, 2], SPLITS)
    grid[0, 0].set_ylabel("MSE")
    grid[1, 0].set_ylabel("weighted loss term")
    grid[2, 0].set_ylabel("MSE of images")
    grid[0, -1].legend()
    if grid[1, -1].lines:
        narrow = len(thicknesses) == 1
        handles, labels = grid[1, -1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2 if narrow else 5)
    return figure


@published
def training_figure(group: Group, direction: str) -> Figure:
    """R, total losses, the discriminator's answers, learning rate and speed against epoch; a column a thickness.

    Lines are means over the folds, bands go from the lowest to the highest fold.
    """
    thicknesses = _thicknesses(group, direction)
    figure = new_figure(COLUMN if len(thicknesses) == 1 else PAGE, 190)
    grid = figure.subplots(5, len(thicknesses), squeeze=False, sharey="row", sharex="col")
    for thickness, (r, totals, scores, rates, speeds) in zip(thicknesses, grid.T, strict=True):
        runs = group.cell(direction, thickness)
        r.set_title(f"{nm(thickness)} nm")
        _draw_measure(r, runs, "r")
        for axes, names in ((totals, TOTALS), (scores, SCORES), (rates, RATES)):
            for number, (name, label) in enumerate(names.items()):
                _curve(axes, runs, f"train/{name}", label, band=True, color=LINE_COLOURS[number])
        for axes in (totals, rates):
            logarithmic(axes)
        _curve(speeds, runs, "images_per_second", "", band=True, rows="speed", color=LINE_COLOURS[0])
        for axes in (r, totals, scores, rates, speeds):
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.grid(alpha=0.3)
        speeds.set_xlabel("epoch")
    for axes, label in zip(grid[:, 0], ("R", "loss", "D(pair)", "learning rate", "images / s"), strict=True):
        axes.set_ylabel(label)
    for axes in grid[:4, -1]:
        if len(axes.get_legend_handles_labels()[0]) > 1:
            axes.legend(fontsize=6)
    return figure


@published
def save_loss_curves(folder: Path) -> None:
    """loss_curves.png of a run's folder, from its metrics.csv: MSE above, the terms of the loss below."""
    figure = new_figure(COLUMN, 110)
    measures, terms = figure.subplots(2, 1, sharex=True)
    _draw_curves(measures, terms, [Run(folder, {}, {})])
    measures.set(title=folder.name, ylabel="MSE")
    terms.set_ylabel("weighted loss term")
    for axes in (measures, terms):
        axes.legend(fontsize=6)
    with replacing(folder / "loss_curves.png") as file:
        figure.savefig(file, format="png", dpi=SCREEN_DPI)


@published
def symmetry_figure(group: Group, direction: str, column: str) -> Figure:
    """Box plots of the MSE of test images by space group or plane group; a row a thickness.

    As figure 4 of arXiv 2503.02852: space groups in the order of their numbers. The number of images stands
    with the name, the dashed line is the mean over all of them.
    """
    thicknesses = _thicknesses(group, direction)
    images = {t: [row for run in group.cell(direction, t) for row in run.of("test")] for t in thicknesses}
    distinct = {(row["id"], row[column]): row for rows in images.values() for row in rows}
    counts = {name: len(rows) for name, rows in by_symmetry(distinct.values(), column).items()}
    figure = new_figure(PAGE if column == "space_group" else COLUMN, 36 * len(thicknesses) + 22)
    grid = figure.subplots(len(thicknesses), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
    for axes, thickness in zip(grid, thicknesses, strict=True):
        members = by_symmetry(images[thickness], column)
        errors = [[row["mse"] for row in members.get(name, [])] for name in counts]
        box_plot(axes, errors, [SPLIT_COLOURS["test"]] * len(counts))
        axes.axhline(np.mean([row["mse"] for row in images[thickness]]), color="black", linestyle="--", linewidth=0.8)
        axes.set_ylabel(f"MSE, {nm(thickness)} nm")
    names = [f"{name} ({count})" for name, count in counts.items()]
    steep = len(names) > 6
    grid[-1].set_xticks(
        range(1, len(names) + 1), names, rotation=90 if steep else 30, ha="center" if steep else "right"
    )
    return figure


def _thicknesses(group: Group, direction: str) -> list[Thickness]:
    return [t for d, t in group.cells if d == direction]


def _draw_curves(measures: Axes, terms: Axes, runs: list[Run]) -> None:
    """MSE of test and training images, and the terms of the loss of G and D, against epoch."""
    _draw_measure(measures, runs, "mse")
    names = sorted({name for run in runs for row in run.curves for name in row if name.startswith(TERMS)})
    for number, name in enumerate(names):
        label = name.removeprefix(TERMS).replace("_", " ").replace("g ", "G ", 1).replace("d ", "D ", 1)
        colour, line = LINE_COLOURS[number % len(LINE_COLOURS)], TERM_LINES[number % len(TERM_LINES)]
        _curve(terms, runs, name, label, color=colour, linestyle=line)
    for axes in (measures, terms):
        logarithmic(axes)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(alpha=0.3)


def _draw_measure(axes: Axes, runs: list[Run], measure: str) -> None:
    """A measure of each part that was looked at, and of the test fold where that was measured at the end alone."""
    for split in ("validation", *SPLITS):
        look = {"color": SPLIT_COLOURS[split], "linestyle": SPLIT_LINES[split]}
        _curve(axes, runs, f"{split}/{measure}", split, band=True, **look)


def _curve(
    axes: Axes, runs: list[Run], name: str, label: str, band: bool = False, rows: str = "curves", **style: object
) -> None:
    """Mean over the folds of a column of metrics.csv, or of another table, against epoch, counted from 1."""
    columns = [{row["epoch"] + 1: row[name] for row in getattr(run, rows) if name in row} for run in runs]
    epochs = sorted({epoch for column in columns for epoch in column})
    if not epochs:
        return
    by_epoch = [[column[epoch] for column in columns if epoch in column] for epoch in epochs]
    if all(len(column) < 2 for column in columns) and max(len(run.curves) for run in runs) > 1:  # of one epoch a run
        points = [(epoch, value) for column in columns for epoch, value in column.items()]
        axes.plot(*zip(*points, strict=True), "o", label=label, color=style["color"], markersize=3)
        return
    axes.plot(epochs, [np.mean(values) for values in by_epoch], label=label, **style)
    if band and len(runs) > 1:
        low, high = ([f(values) for values in by_epoch] for f in (min, max))
        axes.fill_between(epochs, low, high, color=style["color"], alpha=0.2, linewidth=0)
