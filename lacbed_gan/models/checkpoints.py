"""Checkpoints: written in one step, read without running anything in them, rebuilt from nothing but themselves."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from lacbed_gan.base.files import replacing
from lacbed_gan.base.messages import printable
from lacbed_gan.measures.familiarity import Familiar
from lacbed_gan.models.assemble import build_cgan
from lacbed_gan.models.cgan import ConditionalGAN
from lacbed_gan.models.weights import NoLargerThan, WeightsError


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, but a write that is cut short never replaces the last good one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        if storage_options is not None:
            raise TypeError("checkpoints are local files, which take no storage_options")
        content = io.BytesIO()  # PyTorch writes it whole; straight to a file it hides the reason when a disk is full
        torch.save(checkpoint, content)
        with replacing(Path(path)) as file:
            file.write(content.getbuffer())

    def load_checkpoint(self, path: str | Path, map_location: Any = None, weights_only: bool | None = True) -> Any:
        return super().load_checkpoint(path, map_location, weights_only=True)


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


def load_cgan(path: str | Path) -> ConditionalGAN:
    """The trained networks of a checkpoint, rebuilt from the configuration inside it, on the CPU.

    ``config`` of the module holds ``settings`` (the run's configuration) and ``data`` (checksum of the store,
    and mean and standard deviation of the condition).

    Raises:
        FileNotFoundError: no such file.
        WeightsError: not the checkpoint of a run, or of networks that this version cannot build.
    """
    checkpoint = read_checkpoint(path)
    settings = checkpoint["config"]["settings"]
    try:
        with NoLargerThan(checkpoint["state_dict"]):
            module = build_cgan(settings)
        module.load_state_dict(checkpoint["state_dict"])
        module.familiar = Familiar(**checkpoint["familiar"]) if checkpoint.get("familiar") else None
    except Exception as error:  # whatever settings of another version make a constructor raise
        reason = printable(str(error).partition("\n")[0])
        raise WeightsError(f"{path}: its networks cannot be built by this version of lacbed_gan ({reason})") from None
    module.config = checkpoint["config"]
    return module.eval()
