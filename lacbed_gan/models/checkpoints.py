"""A run's checkpoints, read without Lightning and without running anything in them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from lacbed_gan.base.errors import UserError
from lacbed_gan.base.files import replacing


class WeightsError(UserError):
    """A file of weights that cannot be used: one line with file, reason and remedy."""


def read_checkpoint(path: str | Path, mmap: bool = False) -> dict[str, Any]:
    """What a run's checkpoint holds, on the CPU; tensors and plain values alone are read from it.

    Raises:
        FileNotFoundError: no such file.
        WeightsError: it is cut short, holds other things than a run writes, or something that would have to be run.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles of other programs
            checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
        config = checkpoint["config"]
        known = isinstance(config["settings"], dict) and isinstance(config["data"], dict)
        if not (known and isinstance(checkpoint["state_dict"], dict)):
            raise KeyError("config")
    except FileNotFoundError:
        raise
    except (KeyError, TypeError):
        raise WeightsError(f"{path}: not the checkpoint of a run of lacbed_gan") from None
    except Exception as error:  # whatever a damaged or a foreign file makes the reader raise
        name = type(error).__name__
        reason = "it holds more than weights, and nothing of it was run" if name == "UnpicklingError" else name
        raise WeightsError(f"{path}: not a checkpoint, or cut short ({reason})") from None
    return checkpoint


def amend_checkpoint(path: Path, **facts: Any) -> None:
    """Add plain values to what a checkpoint says of its data, in one step."""
    checkpoint = read_checkpoint(path)
    checkpoint["config"]["data"] |= facts
    with replacing(path) as file:
        torch.save(checkpoint, file)
