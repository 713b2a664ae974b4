"""A sample of experiments/random_crystals: crystals of all systems along random zones, and the same in other cells."""

import numpy as np
import pytest
from random_crystals import DESCRIPTIONS, GROUPS, Sample, Tally, check_descriptions, check_pattern


def test_patterns_of_random_crystals() -> None:
    """No error; intensities in [0, 1], with absorption too; a two-fold axis."""
    random, tally = np.random.default_rng(3), Tally()
    for number in range(60):
        check_pattern(Sample.draw(GROUPS[37 * number % len(GROUPS)], random), random, tally)
    assert tally.faults == [] and len(tally.counts) == 7


@pytest.mark.parametrize(
    "name",
    ["P -1", "C 1 2/c 1", "I 1 2/a 1", "F d d 2", "I 41/a:2", "R 3 c:R", "R -3:H", "P 31 2 1", "P 63 m c", "I a -3"],
)
def test_a_crystal_in_another_cell_has_the_same_pattern(tmp_path, name) -> None:
    """By symbol, operations and Hall symbol; all its atoms, with other axes, in a primitive cell, in a supercell."""
    group, tally = next(group for group in GROUPS if group.xhm() == name), Tally()
    check_descriptions(Sample.draw(group, np.random.default_rng(5)), tmp_path, tally)
    assert tally.faults == [] and set(tally.counts) == {*DESCRIPTIONS}
