"""Samples of a test fold judged as a distribution: a row a crystal, their summary, and their figure."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.images.colours import LINE_COLOURS
from lacbed_gan.images.scaling import to_unit
from lacbed_gan.measures.metrics import correlation_r, mse
from lacbed_gan.measures.origin import origin_mse, origin_r
from lacbed_gan.measures.posterior import LEVELS, amplitudes, covered, crps, nearest_mse, rank, strongest, width
from lacbed_gan.models.networks.sampling import with_counting_noise
from lacbed_gan.models.weights import Trained
from lacbed_gan.report.collect import Group, nm
from lacbed_gan.report.publication import COLUMN, new_figure, published

SAMPLES = 64
CRYSTALS = 100  # of a test fold, at most: a few milliseconds a sample
ORDER = 8  # largest h and k of the coefficients among which the strongest are sought
STRONGEST = 10
CHUNK = 4  # crystals whose samples are drawn together
COPY = 1e-5  # MSE to a training image below which a sample repeats it
Row = dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """Samples of one crystal and what is true of it, on the CPU.

    Attributes:
        images: (n, H, W) in [0, 1]; span: (n,) in 1/Å², or None.
        truth: (H, W); true_span: in 1/Å².
    """

    images: Tensor
    span: Tensor | None
    truth: Tensor
    true_span: float

    def quantities(self) -> tuple[Tensor, Tensor]:
        """|U_hk| of the samples (n, STRONGEST) and the truth (STRONGEST,), in 1/Å² or units of the range of ρ."""
        samples, truth = amplitudes(self.images, ORDER), amplitudes(self.truth, ORDER)
        if self.span is not None:
            samples, truth = samples * self.span[:, None], truth * self.true_span
        places = strongest(samples, STRONGEST)
        return samples[:, places], truth[places]


def spread_rows(rows: np.ndarray, count: int = CRYSTALS) -> np.ndarray:
    """As many of the rows at most, evenly spread over them."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)]


def answers_of(
    trained: Trained, data: PairDataModule, rows: np.ndarray, count: int = SAMPLES, counts: float | None = None
) -> list[Answers]:
    """Samples of inverse networks for some rows of the store; of one that gives one answer just that.

    Args:
        counts: electrons at the brightest pixel, of noise that is added to the patterns; None for none.
    """
    device = next(trained.network.parameters()).device
    generator = torch.Generator().manual_seed(0)
    result = []
    for part in np.array_split(rows, -(-len(rows) // CHUNK)):
        batch = {name: values.to(device) for name, values in data.batch(part).items()}
        image, condition = batch["input"], batch.get("condition")
        if counts is not None:
            image = with_counting_noise(image, counts, generator)
        if trained.draws:
            images, span = trained.sample(image, condition, count, generator)
        else:
            with torch.inference_mode():
                images, span = trained.predict(image, condition)[:, None], trained.predict_span(image, condition)
                span = None if span is None else span[:, None]
        for i, row in enumerate(part):
            entry = data.store.index[row]
            of_one = None if span is None else span[i].cpu().float()
            true_span = float(entry["rho_max"] - entry["rho_min"]) if of_one is not None else 1.0
            result.append(Answers(images[i, :, 0].cpu(), of_one, batch["target"][i, 0].cpu(), true_span))
    return result


def judged(answers: Sequence[Answers], data: PairDataModule, rows: np.ndarray) -> list[Row]:
    """A row for each crystal; coverage, CRPS and width are means over its strongest |U_hk|, by the samples' mean.

    ``width`` and ``crps`` are in units of the mean |U_hk| of the ten. ``best_mse`` is that of the sample nearest to
    the truth, ``one_mse`` the mean over single samples. ``nearest_mse`` is the median sample's distance from the
    training ρ nearest to it, ``true_nearest_mse`` that of the truth, ``copies`` the share of samples that repeat one.
    """
    training = to_unit(data.images.potential[torch.from_numpy(data.train_rows)][:, 0].cpu())
    table = []
    for one, row in zip(answers, rows, strict=True):
        entry, truth = data.store.index[row], one.truth[None]
        mean = one.images.mean(0, keepdim=True)
        samples, true = one.quantities()
        errors, distances = mse(one.images, one.truth.expand_as(one.images)), nearest_mse(one.images, training)
        size = samples.mean()
        values: Row = {"id": entry["id"], "formula": entry["formula"], "samples": len(one.images)}
        measures: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
            "mean_mse": mse, "mean_r": correlation_r, "mean_origin_mse": origin_mse, "mean_origin_r": origin_r,
        }  # fmt: skip
        values |= {name: float(measure(mean, truth)) for name, measure in measures.items()}
        values |= {"one_mse": float(errors.mean()), "best_mse": float(errors.min())}
        values |= {f"covered_{100 * p:g}": float(covered(samples, true, p).float().mean()) for p in LEVELS}
        values |= {"crps": float(crps(samples, true).mean() / size), "width": float(width(samples, 0.8).mean() / size)}
        values |= {"nearest_mse": float(distances.median()), "copies": float((distances < COPY).float().mean())}
        values |= {"true_nearest_mse": float(nearest_mse(truth, training))}
        table.append(values | {"ranks": " ".join(map(str, rank(samples, true).tolist()))})
    return table


def posterior_summary(table: Sequence[Row]) -> dict[str, float]:
    """Means over crystals of what `judged` says, by name; of the distances the medians."""
    names = [name for name, value in table[0].items() if isinstance(value, float)]
    middle = {name: np.median if name.endswith("nearest_mse") else np.mean for name in names}
    return {name: float(middle[name]([row[name] for row in table])) for name in names}


def posterior_rows(group: Group) -> list[Row]:
    """A row for each thickness whose networks draw their answers: means over its runs of what each run's end says."""
    rows = []
    for direction, thickness in group.cells:
        runs = [run for run in group.cell(direction, thickness) if run.summary.get("posterior/mean_mse") is not None]
        if not runs:
            continue
        names = [name for name in runs[0].summary if name.startswith("posterior/")]
        means = {
            n.partition("/")[2]: float(np.mean([run.summary[n] for run in runs if n in run.summary])) for n in names
        }
        rows.append({"group": group.name, "direction": direction, "thickness": thickness, "runs": len(runs)} | means)
    return rows


def posterior_tables(group: Group) -> list[tuple[str, list[Row]]]:
    """What posterior.csv of the runs says, by thickness."""
    tables: dict[str, list[Row]] = {}
    for run in group.runs:
        path = run.folder / "posterior.csv"
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as lines:
                rows = [{"samples": int(row["samples"]), "ranks": row["ranks"]} for row in csv.DictReader(lines)]
            tables.setdefault(f"{nm(run.thickness)} nm", []).extend(rows)
    return list(tables.items())


@published
def rank_figure(tables: Sequence[tuple[str, Sequence[Row]]]) -> Figure:
    """Histograms of the truth's rank among the samples, a panel a table; even where the samples are right."""
    figure = new_figure(COLUMN * min(2, len(tables)), 55 * -(-len(tables) // 2))
    panels = np.atleast_1d(figure.subplots(-(-len(tables) // 2), min(2, len(tables)), squeeze=False)).ravel()
    for axes, (name, table) in zip(panels, tables, strict=False):
        ranks = [(int(word) + 0.5) / (row["samples"] + 1) for row in table for word in str(row["ranks"]).split()]
        axes.hist(ranks, bins=13, range=(0, 1), density=True, color=LINE_COLOURS[0])
        axes.axhline(1, color="black", linewidth=0.6)
        axes.set(title=name, xlabel="rank of the truth among the samples", ylabel="density", xlim=(0, 1))
    for axes in panels[len(tables) :]:
        axes.axis("off")
    return figure
