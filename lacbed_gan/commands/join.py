"""The shards of a simulation → one store: ``python -m lacbed_gan.join output=stores/big``."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.progress import progress
from lacbed_gan.commands.config import require, run_command
from lacbed_gan.store.convergence import convergence
from lacbed_gan.store.shards import join_shards, open_shards
from lacbed_gan.store.store import read_meta


def check(config: DictConfig) -> None:
    """Refuse what is no folder of shards, or is joined already."""
    require(isinstance(config.output, str), "output=… is needed, the folder that holds the shards")
    require(config.tolerance > 0, f"tolerance={config.tolerance} is not a positive number")
    folder = Path(config.output)
    require(folder.is_dir(), f"output={folder}: no such folder")
    if (folder / "meta.json").exists() and read_meta(folder)["finished"]:
        raise SettingsError(f"output={folder} holds a finished store; there is nothing left to join")


def join(config: DictConfig) -> Path:
    """Check the shards and write the store that they are parts of beside them."""
    folder = Path(config.output)
    shards = open_shards(folder)
    count = sum(map(len, shards))
    print(f"{len(shards)} shards checked, {count} crystals")
    store = join_shards(folder, shards, lambda rows: progress(rows, count, count - len(rows)))
    said = convergence(store, config.tolerance)
    print(said, end="\n" * bool(said))
    left_out = shards[0].meta["shard"]["structures"] - count
    print(f"{count} crystals in {folder}" + (f", {left_out} left out" if left_out else ""))
    print(f"its shards are no longer needed: rm -r {folder}/shard-*-of-{len(shards)}")
    return folder


def main() -> None:
    run_command("join", check, join)
