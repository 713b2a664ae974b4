"""Trained networks: from a run's checkpoint, or as one safetensors file, which holds how they were made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lacbed_gan.base.files import replacing
from lacbed_gan.base.messages import printable
from lacbed_gan.measures.familiarity import Familiar
from lacbed_gan.models.build import Networks, build_networks
from lacbed_gan.models.checkpoints import WeightsError, read_checkpoint
from lacbed_gan.models.eight_bit import restored, rounded
from lacbed_gan.models.inference import predict
from lacbed_gan.models.migrations import migrated, migrated_names
from lacbed_gan.models.networks.drawing import AS_LEARNED, REACH, Drawing, Spread
from lacbed_gan.models.other_thickness import at_thickness, thickness_range
from lacbed_gan.models.settings import NetworkSettings
from lacbed_gan.store.recipe import Recipe

# 2: settings in the words of 2026-11; 3: matrices may be in 8 bit
FORMATS = ("lacbed_gan weights 1", "lacbed_gan weights 2", "lacbed_gan weights 3")
ROOM = 1_000_000  # numbers of a tensor that is made and not kept


@dataclass(frozen=True)
class Trained:
    """Networks that predict, on the CPU, in evaluation mode.

    Attributes:
        network: called as network(input, condition).
        span_head: predicts the standardised log range of ρ; None where it was not trained.
        settings: what decides which networks these are.
        recipe: what the pairs look like that they were trained on.
        standardisation: mean and deviation of each quantity that they are given or predict, by its name.
        familiar: what is kept of the training inputs; None where nothing is.
        config: ``settings`` of the run that they are from and ``data`` that it had, as plain values.
    """

    network: nn.Module
    span_head: nn.Module | None
    settings: NetworkSettings
    recipe: Recipe
    standardisation: Mapping[str, tuple[float, float]]
    familiar: Familiar | None
    config: dict[str, Any]

    @classmethod
    def of(cls, networks: Networks, config: dict[str, Any], familiar: Familiar | None = None) -> Trained:
        """Those networks, and what the run's config says of them.

        Raises:
            KeyError, TypeError, ValueError: the config is not of a run.
        """
        settings = NetworkSettings.of_run(config["settings"])
        names = [*settings.condition, *(["log_span"] if networks.span_head is not None else [])]
        standardisation = {name: _moments(name, config["data"]["standardisation"][name]) for name in names}
        recipe = Recipe.from_json(config["data"]["recipe"])
        for network in (networks.generator, networks.span_head):
            if network is not None:
                network.eval()
        if isinstance(networks.generator, Drawing):
            networks.generator.spread = _spread(config["data"].get("spread"))
        return cls(networks.generator, networks.span_head, settings, recipe, standardisation, familiar, config)

    def predict(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """(B, C, H, W) in [0, 1], standardised conditions (B, n) or None → (B, 1, H, W) float32 in [0, 1]."""
        return predict(self.network, image, condition, self.settings.model.channels)

    def predict_span(self, image: Tensor, condition: Tensor | None = None) -> Tensor | None:
        """The same → the range of ρ (B,) in 1/Å²; None where it was not trained."""
        if self.span_head is None:
            return None
        mean, std = self.standardisation["log_span"]
        return (self.span_head(image, condition)[:, 0] * std + mean).exp()

    @property
    def draws(self) -> bool:
        """Whether the network draws its answers."""
        return isinstance(self.network, Drawing)

    @property
    def thickness_range(self) -> tuple[float, float] | None:
        """Least and largest thickness in nm that :meth:`at` reaches; None of other networks."""
        return thickness_range(self.config)

    def at(self, thickness: float) -> Trained:
        """The same inverse network for patterns of another thickness in nm.

        Raises:
            ValueError: it does not know it.
        """
        config = at_thickness(self.config, thickness)
        return Trained.of(Networks(self.network, None, self.span_head), config, self.familiar)

    @property
    def tells_span(self) -> bool:
        """Whether it tells the range of ρ."""
        return self.span_head is not None

    @torch.inference_mode()
    def sample(
        self, image: Tensor, condition: Tensor | None, count: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """(B, C, H, W) in [0, 1], (B, n) or None → (B, count, 1, H, W) in [0, 1], and the ranges of ρ (B, count).

        The ranges are in 1/Å², None where they were not trained; of a network that does not draw them the one that is
        predicted.

        Raises:
            TypeError: the network gives one answer.
        """
        if not isinstance(self.network, Drawing):
            raise TypeError("the network gives one answer")
        draws = self.network.sample(image, condition, count, generator)
        span = self.predict_span(image, condition)
        if span is not None:
            span = span[:, None].expand(-1, count)
        if draws.span is not None:
            mean, std = self.standardisation["log_span"]
            span = (draws.span * std + mean).exp()
        return draws.images.float().clamp(0, 1), span

    def standardised(self, name: str, value: float) -> float:
        """A quantity, such as log_a in units of the training data: (value − mean) / deviation."""
        mean, std = self.standardisation[name]
        return (value - mean) / std

    def unusual(self, name: str, value: float) -> float:
        """The same among the crystals of the training data, which is another number at another thickness."""
        mean, std = self.config["data"].get("crystals", self.standardisation)[name]
        return (value - mean) / std


def save_weights(path: Path, trained: Trained, eight_bit: bool = False) -> None:
    """Write the file in one step; in 8 bit, see :mod:`lacbed_gan.models.eight_bit`, a quarter of the size."""
    tensors = {f"network.{name}": value.contiguous() for name, value in trained.network.state_dict().items()}
    if trained.span_head is not None:
        tensors |= {f"span_head.{name}": value.contiguous() for name, value in trained.span_head.state_dict().items()}
    tensors = rounded(tensors) if eight_bit else tensors
    if trained.familiar is not None:
        features, usual = trained.familiar.features, torch.tensor(trained.familiar.usual)
        tensors |= {"familiar.features": features, "familiar.usual": usual}
    with replacing(path) as file:  # not save_file, whose files only their owner may read
        file.write(save(tensors, metadata={"format": FORMATS[-1], "config": json.dumps(trained.config)}))


def load_weights(path: str | Path) -> Trained:
    """The networks of a file that `save_weights` wrote, or of a run's checkpoint.

    Raises:
        WeightsError: no such file, or it is neither, or damaged, or of networks that this version cannot build.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            zipped = file.read(4) == b"PK\x03\x04"
        config, tensors = _read_zipped(path) if zipped else read_safetensors(path)
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is no safetensors file, or is cut short ({printable(error)})") from None
    try:
        config = migrated(config)
        with NoLargerThan(tensors):
            networks = build_networks(NetworkSettings.of_run(config["settings"]))
        _fill(networks, migrated_names(tensors))
        return Trained.of(networks, config, _familiar(tensors))
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, RecursionError) as error:
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            error = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        reason = printable(str(error).partition("\n")[0])
        raise WeightsError(f"{path}: its networks cannot be built by this version of lacbed_gan ({reason})") from None


def read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a file of weights says of its networks, and its tensors by name.

    Raises:
        WeightsError: it is of another format.
        SafetensorError, OSError: it cannot be read.
    """
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    if metadata.get("format") not in FORMATS:
        raise WeightsError(
            f"{path}: its format is {printable(metadata.get('format'), 40)}, but this version of lacbed_gan reads "
            f"{FORMATS[-1]}; use the version that wrote it"
        )
    try:
        return json.loads(metadata["config"]), restored(tensors)
    except (KeyError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: it does not say how its networks were made ({printable(error)})") from None


def _read_zipped(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The same of a checkpoint: its generator, or the moving average of it, is the network."""
    checkpoint = read_checkpoint(path)
    state = checkpoint["state_dict"]
    predicting = "average." if any(str(name).startswith("average.") for name in state) else "generator."
    tensors = {
        f"network.{name.removeprefix(predicting)}" if name.startswith(predicting) else name: value
        for name, value in state.items()
        if not name.startswith("generator.") or predicting == "generator."
    }
    if familiar := checkpoint.get("familiar"):
        tensors |= {"familiar.features": familiar["features"], "familiar.usual": torch.tensor(familiar["usual"])}
    return checkpoint["config"], tensors


class NoLargerThan(TorchFunctionMode):
    """Inside it no tensor is made that is much larger than the largest of a file, whatever sizes its settings ask for.

    The meta device would do as well, but imports SymPy before each prediction.

    Raises:
        ValueError: a larger tensor is asked for.
    """

    def __init__(self, tensors: dict[str, Tensor]):
        self._most = ROOM + max((tensor.numel() for tensor in tensors.values()), default=0)

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        result = function(*arguments, **(named or {}))  # memory that nothing was written to takes no room yet
        if isinstance(result, Tensor) and result.numel() > self._most:
            raise ValueError("its settings ask for larger networks than it holds")
        return result


def _fill(networks: Networks, tensors: dict[str, Tensor]) -> None:
    for name, part in (("network", networks.generator), ("span_head", networks.span_head)):
        if part is not None:
            prefix = f"{name}."
            weights = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            part.load_state_dict(weights)


def _moments(name: str, pair: Any) -> tuple[float, float]:
    """Mean and deviation; ValueError unless they are."""
    right = isinstance(pair, list | tuple) and len(pair) == 2 and all(type(one) in (int, float) for one in pair)
    if not right or not all(map(math.isfinite, pair)) or pair[1] <= 0:
        raise ValueError(f"{name}: {pair} is not a mean and a deviation")
    return float(pair[0]), float(pair[1])


def _spread(values: Mapping[str, Any] | None) -> Spread:
    """That of a run whose end found one; ValueError where it is none."""
    if values is None:
        return AS_LEARNED
    spread = Spread(*(float(values[name]) for name in Spread._fields))
    if not (REACH[0] <= spread.scale <= REACH[1] and 0 <= spread.tail <= REACH[1]):
        raise ValueError(f"spread: {spread.scale} and {spread.tail} are no scale and tail of samples")
    return spread


def _familiar(tensors: dict[str, Tensor]) -> Familiar | None:
    """What is kept of the training inputs, if anything is; ValueError where it is no such thing."""
    if "familiar.features" not in tensors:
        return None
    features, usual = tensors["familiar.features"], float(tensors["familiar.usual"])
    if features.ndim != 2 or not features.isfinite().all() or not usual > 0:
        raise ValueError("familiar.features are no features of training inputs")
    return Familiar(features, usual)
