"""How long a prediction takes, from the start of the command to its end.

    python experiments/predict_speed/run.py

Copies of one CIF of tests/data/felix with other lattice parameters, one and 21 of them, with and without figures; the
best of two commands each, on an idle machine. Prints and writes results.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lacbed_gan.base.files import write_atomically

HERE = Path(__file__).parent
CIF = HERE.parents[1] / "tests" / "data" / "felix" / "SrTiO3.cif"
FURTHER, REPEATS = 20, 2


def seconds(folder: Path, count: int, figure: bool) -> float:
    """The best time of a command on so many crystals."""
    files = ",".join(str(folder / f"{i}.cif") for i in range(count))
    line = [sys.executable, "-m", "lacbed_gan.predict", f"input=[{files}]", f"output={folder}/out"]
    found = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run([*line, f"figure={str(figure).lower()}"], check=True, capture_output=True)
        found.append(time.perf_counter() - start)
    return min(found)


def main() -> None:
    lines = ["| figures | one crystal (s) | each further one (ms) |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = CIF.read_text()
        for i in range(FURTHER + 1):
            (folder / f"{i}.cif").write_text(text.replace("3.905", f"{3.9 + i / 100:.3f}"))
        for figure in (False, True):
            one, more = (seconds(folder, count, figure) for count in (1, FURTHER + 1))
            further = 1000 * (more - one) / FURTHER
            lines.append(f"| {'with' if figure else 'without'} | {one:.2f} | {further:.0f} |")
    lines.append("")
    lines.append(f"{os.cpu_count()} processors.")
    write_atomically(HERE / "results.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
