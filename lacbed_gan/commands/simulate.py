"""Crystal structures → a store of pairs: ``python -m lacbed_gan.simulate structures=cifs output=stores/mine``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from tqdm import tqdm

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.progress import progress
from lacbed_gan.commands.config import is_number, plain, require, require_choice, run_command, shown
from lacbed_gan.crystal import Crystal, CrystalError
from lacbed_gan.crystal.structures import NAMED, find_files, structures
from lacbed_gan.images.scaling import to_uint8
from lacbed_gan.store.convergence import convergence
from lacbed_gan.store.making import Pair, compute_pairs
from lacbed_gan.store.recipe import Recipe
from lacbed_gan.store.shards import Shard
from lacbed_gan.store.store import Store, read_meta
from lacbed_gan.store.writer import FinishedStore, StoreWriter, require_place

# Settings that change the pairs: written into the store.
SETTINGS = (
    "method",
    "g_max",
    "energy_kv",
    "half_width",
    "felix_ranks",
    "dark_field",
    "b_iso_default",
    "rho_g_max",
    "rho_sampling",
)
# What FELIX's own numbers were made with.
FELIX = {"energy_kv": 200, "half_width": 7.266}


def check(config: DictConfig) -> None:
    """Refuse what cannot be simulated, before any work."""
    for key in ("structures", "output"):
        require(
            isinstance(config[key], str),
            f"{key}=… is needed, a path" + (f" or one of {', '.join(NAMED)}" if key == "structures" else ""),
        )
    require_choice("method", config.method, ["converged", "felix"])
    require_choice("rho_sampling", config.rho_sampling, ["periodic", "endpoints"])
    require_choice("device", config.device, [None, "cpu", "cuda"])
    for key in ("size", "g_max", "energy_kv", "half_width", "rho_g_max", "tolerance"):
        require(is_number(config[key]) and config[key] > 0, f"{key}={shown(config[key])} is not a positive number")
    b_iso = config.b_iso_default
    require(is_number(b_iso) and 0 <= b_iso < 100, f"b_iso_default={shown(b_iso)} is not a number of Å² from 0 to 100")
    for key, least in (("size", 1), ("felix_ranks", 1), ("seed", None), ("count", 1), ("workers", 1)):
        value = config[key]
        whole = isinstance(value, int) and not isinstance(value, bool) and (least is None or value >= least)
        allowed = "a whole number" + ("" if least is None else f" from {least} up")
        require(whole or (value is None and key in ("count", "workers")), f"{key}={shown(value)} is not {allowed}")
    require(isinstance(config.save_intensity, bool), f"save_intensity={config.save_intensity} is not true or false")
    thickness = plain(config.thickness)
    numbers = isinstance(thickness, list) and thickness and all(is_number(t) and t > 0 for t in thickness)
    require(bool(numbers), f"thickness={thickness} is not a list of positive numbers in nm, such as [50,100]")
    reflections = _reflections(config.dark_field)
    if config.method == "felix":
        for key, value in FELIX.items():
            require(config[key] == value, f"{key}={config[key]}, but method=felix is made for {key}={value}")
        require(not reflections, "dark_field needs method=converged; felix has the direct beam alone")
    else:
        require(config.felix_ranks == 1, f"felix_ranks={config.felix_ranks} needs method=felix")
    if config.structures not in NAMED:
        find_files(Path(config.structures))
    shard = _shard(config)
    output = Path(config.output)
    require_place(output)
    if (output / "meta.json").exists() and read_meta(output)["finished"]:
        raise SettingsError(f"output={output} holds a finished store; delete it or choose another output")
    if shard:
        require_place(output / shard.folder)


def simulate(config: DictConfig) -> Path:
    """Write the store, or a shard of it; a crystal that cannot be used is left out and listed."""
    device = _device(config.device)
    shard = _shard(config)
    folder = Path(config.output) / (shard.folder if shard else "")
    thickness = [float(t) for t in config.thickness]
    settings = {key: plain(config[key]) for key in SETTINGS} | {"dark_field": _reflections(config.dark_field)}
    found = list(structures(str(config.structures), config.count, config.seed, b_iso_default=config.b_iso_default))
    positions = shard.positions(len(found)) if shard else range(len(found))
    left_out = [found[i] for i in positions if isinstance(found[i], CrystalError)]
    if len(found) == 1 and isinstance(found[0], CrystalError):
        raise found[0]
    for reason in left_out:
        print(f"left out: {reason}")
    unusable = f"none of the {len(found)} structures could be used; no store was written"
    require(any(isinstance(crystal, Crystal) for crystal in found), unusable)
    crystals = [found[i] for i in positions if isinstance(found[i], Crystal)]
    position = {found[i].name: i for i in positions if isinstance(found[i], Crystal)}
    shard_meta = shard.meta(found) if shard else None
    try:
        writer = StoreWriter(folder, config.size, thickness, settings, config.save_intensity, shard_meta)
    except FinishedStore:
        if not shard:
            raise
        print(f"{folder} is finished")
        return folder
    with writer:
        recipe = Recipe.from_json(settings | {"size": config.size, "thickness": thickness})
        pairs = compute_pairs(crystals, set(writer.done), device, config.workers, recipe)
        for crystal, pair in progress(pairs, len(crystals), len(writer.done)):
            if isinstance(pair, CrystalError):
                left_out.append(pair)
                tqdm.write(f"left out: {pair}")
                continue
            entry = index_entry(crystal, pair) | ({"position": position[crystal.name]} if shard else {})
            writer.append(
                entry,
                to_uint8(pair.potential),
                to_uint8(pair.intensity),
                pair.intensity if config.save_intensity else None,
                pair.dark_field if settings["dark_field"] else None,
            )
        count = len(writer.done)
        if count or shard:
            writer.finish()
        else:
            writer.discard()
            raise SettingsError(unusable)
    said = convergence(Store.open(folder), config.tolerance)
    print(said, end="\n" * bool(said))
    print(f"{count} crystals in {folder}" + (f", {len(left_out)} left out" if left_out else ""))
    return folder


def index_entry(crystal: Crystal, pair: Pair) -> dict[str, object]:
    """The line of a crystal in a store's index."""
    errors = {"error_rms": pair.error_rms, "error_max": pair.error_max}
    return {
        "id": crystal.name,
        "formula": crystal.formula,
        "space_group": crystal.space_group,
        "number": crystal.number,
        "a": crystal.a,
        "pattern_symmetry": crystal.pattern_symmetry,
        "source": crystal.source,
        "rho_min": float(pair.potential.min()),
        "rho_max": float(pair.potential.max()),
        **{key: float(f"{error:.3g}") if math.isfinite(error) else None for key, error in errors.items()},
    }


def _reflections(value: Any) -> list[tuple[int, int]]:
    """dark_field as pairs (h, k); SettingsError where it is no list of different reflections hk0."""
    given = plain(value)
    wanted = "a list of reflections hk0, such as [[2,0],[2,2]]"
    require(isinstance(given, list), f"dark_field={shown(given)} is not {wanted}")
    reflections = []
    for one in given:
        whole = isinstance(one, list) and all(type(index) is int for index in one)
        require(whole and len(one) in (2, 3), f"dark_field: {one} is not a reflection; give {wanted}")
        require(one[2:] in ([], [0]), f"dark_field: {one} is not in the zone [001]; give {wanted}")
        require(one[:2] != [0, 0], f"dark_field: {one} is the direct beam, which every store has")
        require(tuple(one[:2]) not in reflections, f"dark_field: {one} comes twice")
        reflections.append(tuple(one[:2]))
    return reflections


def _shard(config: DictConfig) -> Shard | None:
    try:
        return None if config.shard is None else Shard.parse(config.shard)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _device(wanted: str | None) -> str:
    """The device to compute on; asked where the work is done, which may not be where it was submitted."""
    import torch

    cuda = torch.cuda.is_available()
    require(cuda or wanted != "cuda", "device=cuda, but PyTorch finds no GPU here; take device=cpu")
    return wanted or ("cuda" if cuda else "cpu")


def main() -> None:
    run_command("simulate", check, simulate)
