"""Crystals of every system: cells, settings, displacements by direction, and what a file says of them."""

import itertools
import math

import gemmi
import numpy as np
import pytest
import torch

from lacbed_gan.crystal import Crystal, CrystalError, Site
from lacbed_gan.crystal.catalogue import catalogue, noncubic
from lacbed_gan.crystal.form_factors import electron_form_factor
from lacbed_gan.crystal.space_groups import hermann_mauguin
from lacbed_gan.crystal.structures import structures
from lacbed_gan.diffraction.structure_factors import structure_factors

CALCITE = (4.9896, 4.9896, 17.061, 90, 90, 120)
RHOMBOHEDRAL = (6.37518, 6.37518, 6.37518, 46.0777, 46.0777, 46.0777)  # the same lattice
ATOMS = """loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
"""
CALCITE_H = ATOMS + "Ca1 Ca 0 0 0\nC1 C 0 0 0.25\nO1 O 0.2578 0 0.25\n"
CALCITE_R = ATOMS + "Ca1 Ca 0 0 0\nC1 C 0.25 0.25 0.25\nO1 O 0.5078 -0.0078 0.25\n"
NAME = "_symmetry_space_group_name_H-M '{}'\n".format


def cif(cell, *parts):
    edges = "".join(f"_cell_length_{name} {x}\n" for name, x in zip("abc", cell[:3], strict=True))
    angles = "".join(f"_cell_angle_{n} {x}\n" for n, x in zip(("alpha", "beta", "gamma"), cell[3:], strict=True))
    return "data_x\n" + edges + angles + "".join(parts)


@pytest.fixture
def read(tmp_path):
    def of(*parts):
        path = tmp_path / "x.cif"
        path.write_text(cif(*parts))
        return Crystal.from_cif(path)

    return of


@pytest.fixture
def refused(read):
    def of(*parts):
        with pytest.raises(CrystalError) as error:
            read(*parts)
        assert "\n" not in str(error.value)
        return str(error.value).partition("x.cif: ")[2]

    return of


def magnitudes(crystal):
    """|U| of low orders at their 1/d in 1/Å, sorted: what a description does not change."""
    hkl = torch.tensor(np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing="ij"), -1).reshape(-1, 3))
    length = np.sqrt(np.einsum("ni,ij,nj->n", hkl, crystal.reciprocal_metric, hkl))
    u = structure_factors(crystal, hkl, gamma=1.0).abs().numpy()
    inside = (length < 0.35) & (u > 1e-8)
    return np.array(sorted(zip(length[inside].round(4), u[inside].round(5), strict=True)))


def test_hexagonal_and_rhombohedral_axes_are_one_crystal(read):
    """Calcite (Graf 1961): 6 formula units; by symbol with and without axes, by number, as the cell tells."""
    expected = read(CALCITE, NAME("R -3 c"), CALCITE_H)
    assert (expected.space_group, len(expected.elements), expected.formula) == ("R -3 c:H", 30, "CCaO3")
    for name in (NAME("R -3 c"), NAME("R -3 c:R"), "_symmetry_Int_Tables_number 167\n"):
        crystal = read(RHOMBOHEDRAL, name, CALCITE_R)
        assert (crystal.space_group, len(crystal.elements)) == ("R -3 c:H", 30)
        assert crystal.cell == pytest.approx(CALCITE, abs=1e-3)
        assert crystal.basis.matrix == ((1, 0, 1), (-1, 1, 1), (0, -1, 1))
        assert magnitudes(crystal) == pytest.approx(magnitudes(expected), abs=2e-4)
        assert crystal.along((1, 1, 1)).view.uvw == (0, 0, 1)


def test_settings_of_one_group(read):
    """P 1 21/c 1, P 1 21/n 1 and P 1 1 21/b of one crystal, whose axes are exchanged."""
    a, b, c, beta = 5.1505, 5.2116, 5.3173, 99.23
    site = "Zr1 Zr {} {} {}\n".format
    first = read((a, b, c, 90, beta, 90), NAME("P 21/c"), ATOMS, site(0.2754, 0.0395, 0.2083))
    exchanged = read((c, a, b, 90, 90, beta), NAME("P 1 1 21/a"), ATOMS, site(0.2083, 0.2754, 0.0395))
    assert first.number == exchanged.number == 14 and len(first.elements) == 4
    assert magnitudes(exchanged) == pytest.approx(magnitudes(first), abs=2e-5)


def test_a_cell_is_made_that_of_its_group(read):
    """Rounded edges and angles within 0.1 % and 0.05°."""
    crystal = read((4.5937, 4.5939, 2.9587, 90, 90.01, 90), NAME("P 42/m n m"), ATOMS, "Ti1 Ti 0 0 0\n")
    assert crystal.cell == pytest.approx((4.5938, 4.5938, 2.9587, 90, 90, 90), abs=1e-6)
    assert crystal.cell[0] == pytest.approx(crystal.cell[1], rel=1e-15)


@pytest.mark.parametrize(
    ("cell", "symmetry", "said"),
    [
        ((4.6, 4.7, 2.9, 90, 90, 90), NAME("P 42/m n m"), "is not that of P 42/m n m (4.6, 4.7, 2.9 Å; 90, 90, 90°)"),
        ((4.6, 4.6, 2.9, 90, 90, 90), NAME("P 63/m m c"), "its cell is not that of P 63/m m c"),
        ((5, 6, 7, 90, 95, 90), NAME("P 2/n") + "_space_group_IT_number 14\n", "contradict each other; correct one"),
        ((5, 6, 7, 90, 95, 90), NAME("P 21/c") + "_space_group_name_H-M_alt 'P 21/n'\n", "contradict each other"),
        ((5, 6, 7, 90, 90, 90), NAME("P n n n"), "'P n n n' has two origins; write 'P n n n:1' or 'P n n n:2'"),
        ((5, 6, 7, 20, 20, 90), NAME("P -1"), "its cell is not that of P -1 (5, 6, 7 Å; 20, 20, 90°)"),
        ((5, 6, 700, 90, 90, 90), NAME("P m m m"), "the cell edge 700 Å is outside 1 … 200 Å"),
    ],
)  # fmt: skip
def test_what_is_refused(refused, cell, symmetry, said):
    assert said in refused(cell, symmetry, ATOMS, "C1 C 0.1 0.2 0.3\n")


TENSOR = (0.01, 0.02, 0.03, 0.004, 0.001, -0.002)  # 11, 22, 33, 23, 13, 12
ANISO = "loop_\n_atom_site_aniso_label\n" + "".join(f"_atom_site_aniso_U_{ij}\n" for ij in (11, 22, 33, 23, 13, 12))


def test_anisotropic_displacements_are_used_as_they_are(read):
    """U_hkl of two atoms of P 1 2 1 against f exp(−2π² hᵀ(a*a* U)h): the second's tensor is turned about b."""
    cell = (4.0, 5.0, 6.0, 90, 100, 90)
    crystal = read(cell, NAME("P 1 2 1"), ATOMS, "Si1 Si 0.1 0.2 0.3\n", ANISO, f"Si1 {' '.join(map(str, TENSOR))}\n")
    metric = crystal.reciprocal_metric
    u11, u22, u33, u23, u13, u12 = TENSOR
    scale = 2 * math.pi**2 * np.outer(*[np.sqrt(np.diag(metric))] * 2)
    hkl = np.array([[1, 2, 3], [-2, 1, 1], [0, 4, 0]])
    expected = np.zeros(3, complex)
    for sign, position in ((1, (0.1, 0.2, 0.3)), (-1, (-0.1, 0.2, -0.3))):
        beta = scale * [[u11, sign * u12, u13], [sign * u12, u22, sign * u23], [u13, sign * u23, u33]]
        q = np.sqrt(np.einsum("ni,ij,nj->n", hkl, metric, hkl))
        wave = np.exp(-np.einsum("ni,ij,nj->n", hkl, beta, hkl) - 2j * math.pi * hkl @ position)
        expected += electron_form_factor("Si", q) * wave / (math.pi * crystal.volume)
    found = structure_factors(crystal, torch.from_numpy(hkl), gamma=1.0).numpy()
    assert found == pytest.approx(expected, rel=1e-9)
    mean = (
        8
        * math.pi**2
        / 3
        * (TENSOR[1] + (u11 + u33 + 2 * u13 * math.cos(math.radians(100))) / math.sin(math.radians(100)) ** 2)
    )
    assert crystal.b_iso == pytest.approx([mean] * 2)


def test_a_tensor_has_the_symmetry_of_its_site(read):
    """On a four-fold axis U₁₁ = U₂₂; on a cubic site nothing is left of the direction, and B is what it was."""
    loop = ANISO + f"C1 {' '.join(map(str, TENSOR))}\n"
    tetragonal = read((4, 4, 5, 90, 90, 90), NAME("P 4"), ATOMS, "C1 C 0 0 0.1\n", loop)
    beta = tetragonal.anisotropy[0] + tetragonal.b_iso[0] / 4 * tetragonal.reciprocal_metric
    expected = 2 * math.pi**2 * np.diag([0.015 / 16, 0.015 / 16, 0.03 / 25])
    assert beta == pytest.approx(expected, abs=1e-12)
    cubic = read((4, 4, 4, 90, 90, 90), NAME("P m -3 m"), ATOMS, "C1 C 0 0 0\n", loop)
    assert cubic.anisotropy is None and cubic.b_iso[0] == pytest.approx(8 * math.pi**2 * 0.02)


def test_a_tensor_that_is_none_is_remarked(read):
    loop = ANISO + "C1 0.01 0.01 0.01 0.05 0 0\n"
    crystal = read((4, 4, 5, 90, 90, 90), NAME("P 4"), ATOMS, "C1 C 0.1 0.2 0.1\n", loop)
    assert crystal.anisotropy is None and "the anisotropic displacement of C1 is no mean square" in crystal.remarks[0]


def test_from_python():
    rutile = Crystal.from_sites("x", "P 42/m n m", (4.5937, 4.5937, 2.9587, 90, 90, 90), [Site("Ti", (0, 0, 0))])
    assert rutile.volume == pytest.approx(4.5937**2 * 2.9587) and rutile.cell[2] == pytest.approx(2.9587)
    for cell, said in (
        ((4.6, 4.7, 2.9, 90, 90, 90), "its cell is not that of P 42/m n m (4.6, 4.7, 2.9 Å; 90, 90, 90°)"),
        ((4.6, 4.6, 2.9), "a cell is one edge or a, b, c, α, β, γ; 3 numbers are given"),
        ((4.6, 4.6, 2.9, 90, 90, 200), "there is no cell with the angles 90, 90, 200°"),
    ):
        with pytest.raises(CrystalError) as error:
            Crystal.from_sites("x", "P 42/m n m", cell, [Site("Ti", (0, 0, 0))])
        assert str(error.value) == said


# Å, of the shortest contact of each pair, from the sums of Shannon's and covalent radii or the papers' own tables.
BONDS = {
    ("quartz", "Si", "O"): (4, 1.61), ("rutile", "Ti", "O"): (6, 1.96), ("anatase", "Ti", "O"): (6, 1.95),
    ("zircon", "Si", "O"): (4, 1.62), ("corundum", "Al", "O"): (6, 1.91), ("hematite", "Fe", "O"): (6, 2.03),
    ("calcite", "C", "O"): (3, 1.28), ("aragonite", "C", "O"): (3, 1.28), ("Mg", "Mg", "Mg"): (12, 3.20),
    ("ZnO", "Zn", "O"): (4, 1.98), ("h-BN", "B", "N"): (3, 1.45), ("MoS2", "Mo", "S"): (6, 2.41),
    ("CaTiO3", "Ti", "O"): (6, 1.96), ("baddeleyite", "Zr", "O"): (7, 2.16), ("CuO", "Cu", "O"): (4, 1.96),
    ("kyanite", "Si", "O"): (4, 1.63), ("LiNbO3", "Nb", "O"): (6, 2.01), ("P", "P", "P"): (3, 2.23),
}  # fmt: skip


@pytest.mark.parametrize(("name", "centre", "ligand"), BONDS)
def test_coordination_in_the_catalogue(name, centre, ligand):
    """Numbers of neighbours and their mean distance, which a wrong coordinate, setting or origin would not give."""
    crystal = noncubic()[name]
    neighbours, length = BONDS[name, centre, ligand]
    cells = np.array([*itertools.product((-1, 0, 1), repeat=3)])
    for atom in np.flatnonzero(np.array(crystal.elements) == centre):
        others = crystal.positions[np.array(crystal.elements) == ligand]
        shift = (others + cells[:, None] - crystal.positions[atom]).reshape(-1, 3) @ crystal.lattice
        distances = np.sort(np.linalg.norm(shift, axis=1))
        near = distances[distances > 0.1][:neighbours]
        assert near.mean() == pytest.approx(length, abs=0.012)


def test_every_system_is_in_the_catalogue():
    crystals = noncubic().values()
    systems = {gemmi.SpaceGroup(crystal.space_group).crystal_system_str() for crystal in crystals}
    assert systems == {"triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal"}
    assert not {*noncubic()} & {*catalogue()}  # the page offers both together
    assert len(crystals) == 47 and all(crystal.source and not crystal.remarks for crystal in crystals)
    assert [crystal.name for crystal in structures("noncubic")] == [*noncubic()]


@pytest.mark.parametrize(
    ("symbol", "number"),
    [("P2_1/c", 14), ("P 21/n 21/m 21/a", 62), ("R -3 2/c", 167), ("P 63/m 2/m 2/c", 194), ("P 4/m 2/m 2/m", 123),
     ("Pnma", 62), ("Cmce", 64), ("P2(1)2(1)2(1)", 19), ("C2/c", 15), ("R-3m H", 166), ("P6_3/mmc", 194)],
)  # fmt: skip
def test_symbols_as_they_are_written(symbol, number):
    assert hermann_mauguin(symbol)[0] == number


def test_a_centred_setting_of_p_1_repeats_what_is_listed(read):
    one = read((4, 5, 6, 80, 95, 100), NAME("C 1"), ATOMS, "C1 C 0.1 0.2 0.3\n")
    assert one.positions == pytest.approx(np.array([[0.1, 0.2, 0.3], [0.6, 0.7, 0.3]]))


def test_a_list_that_spglib_finds_symmetric_gets_a_cell_of_its_group(read):
    """An angle of 90.07° is within 0.01 Å of a right one."""
    crystal = read((3.1, 3.6, 4.2, 90, 90.07, 90), NAME("P 1"), ATOMS, "C1 C 0 0 0\n")
    assert (crystal.space_group, crystal.cell[3:]) == ("P m m m", (90, 90, 90))
