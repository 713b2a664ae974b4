"""Settings of evaluate, join and the page: ``conf/evaluate.yaml``, ``conf/join.yaml``, ``conf/app.yaml``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from lacbed_gan.commands.settings.train import Logger
from lacbed_gan.commands.settings.words import Place, Positive, Source
from lacbed_gan.models.settings import Settings


class EvaluateSettings(Settings):
    """The report on a folder of runs."""

    runs: Place
    group: str | None
    crystal: Annotated[str | None, BeforeValidator(lambda name: str(name) if isinstance(name, int) else name)]
    timing: bool
    logger: Logger


class JoinSettings(Settings):
    """A folder of shards."""

    output: Annotated[Place, Field(description="the folder that holds the shards")]
    tolerance: Positive


class AppSettings(Settings):
    """The page for the lab."""

    port: Annotated[int, Field(ge=1, le=65535)]
    open_browser: bool
    forward: Source | None
    inverse: Source | None
