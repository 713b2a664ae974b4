"""The report in Weights & Biases, beside the runs that it is about."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from lacbed_gan.report.section import Section
from lacbed_gan.running.tracking import finish, wandb_logger


def attach(section: Section, folder: Path, project: str, group: str | None) -> None:
    """A W&B run report-<group> with the figures and the table of measures, in the group of its runs.

    Args:
        folder: holds the group's figures; offline records go to its folder wandb.
        group: of W&B; None: the one that the runs were given.
    """
    import wandb

    of = section.group
    group = group or of.runs[0].settings.get("logger", {}).get("group") or of.name
    settings = {"runs": [run.folder.name for run in of.runs], "checksum": of.checksum}
    logger = wandb_logger(folder, f"report-{of.name}", group, project, settings, job_type="report")
    if logger is None:
        return
    try:
        columns = list(section.measures[0])
        table = wandb.Table(columns=columns, data=[[row[name] for name in columns] for row in section.measures])
        figures = {p.name: wandb.Image(Image.open(io.BytesIO(p.png)), caption=p.caption) for p in section.pictures}
        logger.attempt(lambda: logger.experiment.log({"table": table, **figures}))
    finally:
        finish(logger, int(bool(logger.trouble)), folder)
