from pathlib import Path

import pytest

from lacbed_gan.store.published.tables import counted, fold_of_codes, read_folds, read_metadata
from lacbed_gan.store.store import StoreError

HEADER = ",ICSD_code,chemical_formula_sum,cell_length,space_group,date,latest"
AUTHORS = Path(__file__).parents[3] / "shared" / "published_folds"


def folds_of(folder, tests, trains=None):
    for fold, codes in enumerate(tests):
        (folder / str(fold)).mkdir(parents=True)
        (folder / str(fold) / "test").write_text("".join(f"{code}\n" for code in codes))
    for fold, codes in (trains or {}).items():
        (folder / str(fold) / "train").write_text("\n".join(codes))
    return folder


def metadata_of(path, *lines):
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def test_metadata(tmp_path):
    """Lines of the authors' own table."""
    lines = ("0,101191,O35 Sn10.32 Ti8.39 Zn6.14,14.8793,F -4 3 m,2021-02-01,True",)
    lines += ("2,101275,I14 Sr1 W6,14.51923,P n -3 Z,2021-02-01,True", "3,7,Si1,5.43,F d -3 m S,2021-02-01,True")
    found = read_metadata(metadata_of(tmp_path / "m.csv", *lines))
    assert found["101275"] == {"formula": "I14 Sr1 W6", "space_group": "P n -3 Z", "number": 201, "a": 14.51923}
    assert [found[code]["number"] for code in ("101191", "7")] == [216, 227]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0,1,Si1,5.4,P 63/m,,", "line 2: 'P 63/m' is not a cubic space group"),
        ("0,1,,5.4,F d -3 m S,,", "line 2: no formula"),
        ("0,1,Si1,,F d -3 m S,,", "line 2: cell_length  is not a length in Å"),
        ("0,1,Si1,-1,F d -3 m S,,", "line 2: cell_length -1"),
        ("0,1,Si1,x,F d -3 m S,,", "line 2: "),
        ("0,,Si1,5.4,F d -3 m S,,", "line 2: no ICSD code"),
    ],
)
def test_metadata_that_says_nothing_usable(tmp_path, line, message):
    with pytest.raises(StoreError) as error:
        read_metadata(metadata_of(tmp_path / "m.csv", line))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_metadata_that_is_none(tmp_path):
    with pytest.raises(StoreError, match=r"cannot be read .*data.metadata is the authors'"):
        read_metadata(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("a,b\n1,2\n")
    with pytest.raises(StoreError, match="has no column ICSD_code, chemical_formula_sum, cell_length, space_group"):
        read_metadata(tmp_path / "m.csv")
    line = "0,1,Si1,5.4,F d -3 m S,,"
    with pytest.raises(StoreError, match=r"line 3: ICSD code 1 for a second time"):
        read_metadata(metadata_of(tmp_path / "m.csv", line, line))


def test_folds(tmp_path):
    tests = [["12", "7"], ["30"], ["5", "6"]]
    trains = {0: ["30", "6", "5"], 2: ["12", "30", "7"]}
    assert read_folds(folds_of(tmp_path, tests, trains), 3) == {"12": 0, "7": 0, "30": 1, "5": 2, "6": 2}


@pytest.mark.parametrize(
    ("tests", "trains", "message"),
    [
        ([["1"], ["2"]], {}, "2/test: No such file or directory; data.folds is a folder of"),
        ([["1"], ["2"], ["3", "1"]], {}, "2/test: 1 code (1) in the test list of an earlier fold too"),
        ([["1"], ["2"], []], {}, "2/test: holds no code"),
        ([["1"], ["2"], ["3"]], {1: ["1", "2"]}, "1/train: is not all the other folds' test lists, it differs by 2"),
    ],
)
def test_folds_that_cannot_be_used(tmp_path, tests, trains, message):
    with pytest.raises(StoreError) as error:
        read_folds(folds_of(tmp_path, tests, trains), 3)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_codes_without_a_crystal_and_crystals_without_a_fold():
    folds = {"1": 0, "2": 1, "3": 1}
    assert fold_of_codes(["3", "1", "2"], folds, "f")[0].tolist() == [1, 0, 1]
    with pytest.raises(StoreError, match=r"^1 code \(3\) of the folds f without images; 1 crystal \(9\) in none of"):
        fold_of_codes(["1", "2", "9"], folds, "f")
    fold_of, said = fold_of_codes(["1", "2", "9"], folds, "f", skip_bad=True)
    assert fold_of.tolist() == [0, 1, -1] and len(said) == 2
    with pytest.raises(StoreError, match="no crystal is in the test list of fold 0 of f"):
        fold_of_codes(["2", "3"], folds, "f", skip_bad=True)


def test_counted():
    assert counted(["a"], "code") == "1 code (a)"
    assert counted([str(i) for i in range(7)], "code") == "7 codes (0, 1, 2, 3, 4, …)"


@pytest.mark.skipif(not AUTHORS.is_dir(), reason="the authors' lists are not beside this checkout")
def test_the_authors_own_lists():
    folds, metadata = read_folds(AUTHORS), read_metadata(AUTHORS / "metadata.csv")
    assert len(folds) == 14270 and set(folds) == set(metadata)
    fold_of, _ = fold_of_codes(sorted(folds, key=int), folds, "f")
    for fold in range(10):
        tested = {code for code, of in zip(sorted(folds, key=int), fold_of, strict=True) if of == fold}
        assert tested == set((AUTHORS / str(fold) / "test").read_text().split()) and len(tested) == 1427
