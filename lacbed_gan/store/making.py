"""Crystals → potentials and patterns, one after the other in their order, by worker processes or on a GPU."""

from __future__ import annotations

import math
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from lacbed_gan.crystal import Crystal, CrystalError
from lacbed_gan.crystal.basis import FILE_AXES
from lacbed_gan.crystal.zone_axis import reflection
from lacbed_gan.diffraction.cut_off import AutoCutOff
from lacbed_gan.store.entry import view_of
from lacbed_gan.store.recipe import Recipe

if TYPE_CHECKING:
    from lacbed_gan.diffraction.errors import CalculationError
    from lacbed_gan.diffraction.patterns import Patterns

Result = TypeVar("Result")
GPU_WORKERS = 8
AHEAD = 4  # jobs given out for each worker process; what is finished waits for its turn in memory


@dataclass(frozen=True)
class Pair:
    """The images of one crystal before scaling.

    Attributes:
        potential: (H, W) float32, ρ in 1/Å².
        intensity: (T, H, W) float32 in [0, 1], the bright-field patterns.
        dark_field: (G, T, H, W) float32 in [0, 1].
        error_rms, error_max: estimated error of the intensities.
        g_max: cut-off of the beams in 1/Å where it was chosen for the crystal; else None.
    """

    potential: np.ndarray
    intensity: np.ndarray
    dark_field: np.ndarray
    error_rms: float
    error_max: float
    g_max: float | None = None

    def entry(self, crystal: Crystal) -> dict[str, object]:
        """The line of the crystal in a store's index; what is odd about it and its change of basis where there are."""
        errors = {"error_rms": self.error_rms, "error_max": self.error_max}
        return {
            "id": crystal.name,
            "formula": crystal.formula,
            "space_group": crystal.space_group,
            "number": crystal.number,
            "a": crystal.a,
            "pattern_symmetry": crystal.pattern_symmetry,
            "source": crystal.source,
            **({} if crystal.b_given.all() else {"b_iso": float(crystal.b_iso[~crystal.b_given][0])}),
            "rho_min": float(self.potential.min()),
            "rho_max": float(self.potential.max()),
            **({} if self.g_max is None else {"g_max": self.g_max}),
            **{key: float(f"{error:.3g}") if math.isfinite(error) else None for key, error in errors.items()},
            **view_of(crystal),
            **({"remarks": list(crystal.remarks)} if crystal.remarks else {}),
            **({"change_of_basis": crystal.basis.to_json()} if crystal.basis != FILE_AXES else {}),
        }


def compute_pairs(
    crystals: Sequence[Crystal], done: Collection[str], device: str, workers: int | None, recipe: Recipe
) -> Iterator[tuple[Crystal, Pair | CrystalError]]:
    """Every crystal that is not done, in order, with its images or why there are none.

    On the CPU each worker process computes one crystal at a time with one thread. On a GPU each computes many together,
    always the same ones whatever is done already: while one prepares its crystals another has the GPU. So no rounding
    depends on what is done or on workers.

    Args:
        done: names of crystals; those that are not done and stand before one that is had no images before.
        device: ``cpu`` or ``cuda``.
        workers: processes side by side; None for one a core, or `GPU_WORKERS` that share a GPU.
        recipe: of the pairs.
    """
    from lacbed_gan.diffraction.together import AT_ONCE  # torch, once the configuration is checked

    job = partial(compute, recipe=recipe, device=device)
    batches = list(_batches(crystals, done, AT_ONCE[device]))
    workers = min(workers or usable_cores() if device == "cpu" else workers or GPU_WORKERS, len(batches))
    results = _in_processes(job, batches, workers) if workers > 1 else _in_this_process(job, batches)
    for batch, pairs in zip(batches, results, strict=True):
        for crystal, pair in zip(batch, pairs, strict=True):
            if crystal.name not in done:
                yield crystal, pair


def _batches(crystals: Sequence[Crystal], done: Collection[str], count: int) -> Iterator[Sequence[Crystal]]:
    """Crystals to compute together: always the same ones, without batches of which nothing is left to compute."""
    reached = max((i for i, crystal in enumerate(crystals) if crystal.name in done), default=-1)
    for start in range(0, len(crystals), count):
        batch = crystals[start : start + count]
        if start + count <= reached + 1:  # nothing but crystals that failed can be missing
            batch = [crystal for crystal in batch if crystal.name not in done]
        if any(crystal.name not in done for crystal in batch):
            yield batch


def compute(crystals: Sequence[Crystal], recipe: Recipe, device: str = "cpu") -> list[Pair | CrystalError]:
    """Images of crystals, computed together."""
    from lacbed_gan.diffraction import projected_potential  # torch, once the configuration is checked
    from lacbed_gan.diffraction.patterns import compute_patterns

    patterns_of = partial(
        compute_patterns,
        thickness=recipe.thickness,
        size=recipe.size,
        method=recipe.method,
        g_max=recipe.g_max,
        energy_kv=recipe.energy_kv,
        half_width=recipe.half_width,
        window=recipe.window_unit,
        felix_ranks=recipe.felix_ranks,
        absorption=recipe.absorption,
        absorption_ratio=recipe.absorption_ratio,
        device=device,
    )
    if recipe.dark_field and not all(crystal.is_standard_view for crystal in crystals):
        answers: Sequence[Patterns | ValueError] = [_dark_fields(crystal, recipe, patterns_of) for crystal in crystals]
    else:  # hk0 of a cubic crystal
        answers = patterns_of(crystals, dark_field=[(g[0], g[1]) for g in recipe.dark_field])
    potential = partial(
        projected_potential,
        size=recipe.size,
        g_max=recipe.rho_g_max,
        sampling=recipe.rho_sampling,
        energy_kv=recipe.energy_kv,
    )
    pairs: list[Pair | CrystalError] = []
    for crystal, patterns in zip(crystals, answers, strict=True):
        try:
            if isinstance(patterns, ValueError):
                raise patterns
            intensity, dark_field = patterns.intensity.numpy(), patterns.dark_field.numpy()
            errors = patterns.error_rms, patterns.error_max
            chosen = patterns.g_max if isinstance(recipe.g_max, AutoCutOff) else None
            pairs.append(Pair(potential(crystal).numpy(), intensity, dark_field, *errors, chosen))
        except ValueError as error:
            pairs.append(CrystalError(f"{crystal.name}: {error}"))
    return pairs


def _dark_fields(
    crystal: Crystal, recipe: Recipe, patterns_of: Callable[..., list[Patterns | CalculationError]]
) -> Patterns | ValueError:
    """Patterns of one crystal whose reflections hkl are those of its source."""
    try:
        wanted = [reflection(crystal, g if len(g) > 2 else (*g, 0)) for g in recipe.dark_field]
    except CrystalError as error:
        return error
    return patterns_of([crystal], dark_field=wanted)[0]


def usable_cores() -> int:
    """Cores that this process may use, which on a cluster are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start_worker() -> None:
    """Prepare a worker process: one thread of torch, and an end when the process that started it is killed.

    A cluster's signal before the time limit goes to all processes; it is for the command, which is then queued again.
    """
    import torch

    torch.set_num_threads(1)
    for name in {"SIGUSR1", "SIGUSR2"} & {each.name for each in signal.Signals}:
        signal.signal(signal.Signals[name], signal.SIG_IGN)

    def end_with_parent() -> None:
        if parent := parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _in_this_process(
    job: Callable[[Sequence[Crystal]], Result], batches: Sequence[Sequence[Crystal]]
) -> Iterator[Result]:
    """``map(job, batches)`` by one thread as in a worker process."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from map(job, batches)
    finally:
        torch.set_num_threads(threads)


def _in_processes(
    job: Callable[[Sequence[Crystal]], Result], batches: Sequence[Sequence[Crystal]], workers: int
) -> Iterator[Result]:
    """``map(job, batches)`` with a bounded number of results in memory."""
    # Started afresh rather than forked: a fork of a process whose torch has run threads can hang.
    with ProcessPoolExecutor(workers, get_context("spawn"), start_worker) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(job, batch))
                if len(waiting) >= AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            reason = "a worker process was killed, perhaps for want of memory"
            raise OSError(f"{reason}; the same line goes on from here, with workers=1 if need be") from None
        finally:
            for future in waiting:
                future.cancel()
