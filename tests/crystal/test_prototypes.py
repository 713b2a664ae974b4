"""Prototypes: which compounds they give, and how good their cell edges are."""

import itertools
import re

import pytest

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.prototypes import closest_contact, decorate, kinds, prototypes
from lacbed_gan.crystal.radii import atomic_radius, ionic_radius, ions

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
}


def known():
    for (kind, roles), names in KNOWN.items():
        for name in names.split():
            elements = re.findall(r"[A-Z][a-z]?", name)
            yield decorate(kind, dict(zip(roles, elements, strict=True))), catalogue()[name]


def test_edges_against_experiment():
    """Mean error under 2 %, none worse than 8 %, and as many atoms as the catalogue's crystal."""
    errors = {}
    for crystal, reference in known():
        assert (crystal.formula, crystal.number) == (reference.formula, reference.number)
        assert len(crystal.elements) == len(reference.elements)
        errors[crystal.name] = abs(crystal.a / reference.a - 1)
    mean = sum(errors.values()) / len(errors)
    print(f"{len(errors)} compounds: mean error {mean:.4f}, worst {max(errors.items(), key=lambda e: e[1])}")
    assert len(errors) >= 80
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


def test_many_distinct_formulas_without_close_atoms():
    crystals = list(prototypes(2000))
    assert len({c.formula for c in crystals}) == len({c.name for c in crystals}) == 2000
    assert {c.name.split("-")[0] for c in crystals} == set(kinds())
    assert min(closest_contact(c) for c in crystals[:300]) >= 0.75


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
    with pytest.raises(ValueError, match="rock salt"):
        decorate("rock_salt", {"A": "Na", "X": "O"})


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
    """Shannon (1976): Na+ 1.02, O2- 1.40, Ti4+ 0.605 Å at coordination 6; Teatum (1960): Cu 1.278 Å."""
    assert ionic_radius("Na", 1, 6) == 1.02
    assert ionic_radius("O", -2, 6) == 1.40
    assert ionic_radius("Ti", 4, 6) == 0.605
    assert ionic_radius("Se", -2, 4) == 1.98, "an anion without an entry has the radius of coordination 6"
    assert atomic_radius("metallic", "Cu") == 1.278
    assert set(ions(-1, 6)) == {"F", "Cl", "Br", "I"}
    with pytest.raises(KeyError):
        ionic_radius("Na", 2, 6)
