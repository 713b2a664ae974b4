"""Trained networks as one safetensors file, which holds how they were made and runs nothing when it is read."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lacbed_gan.base.errors import UserError
from lacbed_gan.base.files import replacing
from lacbed_gan.base.messages import printable
from lacbed_gan.measures.familiarity import Familiar
from lacbed_gan.models.build import CONDITIONS, Networks, build_networks
from lacbed_gan.models.inference import predict

FORMAT = "lacbed_gan weights 1"
ROOM = 1_000_000  # numbers of a tensor that is made and not kept


class WeightsError(UserError):
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
        raise WeightsError(f"{path} is no safetensors file, or is cut short ({printable(error)})") from None
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path}: its format is {printable(metadata.get('format'), 40)}, but this version of lacbed_gan reads "
            f"{FORMAT}; use the version that wrote it"
        )
    try:
        config = json.loads(metadata["config"])
        with NoLargerThan(tensors):
            networks = build_networks(config["settings"])
        _fill(networks, tensors)
        _check_data(config)
        familiar = _familiar(tensors)
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, RecursionError) as error:
        reason = printable(str(error).partition("\n")[0])
        raise WeightsError(f"{path}: its networks cannot be built by this version of lacbed_gan ({reason})") from None
    return Trained(networks.generator, networks.scale_head, config["settings"], config["data"], familiar)


class NoLargerThan(TorchFunctionMode):
    """Inside it no tensor is made that is much larger than the largest of a file, whatever sizes its settings ask for.

    The meta device would do as well, but imports SymPy before each prediction.

    Raises:
        ValueError: a larger tensor is asked for.
    """

    def __init__(self, tensors: dict[str, Tensor]):
        self._most = ROOM + max((tensor.numel() for tensor in tensors.values()), default=0)

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        made = function(*arguments, **(named or {}))  # memory that nothing was written to takes no room yet
        if isinstance(made, Tensor) and made.numel() > self._most:
            raise ValueError("its settings ask for larger networks than it holds")
        return made


def _fill(networks: Networks, tensors: dict[str, Tensor]) -> None:
    for name, part in (("network", networks.generator), ("scale_head", networks.scale_head)):
        if part is not None:
            prefix = f"{name}."
            own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            part.load_state_dict(own)
            part.eval()


def _check_data(config: dict[str, Any]) -> None:
    """ValueError unless the means and deviations are those of the conditions, and are numbers."""
    data, count = config["data"], CONDITIONS[config["settings"]["condition"]]
    for name in ("condition_mean", "condition_std") if count else ():
        values = data.get(name)
        right = isinstance(values, list) and len(values) >= count and all(isinstance(v, float | int) for v in values)
        if not right or not all(math.isfinite(v) and (v > 0 or name == "condition_mean") for v in values):
            raise ValueError(f"{name} {values} is not {count} numbers")


def _familiar(tensors: dict[str, Tensor]) -> Familiar | None:
    """What is kept of the training inputs, if anything is; ValueError where it is no such thing."""
    if "familiar.features" not in tensors:
        return None
    features, usual = tensors["familiar.features"], float(tensors["familiar.usual"])
    if features.ndim != 2 or not features.isfinite().all() or not usual > 0:
        raise ValueError("familiar.features are no features of training inputs")
    return Familiar(features, usual)
