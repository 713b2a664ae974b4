"""Real structures that ship: which they are, in which order, and what is said of them."""

import gzip
import json

import pytest

from lacbed_gan.crystal import Crystal
from lacbed_gan.crystal.open_databases import FOLDER, STANDARD, STRUCTURES, open_structures
from lacbed_gan.crystal.structures import structures


@pytest.fixture(scope="module")
def rows():
    with gzip.open(STRUCTURES) as file:
        return {row["id"]: row for row in map(json.loads, file)}


@pytest.fixture(scope="module")
def standard():
    with gzip.open(STANDARD, "rt") as file:
        return file.read().split()


def test_standard_set_is_the_size_of_the_published_data(rows, standard):
    assert len(rows) == 21_004 and len(standard) == len(set(standard)) == 14_270
    assert len({rows[name]["formula"] for name in standard}) == 14_270
    for some in (rows, standard):
        assert {rows[name]["sg"] for name in some} == set(range(195, 231))


def test_sources_and_licences_stand_beside_the_data(rows):
    text = (FOLDER / "README.md").read_text()
    licences = {row["licence"].split(" (")[0] for row in rows.values()}
    assert licences == {"CC BY 4.0", "public domain"} and all(licence in text for licence in licences)
    for doi in ("10.26434/chemrxiv-2024-gsk41", "10.1038/s41597-023-02721-y"):
        assert doi in text


def test_a_sample_is_the_beginning_of_a_larger_one_and_has_every_group(standard):
    sample = list(structures("standard", 50, seed=3))
    assert all(isinstance(crystal, Crystal) for crystal in sample)
    names = [crystal.name for crystal in sample]
    assert {crystal.number for crystal in sample} == set(range(195, 231)) and set(names) <= set(standard)
    assert [crystal.name for crystal in structures("standard", 20, seed=3)] == names[:20]
    assert [crystal.name for crystal in structures("standard", 20, seed=4)] != names[:20]


def test_a_crystal_is_its_row(rows):
    for crystal in open_structures(standard=False, count=40):
        row = rows[crystal.name]
        assert (crystal.number, crystal.a, crystal.source) == (row["sg"], row["a"], row["source"])
        assert len({tuple(position) for position in crystal.positions.round(4)}) == row["n"]
