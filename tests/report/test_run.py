"""What is written and printed at the end of a run."""

import csv
import io

import pytest
import torch

from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.measures.metrics import correlation_r, mse
from lacbed_gan.models.directions import ForwardCGAN, InverseCGAN
from lacbed_gan.models.learning import LossWeights
from lacbed_gan.report.run import crystal_table, report, results

MEASURES = {"forward": ["mse", "r"], "inverse": ["mse", "r", "origin_mse", "origin_r"]}


@pytest.fixture(params=["forward", "inverse"])
def validated(request, make_store):
    """A module and its data after a validation whose batches came in an order of their own."""
    data = PairDataModule(make_store().source, request.param, 50, 3, 4)
    data.setup()
    kind = {"forward": ForwardCGAN, "inverse": InverseCGAN}[request.param]
    module = kind(torch.nn.Identity(), loss_weights=LossWeights(adversarial=0, feature_matching=0, l1=1))
    module.generator.forward = lambda image, condition: image
    for part, rows in enumerate((data.test_rows, data.train_sample_rows)):
        for positions in torch.arange(len(rows)).flip(0).split(2):
            module.validation_step(data.dataset(rows).__getitems__(positions), 0, part)
    return module, data


def test_every_crystal_once_in_the_order_of_the_store_whatever_that_of_the_batches(validated):
    module, data = validated
    lines = crystal_table(module, data)
    known = ["id", "formula", "space_group", "number", "a", "plane_group", "split", "thickness"]
    header = [*known, *MEASURES[module.direction]]
    assert lines.splitlines()[0] == ",".join(header)
    table = list(csv.DictReader(io.StringIO(lines)))
    for split, rows in (("test", data.test_rows), ("train", data.train_sample_rows)):
        part = [row for row in table if row["split"] == split]
        batch = data.dataset(rows).__getitems__(range(len(rows)))
        assert [row["id"] for row in part] == [data.store.index[i]["id"] for i in rows]
        assert [float(row["mse"]) for row in part] == pytest.approx(mse(batch["input"], batch["target"]), rel=1e-5)
        r = correlation_r(batch["input"], batch["target"])
        assert [float(row["r"]) for row in part] == pytest.approx(r, rel=1e-5)
    known = {key: table[0][key] for key in header[1:6]}
    entry = data.store.index[data.test_rows[0]]
    assert known == {
        "formula": entry["formula"],
        "space_group": "F m -3 m",
        "number": "225",
        "a": f"{entry['a']:g}",
        "plane_group": "p4mm",
    }


def test_what_the_store_does_not_know_is_empty(validated):
    module, data = validated
    data.store.index[data.test_rows[0]].update(space_group=None, number=None, a=None)
    first = next(csv.DictReader(io.StringIO(crystal_table(module, data))))
    assert {first[key] for key in ("space_group", "number", "a", "plane_group")} == {""}
    assert first["mse"]


def test_results_and_the_lines_printed(validated, tmp_path):
    module, data = validated
    result = results(module, data)
    inverse = module.direction == "inverse"
    assert all(f"{part}/{name}" in result for part in ("test", "train") for name in MEASURES[module.direction])
    assert ("test/origin_mse_standard_error" in result) == inverse
    assert result.get("test/misjudged") == (0 if inverse else None)
    printed = report(tmp_path, result)
    assert ("whatever the origin" in printed) == ("right but for the origin" in printed) == inverse
    if inverse:
        assert result["test/origin_mse"] <= result["test/mse"]
        assert f"{result['test/origin_mse']:.5f}   R {result['test/origin_r']:.4f}" in printed
