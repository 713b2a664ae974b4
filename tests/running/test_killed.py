"""simulate killed by SIGKILL and started again, against a run that nobody disturbed."""

import json
import random
import shutil
import signal
import time

CRYSTALS = 8
TIMES = 10  # that a moment of 3 ms may be missed
WORDS = [f"count={CRYSTALS}", "size=32", "g_max=1.5", "thickness=[50,200]", "workers=1", "device=cpu"]
LINE = ["structures=prototypes", *WORDS, "save_intensity=true"]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def size(path):
    return path.stat().st_size if path.exists() else 0


def begun(store):
    """Crystals of which something is in the store."""
    return max(0, size(store / "potential.npy") - 128) // 32**2


def complete(store):
    """Crystals of which everything is in the store."""
    return (store / "index.jsonl").read_bytes().count(b"\n") if (store / "index.jsonl").exists() else 0


def at_work(program, store, reached):
    """simulate going on with a store, at a moment that may be missed: from the same store again until it is not."""
    before = store.with_name("before")
    shutil.rmtree(before, ignore_errors=True)
    if store.exists():
        shutil.copytree(store, before)
    for _ in range(TIMES):
        process = program("simulate", [*LINE, f"output={store.name}"], store.parent)
        if process.comes_to(reached):
            return process
        assert process.end() == 0
        shutil.rmtree(store)
        if before.exists():
            shutil.copytree(before, store)
    raise AssertionError(f"the moment was missed {TIMES} times")


def test_killed_at_five_moments_and_started_again_gives_the_same_bytes(program, tmp_path):
    assert program("simulate", [*LINE, "output=undisturbed"], tmp_path).end() == 0
    store = tmp_path / "killed"
    moments = random.Random(5)
    # When so many crystals are complete and a moment later; when the next one is being written.
    after = [(count, moments.uniform(0, 0.05), False) for count in moments.sample(range(CRYSTALS - 1), 3)]
    writing = [(count, 0, True) for count in moments.sample(range(CRYSTALS - 1), 2)]
    left = []
    for count, delay, in_the_middle in sorted(after + writing):
        process = at_work(
            program,
            store,
            lambda: complete(store) >= count and not (in_the_middle and begun(store) == complete(store)),  # noqa: B023
        )
        time.sleep(delay)
        assert process.kill() == -signal.SIGKILL
        left.append(complete(store))
        assert not json.loads((store / "meta.json").read_text())["finished"]
    assert left == sorted(left) and left[-1] < CRYSTALS
    assert program("simulate", [*LINE, "output=killed"], tmp_path).end() == 0
    assert contents(store) == contents(tmp_path / "undisturbed")
