"""Train one cGAN: ``python -m lacbed_gan.train direction=inverse thickness=200 fold=3``."""

from __future__ import annotations

import hashlib
import json
import logging
import signal
import sys
import time
import warnings
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf import DictConfig, OmegaConf

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.progress import progress
from lacbed_gan.commands.config import require, require_choice, run_command, shown, submitted
from lacbed_gan.data.conditions import SHORTHAND
from lacbed_gan.data.datamodule import ORIGINS, PairDataModule
from lacbed_gan.data.folds import FOLDS
from lacbed_gan.data.sources import Pairs, describe_pairs, open_pairs
from lacbed_gan.data.structure_type import GROUPS
from lacbed_gan.images.grey import COLORMAPS, POLARITIES
from lacbed_gan.models.assemble import DIRECTIONS, build_cgan
from lacbed_gan.models.build import network_inputs
from lacbed_gan.models.checkpoints import AtomicCheckpointIO
from lacbed_gan.models.losses import GAN_LOSSES
from lacbed_gan.models.schedules import SCHEDULES
from lacbed_gan.report.run import crystal_table, report, results, show
from lacbed_gan.running.devices import own_gpu, side_by_side
from lacbed_gan.running.folder import claimed, plain_settings, run_group, run_name
from lacbed_gan.running.profile import Profile
from lacbed_gan.running.resume import STOPPED, KeepPartOfEpoch, checkpoint_to_resume
from lacbed_gan.running.tracking import (
    LossBar,
    MetricsTable,
    SampleImages,
    finite,
    log_crystals,
    wandb_logger,
)

SAMPLES = 4  # test crystals shown in samples.png


def check(config: DictConfig) -> None:
    """Refuse what cannot be trained, before any folder is made."""
    require_choice("direction", config.direction, list(DIRECTIONS))
    require_choice("condition", config.condition, [None, *SHORTHAND])
    require_choice("origin", config.origin, [None, *ORIGINS])
    require_choice("schedule", config.schedule, list(SCHEDULES))
    require(0 <= config.ema < 1, f"ema={config.ema} is not a number from 0 up to, but not including, 1")
    require_choice("gan_loss", config.gan_loss, list(GAN_LOSSES))
    require_choice("fold", config.fold, range(FOLDS))
    require_choice("trainer.accelerator", config.trainer.accelerator, ["auto", "cpu", "gpu"])
    require_choice("trainer.precision", config.trainer.precision, ["32-true", "bf16-mixed"])
    for key, least in (("epochs", 1), ("batch_size", 1), ("seed", 0)):
        value = config[key]
        require(isinstance(value, int) and value >= least, f"{key}={value} is not a whole number from {least} up")
    for key in ("store", "runs"):
        require(isinstance(config[key], str), f"{key}={shown(config[key])} is not a path")
    check_data(config)
    require(config.learning_rate > 0, f"learning_rate={config.learning_rate} is not positive")
    betas = all(isinstance(beta, float | int) and 0 <= beta < 1 for beta in config.betas)
    require(betas and len(config.betas) == 2, f"betas={config.betas} is not a list of two numbers in [0, 1)")
    cuda = torch.cuda.is_available()
    gpu = cuda or submitted()
    require(config.trainer.accelerator != "gpu" or gpu, "trainer=gpu, but PyTorch finds no GPU; take trainer=cpu")
    bf16 = config.trainer.precision == "bf16-mixed" and config.trainer.accelerator != "cpu" and cuda
    require(
        not bf16 or torch.cuda.is_bf16_supported(including_emulation=False),
        "trainer.precision=bf16-mixed, but this GPU has no bfloat16; take trainer.precision=32-true",
    )
    several = not isinstance(config.thickness, int | float)
    require(
        not several or config.model.channels == 1,
        f"thickness={shown(config.thickness)} needs networks of one channel; take model.channels=1",
    )
    plain = plain_settings(config)
    settings, data = prepare(config, describe_pairs(plain["store"], plain["data"]))
    try:
        with torch.device("meta"):
            module = build_cgan(settings)
            channels, conditions = network_inputs(settings)
            image = torch.zeros(2, channels, data.size, data.size)
            module(image, torch.zeros(2, conditions) if conditions else None)  # a size that fits
    except (TypeError, RuntimeError) as error:
        raise SettingsError(f"these networks cannot be built for {data.size} pixels: {error}") from None


def check_data(config: DictConfig) -> None:
    """Refuse settings of the group ``data`` that do not fit each other or the rest."""
    folds = config.data.get("folds")
    require_choice("data.group", config.data.group, [*GROUPS, *(["lists"] if folds else [])])
    if config.data.name == "store":
        return
    for key in ("root", "folds", "metadata", "cache"):
        value = config.data[key]
        require(value is None or isinstance(value, str), f"data.{key}={shown(value)} is not a path")
    require(config.data.cache is not None, "data.cache=null is not a path")
    own = folds and config.data.group == "prototype"
    require(not own, "data.group=prototype makes its own folds; leave out data.folds, or data.group")
    require_choice("data.polarity", config.data.polarity, [None, *POLARITIES])
    require_choice("data.colormap", config.data.colormap, [None, *COLORMAPS])
    require(config.store == "bundled", f"store={config.store} is not read with data=kaggle, leave one of them out")
    require(config.condition != "scale", "condition=scale needs the range of ρ, which data=kaggle does not tell")


def prepare(config: DictConfig, pairs: Pairs) -> tuple[dict[str, Any], PairDataModule]:
    """Settings with every choice made, and the pairs."""
    settings = plain_settings(config)
    for line in pairs.lines:
        say(line)
    settings["data"]["group"] = pairs.grouped_by
    if settings["condition"] is None:
        wanted = settings["model"]["condition"]
        known = "cell" if config.direction == "inverse" else "scale"  # who has a pattern does not know ρ
        settings["condition"] = known if wanted == "scale" else wanted
        if settings["condition"] != "none" and config.data.name == "kaggle":
            settings["condition"] = "none"
            say(f"condition=none: the model's file says {wanted}, but the range of ρ is not known of published images")
    if settings["origin"] is None:
        settings["origin"] = "canonical" if pairs.store.recipe.periodic else "given"
    if config.data.name == "kaggle":
        settings["model"]["weights"]["scale"] = 0.0  # not known
    if config.direction == "inverse" and settings["augment"]["shift"]:
        settings["augment"]["shift"] = False
        say("augment.shift=false with direction=inverse: a pattern does not tell the origin of ρ")
    names = ("direction", "thickness", "fold", "batch_size", "size", "condition", "seed", "validation", "origin")
    data = PairDataModule(
        pairs.store,
        **{name: settings[name] for name in names},
        **settings["augment"],
        predict_span=settings["model"]["weights"]["scale"] > 0,
        fold_of=pairs.fold_of,
    )
    settings["size"] = data.size
    if not isinstance(config.thickness, int | float):
        settings["thickness"] = data.thicknesses
    settings["group"] = config.logger.get("group") or run_group(config)
    return settings, data


@cache
def say(line: str) -> None:
    """Print a line once, however often it is said."""
    print(line, flush=True)


def train(config: DictConfig) -> None:
    """One run; its folder is complete once it holds summary.json, and the same line goes on with one that is not."""
    folder = Path(config.runs) / run_name(config)
    if not finished(folder):
        plain = plain_settings(config)  # read and verified before there is a folder
        pairs = open_pairs(plain["store"], plain["data"], lambda codes: progress(codes, len(codes)))
        with claimed(folder) if rank_zero_only.rank == 0 else nullcontext():
            if not finished(folder):  # by another process, just before
                with own_gpu(config) as own:
                    train_in(folder, own, pairs)


def finished(folder: Path) -> bool:
    """Whether the folder holds a finished run, and a line that says so."""
    if not (folder / "summary.json").exists():
        return False
    print(f"{folder} holds this run, finished; delete the folder to train it again")
    return True


def train_in(folder: Path, config: DictConfig, pairs: Pairs) -> None:
    """The run in its folder, which belongs to this process: goes on where it stands, to the end."""
    quiet()
    settings, data = prepare(config, pairs)
    L.seed_everything(config.seed, verbose=False)
    module = build_cgan(settings)
    module.config = {"settings": settings, "data": describe(data)}
    last, where = checkpoint_to_resume(folder, module.config["data"], config.allow_data_change)
    if where and rank_zero_only.rank == 0:
        print(where, flush=True)
    write_atomically(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(settings)))
    data.setup()
    module.familiar = data.familiarity()
    samples = data.batch(data.test_rows[:: max(1, len(data.test_rows) // SAMPLES)][:SAMPLES])

    callbacks = [
        MetricsTable(folder / "metrics.csv"),
        KeepPartOfEpoch(folder),
        *([] if side_by_side() else [LossBar(leave=False)]),
    ]
    if settings["profile"]:
        callbacks.append(Profile(folder))
    # last comes last: a run that is killed between the two makes this epoch, and its best, again
    for name in ["best", "last"] if settings["validation"] else ["last"]:
        chosen = {"monitor": "validation/mse"} if name == "best" else {"save_top_k": 1}
        callbacks.append(
            ModelCheckpoint(folder, name, enable_version_counter=False, save_on_train_epoch_end=True, **chosen)
        )
    logger = False
    if config.logger.name == "wandb":
        logger = wandb_logger(folder, folder.name, settings["group"], config.logger.project, settings)
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
            enable_progress_bar=not side_by_side(),
            log_every_n_steps=1,
            **{k: settings["trainer"][k] for k in ("accelerator", "devices", "strategy", "precision")},
        )
        if settings["trainer"]["compile"]:
            for network in (module.generator, module.discriminator):
                if network is not None:
                    network.compile()
        trainer.fit(module, data, ckpt_path=last)
        (folder / STOPPED).unlink(missing_ok=True)
        trainer.logger = None  # the same measures again: not another point of the curves
        reported = folder / ("best.ckpt" if settings["validation"] else "last.ckpt")
        trainer.validate(module, data, ckpt_path=reported, verbose=False)
        if trainer.is_global_zero:
            result = results(module, data) | {"seconds": time.monotonic() - started, "epochs": config.epochs}
            write_atomically(folder / "crystals.csv", crystal_table(module, data))
            show(folder, module, data, samples)
            if logger:
                logger.experiment.summary.update(result)
                log_crystals(logger, folder / "crystals.csv")
            write_atomically(folder / "summary.json", json.dumps(finite(result), indent=1) + "\n")
            print(report(folder, result))
        failed = False
    except torch.OutOfMemoryError:
        raise SettingsError(_too_large(config.batch_size)) from None
    except SIGTERMException:
        if rank_zero_only.rank == 0:
            print(f"{folder}: stopped by SIGTERM; the same line goes on", file=sys.stderr, flush=True)
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        if logger:
            import wandb

            wandb.finish(int(failed))


def _too_large(batch_size: int) -> str:
    smaller = "model=small, or a smaller size=…" if batch_size == 1 else f"batch_size={batch_size // 2}"
    return f"the GPU has not enough memory for batch_size={batch_size}; try {smaller}"


def quiet() -> None:
    """Keep Lightning's hints about hardware and workers off the screen; the data is already in memory."""
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*treespec, LeafSpec.*")
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")


def describe(data: PairDataModule) -> dict[str, Any]:
    """What a checkpoint must know of the data it was trained on."""
    predicted = "log_span" in data.standardisation and data.direction == "inverse"
    return {
        "checksum": data.store.checksum,
        "recipe": data.store.recipe.to_json(),
        "folds": hashlib.sha256(data.fold_of.astype("<i8").tobytes()).hexdigest(),
        "condition_mean": [data.standardisation[name][0] for name in data.condition] or None,
        "condition_std": [data.standardisation[name][1] for name in data.condition] or None,
        "scale_mean": [data.standardisation["log_span"][0]] if predicted else None,
        "scale_std": [data.standardisation["log_span"][1]] if predicted else None,
    }


def main() -> None:
    run_command("train", check, train)
