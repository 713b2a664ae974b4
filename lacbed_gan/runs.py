"""The folder of a run: its name, and the files that say what was run and how it ended."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

# What does not change a result: where things are written and what computes them (but in which precision does).
WITHOUT_EFFECT = ("hydra", "runs", "logger", "trainer")


def run_name(config: DictConfig) -> str:
    """Direction, thickness, fold and eight letters of a hash of all that changes results."""
    return f"{config.direction}-{config.thickness:g}nm-fold{config.fold}-{_hash(config)}"


def run_group(config: DictConfig) -> str:
    """One name for all runs that differ in direction, thickness and fold alone."""
    return f"{Path(config.store).stem}-{_hash(config, ('direction', 'thickness', 'fold'))}"


def _hash(config: DictConfig, without: tuple[str, ...] = ()) -> str:
    plain = {k: v for k, v in plain_settings(config).items() if k not in (*WITHOUT_EFFECT, *without)}
    plain["precision"] = config.trainer.precision
    # 50 and 50.0 are one thickness
    plain = json.loads(json.dumps(plain), parse_float=lambda x: int(float(x)) if float(x).is_integer() else float(x))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]


def plain_settings(config: DictConfig) -> dict[str, Any]:
    """The resolved configuration as plain Python values, without Hydra's own."""
    return {k: v for k, v in OmegaConf.to_container(config, resolve=True).items() if k != "hydra"}


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, so that a killed run leaves the old one or the new one, never half of it."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
