"""Damaged CIFs and images, each given to its reader: ``python tests/fuzz.py 10000``.

Every file is read in a worker process with limited memory. A file is in order when it is read and used, or refused by
the reader's own error in one line that names it, within `SECONDS`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from damage import damaged_files

SECONDS = 5.0  # for one file
START = 60.0  # for a worker, which imports torch
MEMORY = 2 << 30  # bytes of address space beyond what the worker has when it is ready
LONGEST = 400  # characters of a message


def use(path: Path) -> None:
    """What a command does with a file, on few pixels."""
    from lacbed_gan.crystal import Crystal
    from lacbed_gan.images.grey import read_grey
    from lacbed_gan.images.measured import read_images

    if path.suffix == ".cif":
        from lacbed_gan.diffraction import projected_potential

        rho = projected_potential(Crystal.from_cif(path), 8, g_max=0.5)
        assert rho.isfinite().all(), "ρ is not finite"
        return
    images = read_images(path).images
    assert np.isfinite(images).all()
    if path.suffix == ".png":
        read_grey(path)


def outcome(path: Path) -> tuple[str, str]:
    """("used" or "refused" or "wrong", the message)."""
    from lacbed_gan.crystal import CrystalError
    from lacbed_gan.images.grey import ImageError

    try:
        use(path)
    except (CrystalError, ImageError) as error:
        message = str(error)
        right = message.isprintable() and str(path) in message and len(message) - len(str(path)) < LONGEST
        return ("refused" if right else "wrong"), message.replace(str(path), "FILE")
    except BaseException:
        return "wrong", traceback.format_exc()
    return "used", ""


def work(pipe) -> None:
    """Answer with the outcome, the seconds and the peak memory (KiB) for each path, until the pipe ends."""
    import torch

    from lacbed_gan.diffraction import projected_potential  # noqa: F401

    torch.set_num_threads(1)
    with open("/proc/self/status") as status:
        size = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmSize:"))
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY,) * 2)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    while True:
        try:
            path = Path(pipe.recv())
        except EOFError:
            return
        started = time.monotonic()
        found = outcome(path)
        pipe.send((*found, time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


@dataclass
class Result:
    """What came of the files of one kind."""

    files: int = 0
    used: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    reasons: Counter = field(default_factory=Counter)
    slowest: float = 0.0
    growth: int = 0
    """Of the worker's peak memory, in MiB."""


def run(kind: str, count: int, folder: Path, seed: int = 0, keep: Path | None = None) -> Result:
    """Read `count` damaged files; what goes wrong is kept in `keep`."""
    context = multiprocessing.get_context("spawn")
    result, worker, path = Result(), None, folder / f"damaged.{kind}"
    for number, data in enumerate(damaged_files(kind, count, seed)):
        if worker is None:
            pipe, end = context.Pipe()
            worker = context.Process(target=work, args=(end,), daemon=True)
            worker.start()
            end.close()
            before = pipe.recv() if pipe.poll(START) else 0
        path.write_bytes(data)
        pipe.send(str(path))
        result.files += 1
        try:
            if not pipe.poll(SECONDS):
                raise TimeoutError
            said, message, seconds, peak = pipe.recv()
        except (TimeoutError, EOFError, ConnectionError) as error:
            said, message, seconds, peak = "wrong", "hang" if isinstance(error, TimeoutError) else "crash", SECONDS, 0
            worker.kill()
            worker.join()
            worker = None
        result.slowest = max(result.slowest, seconds)
        result.growth = max(result.growth, (peak - before) >> 10)
        if said == "used":
            result.used += 1
        elif said == "refused":
            result.refused += 1
            result.reasons[re.sub(r"[\d.]+|'.*'|\(.*\)", "…", message.partition(": ")[2])[:60]] += 1
        else:
            result.wrong.append(f"{kind} {number}: {message}")
            if keep:
                (keep / f"{number}.{kind}").write_bytes(data)
    if worker is not None:
        pipe.close()
        worker.join(START)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, help="damaged CIFs and PNGs, half of each; a tenth as many TIFF and NPY")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that something is wrong with")
    given = parser.parse_args()
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
    counts = {"cif": given.count // 2, "png": given.count // 2, "tif": given.count // 10, "npy": given.count // 10}
    print("| files | | used | refused | wrong | slowest (s) | memory (MiB) |\n|---|---|---|---|---|---|---|")
    wrong, reasons = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, count in counts.items():
            found = run(kind, count, Path(folder), given.seed, given.keep)
            row = (kind, found.files, found.used, found.refused, len(found.wrong), f"{found.slowest:.2f}", found.growth)
            print("|", " | ".join(map(str, row)), "|", flush=True)
            wrong += found.wrong
            reasons[kind] = found.reasons.most_common(40)
    for line in wrong:
        print(line, file=sys.stderr)
    if given.keep:
        (given.keep / "reasons.json").write_text(json.dumps(reasons, indent=1, ensure_ascii=False))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
