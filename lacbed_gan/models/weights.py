"""Trained networks as one safetensors file, which holds how they were made and runs nothing when it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lacbed_gan.familiarity import Familiar
from lacbed_gan.files import replacing
from lacbed_gan.models.inference import predict
from lacbed_gan.models.networks import build_networks

FORMAT = "lacbed_gan weights 1"


class WeightsError(ValueError):
    """A file of weights that cannot be used: one line with file, reason and remedy."""


@dataclass(frozen=True)
class Trained:
    """Networks that predict, on the CPU, in evaluation mode.

    Attributes:
        network: called as network(input, condition).
        scale_head: predicts the standardised log range of ρ; None where it was not trained.
        settings: the configuration of the run they are from.
        data: checksum of its store, and means and deviations of conditions and scale.
        familiar: what is kept of the training inputs; None where nothing is.
    """

    network: nn.Module
    scale_head: nn.Module | None
    settings: dict[str, Any]
    data: dict[str, Any]
    familiar: Familiar | None = None

    def predict(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """(B, C, H, W) in [0, 1], standardised conditions (B, n) or None → (B, 1, H, W) float32 in [0, 1]."""
        return predict(self.network, image, condition, self.settings["model"]["channels"])


def save_weights(
    path: Path,
    network: nn.Module,
    scale_head: nn.Module | None,
    config: dict[str, Any],
    familiar: Familiar | None = None,
) -> None:
    """Write the file in one step.

    Args:
        config: ``settings`` and ``data``, as a checkpoint has them.
        familiar: what is kept of the training inputs.
    """
    tensors = {f"network.{name}": value.contiguous() for name, value in network.state_dict().items()}
    if scale_head is not None:
        tensors |= {f"scale_head.{name}": value.contiguous() for name, value in scale_head.state_dict().items()}
    if familiar is not None:
        tensors |= {"familiar.features": familiar.features, "familiar.usual": torch.tensor(familiar.usual)}
    with replacing(path) as file:  # not save_file, whose files only their owner may read
        file.write(save(tensors, metadata={"format": FORMAT, "config": json.dumps(config)}))


def load_weights(path: str | Path) -> Trained:
    """The networks of a file that `save_weights` wrote.

    Raises:
        WeightsError: it is not such a file, or is damaged, or of networks that this version cannot build.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is no safetensors file, or is cut short ({error})") from None
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path}: its format is {metadata.get('format')!r}, but this version of lacbed_gan reads {FORMAT!r}"
        )
    try:
        config = json.loads(metadata["config"])
        networks = build_networks(config["settings"])
        parts = {"network": networks.generator, "scale_head": networks.scale_head}
        for name, part in parts.items():
            if part is not None:
                prefix = f"{name}."
                part.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
                part.eval()
        familiar = None
        if "familiar.features" in tensors:
            familiar = Familiar(tensors["familiar.features"], float(tensors["familiar.usual"]))
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{path}: its networks cannot be built by this version of lacbed_gan ({reason})") from None
    return Trained(networks.generator, networks.scale_head, config["settings"], config["data"], familiar)
