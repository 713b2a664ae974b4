"""A check reads no image; work begins with all of them known to be right."""

import pytest

from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.data.sources import describe_pairs, open_pairs
from lacbed_gan.store.packed import pack
from lacbed_gan.store.store import Store, StoreError

DATA = {"name": "store", "group": "formula"}


def damaged(path):
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_a_check_takes_a_damaged_store_for_what_it_says_and_work_refuses_it(make_store, tmp_path):
    make_store("s")
    damaged(tmp_path / "s" / "pattern.npy")
    pairs = describe_pairs(str(tmp_path / "s"), DATA)
    assert PairDataModule(pairs.store, "forward", "all", 3, 4, fold_of=pairs.fold_of).thicknesses == (50.0, 100.0)
    for _ in range(2):
        with pytest.raises(StoreError, match="pattern differs from its checksum"):
            open_pairs(str(tmp_path / "s"), DATA)


@pytest.mark.parametrize("packed", [False, True])
def test_a_second_run_does_not_verify_again(make_store, tmp_path, monkeypatch, packed):
    store = make_store("s")
    source = str(tmp_path / "s")
    if packed:
        source += ".zip"
        pack(store, source)
    open_pairs(source, DATA)
    monkeypatch.setattr(Store, "verify", lambda self: pytest.fail("read again"))
    again = open_pairs(source, DATA)
    assert again.store.checksum == store.checksum and (again.store.potential == store.potential).all()
