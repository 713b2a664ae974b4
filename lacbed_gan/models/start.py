"""Networks that a run begins from: those of a file of weights, or of another run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from safetensors import SafetensorError
from torch import Tensor, nn

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.messages import printable
from lacbed_gan.models.checkpoints import WeightsError, read_checkpoint
from lacbed_gan.models.migrations import migrated, migrated_names
from lacbed_gan.models.network_settings import SamplerSettings, UNetSettings
from lacbed_gan.models.networks.fourier import FourierGenerator
from lacbed_gan.models.networks.noise import Noisy
from lacbed_gan.models.networks.resampling import resampled_fourier, resampled_span_head
from lacbed_gan.models.networks.symmetry import Symmetrised
from lacbed_gan.models.other_thickness import at_thickness, thickness_range
from lacbed_gan.models.settings import NetworkSettings
from lacbed_gan.models.weights import read_safetensors

if TYPE_CHECKING:
    from lacbed_gan.models.gan import ConditionalGAN

State = dict[str, Tensor]
ZIPPED = b"PK\x03\x04"
PARTS = ("generator", "average", "discriminator", "span_head")


@dataclass(frozen=True)
class Start:
    """What a run begins from.

    Attributes:
        name: as it was typed.
        settings: what decided which networks they are.
        standardisation: mean and deviation of each quantity that they are given or predict, which stay.
        weights: by the name of the part, one of `PARTS`.
        data: what the file says of the pairs that they were trained on, and on which fold they were tested.
        checksum: eight letters of a hash of the predicting network's weights.
    """

    name: str
    settings: NetworkSettings
    standardisation: dict[str, list[float]]
    weights: dict[str, State]
    data: dict[str, Any]
    checksum: str

    def knows_test_fold(self, data: Mapping[str, Any], fold: int) -> bool:
        """Whether they were trained on the test fold of a run with this data; of other data nobody knows."""
        alike = all(self.data.get(key) == data[key] for key in ("checksum", "folds"))
        return alike and self.data["fold"] != fold

    def require_fit(self, settings: NetworkSettings) -> None:
        """Raise SettingsError, one line that names both, unless networks of these settings can begin from it."""
        for key, theirs, ours in self._differences(settings):
            raise SettingsError(
                f"start={self.name}: its networks are of {key}={_typed(theirs)}, and this run's of {key}="
                f"{_typed(ours)}; take {key}={_typed(theirs)}, or another start"
            )

    def _differences(self, run: NetworkSettings) -> list[tuple[str, Any, Any]]:
        """(key, value there, value here) of what the two must have alike."""
        start = self.settings
        pairs: list[tuple[str, Any, Any]] = [("direction", start.direction, run.direction)]
        pairs.append(("augment.measured", start.measured, run.measured))
        pairs.append(("reflections", list(start.reflections), list(run.reflections)))
        # which of them, it is told in nm
        several = (start.tells_thickness and run.tells_thickness) or (start.measured and run.measured)
        if not several:
            pairs.append(("thickness", list(start.thickness), list(run.thickness)))
        there, here = (one.model.generator.model_dump() for one in (start, run))
        pairs += [(f"model.generator.{key}", there.get(key), here.get(key)) for key in there | here]
        pairs.append(("model.channels", start.model.channels, run.model.channels))
        pairs.append(("model.noise", start.model.noise, run.model.noise))
        pairs.append(("condition", list(start.condition), list(run.condition)))
        whole = isinstance(start.model.generator, UNetSettings | SamplerSettings) or start.reflections
        if whole:  # dense layers of the image's size
            pairs.append(("size", start.size, run.size))
        return [pair for pair in pairs if pair[1] != pair[2]]

    def fill(self, module: ConditionalGAN, settings: NetworkSettings) -> list[str]:
        """Give the module's networks these weights; lines on what is not as it was.

        Raises:
            WeightsError: the file does not hold what it says.
        """
        size, lines = self.settings.size, []
        generator = _inner(module.generator)
        weights = dict(self.weights)
        if size != settings.size:
            lines.append(f"networks of {size} × {size} pixels are brought to {settings.size} × {settings.size}")
            if isinstance(generator, FourierGenerator):
                for part in ("generator", "average"):
                    weights[part] = resampled_fourier(weights[part], generator, size)
            if "span_head" in weights:
                weights["span_head"] = resampled_span_head(weights["span_head"], size, settings.size)
        _load(self.name, generator, weights["generator"])
        if module.average is not None:
            _load(self.name, _inner(module.average), weights["average"])
        if module.span_head is not None and "span_head" in weights:
            _load(self.name, module.span_head, weights["span_head"])
        elif module.span_head is not None:
            lines.append("its span head is new")
        if module.discriminator is not None:
            state = weights.get("discriminator", {})
            shapes = {name: value.shape for name, value in module.discriminator.state_dict().items()}
            if shapes == {name: value.shape for name, value in state.items()}:
                module.discriminator.load_state_dict(state)
            else:
                lines.append("its discriminator is new" + ", of another kind than there" * bool(state))
        return lines


def read_start(name: str, path: Path, thickness: Sequence[float] = ()) -> Start:
    """The networks of a file that `save_weights` wrote, of a run's checkpoint, or of a run's folder.

    Args:
        name: what to call it.
        thickness: of the run in nm: a network that reads several is taken as that of the only one.

    Raises:
        WeightsError: no such file, or it is none of these, or damaged.
    """
    path = _file(name, path)
    try:
        with open(path, "rb") as file:
            zipped = file.read(4) == ZIPPED
        if zipped:
            checkpoint = read_checkpoint(path, mmap=True)
            config, tensors = checkpoint["config"], checkpoint["state_dict"]
        else:
            config, tensors = read_safetensors(path)
        config, tensors = migrated(config), migrated_names(tensors)
        if len(thickness) == 1 and thickness_range(config):
            config = at_thickness(config, thickness[0])
        weights = {part: _of_part(tensors, part) for part in PARTS}
        network = _of_part(tensors, "network")  # of a file of weights: the one that predicts
        weights["generator"] = _plain(weights["generator"] or network)
        weights["average"] = _plain(weights["average"]) or weights["generator"]
        settings = NetworkSettings.of_run(config["settings"])
        names = [*settings.condition, *(["log_span"] if weights["span_head"] else [])]
        standardisation = {name: list(config["data"]["standardisation"][name]) for name in names}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError, SafetensorError) as error:
        if isinstance(error, WeightsError):
            raise WeightsError(f"start={name}: {error}") from None
        if isinstance(error, ValidationError):
            error = error.errors()[0]["msg"]
        raise WeightsError(f"start={name}: {path} holds no networks of a run ({printable(str(error))})") from None
    weights = {part: state for part, state in weights.items() if state}
    data = {**config["data"], "fold": config["settings"].get("fold")}
    return Start(name, settings, standardisation, weights, data, _checksum(weights["average"]))


def _file(name: str, path: Path) -> Path:
    """The file itself, or of a run's folder the checkpoint of the epoch that it reports on."""
    if not path.exists():
        raise WeightsError(
            f"start={name}: no such file; name a .safetensors file, a run's last.ckpt or a run's folder, or take "
            "start=shipped"
        )
    if not path.is_dir():
        return path
    for file in (path / "best.ckpt", path / "last.ckpt"):
        if file.exists():
            return file
    raise WeightsError(f"start={name}: no last.ckpt in this folder; name the folder of one run")


def _of_part(tensors: Mapping[str, Tensor], part: str) -> State:
    return {name.removeprefix(f"{part}."): value for name, value in tensors.items() if name.startswith(f"{part}.")}


def _inner(network: nn.Module) -> nn.Module:
    """The generator whose answers are made symmetric, or that is given noise, which has all the weights."""
    while isinstance(network, Symmetrised | Noisy):
        network = network.generator
    return network


def _plain(state: State) -> State:
    """Weights by the names that they have in the generator itself."""
    while state and all(name.startswith("generator.") for name in state):
        state = _of_part(state, "generator")
    return state


def _load(name: str, network: nn.Module, state: State) -> None:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = printable(str(error).replace("\n", " "), 160)
        raise WeightsError(f"start={name}: it does not hold the networks that it describes ({reason})") from None


def _checksum(state: State) -> str:
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode() + state[key].detach().contiguous().numpy().tobytes())
    return digest.hexdigest()[:8]


def _typed(value: Any) -> str:
    """As one types it."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(_typed, value))}]" if value else "none"
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
