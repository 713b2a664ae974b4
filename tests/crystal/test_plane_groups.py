from fractions import Fraction

import gemmi
import pytest

from lacbed_gan.crystal.plane_groups import PLANE_GROUPS, plane_group

MIRROR_X, MIRROR_Y, DIAGONAL = (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0)


def projected(operations):
    """Operations of the projection along z: (four matrix elements, translation in [0, 1)²), repeated ones once."""
    seen = set()
    for op in operations:
        (a, b, c), (d, e, f), (g, h, _) = ([x // gemmi.Op.DEN for x in row] for row in op.rot)
        if not any((c, f, g, h)):  # those that keep the direction of projection
            seen.add(((a, b, d, e), tuple(Fraction(t, gemmi.Op.DEN) % 1 for t in op.tran[:2])))
    return seen


def derived(operations):
    """The plane group by its point group, the lattice of the projection, and which reflections are mirrors."""
    seen = projected(operations)
    centring = [t for matrix, t in seen if matrix == (1, 0, 0, 1)]
    lattice = [(x + i, y + j) for x, y in centring for i in (-1, 0, 1) for j in (-1, 0, 1)]

    def is_mirror(matrix, along):
        """Whether some translation of the lattice leaves the reflection no glide along its line."""
        return any(
            (t[0] + v[0]) * along[0] + (t[1] + v[1]) * along[1] == 0 for m, t in seen if m == matrix for v in lattice
        )

    if len({matrix for matrix, _ in seen}) == 8:
        # A square lattice, along the axes or turned by 45°; always with mirrors on the diagonals of its cell.
        shortest = min((v for v in lattice if any(v)), key=lambda v: v[0] ** 2 + v[1] ** 2)
        on_edges, on_diagonals = is_mirror(MIRROR_X, (0, 1)), is_mirror(DIAGONAL, (1, 1))
        if all(shortest):
            on_edges, on_diagonals = on_diagonals, on_edges
        assert on_diagonals
        return "p4mm" if on_edges else "p4gm"
    assert {matrix for matrix, _ in seen} == {(1, 0, 0, 1), (-1, 0, 0, -1), MIRROR_X, MIRROR_Y}
    edges = [min(v[i] for v in lattice if v[i] > 0 and v[1 - i] == 0) for i in (0, 1)]
    if 1 / (edges[0] * edges[1]) != len(centring):
        return "c2mm"
    return ("p2gg", "p2mg", "p2mm")[is_mirror(MIRROR_X, (0, 1)) + is_mirror(MIRROR_Y, (1, 0))]


def test_all_settings_of_all_cubic_groups_against_their_operations():
    settings = [group for group in gemmi.spacegroup_table() if 195 <= group.number <= 230]
    assert {group.number for group in settings} == set(range(195, 231))
    for group in settings:
        assert plane_group(group.number) == derived(group.operations()), group.xhm()


@pytest.mark.parametrize(
    ("number", "name"), [(198, "p2gg"), (204, "c2mm"), (205, "p2mg"), (206, "p2mm"), (220, "p4gm"), (230, "p4mm")]
)
def test_special_projections_printed_in_international_tables(number, name):
    """International Tables A: P2₁3, Im-3, Pa-3 (as p2gm), Ia-3, I-43d and Ia-3d along [001]."""
    assert plane_group(number) == name


def test_every_cubic_group_once_and_no_other():
    assert sorted(n for numbers in PLANE_GROUPS.values() for n in numbers) == list(range(195, 231))
    with pytest.raises(ValueError, match="194"):
        plane_group(194)
