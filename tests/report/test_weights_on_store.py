"""Weights on any store without training: numbers, files, and what is refused."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands import evaluate
from lacbed_gan.commands.config import composed
from lacbed_gan.models.weights import load_weights
from lacbed_gan.report.weights_on_store import evaluate_weights
from lacbed_gan.store.store import Store
from lacbed_gan.store.writer import StoreWriter


@pytest.fixture
def store(tmp_path):
    """Twenty crystals of three space groups at 50 and 200 nm, 64 pixels, as others than the networks' recipe makes."""
    random = np.random.default_rng(0)
    groups = [("F m -3 m", 225), ("P m -3 m", 221), ("P a -3", 205)]
    with StoreWriter(tmp_path / "store", 64, (50, 200), {"method": "converged", "g_max": 4.25}) as writer:
        for i in range(20):
            name, number = groups[i % 3]
            entry = {"id": f"c{i}", "formula": f"A{i}", "space_group": name, "number": number, "a": 4 + i / 10}
            images = random.integers(0, 256, (3, 64, 64), dtype=np.uint8)
            writer.append(entry | {"source": "", "rho_min": 0.0, "rho_max": 2.0 + i}, images[0], images[1:])
        writer.finish()
    return tmp_path / "store"


def run(*words):
    config = composed("evaluate", list(words))
    evaluate.check(config)
    evaluate.evaluate(config)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_forward_weights_on_a_store(tmp_path, store, make_weights, capsys):
    """Every crystal at each thickness; the numbers of one are those of the networks called by hand."""
    weights, out = make_weights("forward"), tmp_path / "out"
    run(f"checkpoint={weights}", f"store={store}", f"output={out}")
    printed = capsys.readouterr().out
    assert "forward 50 nm, 20 crystals: MSE " in printed and "forward 200 nm" in printed
    assert "other rules than those trained on: g_max 4.25 (trained: 3.0)" in printed
    crystals, groups = rows(out / "crystals.csv"), rows(out / "space_groups.csv")
    assert len(crystals) == 40 and [row["images"] for row in groups[:3]] == ["6", "7", "7"]
    assert [row["space_group"] for row in groups[:3]] == ["P a -3", "P m -3 m", "F m -3 m"]
    summary = json.loads((out / "summary.json").read_text())
    errors = [float(row["mse"]) for row in crystals if row["thickness"] == "200"]
    assert summary["measures"][1]["mse"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert summary["crystals"] == 20 and summary["checkpoint"] == str(weights)
    opened = Store.open(store)
    truth = opened.pattern[:, 1].reshape(20, 32, 2, 32, 2).mean((2, 4)) / 255
    null = ((truth - truth.mean(0)) ** 2).mean()
    assert summary["measures"][1]["mean_image_mse"] == pytest.approx(null, rel=1e-3)
    page = (out / "index.html").read_text()
    worst = max(crystals, key=lambda row: float(row["mse"]))
    assert worst["id"] in page.partition("The worst crystals")[2] and "http" not in page


def test_inverse_weights_have_the_best_origin_and_the_range(store, make_weights):
    evaluation = evaluate_weights(load_weights(make_weights("inverse")), Store.open(store))
    (row,) = evaluation.measures
    assert (row["thickness"], row["images"]) == (50.0, 20)
    assert row["origin_mse"] < row["mse"] and row["origin_r"] > row["r"] and row["span_error_median"] > 0
    assert evaluation.worst[0]["origin_mse"] == max(row["origin_mse"] for row in evaluation.crystals)


def test_what_does_not_go_together_is_refused(tmp_path, store, shared_store, make_weights):
    forward = make_weights("forward")
    with pytest.raises(SettingsError, match=r"store=… is needed: checkpoint and store go together"):
        run(f"checkpoint={forward}")
    with pytest.raises(SettingsError, match="does not sample ρ at r = i/n"):
        run(f"checkpoint={forward}", f"store={shared_store}")
    assert not (tmp_path / "evaluation").exists()


def test_a_store_that_was_trained_on_is_no_test(store, make_weights):
    trained = load_weights(make_weights("forward"))
    trained.config["data"]["checksum"] = Store.open(store).checksum
    assert "trained on this store, all but fold 0" in evaluate_weights(trained, Store.open(store)).lines[2]


def test_without_lightning(tmp_path, store, make_weights):
    words = ["evaluate", f"checkpoint={make_weights('forward')}", f"store={store}", f"output={tmp_path / 'out'}"]
    code = (
        "import sys; from lacbed_gan.commands.evaluate import main; sys.argv = " + repr(words) + "; main();"
        "assert not {'lightning', 'wandb'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
