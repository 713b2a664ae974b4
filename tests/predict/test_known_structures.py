"""The table of known structures that fits begin from."""

import gzip

import numpy as np
import pytest

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.open_databases import STRUCTURES
from lacbed_gan.crystal.tables import crystal_of_line
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.predict.pattern_fit.known import KnownStructures, coefficients_of, place_of


@pytest.fixture(scope="module")
def known():
    return KnownStructures.shipped()


def test_the_table_is_that_of_the_structures(known):
    lines = gzip.open(STRUCTURES).read().splitlines()
    assert len(known.a) == len(lines)
    for row in (0, 3_000, 9_000, 15_000, 21_003):
        crystal = crystal_of_line(lines[known.line[row]], "")
        symmetry, place, low = place_of(crystal)
        assert (known.formula[row], known.symmetry[row]) == (crystal.formula, symmetry)
        assert known.a[row] == pytest.approx(crystal.a) and tuple(known.place[row]) == place
        np.testing.assert_array_equal(known.low[row], low)


@pytest.mark.parametrize(("name", "fourfold"), [("CaF2", True), ("pyrite", False)])
def test_structures_like_a_crystal_are_found_wherever_its_origin_is(known, name, fourfold):
    crystal = catalogue()[name].with_default_b_iso(0.6)
    values = Projection(crystal).real_coefficients(15, 15).numpy()
    h = np.arange(-15, 16)
    moved = values * (-1.0) ** (h[:, None] + h)  # by half a cell along both edges
    moved = moved if fourfold else moved.T
    first = known.like(moved, crystal.a, fourfold, 5)
    assert len(first) == 5 and first[0][1] > 0.995
    assert [cosine for _, cosine in first] == sorted((cosine for _, cosine in first), reverse=True)
    without = known.like(moved, crystal.a, fourfold, 5, {str(known.formula[row]) for row, _ in first})
    assert not {row for row, _ in first} & {row for row, _ in without}


def test_a_structure_has_the_structure_factors_of_its_crystal_about_another_origin(known):
    row = int(np.flatnonzero(known.place.any(1))[0])
    with gzip.open(STRUCTURES) as file:
        crystal = crystal_of_line(file.read().splitlines()[known.line[row]], "")
    found = known.candidate(row, 10)
    np.testing.assert_allclose(np.abs(found.values), np.abs(coefficients_of(crystal, 10)), atol=1e-6)


def test_there_may_be_none_of_that_edge(known):
    values = np.ones((7, 7))
    assert known.like(values, 500.0, True, 5) == [] == known.kinds(500.0, False)


def test_kinds_have_relatives_of_larger_edges(known):
    """The only relative of AlU4 has larger atoms, and an edge that is 8 % longer."""
    assert "Ce4Mg" in known.formula[known.kinds(10.1729, True, {"AlU4"})]


def test_kinds_reach_the_longest_edges(known):
    """Fe5Si3 is a garnet without oxygen, and their edges are 35 % longer."""
    kinds = known.kinds(8.8947, True, {"Fe5Si3"})
    assert max(known.a[kinds]) > 1.38 * 8.8947
    assert {"Ca3Fe7O24Si6", "Ca3Cr2O12Si3", "Ga2Ge3Mn3O12"} & set(known.formula[kinds])
