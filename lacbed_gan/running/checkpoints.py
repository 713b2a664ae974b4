"""Lightning's checkpoint files, written in one step."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from lacbed_gan.base.files import replacing


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
