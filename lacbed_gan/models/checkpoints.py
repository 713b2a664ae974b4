"""Checkpoints: written in one step, read without running anything in them, rebuilt from nothing but themselves."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from lacbed_gan.familiarity import Familiar
from lacbed_gan.files import replacing
from lacbed_gan.models.assemble import build_cgan
from lacbed_gan.models.cgan import ConditionalGAN


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


def load_cgan(path: str | Path) -> ConditionalGAN:
    """The trained networks of a checkpoint, rebuilt from the configuration inside it, on the CPU.

    ``config`` of the module holds ``settings`` (the run's configuration) and ``data`` (checksum of the store,
    and mean and standard deviation of the condition).
    """
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    module = build_cgan(checkpoint["config"]["settings"])
    module.load_state_dict(checkpoint["state_dict"])
    module.config = checkpoint["config"]
    module.familiar = Familiar(**checkpoint["familiar"]) if checkpoint.get("familiar") else None
    return module.eval()
