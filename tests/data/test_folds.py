from collections import Counter

import numpy as np
import pytest

from lacbed_gan.data.folds import assign_folds, validation_part


def random_groups(count, largest=50, seed=0):
    """Formula-like names, most of them once and some up to `largest` times."""
    random = np.random.default_rng(seed)
    names = []
    while len(names) < count:
        repeats = 1 if random.random() < 0.8 else int(random.integers(2, largest))
        names += [f"Formula{len(names)}"] * repeats
    return [names[i] for i in random.permutation(count)]


def test_every_crystal_once_and_no_group_twice():
    groups = random_groups(2000)
    folds = assign_folds(groups)
    assert folds.shape == (2000,) and set(folds) == set(range(10))
    assert len(set(zip(groups, folds.tolist(), strict=True))) == len(set(groups))


def test_sizes_differ_by_less_than_the_largest_group():
    groups = random_groups(2000)
    sizes = np.bincount(assign_folds(groups))
    assert sizes.max() - sizes.min() <= 1  # the many single ones fill what the large ones leave


@pytest.mark.parametrize("count", [10, 14270, 455])
def test_single_crystals_are_spread_evenly(count):
    sizes = np.bincount(assign_folds([f"F{i}" for i in range(count)]), minlength=10)
    assert sizes.max() - sizes.min() <= 1


def test_order_on_disk_does_not_matter():
    groups = random_groups(500)
    folds = assign_folds(groups)
    order = np.random.default_rng(1).permutation(500)
    np.testing.assert_array_equal(assign_folds([groups[i] for i in order]), folds[order])


def test_assignment_is_pinned():
    """A change here would move crystals between training and test data of existing results."""
    groups = ["NaCl", "KCl", "LiF", "MgO", "CaF2", "Si", "GaAs", "Cu", "Cu", "Fe", "W", "SrTiO3"]
    assert assign_folds(groups, folds=3).tolist() == PINNED


PINNED = [0, 2, 2, 2, 1, 1, 2, 0, 0, 0, 1, 1]  # by hand from the sorted SHA-256 of the names


def test_seed_gives_another_partition_of_the_same_sizes():
    groups = random_groups(500, largest=4)
    first, second = assign_folds(groups, seed=0), assign_folds(groups, seed=1)
    assert (first != second).mean() > 0.8  # 0.9 for independent ones
    assert sorted(np.bincount(first)) == sorted(np.bincount(second))


def test_a_huge_group_has_a_fold_to_itself():
    groups = ["perovskite"] * 600 + [f"P{i}" for i in range(400)]
    folds = assign_folds(groups)
    assert len(set(folds[:600])) == 1 and folds[0] not in folds[600:]
    assert Counter(np.bincount(folds[600:], minlength=10).tolist()) == {0: 1, 44: 5, 45: 4}


def test_too_few_groups():
    with pytest.raises(ValueError, match="here 2"):
        assign_folds(["A", "B", "A"], folds=3)
    with pytest.raises(ValueError, match="folds=1"):
        assign_folds(["A", "B"], folds=1)


def test_two_folds_of_two_groups():
    assert sorted(assign_folds(["A", "B"], folds=2).tolist()) == [0, 1]


def test_the_validation_part_has_several_groups():
    """The largest group has a part to itself, which tells nothing of others: another part is taken."""
    groups = ["perovskite"] * 300 + [f"P{i % 200}" for i in range(700)]
    fold_of = assign_folds(groups)
    rows = validation_part(groups, fold_of, fold=3)
    kept = {groups[row] for row in rows}
    assert len(kept) > 1 and "perovskite" not in kept and 3 not in fold_of[rows]
    assert not kept & {groups[row] for row in np.setdiff1d(np.flatnonzero(fold_of != 3), rows)}


def test_the_validation_part_of_two_groups_is_one_of_them():
    assert len(validation_part(["A", "B", "C", "C"], np.array([0, 1, 2, 2]), fold=2)) == 1
