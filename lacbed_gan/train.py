"""Train one cGAN: ``python -m lacbed_gan.train direction=inverse thickness=200 fold=3``."""

from __future__ import annotations

import json
import logging
import time
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from omegaconf import DictConfig, OmegaConf

from lacbed_gan.config import require, require_choice, run_command
from lacbed_gan.data.datamodule import CONDITIONS, PairDataModule
from lacbed_gan.metrics import correlation_r, mse, summary
from lacbed_gan.models.assemble import DIRECTIONS, build_cgan
from lacbed_gan.models.checkpoints import AtomicCheckpointIO
from lacbed_gan.models.losses import GAN_LOSSES
from lacbed_gan.report.figures import save_loss_curves, save_samples
from lacbed_gan.runs import plain_settings, run_name, write_atomically
from lacbed_gan.tracking import (
    MetricsTable,
    SampleImages,
    finite,
    predictions,
    read_metrics,
    wandb_logger,
)

SAMPLES = 5  # test crystals shown in samples.png


def check(config: DictConfig) -> None:
    """Refuse what cannot be trained, before any folder is made."""
    require_choice("direction", config.direction, list(DIRECTIONS))
    require_choice("condition", config.condition, [None, *CONDITIONS])
    require_choice("gan_loss", config.gan_loss, list(GAN_LOSSES))
    for key, kind in (("fold", int), ("epochs", int), ("batch_size", int), ("seed", int), ("thickness", (int, float))):
        value = config[key]
        require(isinstance(value, kind) and not isinstance(value, bool), f"{key}={value} is not a number")
    require(config.epochs > 0, f"epochs={config.epochs} is not positive")
    require(config.learning_rate > 0, f"learning_rate={config.learning_rate} is not positive")
    cuda = torch.cuda.is_available()
    require(config.trainer.accelerator != "gpu" or cuda, "trainer=gpu, but PyTorch finds no GPU; take trainer=cpu")
    settings, data = prepare(config)
    with torch.device("meta"):
        module = build_cgan(settings)
        image = torch.zeros(2, settings["model"]["channels"], data.size, data.size)
        module(image, torch.zeros(2, 2) if settings["condition"] == "scale" else None)  # a size that fits


def prepare(config: DictConfig) -> tuple[dict[str, Any], PairDataModule]:
    """Settings with every choice made, and the pairs."""
    settings = plain_settings(config)
    if settings["condition"] is None:
        settings["condition"] = settings["model"]["condition"] if config.direction == "forward" else "none"
    names = ("store", "direction", "thickness", "fold", "batch_size", "size", "condition", "seed")
    data = PairDataModule(**{name: settings[name] for name in names})
    settings["size"] = data.size
    return settings, data


def train(config: DictConfig) -> None:
    """One run; its folder is complete once it holds summary.json, and the same line goes on with one that is not."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    name = run_name(config)
    if (folder / "summary.json").exists():
        print(f"{folder} holds this run, finished; delete the folder to train it again")
        return
    quiet()
    settings, data = prepare(config)
    L.seed_everything(config.seed, verbose=False)
    module = build_cgan(settings)
    module.config = {"settings": settings, "data": describe(data)}
    write_atomically(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(settings)))
    data.setup()
    samples = data.dataset(data.test_rows[:: max(1, len(data.test_rows) // SAMPLES)][:SAMPLES])
    samples = samples.__getitems__(range(len(samples)))

    callbacks = [
        MetricsTable(folder / "metrics.csv"),
        ModelCheckpoint(folder, "last", save_top_k=1, enable_version_counter=False, save_on_train_epoch_end=True),
        ModelCheckpoint(folder, "best", "test/mse", enable_version_counter=False, save_on_train_epoch_end=True),
        TQDMProgressBar(leave=False),
    ]
    logger = False
    if config.logger.name == "wandb":
        group = config.logger.group or f"{config.store}-{config.seed}"
        logger = wandb_logger(folder, name, group, config.logger.project, settings)
        callbacks.append(SampleImages(samples))
    trainer = L.Trainer(
        max_epochs=config.epochs,
        logger=logger,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        default_root_dir=folder,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        log_every_n_steps=1,
        **{k: settings["trainer"][k] for k in ("accelerator", "devices", "strategy", "precision")},
    )
    last = folder / "last.ckpt"
    started = time.monotonic()
    try:
        trainer.fit(module, data, ckpt_path=last if last.exists() else None)
        trainer.validate(module, data, verbose=False)
        if trainer.is_global_zero:
            result = results(module, data) | {"seconds": time.monotonic() - started, "epochs": config.epochs}
            show(folder, module, data, samples, name)
            if logger:
                logger.experiment.summary.update(result)
            write_atomically(folder / "summary.json", json.dumps(finite(result), indent=1) + "\n")
            print(report(folder, result))
    finally:
        if logger:
            import wandb

            wandb.finish()


def quiet() -> None:
    """Keep Lightning's hints about hardware and workers off the screen; the data is already in memory."""
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")


def describe(data: PairDataModule) -> dict[str, Any]:
    """What a checkpoint must know of the data it was trained on."""
    return {
        "checksum": data.store.checksum,
        "condition_mean": data.condition_mean,
        "condition_std": data.condition_std,
    }


def results(module: L.LightningModule, data: PairDataModule) -> dict[str, float]:
    """Measures of the last epoch over images, beside those of two predictors that learn nothing."""
    values: dict[str, float] = {}
    for name, measure in module.measures.items():
        statistics = summary(measure.compute())
        values[name] = statistics.pop("mean")
        values |= {f"{name}_{key}": value for key, value in statistics.items()}
    for name, errors in data.baselines().items():
        values[f"baseline/{name}_mse"] = float(errors.mean())
    return values


def show(
    folder: Path, module: L.LightningModule, data: PairDataModule, samples: dict[str, torch.Tensor], name: str
) -> None:
    """Write loss_curves.png and samples.png."""
    save_loss_curves(read_metrics(folder / "metrics.csv"), folder / "loss_curves.png", name)
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


if __name__ == "__main__":
    run_command("train", check, train)
