"""A run's choices made: what it starts from, its pairs, its networks, and what is said of them."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands.refusal import refusal
from lacbed_gan.commands.train_settings import TrainSettings
from lacbed_gan.models.settings import NetworkSettings

if TYPE_CHECKING:
    from lacbed_gan.data.datamodule import PairDataModule
    from lacbed_gan.data.sources import Pairs
    from lacbed_gan.models.gan import ConditionalGAN
    from lacbed_gan.models.start import Start


def start_of(settings: TrainSettings) -> Start | None:
    """What the run begins from, read once; None for new networks."""
    if settings.start is None:
        return None
    from lacbed_gan.models.shipped_weights import shipped_file

    shipped = settings.start == "shipped"
    path = shipped_file(settings.direction) if shipped else Path(settings.start)
    return _start(settings.start, path, tuple(settings.thickness or ()))


@lru_cache(1)
def _start(name: str, path: Path, thickness: tuple[float, ...]) -> Start:
    from lacbed_gan.models.start import read_start

    return read_start(name, path, thickness)


def prepare(settings: TrainSettings, pairs: Pairs, start: Start | None = None) -> tuple[TrainSettings, PairDataModule]:
    """Settings with every choice made, and the pairs as the run takes them."""
    from lacbed_gan.data.datamodule import PairDataModule
    from lacbed_gan.data.reading import forbidden_lines
    from lacbed_gan.data.views import other_net, require_symmetry

    for line in pairs.lines:
        say(line)
    model, augment, condition = settings.model, settings.augment, settings.condition
    published = settings.data.name == "kaggle"
    if condition is None and start:
        condition = start.settings.condition
    if condition is None:
        condition = model.conditions(settings.direction)
        if condition and published:
            names, condition = ", ".join(condition), ()
            say(f"condition=none: the model's file says {names}, which not all published images tell")
    if published:  # its range is not known
        model = model.model_copy(update={"loss_weights": model.loss_weights.model_copy(update={"span": 0.0})})
    if settings.direction == "inverse" and augment.shift:
        augment = augment.model_copy(update={"shift": False})
        say("augment.shift=false with direction=inverse: a pattern does not tell the origin of ρ")
    if augment.point_group and other_net(pairs.store):
        augment = augment.model_copy(update={"point_group": False})
        say("augment.point_group=false: not all nets of the store are square")
    require_symmetry(pairs.store, getattr(model.generator, "quadrants", False) or model.symmetry == "2mm")
    origin = (
        settings.origin
        or (start.settings.origin if start and pairs.store.recipe.periodic else None)
        or ("canonical" if pairs.store.recipe.periodic else "given")
    )
    data = PairDataModule(
        pairs.store,
        settings.direction,
        settings.thickness or pairs.store.thickness,
        settings.fold,
        settings.batch_size,
        size=settings.size,
        condition=condition,
        seed=settings.seed,
        validation=settings.validation,
        origin=origin,
        point_group=augment.point_group,
        shift=augment.shift,
        predict_span=model.loss_weights.span > 0,
        fold_of=pairs.fold_of,
        groups=pairs.groups,
        few_beams=getattr(model.generator, "few_beams", None),
        standardisation=start.standardisation if start else None,
        measured=augment.measured,
        absorbing=augment.absorbing,
        reflections=settings.reflections,
    )
    for line in forbidden_lines(pairs.store, settings.reflections) if settings.reflections else ():
        say(line)
    if augment.measured and not augment.absorbing and pairs.store.recipe.absorption == "none":
        say(
            "augment.measured: the pairs have no absorption, and measured patterns have; name some that have it with "
            "augment.absorbing=…, made by simulate absorption=tds"
        )
    choices = {"model": model, "augment": augment, "condition": condition, "origin": origin, "size": data.size}
    choices |= {"data": settings.data.model_copy(update={"group": pairs.grouped_by})}
    return settings.model_copy(update=choices | {"thickness": tuple(data.thicknesses)}), data


def network_settings(settings: TrainSettings) -> NetworkSettings:
    """What decides which networks are built, of settings with every choice made."""
    try:
        own = {name: getattr(settings, name) for name in NetworkSettings.model_fields if hasattr(settings, name)}
        return NetworkSettings(**own, measured=settings.augment.measured)
    except ValidationError as error:
        raise SettingsError(refusal(error, NetworkSettings, settings.plain())) from None


@cache
def say(line: str) -> None:
    """Print a line once, however often it is said."""
    print(line, flush=True)


def kind(module: ConditionalGAN, settings: TrainSettings) -> str:
    """What is trained, and whether there is a discriminator."""
    from lacbed_gan.models.networks.drawing import Drawing
    from lacbed_gan.running.training import parameters

    model = settings.model
    generator = f"{model.generator.name} ({parameters(module.generator) / 1e6:.3g} M parameters)"
    if isinstance(module.generator, Drawing) and module.discriminator is None:
        return f"{generator} learns to draw its answers"
    if module.discriminator is None or model.discriminator is None:
        return f"no discriminator: {generator} learns by the error alone"
    rival = f"{model.discriminator.name} ({parameters(module.discriminator) / 1e6:.2g} M)"
    return f"conditional GAN, {generator} against {rival}"


def begin_from(start: Start, module: ConditionalGAN, settings: NetworkSettings, fold: int) -> list[str]:
    """Give the module the networks of the start; lines that say what is not as one may think."""
    remarks = start.fill(module, settings)
    if start.standardisation:
        remarks.append(f"{', '.join(start.standardisation)} are standardised as its networks know them")
    if start.knows_test_fold(module.config["data"], fold):
        remarks.append(
            f"its networks were trained on the test crystals of fold={fold}, whose error says little; they never saw "
            f"those of fold={start.data['fold']}"
        )
    return [f"start={start.name}: {remark}" for remark in remarks]
