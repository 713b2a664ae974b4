"""A run in Weights & Biases."""

from __future__ import annotations

import netrc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from uuid import uuid4

from lacbed_gan.base.files import write_atomically


def wandb_logger(folder: Path, name: str, group: str | None, project: str, settings: dict[str, Any]) -> Any:
    """Lightning's W&B logger of this run, offline where nobody is logged in; never asks.

    The run has an id of its own, kept in wandb/id of its folder: going on with a run goes on in W&B, but the same run
    made again in another folder, or by somebody else, is another one.
    """
    os.environ.setdefault("WANDB_SILENT", "true")
    import wandb
    from lightning.pytorch.loggers import WandbLogger

    id_file = folder / "wandb" / "id"
    if not id_file.exists():
        id_file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(id_file, f"{name}-{uuid4().hex[:8]}")
    mode = os.environ.get("WANDB_MODE") or ("online" if _logged_in() else "offline")
    logger = WandbLogger(
        project=project,
        name=name,
        id=id_file.read_text(encoding="utf-8"),
        group=group,
        save_dir=folder.resolve(),  # W&B's own process may have started elsewhere
        # to filter runs by: one thickness is a number there
        config={k: v[0] if k == "thickness" and len(v) == 1 else v for k, v in settings.items()},
        resume="allow",
        mode=mode,
        settings=wandb.Settings(console="off"),
    )
    # With two optimizers Lightning counts every batch twice: curves go by epoch.
    logger.experiment.define_metric("*", step_metric="epoch")
    return logger


@contextmanager
def wandb_run(folder: Path, group: str, project: str, settings: dict[str, Any]) -> Iterator[Any]:
    """The logger of the run in a folder, which W&B counts as failed unless it comes to its end.

    It is finished in any case, so that the next run of a sweep is not merged into it.
    """
    logger = wandb_logger(folder, folder.name, group, project, settings)
    import wandb

    failed = True
    try:
        yield logger
        failed = False
    finally:
        wandb.finish(int(failed))


def log_crystals(logger: Any, table: Path) -> None:
    """Attach the table of measures per crystal to the W&B run, as an artifact of type table."""
    import wandb

    artifact = wandb.Artifact(f"crystals-{logger.experiment.name}", type="table")
    artifact.add_file(str(table.resolve()), policy="immutable")  # it stays where it is
    logger.experiment.log_artifact(artifact)


def _logged_in() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
