"""Prototypes: which compounds they give, and how good their cell edges are."""

import itertools
import math
import re
from collections import Counter

import pytest
from decorated import closest_contact, decorate

from lacbed_gan.crystal import Crystal, CrystalError, Site
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.crystal import reduced_formula
from lacbed_gan.crystal.prototypes import prototypes
from lacbed_gan.crystal.radii import atomic_radius, covalent_radius, ionic_radius, ions
from lacbed_gan.crystal.structure_types import structure_types

# Compounds of the catalogue by kind; the elements of a name stand in the order of the roles.
KNOWN = {
    ("rock_salt", "AX"): "LiF LiCl LiBr NaF NaCl NaBr NaI KF KCl KBr KI RbCl RbI CsF AgCl AgBr MgO CaO SrO "
    "BaO MnO CoO NiO CdO MgS CaS SrS BaS PbS PbSe PbTe EuS LaN LaSb ScN",
    ("cscl", "AX"): "CsCl CsI TlCl",
    ("b2", "AB"): "NiAl CuZn",
    ("zinc_blende", "AX"): "AlP AlAs AlSb GaP GaAs GaSb InP InAs InSb ZnS ZnSe ZnTe CdTe CuCl CuI SiC BN",
    ("fluorite", "AX"): "CaF2 SrF2 BaF2 CdF2 UO2 CeO2 ThO2",
    ("antifluorite", "AX"): "Li2O Na2O K2O Na2S",
    ("perovskite", "ABX"): "SrTiO3 KTaO3 BaZrO3 KMgF3",
    ("elpasolite", "ABCX"): "Ba2MgWO6 Cs2AgBiBr6",
    ("spinel", "ABX"): "ZnAl2O4 MgCr2O4 CdCr2Se4 FeCr2S4",
    ("pyrite", "AX"): "NiS2",
    ("heusler", "ABC"): "Cu2MnAl Ni2MnGa Co2MnSi Co2FeSi Co2MnGe Ni2MnSn Fe2VAl",
    ("half_heusler", "ABC"): "NiTiSn NiZrSn NiHfSn CoTiSb CoNbSn",
    ("filled_zinc_blende", "ABX"): "LiZnAs",
    ("cu3au", "AB"): "Cu3Au Ni3Al",
    ("ag3po4", "ABX"): "Ag3PO4",
    ("sillenite", "ABX"): "Bi12GeO20",
    ("b20", "AB"): "FeSi MnSi",
    ("ksbo3", "ABX"): "KSbO3",
    ("skutterudite", "AX"): "CoSb3 RhSb3",
    ("filled_skutterudite", "RAX"): "LaFe4P12",
    ("quadruple_perovskite", "ABCX"): "CaCu3Ti4O12",
    ("al12w", "AB"): "WAl12",
    ("pyrite_pnictide", "AX"): "NiS2",
    ("bixbyite", "AX"): "Y2O3 Sc2O3 In2O3",
    ("anti_bixbyite", "AX"): "Mg3N2",
    ("li3aln2", "ABX"): "Li3AlN2",
    ("srsi2", "AB"): "SrSi2",
    ("li2pt3b", "ABX"): "Li2Pt3B",
    ("al2mo3c", "BAX"): "Mo3Al2C",
    ("ca3pi3", "APX"): "Ca3PI3",
    ("aube5", "ABC"): "MgSnCu4",
    ("lacunar_spinel", "ABX"): "GaMo4S8",
    ("sif4", "AX"): "SiF4",
    ("boracite", "MBXY"): "Ni3B7O13I",
    ("th3p4", "AX"): "Th3P4",
    ("anti_th3p4", "AX"): "La4Sb3",
    ("pu2c3", "AX"): "Pu2C3",
    ("cab6", "AB"): "LaB6",
    ("antiperovskite", "AXB"): "MgCNi3",
    ("reo3", "AX"): "ReO3",
    ("a15", "AB"): "Cr3Si Nb3Sn V3Si",
    ("napt3o4", "ABX"): "NaPt3O4",
    ("cuprite", "AX"): "Cu2O Ag2O",
    ("d03", "AB"): "Fe3Al Fe3Si Li3Bi",
    ("k2ptcl6", "ABX"): "K2PtCl6 K2SiF6",
    ("ub12", "AX"): "UB12 ZrB12",
    ("th6mn23", "AB"): "Th6Mn23",
    ("nazn13", "AX"): "NaZn13 UBe13",
    ("laves", "AB"): "MgCu2 CaAl2 NbCr2 YCo2 TbFe2 UAl2 GdAl2 KBi2 ZrW2",
    ("natl", "AB"): "NaTl LiAl LiIn LiCd",
    ("pyrochlore", "ABX"): "Y2Ti2O7 Gd2Ti2O7 La2Zr2O7 Cd2Nb2O7 Eu2Ir2O7",
    ("ti2ni", "AB"): "Ti2Ni",
    ("hg4pt", "AB"): "PtHg4",
    ("ir3ge7", "AB"): "Ir3Ge7",
    ("tl7sb2", "BA"): "Tl7Sb2",
    ("ga4ni3", "BA"): "Ga4Ni3",
}
# Those of the catalogue that have another name than their formula.
MINERALS = {
    "pyrope": ("garnet", {"A": "Mg", "B": "Al", "C": "Si", "X": "O"}),
    "grossular": ("garnet", {"A": "Ca", "B": "Al", "C": "Si", "X": "O"}),
    "almandine": ("garnet", {"A": "Fe", "B": "Al", "C": "Si", "X": "O"}),
    "sodalite": ("sodalite", {"A": "Na", "B": "Al", "C": "Si", "X": "O", "Y": "Cl"}),
    "eulytine": ("eulytine", {"A": "Bi", "B": "Si", "X": "O"}),
    "petzite": ("petzite", {"A": "Ag", "B": "Au", "X": "Te"}),
    "sulvanite": ("sulvanite", {"A": "Cu", "B": "V", "X": "S"}),
    "ullmannite": ("ullmannite", {"A": "Ni", "B": "Sb", "C": "S"}),
    "boracite": ("boracite", {"M": "Mg", "B": "B", "X": "O", "Y": "Cl"}),
    "telluric-acid": ("te_oh_6", {"A": "Te", "X": "O"}),
}


def known():
    for (kind, roles), names in KNOWN.items():
        for name in names.split():
            elements = re.findall(r"[A-Z][a-z]?", name)
            yield decorate(kind, dict(zip(roles, elements, strict=True))), catalogue()[name]
    for name, (kind, elements) in MINERALS.items():
        yield decorate(kind, elements), catalogue()[name]


def test_edges_against_experiment():
    """Mean error under 2 %, none worse than 8 %, and as many atoms as the catalogue's crystal."""
    errors = {}
    for crystal, reference in known():
        assert (crystal.formula, crystal.number) == (reference.formula, reference.number)
        assert len(crystal.elements) == len(reference.elements)
        errors[crystal.name] = abs(crystal.a / reference.a - 1)
    mean = sum(errors.values()) / len(errors)
    print(f"{len(errors)} compounds: mean error {mean:.4f}, worst {max(errors.items(), key=lambda e: e[1])}")
    assert len(errors) >= 150
    assert mean < 0.02
    assert max(errors.values()) < 0.08, max(errors, key=errors.get)


def test_edge_by_hand():
    """Rock-salt CaS: 2 (1.00 + 1.84) Å with Shannon's radii."""
    crystal = decorate("rock_salt", {"A": "Ca", "X": "S"})
    assert crystal.name == "rock_salt-CaS"
    assert crystal.source == "prototype rock salt (B1), a from ionic radii"
    assert crystal.a == pytest.approx(5.68)
    assert crystal.formula == "CaS"


def test_free_coordinate_puts_the_anion_between_the_cations():
    """Elpasolite: the anion divides the distance of the two octahedral cations in the ratio of the bonds."""
    crystal = decorate("elpasolite", {"A": "K", "B": "Na", "C": "Al", "X": "F"})
    short, long = 0.535 + 1.33, 1.02 + 1.33
    fluorine = crystal.positions[[e == "F" for e in crystal.elements]]
    on_axis = fluorine[(fluorine[:, 1:] == 0).all(1), 0]
    assert on_axis.min() == pytest.approx(0.5 * short / (short + long), abs=1e-4)


@pytest.fixture(scope="module")
def as_many_as_published() -> list[Crystal]:
    return list(prototypes(14270, seed=0))


def test_many_distinct_formulas_in_all_groups(as_many_as_published):
    crystals = as_many_as_published
    assert len({c.formula for c in crystals}) == len({c.name for c in crystals}) == len(crystals) == 14270
    groups = Counter(c.number for c in crystals)
    assert sorted(groups) == list(range(195, 231))
    assert min(groups.values()) >= 30, groups
    by_kind = Counter(c.name.split("-")[0] for c in crystals)
    assert set(by_kind) == set(structure_types())
    assert max(by_kind.values()) < 0.05 * len(crystals), "one type makes up the set"


def test_no_close_atoms(as_many_as_published):
    assert min(closest_contact(c) for c in as_many_as_published[::9]) >= 0.75


def test_close_atoms_are_found_across_the_edge_of_the_cell():
    """Iron (1.32 Å) at ±0.05 a of 20 Å is 2 Å apart, and a lone atom touches its own image."""
    pair = Crystal.from_sites("x", "P m -3 m", 20.0, [Site("Fe", (0.05, 0, 0))])
    assert closest_contact(pair) == pytest.approx(2**0.5 / 2.64)
    assert closest_contact(Crystal.from_sites("x", "P m -3 m", 3.0, [Site("Fe", (0, 0, 0))])) == pytest.approx(3 / 2.64)


def test_crystals_are_those_of_their_sites(as_many_as_published):
    """Formula and volume as from an expansion of the asymmetric unit; no displacement is given."""
    for crystal in as_many_as_published[::50]:
        units = math.gcd(*Counter(crystal.elements).values())
        assert crystal.formula == reduced_formula(crystal.elements, crystal.occupancy, units)
        assert crystal.volume == crystal.a**3
        assert not crystal.b_given.any() and not crystal.b_iso.any()
        assert len(crystal.elements) == len(crystal.positions) == len(crystal.occupancy)


def test_few_are_of_many_kinds():
    crystals = list(prototypes(100))
    assert {c.name.split("-")[0] for c in crystals} == set(structure_types())
    assert len({c.number for c in crystals}) == 36


def test_more_than_there_are():
    some = ["sif4", "garnet"]
    there = len(list(prototypes(kinds=some)))
    assert len(list(prototypes(there, kinds=some))) == there
    with pytest.raises(CrystalError, match=rf"there are {there} prototype crystals of distinct formulas, not 9999"):
        list(prototypes(9999, kinds=some))


def test_kinds_take_turns_until_they_have_no_more():
    turns = [c.name.split("-")[0] for c in prototypes(kinds=["rock_salt", "sif4", "garnet"])]
    last = len(turns) - turns[::-1].index("sif4")
    assert turns[:6] == ["rock_salt", "sif4", "garnet"] * 2
    assert turns[last : last + 7] == ["garnet", "rock_salt"] * 3 + ["garnet"]


def test_order_depends_on_the_seed_only():
    names = [c.name for c in prototypes(30, seed=3)]
    assert names == [c.name for c in prototypes(30, seed=3)]
    assert names[:10] == [c.name for c in prototypes(10, seed=3)]
    assert names != [c.name for c in prototypes(30, seed=4)]


def test_kinds_are_chosen_by_name():
    chosen = ["spinel", "perovskite"]
    assert {c.name.split("-")[0] for c in prototypes(20, kinds=chosen)} == set(chosen)
    assert list(prototypes(0)) == []
    with pytest.raises(KeyError):
        next(prototypes(kinds=["rocksalt"]))


def test_compounds_are_neutral():
    """CaO, Li2O and ScN are offered; NaO, MgO2 or ScO are not."""
    formulas = {c.formula for c in prototypes(kinds=["rock_salt", "antifluorite", "fluorite"])}
    assert {"CaO", "Li2O", "NSc", "O2Th"} <= formulas
    assert not formulas & {"NaO", "MgO2", "OSc", "ClMg"}


def test_half_heuslers_have_18_valence_electrons():
    """Formal charges that cancel are 18 electrons: group numbers of the metals plus s and p electrons."""
    electrons = dict(Fe=8, Ru=8, Os=8, Co=9, Rh=9, Ir=9, Ni=10, Pd=10, Pt=10, Cu=11, Ag=11, Au=11, Mg=2, Ca=2)
    electrons |= dict(Ti=4, Zr=4, Hf=4, V=5, Nb=5, Ta=5, Te=6, As=5, Sb=5, Bi=5, Si=4, Ge=4, Sn=4, Pb=4)
    for crystal in itertools.islice(prototypes(kinds=["half_heusler"]), 100):
        assert sum(electrons.get(e, 3) for e in set(crystal.elements)) == 18, crystal.name


def test_radii():
    """Shannon (1976): Na+ 1.02, O2- 1.40, Ti4+ 0.605 Å at coordination 6; Teatum (1960): Cu 1.278 Å.

    Cordero (2008): high-spin Fe 1.52 and low-spin 1.32 Å.
    """
    assert ionic_radius("Na", 1, 6) == 1.02
    assert ionic_radius("O", -2, 6) == 1.40
    assert ionic_radius("Ti", 4, 6) == 0.605
    assert ionic_radius("Se", -2, 4) == 1.98, "an anion without an entry has the radius of coordination 6"
    assert atomic_radius("metallic", "Cu") == 1.278
    assert covalent_radius("Fe") == pytest.approx(1.32)
    assert set(ions(-1, 6)) == {"F", "Cl", "Br", "I"}
    with pytest.raises(KeyError):
        ionic_radius("Na", 2, 6)
