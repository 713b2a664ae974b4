"""The generator of this checkout and that of another one side by side: core-seconds, and by how much patterns differ.

``python experiments/simulator_speed/compare.py OTHER [SIZE] [COUNT]`` computes GaAs, spinel, SrTiO₃ and COUNT crystals
of the standard set (24) at SIZE × SIZE pixels (128) with g_max = 3 1/Å and B = 0.5 Å², each by both in turn with one
thread, and writes compared.md.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
NAMES = ("GaAs", "spinel", "SrTiO3")
THICKNESS, G_MAX, B_ISO = (50, 100, 150, 200), 3.0, 0.5


def work(folder: str, size: int, count: int) -> None:
    """Compute the crystals whose numbers come by standard input, by the package that is imported."""
    import torch

    from lacbed_gan.crystal.catalogue import catalogue
    from lacbed_gan.crystal.structures import structures
    from lacbed_gan.diffraction.patterns import compute_patterns

    torch.set_num_threads(1)
    crystals = [catalogue()[name].with_default_b_iso(B_ISO) for name in NAMES]
    crystals += structures("standard", count, 0, B_ISO)
    compute_patterns([catalogue()["Cu"]], (50,), 16, g_max=1.0)  # compiles, or reads what is compiled
    print("ready", flush=True)
    for line in sys.stdin:
        crystal, start = crystals[int(line)], time.process_time()
        (patterns,) = compute_patterns([crystal], THICKNESS, size, g_max=G_MAX)
        seconds = time.process_time() - start
        np.save(Path(folder) / "pattern.npy", patterns.intensity.numpy())
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps([crystal.name, crystal.space_group, seconds, memory]), flush=True)


def start(checkout: Path, folder: str, size: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--work", folder, str(size), str(count)]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def main(other: Path, size: int, count: int) -> None:
    lines = [
        f"{size} × {size} pixels, {', '.join(map(str, THICKNESS))} nm, g_max {G_MAX:g} 1/Å, B {B_ISO} Å², one thread.",
        "",
        "| crystal | space group | before, core-s | now | ratio | largest difference | rms |",
        "|---|---|---|---|---|---|---|",
    ]
    totals, memory = np.zeros(2), 0.0
    with tempfile.TemporaryDirectory() as before, tempfile.TemporaryDirectory() as now:
        folders = (before, now)
        processes = [start(p, f, size, count) for p, f in zip((other, HERE.parents[1]), folders, strict=True)]
        answers = [process.stdout for process in processes]
        assert all(answer and answer.readline() for answer in answers)
        for number in range(len(NAMES) + count):
            seconds = []
            for process, answer in zip(processes, answers, strict=True):
                assert process.stdin and answer
                print(number, file=process.stdin, flush=True)
                name, group, spent, memory = json.loads(answer.readline())
                seconds.append(spent)
            first, second = (np.load(Path(folder) / "pattern.npy") for folder in folders)
            difference = np.abs(first - second)
            totals += seconds
            lines.append(
                f"| {name} | {group} | {seconds[0]:.2f} | {seconds[1]:.2f} | {seconds[0] / seconds[1]:.2f} "
                f"| {difference.max():.1e} | {np.sqrt((difference**2).mean()):.1e} |"
            )
            print(lines[-1], flush=True)
        for process in processes:
            assert process.stdin
            process.stdin.close()
    lines += ["", f"All: {totals[0]:.0f} before, {totals[1]:.0f} now, ratio {totals[0] / totals[1]:.2f}."]
    lines += [f"Peak memory now: {memory:.2f} GiB."]
    (HERE / "compared.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines[-2:]))


if __name__ == "__main__":
    if sys.argv[1] == "--work":
        work(sys.argv[2], *map(int, sys.argv[3:5]))
    else:
        main(Path(sys.argv[1]).resolve(), *map(int, [*sys.argv[2:4], *("128", "24")[len(sys.argv) - 2 :]]))
