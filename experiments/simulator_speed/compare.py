"""The generator of this checkout and that of another one side by side: core-seconds, and by how much patterns differ.

``python experiments/simulator_speed/compare.py OTHER FOLDER [SIZE] [COUNT]`` computes GaAs, spinel, SrTiO₃ and COUNT
crystals of the standard set (24), those of few beams first, at SIZE × SIZE pixels (128) with g_max = 3 1/Å and B = 0.5
Å², each by both in turn with one thread. Then this checkout's recursion goes on until its end holds STRICT, for settled
patterns of crystals of up to SETTLED beams. Each pattern is a file and a line of lines.jsonl in FOLDER, and a run that
was ended goes on from there; compared.md beside this file is written of what is there.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
NAMES = ("GaAs", "spinel", "SrTiO3")
THICKNESS, G_MAX, B_ISO = (50, 100, 150, 200), 3.0, 0.5
STRICT = 1e-9  # amplitude² at the end of a recursion
SETTLED = 1500  # beams


def work(which: str, folder: Path, size: int, count: int) -> None:
    """Compute the crystals whose numbers come by standard input, by the package that is imported."""
    import torch

    from lacbed_gan.crystal.catalogue import catalogue
    from lacbed_gan.crystal.structures import structures
    from lacbed_gan.diffraction.beams import select_beams
    from lacbed_gan.diffraction.patterns import compute_patterns
    from lacbed_gan.diffraction.projection import Projection
    from lacbed_gan.diffraction.recursion import converged

    torch.set_num_threads(1)
    if which == "settled":
        converged.LEAK = STRICT
    crystals = [catalogue()[name].with_default_b_iso(B_ISO) for name in NAMES]
    crystals += structures("standard", count, 0, B_ISO)
    compute_patterns([catalogue()["Cu"]], (50,), 16, g_max=1.0)  # compiles, or reads what is compiled
    print(json.dumps([len(select_beams(Projection(crystal), G_MAX)) for crystal in crystals]), flush=True)
    for line in sys.stdin:
        number = int(line)
        crystal, start = crystals[number], time.process_time()
        (patterns,) = compute_patterns([crystal], THICKNESS, size, g_max=G_MAX)
        row = {"number": number, "which": which, "name": crystal.name, "group": crystal.space_group}
        row["seconds"] = time.process_time() - start
        row["gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        np.save(folder / f"{number}-{which}.npy", patterns.intensity.numpy())
        print(json.dumps(row), flush=True)


def start(which: str, checkout: Path, folder: Path, size: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--work", which, str(folder), str(size), str(count)]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def compute(checkouts: dict[str, Path], folder: Path, size: int, count: int) -> None:
    """Append what is not in the file yet."""
    lines = folder / "lines.jsonl"
    known = {(row["number"], row["which"]) for row in read(lines)}
    processes = {which: start(which, checkout, folder, size, count) for which, checkout in checkouts.items()}
    beams, *_ = [json.loads(process.stdout.readline()) for process in processes.values() if process.stdout]
    order = sorted(range(len(beams)), key=beams.__getitem__)
    jobs = [(number, which) for number in order for which in ("before", "now")]
    jobs += [(number, "settled") for number in order if beams[number] <= SETTLED]
    for number, which in jobs:
        process = processes[which]
        assert process.stdin and process.stdout
        if (number, which) not in known:
            print(number, file=process.stdin, flush=True)
            row = {**json.loads(process.stdout.readline()), "beams": beams[number]}
            with lines.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(f"{row['name']}, {row['beams']} beams, {which}: {row['seconds']:.2f} s", flush=True)
    for process in processes.values():
        assert process.stdin
        process.stdin.close()


def read(lines: Path) -> list[dict]:
    return [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []


def table(folder: Path, size: int) -> str:
    """compared.md"""
    rows: dict[int, dict[str, dict]] = {}
    for row in read(folder / "lines.jsonl"):
        rows.setdefault(row["number"], {})[row["which"]] = row
    lines = [
        f"{size} × {size} pixels, {', '.join(map(str, THICKNESS))} nm, g_max {G_MAX:g} 1/Å, B {B_ISO} Å², one thread. "
        f"Differences are the largest of intensities; settled is now with an end of {STRICT:g}.",
        "",
        "| crystal | space group | beams | before, core-s | now | ratio | now − before | before − settled "
        "| now − settled |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    both = [row for _, row in sorted(rows.items()) if row.keys() >= {"before", "now"}]
    for row in both:
        before, now = row["before"], row["now"]
        pairs = (("now", "before"), ("before", "settled"), ("now", "settled"))
        numbers = (difference(folder, now["number"], *pair) if row.keys() >= {*pair} else "" for pair in pairs)
        lines.append(
            f"| {now['name']} | {now['group']} | {now['beams']} | {before['seconds']:.2f} | {now['seconds']:.2f} "
            f"| {before['seconds'] / now['seconds']:.2f} | {' | '.join(numbers)} |"
        )
    ratios = sorted(row["before"]["seconds"] / row["now"]["seconds"] for row in both)
    before, now = (sum(row[which]["seconds"] for row in both) for which in ("before", "now"))
    lines += ["", f"Ratio: smallest {ratios[0]:.2f}, median {ratios[len(ratios) // 2]:.2f}, largest {ratios[-1]:.2f}."]
    lines += [f"All {len(both)}: {before:.0f} before, {now:.0f} now, ratio {before / now:.2f}."]
    lines += [f"Peak memory now: {max(row['now']['gib'] for row in both):.2f} GiB."]
    return "\n".join(lines) + "\n"


def difference(folder: Path, number: int, first: str, second: str) -> str:
    one, other = (np.load(folder / f"{number}-{which}.npy") for which in (first, second))
    return f"{np.abs(one - other).max():.1e}"


def main(other: Path, folder: Path, size: int = 128, count: int = 24) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    this = HERE.parents[1]
    compute({"before": other, "now": this, "settled": this}, folder, size, count)
    text = table(folder, size)
    (HERE / "compared.md").write_text(text)
    print(text)


if __name__ == "__main__":
    if sys.argv[1] == "--work":
        work(sys.argv[2], Path(sys.argv[3]), *map(int, sys.argv[4:6]))
    elif sys.argv[1] == "--table":
        print(table(Path(sys.argv[2]), int(sys.argv[3])))
    else:
        main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), *map(int, sys.argv[3:5]))
