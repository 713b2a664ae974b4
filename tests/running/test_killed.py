"""simulate killed by SIGKILL and started again, against a run that nobody disturbed."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

CRYSTALS = 8
WORDS = [f"count={CRYSTALS}", "size=32", "g_max=1.5", "thickness=[50,200]", "workers=1", "device=cpu"]
LINE = [sys.executable, "-m", "lacbed_gan.simulate", "structures=prototypes", *WORDS, "save_intensity=true"]
LIMIT = 60  # seconds for one command


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


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_killed_at_five_moments_and_started_again_gives_the_same_bytes(tmp_path):
    subprocess.run([*LINE, "output=undisturbed"], cwd=tmp_path, check=True, capture_output=True, timeout=LIMIT)
    store = tmp_path / "killed"
    moments = random.Random(5)
    # When so many crystals are complete and a moment later; when the next one is being written.
    after = [(count, moments.uniform(0, 0.05), False) for count in moments.sample(range(CRYSTALS - 1), 3)]
    writing = [(count, 0, True) for count in moments.sample(range(CRYSTALS - 1), 2)]
    left = []
    for count, delay, in_the_middle in sorted(after + writing):
        process = subprocess.Popen(
            [*LINE, "output=killed"], cwd=tmp_path, start_new_session=True, stdout=subprocess.DEVNULL
        )
        give_up = time.monotonic() + LIMIT
        while complete(store) < count or (in_the_middle and begun(store) == complete(store)):
            assert process.poll() is None and time.monotonic() < give_up
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        left.append(complete(store))
        assert not json.loads((store / "meta.json").read_text())["finished"]
    assert left == sorted(left) and left[-1] < CRYSTALS
    subprocess.run([*LINE, "output=killed"], cwd=tmp_path, check=True, capture_output=True, timeout=LIMIT)
    assert contents(store) == contents(tmp_path / "undisturbed")
