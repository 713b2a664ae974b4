"""Operations projected along a zone axis, of cubic groups and of others."""

import gemmi
import numpy as np
import pytest

from lacbed_gan.crystal.plane_symmetry import (
    PlaneOperation,
    plane_operations,
    point_group,
    point_symbol,
    two_fold_axis,
)


def projected(name: str, basis=((1, 0, 0), (0, 1, 0))) -> tuple[PlaneOperation, ...]:
    return plane_operations(tuple(op.triplet() for op in gemmi.SpaceGroup(name).operations()), basis)


@pytest.mark.parametrize(
    ("name", "basis", "symbol"),
    [
        ("P 2 3", ((1, 0, 0), (0, 1, 0)), "2mm"),
        ("F m -3 m", ((1, 0, 0), (0, 1, 0)), "4mm"),
        ("F m -3 m", ((1, -1, 0), (0, 1, -1)), "6mm"),  # [111]
        ("F m -3 m", ((0, 0, 1), (1, -1, 0)), "2mm"),  # [110]
        ("P 42/n :2", ((1, 0, 0), (0, 1, 0)), "4"),
        ("P 32 2 1", ((1, 0, 0), (0, 1, 0)), "6mm"),  # quartz: 32 and the two-fold axis of every pattern
        ("R -3 :H", ((1, 0, 0), (0, 1, 0)), "6"),
        ("P 1", ((1, 0, 0), (0, 1, 0)), "2"),
        ("P 1 21/c 1", ((1, 0, 0), (0, 0, 1)), "2"),  # [010], the unique axis
    ],
)
def test_symmetry_of_patterns(name: str, basis: tuple, symbol: str) -> None:
    group = point_group(projected(name, basis))
    assert point_symbol(group) == symbol
    products = {tuple(map(tuple, (np.array(a) @ np.array(b)).tolist())) for a in group for b in group}
    assert products == set(group)  # closed


def test_two_fold_axis() -> None:
    assert two_fold_axis(projected("P 21 3")) == (0.25, 0.0)
    assert two_fold_axis(projected("P 3")) is None
    assert two_fold_axis(projected("P 1 21/c 1", ((1, 0, 0), (0, 0, 1)))) is not None


def test_glide_lines_change_signs_and_mirrors_do_not() -> None:
    """p2mg of Pa-3: U(−h, k) = (−1)^k U(h, k) for even h, the others are extinct; so 0k0 is there for even k only."""
    hk = np.array([[0, 1], [2, 0], [2, 1], [4, 3], [2, 2]])
    for name, factor in (("P a -3", [-1, 1, -1, -1, 1]), ("P m -3 m", [1, 1, 1, 1, 1])):
        operations = projected(name)
        lines = [op.about(two_fold_axis(operations)) for op in operations if op.matrix == ((-1, 0), (0, 1))]
        assert {tuple(line.character(hk).tolist()) for line in lines} == {tuple(factor)}
        np.testing.assert_array_equal(lines[0].images(hk), hk * [-1, 1])
