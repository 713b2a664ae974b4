"""Which networks ship, and where their files are."""

from __future__ import annotations

import re
from pathlib import Path

from lacbed_gan.models.checkpoints import WeightsError
from lacbed_gan.models.weights import Trained, load_weights

FOLDER = Path(__file__).parent / "shipped"
DIRECTIONS = ("forward", "inverse")
NAME = re.compile(r"(forward|inverse)(?:-(\d+(?:\.\d+)?)nm)?")  # such as inverse-100nm


def shipped_file(direction: str) -> Path:
    """The file of a direction's network.

    Raises:
        WeightsError: this copy of the program ships none.
    """
    path = FOLDER / f"{direction}.safetensors"
    if not path.exists():
        reason = f"no such file, this copy of the program ships no weights for direction={direction}"
        raise WeightsError(f"{path}: {reason}; name those of a run with checkpoint=…")
    return path


def named_weights(name: str) -> Trained:
    """Shipped networks by their name: a direction, or with a thickness such as inverse-100nm; else those of a file.

    Raises:
        WeightsError: no such file or thickness, damaged, or of networks that this version cannot build.
    """
    found = NAME.fullmatch(name)
    if found is None:
        return load_weights(name)
    trained = load_weights(shipped_file(found[1]))
    if found[2] is None:
        return trained
    try:
        return trained.at(float(found[2]))
    except ValueError as error:
        raise WeightsError(f"{name}: {error}") from None
