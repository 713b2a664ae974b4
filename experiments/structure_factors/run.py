"""Structure factors fitted to simulated patterns, from what a network reads and from random errors; see README.md.

python experiments/structure_factors/run.py [part=test] [count=20] [first=0] [starts=network,truth,0.1,0.3]
    [processes=1] [output=FILE.jsonl]
python experiments/structure_factors/run.py summary=FILE.jsonl
python experiments/structure_factors/run.py times=SrTiO3

A run goes on where the one before ended. Lines are written as crystals are done, in any order.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

import lacbed_gan as lg
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.open_databases import STANDARD, STRUCTURES, small_structures
from lacbed_gan.data.folds import assign_folds
from lacbed_gan.diffraction.window import Window
from lacbed_gan.predict.refinement.factor_images import Images
from lacbed_gan.predict.refinement.free_factors import fit_factors
from lacbed_gan.predict.refinement.network_start import network_factors, prior_of
from lacbed_gan.store.making import start_worker

G_MAX, AREA, MOST_BEAMS = 2.0, 6.0, 90  # 1/Å, and Å² for each lattice point
THICKNESS, ERROR = (30.0, 60.0), 2.0  # nm, and how far off the thickness is that is told
COUNTS, PIXELS, SIZE, DARK = 10_000, 2000, 64, 6
STRONGEST, RIGHT = 10, 0.03
NOISE = 1.3  # mean squared residual of a fit that reached it
FOLDS = {"test": (0,), "validation": (1, 2, 3)}  # of which the network may have been trained on all but the first
SMOOTH = 1.5  # pixels, σ of the counts that tell the noise at first
FEWEST = 0.2  # counts whose noise is that of the pixels of fewer


def crystals(part: str, first: int, count: int) -> list[Crystal]:
    """Of folds by formula, with few beams: the smallest cell of each space group, then in a random order."""
    with gzip.open(STANDARD, "rt") as file:
        standard = set(file.read().split("\n"))
    with gzip.open(STRUCTURES) as file:
        rows = [row for row in map(json.loads, file) if row["id"] in standard]
    fold_of = dict(zip((row["id"] for row in rows), assign_folds([row["formula"] for row in rows]), strict=True))
    found: list[Crystal] = []
    for one in small_structures(AREA):
        if not isinstance(one, Crystal) or fold_of[one.name] not in FOLDS[part]:
            continue
        if len(scattering_of(one).beams) <= MOST_BEAMS:
            found.append(one)
        if len(found) == first + count:
            break
    return found[first:]


def scattering_of(crystal: Crystal) -> lg.Scattering:
    """With one B of all atoms."""
    b = np.random.default_rng(list(crystal.name.encode())).uniform(0.3, 1.0)
    return lg.Scattering(replace(crystal, b_iso=np.full(len(crystal.elements), b)), g_max=G_MAX)


def reflections(scattering: lg.Scattering) -> list[tuple[int, int, int]]:
    """The bright field and the shortest reflections whose lengths differ."""
    chosen, seen = [(0, 0, 0)], set()
    for h, k in scattering.beams.hk[1:].tolist():
        if h * h + k * k not in seen and h >= 0 and k >= 0:
            seen.add(h * h + k * k)
            chosen.append((h, k, 0))
    return chosen[: 1 + DARK]


def counted(intensity: np.ndarray) -> np.ndarray:
    """Standard deviations of counts, as shares of the beam."""
    return np.sqrt(np.maximum(COUNTS * intensity, FEWEST)) / COUNTS


@cache
def network() -> Any:
    """The shipped inverse network, once for each process."""
    return lg.load(None, "inverse")


def fits(crystal: Crystal, starts: list[str]) -> list[dict[str, Any]]:
    """One row a start: errors of the strongest structure factors, and whether the fit trusts itself."""
    scattering = scattering_of(crystal)
    random = np.random.default_rng([7, *crystal.name.encode()])
    thickness = float(random.uniform(*THICKNESS))
    u, hkl, window = scattering.of_sites(), reflections(scattering), Window(SIZE)
    every = np.arange(SIZE * SIZE)
    k = torch.from_numpy(window.directions(scattering.projection.net, every // SIZE, every % SIZE))
    intensity = scattering.intensity(u, k, [thickness], hkl)[:, 0].double().numpy().clip(0)
    counts = random.poisson(COUNTS * intensity).astype(np.float64)
    # Of the counts around a pixel, since those of the pixel itself would weigh it the more the fewer there happen to be
    smooth = gaussian_filter(counts.reshape(-1, SIZE, SIZE), (0, SMOOTH, SMOOTH)).reshape(counts.shape)
    places = np.sort(random.choice(SIZE * SIZE, PIXELS, replace=False))
    sigma = np.sqrt(np.maximum(smooth, 1)) / COUNTS
    images = Images(hkl, k[places], counts[:, places] / COUNTS, sigma[:, places])
    told = thickness + float(random.uniform(-ERROR, ERROR))
    bright = lg.bright_field(scattering.crystal, [thickness], SIZE, g_max=G_MAX)[0].numpy()
    noisy = random.poisson(COUNTS * bright.clip(0)).astype(np.float64)
    size, rows = u.abs().numpy(), []
    strongest = np.argsort(-size)[:STRONGEST]
    for start in starts:
        if start == "network":
            observation = lg.observe(noisy, a=crystal.a, half_width=window.half_width, align=False)
            begun = network_factors(network(), observation, scattering, told)
            prior = prior_of(scattering, begun)
        elif start == "truth":  # the minimum that there is to be found, by the same fit
            begun, prior = u, prior_of(scattering, u)
        else:
            begun = u * (1 + float(start) * torch.from_numpy(random.standard_normal(len(u))))
            prior = float(start) * size + 1e-5
        began = time.process_time()
        found = fit_factors(scattering, begun, prior, told, images, noise=counted)
        off = np.abs(found.u.numpy() - u.numpy())[strongest]
        relative, errors = off / size[strongest], found.errors[strongest]
        rows.append(
            {
                "name": crystal.name,
                "formula": crystal.formula,
                "a": crystal.a,
                "beams": len(scattering.beams),
                "thickness": thickness,
                "start": start,
                "start_error": float(np.median((begun - u).abs().numpy()[strongest] / size[strongest])),
                "worst": float(relative.max()),
                "relative": relative.tolist(),
                "relative_errors": (errors / size[strongest]).tolist(),
                "within": int((relative <= RIGHT).sum()),
                "of": len(strongest),
                # off by more than 3 % and by more than four standard errors of those that claim to be better
                "wrong": int(((relative > RIGHT) & (off > 4 * errors)).sum()),
                "claimed": int((errors <= RIGHT * size[strongest]).sum()),
                "thickness_off": found.thickness - thickness,
                "chi2": found.chi2,
                "likeness": found.likeness,
                "doubts": found.doubts,
                "tries": found.tries,
                "seconds": time.process_time() - began,
            }
        )
    return rows


def line_of(row: dict[str, Any]) -> str:
    """A row in words."""
    return (
        f"{row['formula']} a {row['a']:.3f} Å, {row['thickness']:.1f} nm, start {row['start']} "
        f"({row['start_error']:.0%} off): {row['within']} of {row['of']} within 3 %, worst {row['worst']:.1%}, "
        f"χ² {row['chi2']:.2f}, thickness off {row['thickness_off']:.2f} nm, {row['tries']} tries, "
        f"{row['seconds']:.0f} s" + (", flagged" if row["doubts"] else "")
    )


def summary(path: Path) -> str:
    """A line for each start."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    head = [
        "start",
        "crystals",
        "start off, median",
        "ten within 3 %",
        "U within 3 %",
        "reached noise",
        "flagged",
        "wrong, not flagged",
    ]
    head += ["thickness within 0.2 nm", "s, median"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for start in dict.fromkeys(row["start"] for row in rows):
        of = [row for row in rows if row["start"] == start]
        unflagged = sum(row["wrong"] > 0 and not row["doubts"] for row in of)
        cells = [
            start,
            len(of),
            f"{np.median([row['start_error'] for row in of]):.0%}",
            sum(row["within"] == row["of"] for row in of),
            f"{sum(row['within'] for row in of)} of {sum(row['of'] for row in of)}",
            sum(row["chi2"] <= NOISE for row in of),
            sum(bool(row["doubts"]) for row in of),
            unflagged,
            sum(abs(row["thickness_off"]) <= 0.2 for row in of),
            f"{np.median([row['seconds'] for row in of]):.0f}",
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def times(name: str) -> str:
    """Seconds of exact derivatives, and of difference quotients, of a crystal of the catalogue."""
    scattering = lg.Scattering(catalogue()[name].with_default_b_iso(0.6), g_max=G_MAX)
    u, hkl, window = scattering.of_sites(), reflections(scattering), Window(32)
    k = torch.from_numpy(window.directions(scattering.projection.net, np.arange(100) // 10, np.arange(100) % 10))
    lines = [f"{name}: {len(scattering.beams)} beams, {len(u)} structure factors, {len(k)} pixels, 50 nm"]
    for chosen in (None, hkl):
        scattering.jacobian(u, k[:2], [50.0], hkl=chosen)  # compiles
        began = time.perf_counter()
        for _ in range(3):
            scattering.intensity(u, k, [50.0], chosen)
        middle = time.perf_counter()
        scattering.jacobian(u, k, [50.0], hkl=chosen)
        one, all_of_them = (middle - began) / 3, time.perf_counter() - middle
        lines.append(
            f"{1 if chosen is None else len(chosen)} reflections: intensity {one:.2f} s, exact derivatives "
            f"{all_of_them:.2f} s, difference quotients {one * (len(u) + 1):.1f} s"
        )
    return "\n".join(lines)


def main(words: list[str]) -> int:
    values = {"count": "20", "first": "0", "starts": "network", "output": "", "summary": "", "times": ""}
    values |= {"part": "test", "processes": "1"}
    values |= dict(word.split("=", 1) for word in words)
    if values["summary"] or values["times"]:
        print(summary(Path(values["summary"])) if values["summary"] else times(values["times"]))
        return 0
    starts, output = values["starts"].split(","), Path(values["output"]) if values["output"] else None
    done = {json.loads(line)["name"] for line in output.read_text().splitlines()} if output and output.exists() else {}
    chosen = [
        one for one in crystals(values["part"], int(values["first"]), int(values["count"])) if one.name not in done
    ]
    with ProcessPoolExecutor(int(values["processes"]), get_context("spawn"), start_worker) as pool:
        for future in as_completed([pool.submit(fits, one, starts) for one in chosen]):
            rows = future.result()
            print("\n".join(map(line_of, rows)), flush=True)
            if output:
                with output.open("a") as file:
                    file.write("".join(json.dumps(row) + "\n" for row in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
