"""Crystal structures → a store of pairs: ``python -m lacbed_gan.simulate structures=cifs output=stores/mine``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.progress import progress
from lacbed_gan.commands.command import require, run_command
from lacbed_gan.commands.settings import SimulateSettings
from lacbed_gan.crystal import Crystal, CrystalError
from lacbed_gan.crystal.structures import NAMED, find_files, structures
from lacbed_gan.images.scaling import to_uint8
from lacbed_gan.store.convergence import convergence
from lacbed_gan.store.making import compute_pairs
from lacbed_gan.store.recipe import Recipe
from lacbed_gan.store.store import Store, read_meta
from lacbed_gan.store.writer import LEFT_OUT, FinishedStore, StoreWriter, require_place


def check(settings: SimulateSettings) -> None:
    """Refuse structures and a folder that cannot be used, before any work."""
    if settings.structures not in NAMED:
        find_files(Path(settings.structures))
    require_place(settings.output)
    if settings.shard:
        require_place(settings.output / settings.shard.folder)
    if (settings.output / "meta.json").exists() and (meta := read_meta(settings.output))["finished"]:
        same = Recipe.of_meta(meta) == settings.recipe and meta["intensity"] == settings.save_intensity
        require(
            same and not settings.shard,
            f"output={settings.output} holds a finished store; delete it or choose another output",
        )


def simulate(settings: SimulateSettings) -> Path:
    """Write the store, or a shard of it; a crystal that cannot be used is left out and listed."""
    device, shard, recipe = _device(settings.device), settings.shard, settings.recipe
    folder = settings.output / (shard.folder if shard else "")
    sources = list(
        structures(settings.structures, settings.count, settings.seed, recipe.b_iso_default, recipe.zone, recipe.x_axis)
    )
    if len(sources) == 1 and isinstance(sources[0], CrystalError):
        raise sources[0]
    positions = shard.positions(len(sources)) if shard else range(len(sources))
    position = {sources[i].name: i for i in positions if isinstance(sources[i], Crystal)}
    crystals = [sources[i] for i in position.values()]
    failures = [sources[i] for i in positions if isinstance(sources[i], CrystalError)]
    for reason in failures:
        print(f"left out: {reason}")
    for crystal in crystals:
        for remark in crystal.remarks:
            print(f"{crystal.source or crystal.name}: warning: {remark}")
    unusable = f"none of the {len(sources)} structures could be used; no store was written"
    require(any(isinstance(source, Crystal) for source in sources), unusable)
    try:
        shard_meta = shard.meta(sources) if shard else None
        writer = StoreWriter(
            folder, recipe.size, recipe.thickness, recipe.settings, settings.save_intensity, shard_meta
        )
    except FinishedStore:
        print(f"{folder} is finished" if shard else _finished(folder, crystals))
        return folder
    with writer:
        pairs = compute_pairs(crystals, set(writer.done), device, settings.workers, recipe)
        for crystal, pair in progress(pairs, len(crystals), len(writer.done)):
            if isinstance(pair, CrystalError):
                failures.append(pair)
                tqdm.write(f"left out: {pair}")
                continue
            writer.append(
                pair.entry(crystal) | ({"position": position[crystal.name]} if shard else {}),
                to_uint8(pair.potential),
                to_uint8(pair.intensity),
                pair.intensity if settings.save_intensity else None,
                pair.dark_field if recipe.dark_field else None,
            )
        count = len(writer.done)
        if not count and not shard:
            writer.discard()
            raise SettingsError(unusable)
        writer.finish()
    if failures:
        write_atomically(folder / LEFT_OUT, "".join(f"{reason}\n" for reason in failures))
    summary = convergence(Store.open(folder), settings.tolerance)
    print(summary, end="\n" * bool(summary))
    print(f"{count} crystals in {folder}" + (f", {len(failures)} left out" if failures else ""))
    return folder


def _finished(folder: Path, crystals: Sequence[Crystal]) -> str:
    """The line on a store that is there already; SettingsError where it holds other crystals."""
    ids, names = {entry["id"] for entry in Store.open(folder).index}, {crystal.name for crystal in crystals}
    others = f"output={folder} holds a finished store of other crystals; delete it or choose another output"
    require(ids <= names, others)
    missing = f", {len(names - ids)} left out" if names - ids else ""
    return f"{folder} holds this store, finished: {len(ids)} crystals{missing}; delete the folder to make it again"


def _device(name: str | None) -> str:
    """The device to compute on; asked where the work is done, which may not be where it was submitted."""
    import torch

    cuda = torch.cuda.is_available()
    require(cuda or name != "cuda", "device=cuda, but PyTorch finds no GPU here; take device=cpu")
    return name or ("cuda" if cuda else "cpu")


def main() -> None:
    run_command("simulate", check, simulate)
