"""Crystal: expansion by symmetry, formula, two-fold axis and refused structures; Kirkland's form factors."""

import math

import gemmi
import numpy as np
import pytest

from lacbed_gan.crystal import Crystal, CrystalError, Site
from lacbed_gan.crystal.crystal import reduced_formula
from lacbed_gan.crystal.form_factors import electron_form_factor
from lacbed_gan.crystal.plane_symmetry import plane_operations, two_fold_axis

CUBIC = sorted({g.xhm() for g in gemmi.spacegroup_table() if g.crystal_system_str() == "cubic"})


def distances(crystal: Crystal) -> np.ndarray:
    """Sorted interatomic distances in Å to the nearest images."""
    steps = crystal.positions[:, None] - crystal.positions[None]
    return np.sort((crystal.a * np.sqrt(((steps - np.round(steps)) ** 2).sum(-1))).ravel())


def gallium_arsenide() -> Crystal:
    sites = [Site("Ga", (0, 0, 0)), Site("As", (0.25, 0.25, 0.25), b_iso=0.6)]
    return Crystal.from_sites("GaAs", "F -4 3 m", 5.6533, sites, source="here")


def test_gallium_arsenide():
    """Eight atoms, each with four neighbours at √3/4 a = 2.448 Å."""
    crystal = gallium_arsenide()
    assert (crystal.name, crystal.formula, crystal.number, crystal.source) == ("GaAs", "AsGa", 216, "here")
    assert crystal.elements == ("Ga",) * 4 + ("As",) * 4
    assert crystal.volume == pytest.approx(5.6533**3)
    assert crystal.positions.shape == (8, 3) and crystal.positions.min() >= 0 and crystal.positions.max() < 1
    near = distances(crystal)[8 : 8 + 4 * 8]
    assert near == pytest.approx(math.sqrt(3) / 4 * 5.6533)
    assert list(crystal.b_iso) == [0.0] * 4 + [0.6] * 4
    assert list(crystal.occupancy) == [1.0] * 8
    assert "array" not in repr(crystal)


def test_default_displacement_where_none_is_given():
    """Zero is a value like any other."""
    sites = [Site("Ga", (0, 0, 0)), Site("As", (0.25, 0.25, 0.25), b_iso=0.6), Site("Li", (0.5, 0.5, 0.5), b_iso=0.0)]
    crystal = Crystal.from_sites("x", "F -4 3 m", 5.6533, sites)
    assert list(crystal.b_given) == [False] * 4 + [True] * 8
    assert list(crystal.with_default_b_iso(0.5).b_iso) == [0.5] * 4 + [0.6] * 4 + [0.0] * 4
    assert list(crystal.b_iso[:4]) == [0.0] * 4, "the crystal itself stays"


def test_origin_choices_of_silicon_are_the_same_crystal():
    """Origin choice 2 of Fd-3m lies (1/8, 1/8, 1/8) away from choice 1."""
    first = Crystal.from_sites("Si", "F d -3 m:1", 5.431, [Site("Si", (0, 0, 0))])
    second = Crystal.from_sites("Si", "F d -3 m:2", 5.431, [Site("Si", (0.125, 0.125, 0.125))])
    assert len(first.elements) == len(second.elements) == 8
    assert distances(first) == pytest.approx(distances(second))
    assert first.formula == second.formula == "Si"
    assert (first.space_group, second.space_group) == ("F d -3 m:1", "F d -3 m:2")


def test_general_position_has_as_many_atoms_as_operations():
    for name, atoms in [("P 2 3", 12), ("P 21 3", 12), ("I a -3", 48), ("F d -3 m:2", 192), ("I a -3 d", 96)]:
        crystal = Crystal.from_sites("x", name, 20.0, [Site("C", (0.07, 0.13, 0.31))])
        assert len(crystal.elements) == atoms


def test_rounded_special_positions_merge():
    """Rounded coordinates are on the special position: images within 0.1 Å are one atom at their mean."""
    sites = [Site("Cs", (0.001, 0, 0)), Site("Cl", (0.5, 0.4999, 0.5))]
    crystal = Crystal.from_sites("x", "P m -3 m", 4.0, sites)
    assert crystal.elements == ("Cs", "Cl")
    assert np.round(crystal.positions, 6).tolist() == [[0, 0, 0], [0.5, 0.5, 0.5]]


def test_images_further_apart_are_atoms_of_their_own():
    """Six of them around the origin, 0.57 Å from each other."""
    assert len(Crystal.from_sites("x", "P m -3 m", 20.0, [Site("C", (0.02, 0, 0))]).elements) == 6


def test_mixed_site_is_several_atoms_at_one_position():
    sites = [Site("Mg", (0, 0, 0), 0.25), Site("Fe", (0, 0, 0), 0.75), Site("O", (0.5, 0.5, 0.5))]
    crystal = Crystal.from_sites("x", "F m -3 m", 4.25, sites)
    assert len(crystal.elements) == 12
    assert np.array_equal(crystal.positions[:4], crystal.positions[4:8])
    assert crystal.formula == "Fe3MgO4"
    assert crystal.occupancy.sum() == pytest.approx(8)


def test_formula_of_a_disordered_crystal_is_reduced_too():
    """Nb3(Au0.7Rh0.3), of the A15 type with two formula units in a primitive cell."""
    sites = [Site("Nb", (0.25, 0, 0.5)), Site("Au", (0, 0, 0), 0.7), Site("Rh", (0, 0, 0), 0.3)]
    assert Crystal.from_sites("x", "P m -3 n", 5.2, sites).formula == "Au0.7Nb3Rh0.3"


def test_reduced_formula():
    full = np.ones(5)
    assert reduced_formula(("Sr", "Ti", "O", "O", "O"), full, 1) == "O3SrTi"
    assert reduced_formula(("Si",) * 8, np.ones(8), 4) == "Si"
    assert reduced_formula(("Ti",) * 4 + ("N",) * 4, np.array([1] * 4 + [0.9] * 4), 4) == "N0.9Ti"


def test_36_groups():
    assert len({gemmi.SpaceGroup(name).number for name in CUBIC}) == 36


@pytest.mark.parametrize("name", CUBIC)
def test_two_fold_axis(name):
    """Every setting has one, and turning the crystal about it keeps its projection along [001]."""
    crystal = Crystal.from_sites("x", name, 20.0, [Site("C", (0.07, 0.13, 0.31))])
    axis = np.array(two_fold_axis(plane_operations(crystal.operations)))
    projected = crystal.positions[:, :2]
    turned = (2 * axis - projected) % 1
    steps = projected[:, None] - turned[None]
    nearest = np.abs(steps - np.round(steps)).max(-1).min(0)
    assert nearest.max() < 1e-9


@pytest.mark.parametrize(
    ("name", "symmetry"), [("P 2 3", "2mm"), ("I a -3", "2mm"), ("P 4 3 2", "4mm"), ("F m -3 m", "4mm")]
)
def test_pattern_symmetry(name, symmetry):
    assert Crystal.from_sites("x", name, 5.0, [Site("C", (0, 0, 0))]).pattern_symmetry == symmetry


GOOD = ("P m -3 m", 4.0, [Site("Po", (0, 0, 0))])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({0: "P 4 m m"}, "'P 4 m m' is not a cubic space group"),
        ({0: "nonsense"}, "'nonsense' is not a cubic space group"),
        ({1: 0.0}, "the cell edge 0.0 Å is not a positive number"),
        ({1: math.nan}, "the cell edge nan Å is not a positive number"),
        ({2: []}, "it has no atoms"),
        ({2: [Site("Xx", (0, 0, 0))]}, "'Xx' is not an element with a known form factor (H to Lr)"),
        ({2: [Site("Rf", (0, 0, 0))]}, "'Rf' is not an element with a known form factor (H to Lr)"),
        ({2: [Site("Po", (0, math.inf, 0))]}, "a coordinate of Po is not a number"),
        ({2: [Site("Po", (0, 0, 0), 0.0)]}, "the occupancy 0.0 of Po is outside (0, 1]"),
        ({2: [Site("Po", (0, 0, 0), 1.1)]}, "the occupancy 1.1 of Po is outside (0, 1]"),
        ({2: [Site("Po", (0, 0, 0), 1.0, -1.0)]}, "the displacement B = -1.0 Å² of Po is outside 0 … 100"),
    ],
)
def test_refused(changes, reason):
    arguments = [changes.get(i, value) for i, value in enumerate(GOOD)]
    with pytest.raises(CrystalError) as error:
        Crystal.from_sites("x", *arguments)
    assert str(error.value) == reason


def test_refuses_two_atoms_at_one_place():
    with pytest.raises(CrystalError, match=r"overlap.*2\.00"):
        Crystal.from_sites("x", "P m -3 m", 4.0, [Site("Po", (0, 0, 0)), Site("Bi", (0.001, 0, 0))])


def test_form_factor_by_hand():
    """Kirkland's hydrogen at q = 0 is Σ aᵢ/bᵢ + cᵢ, and falls as 1/q² far out, as Mott and Bethe have it."""
    a, b = (0.00420298324, 0.0627762505, 0.0300907347), (0.225350888, 0.225366950, 0.225331756)
    c, d = (0.0677756695, 0.00356609237, 0.0276135815), (4.38854001, 0.403884823, 1.44490166)
    for q in (0.0, 0.5, 2.0):
        expected = sum(x / (q**2 + y) for x, y in zip(a, b, strict=True))
        expected += sum(x * math.exp(-y * q**2) for x, y in zip(c, d, strict=True))
        assert electron_form_factor("H", np.array(q)) == pytest.approx(expected, rel=1e-8)
    # Mott-Bethe: f(q) → 2 Z / (4 π² a₀ q²) for large q, with a₀ = 0.5292 Å.
    for element, z in (("H", 1), ("Si", 14)):
        q = np.array([8.0])
        limit = z / (2 * math.pi**2 * 0.529177)
        assert electron_form_factor(element, q) * q**2 == pytest.approx(limit, rel=0.05)


def test_form_factor_keeps_the_shape():
    assert electron_form_factor("U", np.zeros((2, 3))).shape == (2, 3)
    assert (electron_form_factor("Lr", np.linspace(0, 5, 20)) > 0).all()
