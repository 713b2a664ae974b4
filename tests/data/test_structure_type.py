from collections import Counter, defaultdict

import numpy as np
import pytest

from lacbed_gan.crystal.structures import structures
from lacbed_gan.data.folds import assign_folds
from lacbed_gan.data.sources import open_pairs
from lacbed_gan.data.structure_type import element_counts, structure_type, uneven


def key(formula, number):
    return structure_type({"id": "x", "formula": formula, "number": number})


@pytest.mark.parametrize(
    ("formula", "number", "expected"),
    [
        ("NaCl", 225, "225 AB"),
        ("Cl1 Na1", 225, "225 AB"),
        ("CsCl", 221, "221 AB"),
        ("Si", 227, "227 A"),
        ("MgAl2O4", 227, "227 AB2C4"),
        ("Fe2GaTa", 225, "225 ABC2"),
        ("Al16Mg8O32", 227, "227 AB2C4"),
        ("La0.7 Sr0.3 Mn0.9 Fe0.1 O3", 221, "221 ABC3"),  # two mixed sites
        ("Ni0.22 O6.89 Sm1.78 Ti2", 227, "227 A2B2C7"),  # a pyrochlore of the published data set
        ("Cu0.5 Au0.5", 225, "225 A"),
        ("Fe0.9 O1", 225, "225 AB"),
    ],
)
def test_ratio_without_names(formula, number, expected):
    assert key(formula, number) == expected


def test_unknown_is_a_group_of_its_own():
    assert key("ICSD 12", 225) == "unknown x" and key("NaCl", None) == "unknown x"


def test_element_counts():
    assert element_counts("O35 Sn10.32 Ti8.39 Zn6.14") == {"O": 35, "Sn": 10.32, "Ti": 8.39, "Zn": 6.14}
    assert element_counts("CaCO3Ca") == {"Ca": 2, "C": 1, "O": 3}
    assert element_counts("ICSD 12") == {} and element_counts("") == {}


def test_prototypes_are_not_torn_apart():
    """Crystals made from one prototype have one key, and prototypes that differ have different ones."""
    keys = defaultdict(set)
    for crystal in structures("prototypes", 600):
        entry = {"id": crystal.name, "formula": crystal.formula, "number": crystal.number}
        keys[crystal.name.split("-")[0]].add(structure_type(entry))
    assert len(keys) > 30 and all(len(of_one) == 1 for of_one in keys.values())
    alike = defaultdict(set)
    for kind, (key,) in keys.items():
        alike[key].add(kind)
    # of one group and ratio: anti-types, and sites of one ratio that are filled in other ways
    several = [sorted(kinds) for kinds in alike.values() if len(kinds) > 1]
    assert sorted(several) == [
        ["anti_bixbyite", "bixbyite"],
        ["anti_th3p4", "th3p4"],
        ["antifluorite", "fluorite"],
        ["antiperovskite", "perovskite"],
        ["b2", "cscl"],
        ["bi2pd3s2", "hg3s2f2", "k2sn2o3"],
        ["cu3au", "reo3"],
        ["filled_zinc_blende", "half_heusler"],
        ["lairsi", "ullmannite"],
        ["laves", "ti2ni"],
        ["pdf2", "pyrite", "pyrite_pnictide"],
    ]


def test_no_structure_type_in_two_folds():
    pairs = open_pairs("bundled", {"name": "store", "group": "prototype"})
    folds = defaultdict(set)
    for entry, fold in zip(pairs.store.index, pairs.fold_of, strict=True):
        folds[structure_type(entry)].add(fold)
    assert all(len(of_one) == 1 for of_one in folds.values())
    assert set(pairs.fold_of) == set(range(10))
    (line,) = pairs.lines
    largest, count = Counter(map(structure_type, pairs.store.index)).most_common(1)[0]
    size = f"{count} of {len(pairs.store)} crystals"
    assert line.startswith(f"the largest group, {largest}, has {size}, more than a fold's share: folds hold ")


def test_folds_by_formula_say_nothing_and_stay_as_they_were():
    pairs = open_pairs("bundled", {"name": "store", "group": "formula"})
    np.testing.assert_array_equal(pairs.fold_of, assign_folds([entry["formula"] for entry in pairs.store.index]))
    assert pairs.lines == [] and pairs.store.source == "bundled"


def test_uneven():
    groups = ["a"] * 6 + ["b", "c", "d", "e"]
    assert "the largest group, a, has 6 of 10 crystals" in uneven(groups, assign_folds(groups, 5), 5)
    assert uneven(["a", "b", "c", "d"], np.arange(4), 4) == ""
