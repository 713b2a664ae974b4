"""Long calculations beside the page: kept, raised, and stopped when nobody waits."""

import asyncio
import math
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lacbed_gan.app.background import Background, identity
from lacbed_gan.crystal.catalogue import catalogue


def in_a_loop(ask):
    """In a thread of its own: Playwright leaves a running loop in this one, where it was used before."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, ask()).result()


@pytest.fixture(scope="module")
def background():
    one = Background()
    yield one
    one.stop()


def test_results_are_kept_and_errors_are_not(background):
    async def ask():
        first = await background.compute("time", time.time)
        assert await background.compute("time", time.time) == first
        assert await background.compute("later", time.time) > first
        with pytest.raises(ValueError, match="factorial"):
            await background.compute("error", math.factorial, -1)
        assert await background.compute("error", abs, -1) == 1

    in_a_loop(ask)


def test_what_nobody_waits_for_is_stopped(background):
    async def ask():
        await background.compute("started", abs, -1)
        before = {process.pid for process in multiprocessing.active_children()}
        task = asyncio.create_task(background.compute("endless", time.sleep, 1000))
        await asyncio.sleep(0.5)
        task.cancel()
        await background.compute("next", abs, -2)
        for _ in range(100):
            ended = before - {process.pid for process in multiprocessing.active_children()}
            if ended:
                return
            await asyncio.sleep(0.1)
        pytest.fail("the process still sleeps")

    in_a_loop(ask)


def test_crystals_of_other_patterns_are_told_apart():
    crystal = catalogue()["GaAs"]
    assert identity(crystal) == identity(replace(crystal, name="mine", source="elsewhere"))
    others = [
        replace(crystal, a=crystal.a + 0.01),
        replace(crystal, elements=("As",) * 4 + ("Ga",) * 4),
        crystal.with_default_b_iso(0.5),
        replace(crystal, occupancy=crystal.occupancy * 0.9),
    ]
    assert len({identity(one) for one in [crystal, *others]}) == 5
