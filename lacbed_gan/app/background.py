"""Long calculations beside the page: in processes that can be stopped, with the results kept."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from nicegui import background_tasks
from pebble import ProcessPool

from lacbed_gan.crystal import Crystal

PROCESSES = 2  # exact patterns in one tab, the check in another
RESULTS = 64  # that are kept, of a quarter of a megabyte each for 128 × 128 pixels


class Background:
    """Calculations in other processes; one that nobody waits for any longer is stopped."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy threads of the server that it does not run
        self._pool = ProcessPool(PROCESSES, initializer=_prepare, context=context)
        self._results: OrderedDict[Hashable, Any] = OrderedDict()

    async def compute(self, key: Hashable, function: Callable, *arguments: Any) -> Any:
        """function(*arguments), or what an earlier call with this key returned.

        Cancelling the task that awaits it ends the calculation. Errors of the function are raised here.
        """
        if key not in self._results:
            self._results[key] = await asyncio.wrap_future(self._pool.schedule(function, args=arguments))
            if len(self._results) > RESULTS:
                self._results.popitem(last=False)
        self._results.move_to_end(key)
        return self._results[key]

    def warm_up(self) -> None:
        """Start the processes, so that the first calculation need not wait for PyTorch."""
        for _ in range(PROCESSES):
            self._pool.schedule(_prepare)

    def stop(self) -> None:
        """End the processes, at once."""
        self._pool.stop()
        self._pool.join()


class Latest:
    """At most one task at a time: a new one ends the one before."""

    def __init__(self) -> None:
        self._task: asyncio.Task | None = None
        self._reads = False

    def start(self, work: Coroutine[Any, Any, None], reads: bool = False) -> None:
        """Begin the work; what it was doing before is dropped.

        Args:
            reads: it begins by reading a file and goes on with what the fields say by then, so that until
                :meth:`has_read` only another file ends it, and no change of a field.
        """
        if self._reads and not reads and self._task is not None and not self._task.done():
            work.close()
            return
        self.stop()
        self._reads, self._task = reads, background_tasks.create(work)

    def has_read(self) -> None:
        """From here on the work may be ended by any other."""
        self._reads = False

    def stop(self) -> None:
        """End the work that is under way."""
        if self._task is not None:
            self._task.cancel()


def identity(crystal: Crystal) -> Hashable:
    """What two crystals have in common that give the same patterns."""
    arrays = (crystal.lattice, crystal.positions, crystal.occupancy, crystal.b_iso, crystal.anisotropy)
    numbers = (b"" if array is None else array.tobytes() for array in arrays)
    return (crystal.number, crystal.volume, crystal.elements, crystal.view, *numbers)


def _prepare() -> None:
    import torch

    import lacbed_gan.predict.exact  # noqa: F401  a second or two, before the first crystal comes

    torch.set_num_threads(1)
