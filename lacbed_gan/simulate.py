"""Crystal structures → a store of pairs: ``python -m lacbed_gan.simulate structures=cifs output=stores/mine``."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path

import numpy as np
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from lacbed_gan.config import ConfigError, require, require_choice, run_command, shown
from lacbed_gan.crystal import Crystal, CrystalError
from lacbed_gan.crystal.structures import NAMED, find_cifs, structures
from lacbed_gan.data.store import read_meta, scale_to_uint8
from lacbed_gan.data.store_writer import StoreWriter

# Settings that change the pairs: written into the store.
SETTINGS = ("method", "g_max", "rho_g_max", "rho_sampling")


def check(config: DictConfig) -> None:
    """Refuse what cannot be simulated, before any work."""
    for key in ("structures", "output"):
        require(
            isinstance(config[key], str),
            f"{key}=… is needed, a path" + (f" or one of {', '.join(NAMED)}" if key == "structures" else ""),
        )
    require_choice("method", config.method, ["converged", "felix"])
    require_choice("rho_sampling", config.rho_sampling, ["periodic", "endpoints"])
    for key in ("size", "g_max", "rho_g_max"):
        value = config[key]
        require(isinstance(value, int | float) and value > 0, f"{key}={value} is not a positive number")
    for key in ("size", "seed", "count", "workers"):
        value = config[key]
        whole = isinstance(value, int) and not isinstance(value, bool)
        require(whole or (value is None and key in ("count", "workers")), f"{key}={shown(value)} is not a whole number")
    require(isinstance(config.save_intensity, bool), f"save_intensity={config.save_intensity} is not true or false")
    thickness = OmegaConf.to_object(config.thickness) if OmegaConf.is_list(config.thickness) else config.thickness
    numbers = isinstance(thickness, list) and thickness and all(isinstance(t, int | float) and t > 0 for t in thickness)
    require(bool(numbers), f"thickness={thickness} is not a list of positive numbers in nm, such as [50,100]")
    if config.structures not in NAMED:
        find_cifs(Path(config.structures))
    output = Path(config.output)
    if (output / "meta.json").exists() and read_meta(output)["finished"]:
        raise ConfigError(f"output={output} holds a finished store; delete it or choose another output")


def simulate(config: DictConfig) -> Path:
    """Write the store; a crystal that cannot be used is left out and listed."""
    thickness = [float(t) for t in config.thickness]
    settings = {key: config[key] for key in SETTINGS}
    found = list(structures(str(config.structures), config.count, config.seed))
    left_out = [str(error) for error in found if isinstance(error, CrystalError)]
    for reason in left_out:
        print(f"left out: {reason}")
    require(len(left_out) < len(found), f"none of the {len(found)} structures could be used; no store was written")
    with StoreWriter(config.output, config.size, thickness, settings, config.save_intensity) as writer:
        done = set(writer.done)
        todo = [crystal for crystal in found if isinstance(crystal, Crystal) and crystal.name not in done]
        images = _images(todo, config.workers, thickness=thickness, size=config.size, **settings)
        bar = tqdm(
            images, total=len(done) + len(todo), initial=len(done), unit="crystal", smoothing=0.02, file=sys.stdout
        )
        for crystal, pair in zip(todo, bar, strict=True):
            if isinstance(pair, CrystalError):
                left_out.append(str(pair))
                bar.write(f"left out: {pair}")
                continue
            potential, intensity = pair
            kept = (intensity,) if config.save_intensity else ()
            writer.append(index_entry(crystal, potential), scale_to_uint8(potential), scale_to_uint8(intensity), *kept)
        count = len(writer.done)
        if count:
            writer.finish()
    require(count > 0, f"none of the {len(found)} structures could be used; no store was written")
    print(f"{count} crystals in {config.output}" + (f", {len(left_out)} left out" if left_out else ""))
    return Path(config.output)


def index_entry(crystal: Crystal, potential: np.ndarray) -> dict[str, object]:
    """The line of a crystal in a store's index; potential is ρ in 1/Å² before scaling."""
    return {
        "id": crystal.name,
        "formula": crystal.formula,
        "space_group": crystal.space_group,
        "number": crystal.number,
        "a": crystal.a,
        "pattern_symmetry": crystal.pattern_symmetry,
        "source": crystal.source,
        "rho_min": float(potential.min()),
        "rho_max": float(potential.max()),
    }


def _images(
    crystals: list[Crystal], workers: int | None, **settings: object
) -> Iterator[tuple[np.ndarray, np.ndarray] | CrystalError]:
    """Potential and raw intensities of each crystal in order, or why there are none; in processes side by side."""
    workers = min(workers or os.cpu_count() or 1, len(crystals))
    job = partial(_simulate_one, **settings)
    if workers <= 1:
        yield from map(job, crystals)
        return
    # Started afresh rather than forked: a fork of a process whose torch has run threads can hang.
    with ProcessPoolExecutor(workers, get_context("spawn"), start_worker) as pool:
        yield from pool.map(job, crystals)


def start_worker() -> None:
    """Prepare a worker process: one thread of torch, and an end when the process that started it is killed."""
    import torch

    torch.set_num_threads(1)

    def end_with_parent() -> None:
        parent_process().join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _simulate_one(
    crystal: Crystal,
    thickness: list[float],
    size: int,
    method: str,
    g_max: float,
    rho_g_max: float,
    rho_sampling: str,
) -> tuple[np.ndarray, np.ndarray] | CrystalError:
    from lacbed_gan.diffraction import bright_field, projected_potential  # torch, once the configuration is checked

    try:
        potential = projected_potential(crystal, size, g_max=rho_g_max, sampling=rho_sampling)
        intensity = bright_field(crystal, thickness, size, method=method, g_max=g_max)
    except ValueError as error:
        return CrystalError(f"{crystal.name}: {error}")
    return potential.numpy(), intensity.numpy()


if __name__ == "__main__":
    run_command("simulate", check, simulate)
