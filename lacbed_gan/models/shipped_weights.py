"""Which networks ship, and where their files are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lacbed_gan.models.checkpoints import WeightsError

FOLDER = Path(__file__).parent / "shipped"
DIRECTIONS = ("forward", "inverse")


def shipped_thicknesses(direction: str) -> tuple[float, ...]:
    """Those in nm that have a file of their own; none where one network knows all of them."""
    return tuple(sorted(float(file.stem.rpartition("-")[2].removesuffix("nm")) for file in _files(direction)))


def shipped_file(direction: str, thickness: Sequence[float] = ()) -> Path:
    """The file of a direction's network.

    Where each thickness has its own, it is that of the only one asked for, or the first.

    Raises:
        WeightsError: this copy of the program ships none.
    """
    known = shipped_thicknesses(direction)
    if known:
        chosen = thickness[0] if len(thickness) == 1 and thickness[0] in known else known[0]
        return FOLDER / f"{direction}-{chosen:g}nm.safetensors"
    path = FOLDER / f"{direction}.safetensors"
    if not path.exists():
        reason = f"no such file, this copy of the program ships no weights for direction={direction}"
        raise WeightsError(f"{path}: {reason}; name those of a run with checkpoint=…")
    return path


def named_file(name: str) -> Path:
    """A shipped file by its name: a direction, or with a thickness such as inverse-100nm; else the path itself."""
    if name in DIRECTIONS:
        return shipped_file(name)
    named = FOLDER / f"{name}.safetensors"
    return named if named.parent == FOLDER and named.exists() else Path(name)


def _files(direction: str) -> list[Path]:
    return list(FOLDER.glob(f"{direction}-*nm.safetensors"))
