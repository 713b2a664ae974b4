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
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import DictConfig, OmegaConf

from lacbed_gan.config import ConfigError, require, require_choice, run_command, shown
from lacbed_gan.data.datamodule import CONDITIONS, FOLDS, PairDataModule
from lacbed_gan.models.assemble import DIRECTIONS, build_cgan
from lacbed_gan.models.checkpoints import AtomicCheckpointIO
from lacbed_gan.models.losses import GAN_LOSSES
from lacbed_gan.report.run import report, results, show
from lacbed_gan.runs import plain_settings, run_group, run_name, write_atomically
from lacbed_gan.tracking import (
    LossBar,
    MetricsTable,
    SampleImages,
    finite,
    wandb_logger,
)

SAMPLES = 4  # test crystals shown in samples.png


def check(config: DictConfig) -> None:
    """Refuse what cannot be trained, before any folder is made."""
    require_choice("direction", config.direction, list(DIRECTIONS))
    require_choice("condition", config.condition, [None, *CONDITIONS])
    require_choice("gan_loss", config.gan_loss, list(GAN_LOSSES))
    require_choice("fold", config.fold, range(FOLDS))
    require_choice("trainer.accelerator", config.trainer.accelerator, ["auto", "cpu", "gpu"])
    require_choice("trainer.precision", config.trainer.precision, ["32-true", "bf16-mixed"])
    for key, least in (("epochs", 1), ("batch_size", 1), ("seed", 0)):
        value = config[key]
        require(isinstance(value, int) and value >= least, f"{key}={value} is not a whole number from {least} up")
    for key in ("store", "runs"):
        require(isinstance(config[key], str), f"{key}={shown(config[key])} is not a path")
    require(config.learning_rate > 0, f"learning_rate={config.learning_rate} is not positive")
    betas = all(isinstance(beta, float | int) and 0 <= beta < 1 for beta in config.betas)
    require(betas and len(config.betas) == 2, f"betas={config.betas} is not a list of two numbers in [0, 1)")
    cuda = torch.cuda.is_available()
    require(config.trainer.accelerator != "gpu" or cuda, "trainer=gpu, but PyTorch finds no GPU; take trainer=cpu")
    settings, data = prepare(config)
    try:
        with torch.device("meta"):
            module = build_cgan(settings)
            image = torch.zeros(2, settings["model"]["channels"], data.size, data.size)
            module(image, torch.zeros(2, 2) if settings["condition"] == "scale" else None)  # a size that fits
    except (TypeError, RuntimeError) as error:
        raise ConfigError(f"these networks cannot be built for {data.size} pixels: {error}") from None


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
    name = run_name(config)
    folder = Path(config.runs) / name
    if (folder / "summary.json").exists():
        print(f"{folder} holds this run, finished; delete the folder to train it again")
        return
    quiet()
    settings, data = prepare(config)
    L.seed_everything(config.seed, verbose=False)
    module = build_cgan(settings)
    module.config = {"settings": settings, "data": describe(data)}
    last = folder / "last.ckpt"
    if last.exists():
        trained_on = torch.load(last, map_location="cpu", weights_only=True)["config"]["data"]["checksum"]
        changed = f"{last} was trained on other data than {config.store} holds now; delete {folder} to start again"
        require(trained_on == data.store.checksum, changed)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(settings)))
    data.setup()
    samples = data.dataset(data.test_rows[:: max(1, len(data.test_rows) // SAMPLES)][:SAMPLES])
    samples = samples.__getitems__(range(len(samples)))

    callbacks = [
        MetricsTable(folder / "metrics.csv"),
        ModelCheckpoint(folder, "last", save_top_k=1, enable_version_counter=False, save_on_train_epoch_end=True),
        ModelCheckpoint(folder, "best", "test/mse", enable_version_counter=False, save_on_train_epoch_end=True),
        LossBar(leave=False),
    ]
    logger = False
    if config.logger.name == "wandb":
        logger = wandb_logger(folder, name, config.logger.group or run_group(config), config.logger.project, settings)
        callbacks.append(SampleImages(samples))
    started = time.monotonic()
    failed = True  # unless it gets to the end
    try:
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
        trainer.fit(module, data, ckpt_path=last if last.exists() else None)
        trainer.logger = None  # the same measures again: not another point of the curves
        trainer.validate(module, data, verbose=False)
        if trainer.is_global_zero:
            result = results(module, data) | {"seconds": time.monotonic() - started, "epochs": config.epochs}
            show(folder, module, data, samples)
            if logger:
                logger.experiment.summary.update(result)
            write_atomically(folder / "summary.json", json.dumps(finite(result), indent=1) + "\n")
            print(report(folder, result))
        failed = False
    finally:
        if logger:
            import wandb

            wandb.finish(int(failed))


def quiet() -> None:
    """Keep Lightning's hints about hardware and workers off the screen; the data is already in memory."""
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*treespec, LeafSpec.*")
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")


def describe(data: PairDataModule) -> dict[str, Any]:
    """What a checkpoint must know of the data it was trained on."""
    return {
        "checksum": data.store.checksum,
        "condition_mean": data.condition_mean,
        "condition_std": data.condition_std,
    }


if __name__ == "__main__":
    run_command("train", check, train)
