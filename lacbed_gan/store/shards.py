"""A store made in parts: which crystals a part takes, where it is kept, and joining all parts to one store."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lacbed_gan.base.version import program_version
from lacbed_gan.crystal.crystal import Crystal, CrystalError
from lacbed_gan.store.store import Store, StoreError, read_meta
from lacbed_gan.store.writer import StoreWriter, differences

Row = tuple[dict[str, Any], Store, int]  # a crystal's line of the index, its shard, and where it stands there


@dataclass(frozen=True)
class Shard:
    """Part k of n, 1 ≤ k ≤ n: every n-th structure of the list from the k-th on, so that all take about as long."""

    k: int
    n: int

    @classmethod
    def parse(cls, text: object) -> Shard:
        """``3/16``; ValueError where it is not of that form, or k not within 1 … n."""
        parts = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text) if isinstance(text, str) else None
        if parts is None or not 1 <= int(parts[1]) <= int(parts[2]):
            raise ValueError(f"shard={text} is not of the form k/n with 1 ≤ k ≤ n, such as 3/16")
        return cls(int(parts[1]), int(parts[2]))

    def __str__(self) -> str:
        return f"{self.k}/{self.n}"

    @property
    def folder(self) -> str:
        """Name of the folder it is kept in, inside that of the whole store: ``shard-03-of-16``."""
        return f"shard-{self.k:0{len(str(self.n))}d}-of-{self.n}"

    def positions(self, count: int) -> range:
        """Which of a list of `count` it takes."""
        return range(self.k - 1, count, self.n)

    def meta(self, structures: Sequence[Crystal | CrystalError]) -> dict[str, Any]:
        """What meta.json of the part says of itself and of the whole list."""
        return {"k": self.k, "n": self.n, "structures": len(structures), "list": list_digest(structures)}


def list_digest(structures: Sequence[Crystal | CrystalError]) -> str:
    """SHA-256 of name, formula, space group and cell edge of each structure, in order."""
    digest = hashlib.sha256()
    for crystal in structures:
        if isinstance(crystal, CrystalError):
            known: tuple[object, ...] = ()
        else:
            known = (crystal.name, crystal.formula, crystal.space_group, crystal.a)
            if not crystal.is_standard_view:
                known += (crystal.shape, crystal.view)
        digest.update(repr(known).encode() + b"\n")
    return digest.hexdigest()


def open_shards(folder: Path) -> list[Store]:
    """All shards in a folder, in the order of k, each compared with its checksums.

    Raises:
        StoreError: there are none; one is missing, unfinished or damaged; or they differ in their settings, in the
            list of structures, or in the program that made them.
    """
    shards = _present(folder)
    metas = {shard: read_meta(folder / shard.folder) for shard in shards}
    whole = [Shard(k, shards[0].n) for k in range(1, shards[0].n + 1)]
    absent = [str(shard) for shard in whole if shard not in metas or not metas[shard]["finished"]]
    if absent:
        names = " and ".join(filter(None, (", ".join(absent[:-1]), absent[-1])))
        named = f"shards {names} are" if len(absent) > 1 else f"shard {names} is"
        command = "lacbed_gan.simulate" + " -m" * (len(absent) > 1)
        raise StoreError(
            f"{folder}: {named} missing or unfinished; run {command} shard={','.join(absent)} with all else as before"
        )
    first = metas[shards[0]] | {"program": program_version()}
    for shard, meta in metas.items():
        changed = differences(meta | {"shard": None}, first | {"shard": None})
        if meta.get("shard") != (first.get("shard") or {}) | {"k": shard.k, "n": shard.n}:
            changed = changed or "another list of structures, or another part"
        if changed:
            raise StoreError(f"{folder / shard.folder}: cannot be joined ({changed}); delete it and make it again")
    stores = [Store.open(folder / shard.folder) for shard in shards]
    for store in stores:
        store.verify()
    return stores


def join_shards(folder: Path, shards: Sequence[Store], track: Callable[[list[Row]], Iterable[Row]] = iter) -> Store:
    """Write the store that one command without shards would have written; one that was begun is continued.

    Args:
        folder: where the store goes.
        shards: what `open_shards` gave.
        track: shows the progress of what it passes on.

    Raises:
        StoreError: no shard holds a crystal, two hold the same, or the folder holds another store.
    """
    entries = [(entry, shard, row) for shard in shards for row, entry in enumerate(shard.index)]
    entries.sort(key=lambda row: row[0]["position"])
    if not entries:
        raise StoreError(f"{folder}: none of its shards holds a crystal, so there is no store to write")
    meta = shards[0].meta
    with StoreWriter(folder, meta["size"], meta["thickness"], meta["settings"], meta["intensity"]) as writer:
        if writer.done != [entry["id"] for entry, _, _ in entries[: len(writer.done)]]:
            raise StoreError(f"{folder}: holds an unfinished store of other crystals; move the shards elsewhere")
        for entry, shard, row in track(entries[len(writer.done) :]):
            records = {name: array[row] for name, array in shard.arrays.items()}
            writer.append({key: value for key, value in entry.items() if key != "position"}, **records)
        writer.finish()
    return Store.open(folder)


def _present(folder: Path) -> list[Shard]:
    """The shards that have been begun, in the order of k."""
    pattern = re.compile(r"shard-(\d+)-of-(\d+)")
    named = [match for path in folder.glob("shard-*/meta.json") if (match := pattern.fullmatch(path.parent.name))]
    shards = sorted((Shard(int(match[1]), int(match[2])) for match in named), key=lambda shard: (shard.n, shard.k))
    if not shards:
        raise StoreError(f"{folder}: holds no shards; lacbed_gan.simulate makes them, with shard=1/16 and so on")
    if shards[0].n != shards[-1].n:
        raise StoreError(
            f"{folder}: holds shards of {shards[0].n} and of {shards[-1].n} parts; delete those that do not belong"
        )
    return shards
