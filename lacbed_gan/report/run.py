"""The results of one run: measures, pictures and the lines printed at its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.tables import to_csv
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.data.references import baselines
from lacbed_gan.data.views import projected_group
from lacbed_gan.measures.metrics import summary
from lacbed_gan.measures.origin import misjudged
from lacbed_gan.models.build import Networks
from lacbed_gan.models.checkpoints import amend_checkpoint
from lacbed_gan.models.networks.drawing import Drawing
from lacbed_gan.models.weights import Trained
from lacbed_gan.report.image_figures import save_samples
from lacbed_gan.report.posterior import answers_of, judged, posterior_summary, spread_rows
from lacbed_gan.report.predicted import cases_of
from lacbed_gan.report.spread import fitted_spread
from lacbed_gan.report.statistics_figures import save_loss_curves
from lacbed_gan.running.samples import predictions
from lacbed_gan.running.summary import write_summary

if TYPE_CHECKING:
    from lightning import LightningModule

    from lacbed_gan.running.training import Outcome


def write_results(
    folder: Path,
    module: LightningModule,
    data: PairDataModule,
    samples: dict[str, torch.Tensor],
    seconds: float,
    outcome: Outcome,
) -> dict[str, Any]:
    """What the last measurement came to: crystals.csv, pictures, and last of all summary.json, which is returned.

    Args:
        samples: a batch, shown in samples.png.
        seconds: that training took.
    """
    result: dict[str, Any] = results(module, data) | {"seconds": seconds, "epochs": outcome.epochs}
    result |= {"best/epoch": outcome.epoch} if "validation" in data.watched else {}
    result |= {"train_crystals": len(data.train_rows), "test_crystals": len(data.test_rows)}
    result |= {"stopped_early": True} if outcome.early else {}
    if "start" in module.config.get("data", {}):
        result["start"] = module.config["data"]["start"]
    write_atomically(folder / "crystals.csv", crystal_table(module, data))
    if isinstance(module.network, Drawing) and module.direction == "inverse":
        result |= write_posterior(folder, module, data)
    show(folder, module, data, samples)
    write_summary(folder, result)
    print(report(folder, result))
    return result


def write_posterior(folder: Path, module: LightningModule, data: PairDataModule) -> dict[str, float]:
    """posterior.csv, a row a test crystal as `judged` says, and its means by the names posterior/covered_50 and so on.

    With the noise that the network was trained with. Where there is a validation part, the spread of the samples is
    fitted on it before, see `fitted_spread`, and kept in best.ckpt: posterior/scale and posterior/tail.
    """
    trained = Trained.of(Networks(module.network, span_head=module.span_head), module.config)
    rows = spread_rows(data.test_rows)
    counts = getattr(trained.settings.model.generator, "counts", None)
    found: dict[str, float] = {}
    if "validation" in data.watched:
        fitted = fitted_spread(trained, data, data.validation_rows, counts)
        amend_checkpoint(folder / "best.ckpt", spread=fitted.to_json())
        trained.network.spread = fitted.spread
        found = {f"posterior/{name}": value for name, value in fitted.spread._asdict().items()}
    table = judged(answers_of(trained, data, rows, counts=counts), data, rows)
    write_atomically(folder / "posterior.csv", to_csv(table))
    return {f"posterior/{name}": value for name, value in posterior_summary(table).items()} | found


def results(module: LightningModule, data: PairDataModule) -> dict[str, float]:
    """Measures of the last validation over images, beside those of two predictors that learn nothing.

    Each measure by its logged name (mean), with _standard_error, _median, _quartile_1 and _quartile_3; for inverse
    networks also test/misjudged, the number of test images that the plain MSE misjudges. Networks that have one of
    several thicknesses at a time have each measure per thickness too: test/mse@50nm.
    """
    values: dict[str, float] = {}
    for name, measure in module.measures.items():
        if not measure.update_called:  # no validation fold
            continue
        per_image = measure.compute()
        statistics = summary(per_image)
        values[name] = statistics.pop("mean")
        values |= {f"{name}_{key}": value for key, value in statistics.items()}
        if data.by_thickness:
            times = module.rows[f"{name.split('/')[0]}/time"].compute()
            for time, thickness in enumerate(data.thicknesses):
                values[f"{name}@{thickness:g}nm"] = float(per_image[times == time].mean())
    if "test/origin_mse" in module.measures:
        plain, independent = (module.measures[f"test/{name}"].compute() for name in ("mse", "origin_mse"))
        values["test/misjudged"] = misjudged(plain, independent)
    for name, errors in baselines(data).items():
        values[f"baseline/{name}_mse"] = float(errors.mean())
        if data.tells_thickness:
            for time, thickness in enumerate(data.thicknesses):
                values[f"baseline/{name}_mse@{thickness:g}nm"] = float(errors[time :: len(data.thicknesses)].mean())
    return values


def crystal_table(module: LightningModule, data: PairDataModule) -> str:
    """The measures of every crystal of the last validation, as CSV: the test fold, and the training images measured.

    Columns: id, formula, space_group, number, a (Å), plane_group (of the projection along [001]), split (test or
    train), thickness (nm; of an inverse network that takes several, all of them) and the measures. A cell is empty
    where the store does not know.
    """
    known = ("id", "formula", "space_group", "number", "a")
    names = [name.removeprefix("test/") for name in module.measures if name.startswith("test/")]
    table = []
    for split in ("test", "train"):
        rows, times = (module.rows[f"{split}/{name}"] for name in ("index", "time"))
        rows = rows.compute().long().tolist()
        times = times.compute().long().tolist() if times.update_called else [None] * len(rows)
        measures = [module.measures[f"{split}/{name}"].compute().tolist() for name in names]
        for row, time, *values in sorted(zip(rows, times, *measures, strict=True)):
            entry = data.store.index[row]
            table.append(
                {key: entry[key] for key in known}
                | {"plane_group": projected_group(entry), "split": split}
                | {"thickness": data.thicknesses if time is None else data.thicknesses[time]}
                | dict(zip(names, values, strict=True))
            )
    return to_csv(table)


def show(folder: Path, module: LightningModule, data: PairDataModule, samples: dict[str, torch.Tensor]) -> None:
    """Write loss_curves.png and samples.png."""
    save_loss_curves(folder)
    cases = cases_of(data, samples, predictions(module, samples))
    save_samples(cases, module.direction, folder / "samples.png")


def report(folder: Path, result: dict[str, float]) -> str:
    """The lines printed at the end of a run."""
    ratio = result["test/mse"] / result["baseline/mean_image_mse"]
    rows = [
        ("test MSE", f"{result['test/mse']:.5f}   R {result['test/r']:.4f}"),
        ("train MSE", f"{result['train/mse']:.5f}   R {result['train/r']:.4f}"),
        *_origin_rows(result),
        *_posterior_rows(result),
        (
            "MSE of the mean training image",
            f"{result['baseline/mean_image_mse']:.5f}   (the network: {ratio:.2f} of it)",
        ),
        ("MSE of the nearest training input's own output", f"{result['baseline/nearest_mse']:.5f}"),
        (
            "results",
            f"{folder}: summary.json, crystals.csv, metrics.csv, samples.png, loss_curves.png, last.ckpt",
        ),
    ]
    return "\n".join(f"{label + ':':<50}{value}" for label, value in rows)


def _posterior_rows(result: dict[str, float]) -> list[tuple[str, str]]:
    """What an inverse run that draws its answers has beside the rest."""
    if "posterior/mean_mse" not in result:
        return []
    held = ", ".join(f"{100 * result[f'posterior/covered_{p}']:.0f}" for p in (50, 80, 95))
    scale, tail = (result.get(f"posterior/{name}") for name in ("scale", "tail"))
    spread = (
        [("spread of samples, by the validation part", f"{scale:.3g} of that learned, tail {tail:g}")] if scale else []
    )
    return [
        *spread,
        ("MSE of the mean of 64 samples", f"{result['posterior/mean_mse']:.5f}   R {result['posterior/mean_r']:.4f}"),
        ("50, 80, 95 % intervals of |U_hk| hold", f"{held} % of true ones"),
    ]


def _origin_rows(result: dict[str, float]) -> list[tuple[str, str]]:
    """What an inverse run has beside the plain measures; nothing for a forward one."""
    if "test/misjudged" not in result:
        return []
    rows = [
        (f"{part} MSE whatever the origin", f"{result[f'{part}/origin_mse']:.5f}   R {result[f'{part}/origin_r']:.4f}")
        for part in ("test", "train")
    ]
    return [*rows, ("test crystals right but for the origin", f"{result['test/misjudged']}")]
