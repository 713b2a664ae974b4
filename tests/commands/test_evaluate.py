"""The report on finished runs: its numbers, its page in a browser, what it leaves out, and what W&B gets."""

import csv
import html
import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import run_folders
import torch
import wandb
from offline_runs import records
from PIL import Image
from run_folders import SYMMETRIES, write_run

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands import evaluate, train
from lacbed_gan.commands.config import composed
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.report import section

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# A quadrant of a sweep: 2 directions, 2 thicknesses, 3 folds
CELLS = [
    (direction, thickness, fold) for direction in ("forward", "inverse") for thickness in (50, 100) for fold in range(3)
]


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are made, but a grey square is written in the place of each."""
    png = io.BytesIO()
    Image.new("L", (8, 8)).save(png, "png")
    monkeypatch.setattr(section, "rendered", lambda figure: (png.getvalue(), b"%PDF"))


@pytest.fixture
def sweep(tmp_path):
    """Folder of the runs of CELLS."""
    for cell in CELLS:
        write_run(tmp_path / "runs", *cell)
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def trained(shared_store, tmp_path_factory):
    """Folder of two real runs of seconds, at both thicknesses of the store; no test changes them."""
    runs = tmp_path_factory.mktemp("trained") / "runs"
    for thickness in (50, 100):
        words = [f"store={shared_store}", f"runs={runs}", "experiment=smoke", "trainer=cpu", f"thickness={thickness}"]
        with run_folders.undrawn():
            train.train(composed("train", words))
    return runs


def configured(runs, *words):
    config = composed("evaluate", [f"runs={runs}", *words])
    evaluate.check(config)
    return config


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def pages_text(path):
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", path.read_text(), flags=re.S))


def chromium(path, tmp_path, *options):
    """What Chromium prints when it opens the page: the document, and messages of the console."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    words += [
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    words += ["--enable-logging=stderr", "--virtual-time-budget=5000", *options, "--dump-dom", path.as_uri()]
    return subprocess.run([CHROMIUM, *words], capture_output=True, text=True, timeout=120)


def test_numbers_of_a_sweep(sweep, undrawn, capsys):
    """Means over folds with their standard error; medians over all images; the paper's values beside them."""
    evaluate.evaluate(configured(sweep, "timing=false"))
    printed = capsys.readouterr().out
    rows = {(row["direction"], row["thickness"], row["split"]): row for row in table(sweep / "report/table.csv")}
    assert len(rows) == 8
    runs = [sweep / f"forward-50nm-fold{fold}-0" for fold in range(3)]
    means = [json.loads((run / "summary.json").read_text())["test/mse"] for run in runs]
    errors = [float(row["mse"]) for run in runs for row in table(run / "crystals.csv") if row["split"] == "test"]
    row = rows["forward", "50", "test"]
    assert float(row["mse"]) == pytest.approx(np.mean(means), rel=1e-5)
    assert float(row["mse_standard_error"]) == pytest.approx(np.std(means, ddof=1) / 3**0.5, rel=1e-5)
    assert float(row["mse_median"]) == pytest.approx(np.median(errors), rel=1e-5)
    assert float(row["below_1e-4"]) == pytest.approx(np.mean(np.array(errors) < 1e-4), abs=1e-6)
    assert (row["folds"], row["of_folds"], row["images"], row["paper_mse"]) == ("3", "10", "36", "0.000815")
    assert float(row["paper_ratio"]) == pytest.approx(np.mean(means) / 8.15e-4, rel=1e-5)
    assert row["baseline_mean_image_mse"] == "0.05" and rows["forward", "50", "train"]["baseline_nearest_mse"] == ""
    assert rows["forward", "100", "test"]["paper_mse"] == ""
    inverse = rows["inverse", "100", "test"]
    assert float(inverse["origin_mse"]) == pytest.approx(float(inverse["mse"]) / 2, rel=1e-4)
    assert (inverse["misjudged"], inverse["judged"]) == ("4", "24")  # one of the three runs does not say

    text = pages_text(sweep / "report/index.html")
    for words in ("8.15(4)", "4.773(9)", "not given", "3 of 10", "4 of 24", "no formula is on both sides", "P n -3 Z"):
        assert words in text
    assert "forward 50 nm, test: MSE" in printed and "3 of 10 folds" in printed
    assert f"report: {sweep}/report/index.html" in printed
    # Runs without a checkpoint have no pictures of cases, and the report says so.
    assert re.search("cases_forward_50nm left out: forward-50nm-fold.-0 has no last.ckpt", text)
    assert {path.stem for path in sweep.glob("report/figures/*/*.pdf")} == {
        f"{name}_{d}" for name in ("loss", "space_groups", "plane_groups") for d in ("forward", "inverse")
    }


def test_tables_by_symmetry_and_by_crystal(sweep, undrawn):
    evaluate.evaluate(configured(sweep, "timing=false"))
    groups = [row for row in table(sweep / "report/space_groups.csv") if row["direction"] == "forward"]
    assert [row["space_group"] for row in groups if row["thickness"] == "50"] == [name for name, _, _ in SYMMETRIES]
    assert {row["images"] for row in groups} == {"9"}
    planes = [row for row in table(sweep / "report/plane_groups.csv") if row["direction"] == "inverse"]
    assert [(row["plane_group"], row["images"]) for row in planes[:3]] == [("p2gg", "9"), ("p2mm", "18"), ("p4mm", "9")]
    crystals = table(sweep / "report/crystals.csv")
    assert len(crystals) == 12 * 24
    own = table(sweep / "inverse-100nm-fold2-0/crystals.csv")
    gathered = [row for row in crystals if row["run"] == "inverse-100nm-fold2-0"]
    assert [row["id"] for row in gathered] == [row["id"] for row in own]
    assert [row["origin_r"] for row in gathered] == [row["origin_r"] for row in own]
    for row in planes:
        errors = [
            float(crystal["mse"])
            for crystal in crystals
            if all(crystal[key] == row[key] for key in ("direction", "thickness", "plane_group"))
            and crystal["split"] == "test"
        ]
        assert float(row["mse_median"]) == pytest.approx(np.median(errors), rel=1e-4)


def test_runs_that_are_left_out_are_named(sweep, undrawn, capsys):
    (sweep / "forward-50nm-fold2-0/summary.json").unlink()
    (sweep / "forward-50nm-fold1-0/crystals.csv").unlink()
    (sweep / "inverse-50nm-fold1-0/summary.json").write_text("{")
    (sweep / "inverse-50nm-fold2-0/config.yaml").write_text("direction: forward\n")
    (sweep / "notes").mkdir()
    evaluate.evaluate(configured(sweep, "timing=false"))
    printed = capsys.readouterr().out
    text = pages_text(sweep / "report/index.html")
    for name, reason in (
        ("forward-50nm-fold2-0", "unfinished, after 4 of 4 epochs"),
        ("forward-50nm-fold1-0", "no crystals.csv (an older version)"),
        ("inverse-50nm-fold1-0", "summary.json is damaged"),
        ("inverse-50nm-fold2-0", "config.yaml lacks thickness, fold, store, model, group"),
    ):
        assert re.search(f"left out: {name}: {re.escape(reason)}", printed)
        assert re.search(f"{name}\\s+: {re.escape(reason)}", text)
    rows = table(sweep / "report/table.csv")
    assert [row["folds"] for row in rows if row["split"] == "test"] == ["1", "3", "1", "3"]
    assert rows[0]["mse_standard_error"] == ""
    assert "notes" not in text


def test_groups_of_other_settings_are_told_apart(tmp_path, undrawn):
    runs = tmp_path / "runs"
    for fold in range(2):
        for direction in ("forward", "inverse"):
            write_run(runs, direction, 50, fold)
            write_run(runs, direction, 50, fold, seed=1, data={"group": "prototype"})
    evaluate.evaluate(configured(runs, "timing=false"))
    names = {row["group"] for row in table(runs / "report/table.csv")}
    assert len(names) == 2 and len({path.parent.name for path in runs.glob("report/figures/*/*.pdf")}) == 2
    text = pages_text(runs / "report/index.html")
    assert "no formula is on both sides" in text and "no structure type is on both sides" in text

    one = sorted(names)[0]
    evaluate.evaluate(configured(runs, "timing=false", f"group={one}"))
    assert {row["group"] for row in table(runs / "report/table.csv")} == {one}
    assert {path.parent.name for path in runs.glob("report/figures/*/*.pdf")} == {one}
    with pytest.raises(SettingsError, match=f"group=other is not one of {', '.join(sorted(names))}"):
        configured(runs, "group=other")


def test_one_line_when_there_is_nothing_to_report(tmp_path):
    with pytest.raises(SettingsError, match="no such folder; name the one that holds"):
        configured(tmp_path / "none")
    (tmp_path / "runs").mkdir()
    with pytest.raises(SettingsError, match=r"no finished run \(it holds no run at all\); train one first"):
        configured(tmp_path / "runs")
    write_run(tmp_path / "runs", "forward", 50, 0)
    with pytest.raises(SettingsError, match="crystal=Si is in no test fold of these runs"):
        configured(tmp_path / "runs", "crystal=Si")
    (tmp_path / "runs/forward-50nm-fold0-0/summary.json").unlink()
    with pytest.raises(SettingsError, match=r"no finished run \(forward-50nm-fold0-0: unfinished, after 4 of 4 epochs"):
        configured(tmp_path / "runs")
    assert not (tmp_path / "runs/report").exists()


def test_page_of_real_runs_in_a_browser(trained, tmp_path):
    """No message in the console, every figure shown, nothing wider than a telephone."""
    evaluate.evaluate(configured(trained))
    report = trained / "report/index.html"
    paths = list(trained.glob("report/figures/*/*.pdf"))
    for path in paths:  # one or two columns of a journal wide
        width = float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", path.read_bytes())[1]) / 72 * 25.4
        assert width == pytest.approx(85, abs=0.1) or width == pytest.approx(170, abs=0.1)
    figures = {path.stem for path in paths}
    cases = {"cases_forward_50nm", "cases_forward_100nm", "thickness_forward"}
    assert figures == cases | {f"{name}_forward" for name in ("loss", "training", "space_groups", "plane_groups")}
    assert "left out" not in pages_text(report)
    assert not re.search(r"<script|https?://|@import|url\(", report.read_text())
    times = table(trained / "report/timing.csv")
    assert [row["batch"] for row in times if "CPU" in row["device"]] == ["1", "64"]
    assert all(float(row["seconds"]) > 0 for row in times)

    opened = chromium(report, tmp_path)
    assert "CONSOLE" not in opened.stderr and "</html>" in opened.stdout
    probe = tmp_path / "probe.html"
    script = (
        "<script>onload = () => { const images = [...document.images];"
        "document.body.innerHTML = `seen ${images.filter(i => i.naturalWidth > 300).length} of ${images.length},`"
        " + ` ${document.documentElement.scrollWidth <= innerWidth}`; console.log('said') }</script>"
    )
    probe.write_text(report.read_text().replace("</body>", f"{script}</body>"))
    opened = chromium(probe, tmp_path, "--window-size=500,900")
    assert f"seen {len(figures)} of {len(figures)}, true" in opened.stdout
    assert "CONSOLE" in opened.stderr  # so that its absence above says something


def test_figures_of_cases_need_the_data_that_was_trained_on(trained, shared_store, undrawn, tmp_path):
    runs, _ = evaluate.collect_runs(shutil.copytree(trained, tmp_path / "runs"))
    (group,), _ = evaluate.grouped(runs)
    assert group.checksum == PairDataModule(shared_store, "forward", 50, 0, 1).store.checksum
    drawn = {picture.name for picture in section.build_section(group, None, timing=False).pictures}
    assert {"cases_forward_50nm", "thickness_forward"} <= drawn

    for run in runs:
        run.settings["store"] = "stores/gone"
    built = section.build_section(group, None, timing=False)
    assert not any(picture.name.startswith(("cases", "thickness")) for picture in built.pictures)
    assert len(built.gaps) == 3 and all("stores/gone: no such store" in gap for gap in built.gaps)

    for run in runs:
        run.settings["store"] = str(shared_store)
        checkpoint = torch.load(run.folder / "best.ckpt", weights_only=True)
        checkpoint["config"]["data"]["checksum"] = "0123456789"
        torch.save(checkpoint, run.folder / "best.ckpt")
    built = section.build_section(group, None, timing=False)
    assert len(built.gaps) == 3 and all("now holds other data than" in gap for gap in built.gaps)


def test_figures_and_table_in_an_offline_wandb_run(sweep, undrawn, wandb_records, tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked a question"))
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    evaluate.evaluate(configured(sweep, "timing=false", "logger=wandb"))
    assert wandb.run is None
    (file,) = sweep.glob("report/figures/*/wandb/offline-run-*/*.wandb")
    found = wandb_records(file)
    (group,) = {row["group"] for row in table(sweep / "report/table.csv")}
    (run,) = (record.run for record in found if record.HasField("run"))
    assert (run.display_name, run.run_group) == (f"report-{group}", group)
    logged = {tuple(item.nested_key): json.loads(item.value_json) for record in found for item in record.history.item}
    figures = {path.stem for path in sweep.glob("report/figures/*/*.pdf")}
    assert figures == {key[0] for key, value in logged.items() if key[1:] == ("_type",) and value == "image-file"}
    assert (logged["table", "_type"], logged["table", "nrows"]) == ("table-file", 8)
    assert found[-1].exit.exit_code == 0
    # While W&B still writes, the file ends anywhere: in a record, in the space before the next block.
    data = file.read_bytes()
    for end in {*range(7, len(data), 211), *range(32768 - 3, len(data), 32768), len(data) - 1}:
        begun = records(data[:end])
        assert begun == found[: len(begun)] and len(begun) < len(found)


def test_as_a_program(tmp_path):
    write_run(tmp_path / "runs", "forward", 50, 0)
    words = [sys.executable, "-m", "lacbed_gan.evaluate", "runs=runs", "timing=false"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert done.stdout.splitlines()[-1] == "report: runs/report/index.html"
    assert "pruned" not in done.stdout
    assert f"{' '.join(['python', *words[1:]])}" in pages_text(tmp_path / "runs/report/index.html")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
