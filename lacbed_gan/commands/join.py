"""The shards of a simulation → one store: ``python -m lacbed_gan.join output=stores/big``."""

from __future__ import annotations

from pathlib import Path

from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.progress import progress
from lacbed_gan.commands.command import require, run_command
from lacbed_gan.commands.settings import JoinSettings
from lacbed_gan.store.convergence import convergence
from lacbed_gan.store.shards import join_shards, open_shards
from lacbed_gan.store.store import read_meta
from lacbed_gan.store.writer import LEFT_OUT


def check(settings: JoinSettings) -> None:
    """Refuse what is no folder of shards, or is joined already."""
    folder = settings.output
    require(folder.is_dir(), f"output={folder}: no such folder")
    finished = (folder / "meta.json").exists() and read_meta(folder)["finished"]
    require(not finished, f"output={folder} holds a finished store; there is nothing left to join")


def join(settings: JoinSettings) -> Path:
    """Check the shards and write the store that they are parts of beside them."""
    folder = settings.output
    shards = open_shards(folder)
    count = sum(map(len, shards))
    print(f"{len(shards)} shards checked, {count} crystals")
    store = join_shards(folder, shards, lambda rows: progress(rows, count, count - len(rows)))
    lists = [file for shard in shards if (file := Path(shard.source) / LEFT_OUT).exists()]
    if lists:
        write_atomically(folder / LEFT_OUT, "".join(file.read_text(encoding="utf-8") for file in lists))
    summary = convergence(store, settings.tolerance)
    print(summary, end="\n" * bool(summary))
    left_out = shards[0].meta["shard"]["structures"] - count
    print(f"{count} crystals in {folder}" + (f", {left_out} left out" if left_out else ""))
    print(f"its shards are no longer needed: rm -r {folder}/shard-*-of-{len(shards)}")
    return folder


def main() -> None:
    run_command("join", check, join)
