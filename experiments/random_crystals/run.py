"""Random crystals along random zones: python experiments/random_crystals/run.py COUNT SEED [IN_OTHER_CELLS]."""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from random_crystals import GROUPS, Sample, Tally, check_descriptions, check_pattern

count, seed, described = (int(x) for x in [*sys.argv[1:], "0"][:3])
torch.set_num_threads(1)
random, began = np.random.default_rng(seed), time.process_time()
patterns, descriptions = Tally(), Tally()
for number in range(count):
    check_pattern(Sample.draw(GROUPS[37 * number % len(GROUPS)], random), random, patterns)
middle = time.process_time()
with tempfile.TemporaryDirectory() as folder:
    for number in range(described):
        check_descriptions(Sample.draw(GROUPS[37 * number % len(GROUPS)], random), Path(folder), descriptions)
for title, tally, seconds in (
    ("patterns", patterns, middle - began),
    ("other cells", descriptions, time.process_time() - middle),
):
    print(f"{title}: {sum(tally.counts.values())} in {seconds:.0f} s of one core, {len(tally.faults)} faults")
    for kind, n in sorted(tally.counts.items()):
        print(f"  {kind:<13}{n:>6}  largest difference {tally.largest[kind]:.1e}")
    for fault in tally.faults[:40]:
        print(f"  {fault}")
