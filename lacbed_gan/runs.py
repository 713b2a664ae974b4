"""The folder of a run: its name, and the files that say what was run and how it ended."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

# What does not change a result: where things are written and what computes them.
WITHOUT_EFFECT = ("hydra", "runs", "logger", "trainer")


def run_name(config: DictConfig) -> str:
    """Direction, thickness, fold and eight letters of a hash of all that changes results."""
    plain = {
        key: OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        for key, value in ((k, config[k]) for k in config if k not in WITHOUT_EFFECT)
    }
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]
    return f"{config.direction}-{config.thickness}nm-fold{config.fold}-{digest}"


OmegaConf.register_new_resolver("run_name", lambda *, _root_: run_name(_root_), replace=True)


def plain_settings(config: DictConfig) -> dict[str, Any]:
    """The resolved configuration as plain Python values, without Hydra's own."""
    return {k: v for k, v in OmegaConf.to_container(config, resolve=True).items() if k != "hydra"}


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, so that a killed run leaves the old one or the new one, never half of it."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
