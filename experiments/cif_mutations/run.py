"""Mutate good CIFs and count what is read of them: python experiments/cif_mutations/run.py [count] [seed]."""

import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from cif_mutations import KINDS, Tally, outcomes, seeds  # noqa: E402

RESULTS = ("same", "refused", "remarked", "B not given", "stated", "silent", "foreign")


def main() -> None:
    given = [int(word) for word in sys.argv[1:]]
    count, seed = (given + [20_000, 0][len(given) :])[:2]
    tally, start, before = Tally(), time.perf_counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for number, result in enumerate(outcomes(seeds(), count, seed, Path(folder))):
            tally.add(*result)
            if number == 1000:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{'':10}" + "".join(f"{name:>12}" for name in RESULTS))
    for kind in KINDS:
        print(f"{kind:10}" + "".join(f"{tally.counts[kind, name]:12}" for name in RESULTS))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = time.perf_counter() - start
    print(f"{seconds:.0f} s; memory {before / 1024:.0f} MB after 1000, {after / 1024:.0f} MB at the end")
    for mutated, result, line, source in tally.faults[:40]:
        print(result, source.name, mutated.kind, mutated.what, line, sep=": ")


if __name__ == "__main__":
    main()
