"""summary.json of a run: what it came to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lacbed_gan.base.files import write_atomically

SUMMARY = "summary.json"


def read_summary(folder: Path) -> dict[str, Any]:
    """What a finished run came to; empty for one that is not, and only its name where the file cannot be read."""
    path = folder / SUMMARY
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        values = {}
    return {"folder": folder.name} | (values if isinstance(values, dict) else {})


def write_summary(folder: Path, values: Mapping[str, Any]) -> None:
    """JSON has no NaN, such as the standard error of one image: null stands for it."""
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
    write_atomically(folder / SUMMARY, json.dumps(finite, indent=1) + "\n")


def set_aside(folder: Path) -> None:
    """Keep the summary of a run that goes on with more epochs, as summary-40.json after 40."""
    if epochs := read_summary(folder).get("epochs"):
        (folder / SUMMARY).replace(folder / f"summary-{epochs}.json")
