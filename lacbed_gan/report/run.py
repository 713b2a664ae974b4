"""The results of one run: measures, pictures and the lines printed at its end."""

from __future__ import annotations

from pathlib import Path

import torch
from lightning import LightningModule

from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.metrics import correlation_r, mse, summary
from lacbed_gan.report.figures import save_loss_curves, save_samples
from lacbed_gan.tracking import predictions, read_metrics


def results(module: LightningModule, data: PairDataModule) -> dict[str, float]:
    """Measures of the last epoch over images, beside those of two predictors that learn nothing."""
    values: dict[str, float] = {}
    for name, measure in module.measures.items():
        statistics = summary(measure.compute())
        values[name] = statistics.pop("mean")
        values |= {f"{name}_{key}": value for key, value in statistics.items()}
    for name, errors in data.baselines().items():
        values[f"baseline/{name}_mse"] = float(errors.mean())
    return values


def show(folder: Path, module: LightningModule, data: PairDataModule, samples: dict[str, torch.Tensor]) -> None:
    """Write loss_curves.png and samples.png."""
    save_loss_curves(read_metrics(folder / "metrics.csv"), folder / "loss_curves.png", folder.name)
    predicted = predictions(module, samples)
    images = {"input": samples["input"], "prediction": predicted, "target": samples["target"]}
    errors = zip(mse(predicted, samples["target"]), correlation_r(predicted, samples["target"]), strict=True)
    entries = [data.store.index[i] for i in samples["index"].tolist()]
    save_samples(
        {key: value[:, 0].numpy() for key, value in images.items()},
        [f"{entry['id']}\n{entry['space_group']}" for entry in entries],
        [(float(error), float(r)) for error, r in errors],
        folder / "samples.png",
        module.direction,
    )


def report(folder: Path, result: dict[str, float]) -> str:
    """The lines printed at the end of a run."""
    ratio = result["test/mse"] / result["baseline/mean_image_mse"]
    rows = [
        ("test MSE", f"{result['test/mse']:.5f}   R {result['test/r']:.4f}"),
        ("train MSE", f"{result['train/mse']:.5f}   R {result['train/r']:.4f}"),
        (
            "MSE of the mean training image",
            f"{result['baseline/mean_image_mse']:.5f}   (the network: {ratio:.2f} of it)",
        ),
        ("MSE of the nearest training input's own output", f"{result['baseline/nearest_mse']:.5f}"),
        ("results", f"{folder}: summary.json, metrics.csv, samples.png, loss_curves.png, last.ckpt, best.ckpt"),
    ]
    return "\n".join(f"{label + ':':<50}{value}" for label, value in rows)
