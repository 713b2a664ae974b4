"""Numbers as a reader sees them."""

import pytest

from lacbed_gan.report.page import by_cell, e4, significant


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0123456, 3, "0.0123"),
        (8.1499, 3, "8.15"),
        (1794.2, 3, "1794"),
        (9.999, 3, "10.0"),
        (0.5, 2, "0.50"),
        (0, 3, "0"),
    ],
)
def test_significant_digits_without_an_exponent(value, digits, text):
    assert significant(value, digits) == text


def test_errors_in_units_of_1e_4():
    assert (e4(8.15e-4), e4(0.0179), e4(None)) == ("8.15", "179", "–")


def test_lines_of_a_symmetry_table():
    """In the order of the numbers, with nothing where a direction and thickness has none of a group."""
    rows = [
        {"direction": d, "thickness": t, "space_group": name, "number": n, "plane_group": "p4mm", "images": i, "r": r}
        for d, t, name, n, i, r in [
            ("forward", 50, "P m -3 m", "221", 2, 0.9),
            ("forward", 50, "F m -3 m", "225", 5, 0.8),
            ("inverse", 50, "P 21 3", "198", 1, 0.7),
            ("inverse", 50, "F m -3 m", "225", 7, 0.6),
            ("inverse", 50, "unknown", "", 1, 0.5),
        ]
    ]
    lines = by_cell(rows, "space_group", [("forward", 50), ("inverse", 50)])
    assert [(line["name"], line["crystals"], line["r"]) for line in lines] == [
        ("P 21 3", 1, [None, 0.7]),
        ("P m -3 m", 2, [0.9, None]),
        ("F m -3 m", 7, [0.8, 0.6]),
        ("unknown", 1, [None, 0.5]),
    ]
