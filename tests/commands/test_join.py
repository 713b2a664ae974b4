"""Shards → one store, byte for byte what one command without shards writes."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands import join, simulate
from lacbed_gan.commands.command import run_command
from lacbed_gan.commands.config import composed
from lacbed_gan.crystal.structures import structures
from lacbed_gan.store.shards import Shard, join_shards, open_shards
from lacbed_gan.store.store import Store, StoreError
from lacbed_gan.store.writer import StoreWriter

TINY = ["structures=prototypes", "count=5", "size=8", "g_max=1.2", "thickness=[50]", "workers=1", "device=cpu"]


def run(*words):
    config = composed("simulate", [*TINY, *words])
    simulate.check(config)
    return simulate.simulate(config)


def joined(folder="big", *words):
    config = composed("join", [f"output={folder}", *words])
    join.check(config)
    return join.join(config)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name[:5] != "multi"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder with ``whole``, a store, and ``big``, its three shards; all outputs are kept."""
    folder = tmp_path_factory.mktemp("made")
    kept = ["save_intensity=true", "dark_field=[[2,0]]"]
    run(f"output={folder / 'whole'}", *kept)
    for shard in ("2/3", "3/3", "1/3"):
        run(f"output={folder / 'big'}", f"shard={shard}", *kept)
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """A copy of it as the working directory."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize(("text", "folder"), [("1/1", "shard-1-of-1"), ("3/16", "shard-03-of-16")])
def test_name_of_a_shard(text, folder):
    assert Shard.parse(text).folder == folder
    assert str(Shard.parse(text)) == text


def test_shards_share_a_list():
    assert [list(Shard(k, 3).positions(7)) for k in (1, 2, 3)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert list(Shard(3, 3).positions(2)) == []


def test_joined_is_what_one_command_writes(here, capsys):
    names = [crystal.name for crystal in structures("prototypes", 5)]
    shard = Store.open(here / "big" / "shard-2-of-3")
    assert [(entry["position"], entry["id"]) for entry in shard.index] == [(1, names[1]), (4, names[4])]
    assert joined().name == "big"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 shards checked, 5 crystals"
    assert lines[1].startswith("error of intensities (rms): median ")
    assert lines[-2:] == ["5 crystals in big", "its shards are no longer needed: rm -r big/shard-*-of-3"]
    assert contents(here / "big") == contents(here / "whole")
    assert set(contents(here / "big")) == {
        "meta.json",
        "index.jsonl",
        *(f"{name}.npy" for name in ("potential", "pattern", "intensity", "dark_field", "dark_field_range")),
    }
    with pytest.raises(SettingsError, match="finished store; there is nothing left to join"):
        joined()


def test_stopped_at_every_crystal_and_continued(here, monkeypatch):
    """A join that stops when it has appended one more crystal, over and over."""
    append, stops = StoreWriter.append, 0

    def one(writer, *arguments, **images):
        append(writer, *arguments, **images)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StoreWriter, "append", one)
        for _ in range(5):
            with pytest.raises(KeyboardInterrupt):
                joined()
            stops += 1
    joined()
    assert stops == 5
    assert contents(here / "big") == contents(here / "whole")


def test_a_finished_shard_is_not_made_again(here, capsys, monkeypatch):
    before = contents(here / "big" / "shard-2-of-3")
    monkeypatch.setattr("lacbed_gan.store.making.compute", None)
    run("output=big", "shard=2/3", "save_intensity=true", "dark_field=[[2,0]]")
    assert capsys.readouterr().out == "big/shard-2-of-3 is finished\n"
    with pytest.raises(StoreError, match=r"holds a finished store made with other settings \(dark_field: "):
        run("output=big", "shard=2/3", "save_intensity=true")
    assert contents(here / "big" / "shard-2-of-3") == before


def test_more_shards_than_crystals_and_left_out_ones(here, capsys):
    (here / "cifs").mkdir()
    (here / "cifs" / "a.cif").write_text("no CIF")
    shutil.copy(cif(here), here / "cifs" / "b.cif")
    for k in (1, 2, 3):
        run("structures=cifs", "count=null", "output=few", f"shard={k}/3")
    lines = capsys.readouterr().out.splitlines()
    (left_out,) = [line for line in lines if "left out: " in line]
    assert left_out.startswith("left out: cifs/a.cif: not a CIF")
    assert [line for line in lines if " in few" in line] == [
        "0 crystals in few/shard-1-of-3, 1 left out",
        "1 crystals in few/shard-2-of-3",
        "0 crystals in few/shard-3-of-3",
    ]
    joined("few")
    assert "1 crystals in few, 1 left out" in capsys.readouterr().out
    run("structures=cifs", "count=null", "output=one")
    assert contents(here / "few") == contents(here / "one")


def cif(folder):
    edges = "".join(
        f"_cell_length_{x} 3.6\n_cell_angle_{y} 90\n" for x, y in zip("abc", ("alpha", "beta", "gamma"), strict=True)
    )
    sites = "".join(f"_atom_site_{x}\n" for x in ("label", "type_symbol", "fract_x", "fract_y", "fract_z"))
    text = f"data_x\n{edges}_space_group_name_H-M_alt 'F m -3 m'\nloop_\n{sites}Cu1 Cu 0 0 0\n"
    (folder / "Cu.cif").write_text(text)
    return folder / "Cu.cif"


def edit_meta(folder, **changes):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | changes))


def rename_part(big):
    edit_meta(big / "shard-2-of-3", shard=Store.open(big / "shard-3-of-3").meta["shard"])


def other_list(big):
    shard = Store.open(big / "shard-2-of-3").meta["shard"]
    edit_meta(big / "shard-2-of-3", shard=shard | {"list": "0" * 64})


def flip(big):
    data = bytearray((big / "shard-2-of-3" / "pattern.npy").read_bytes())
    data[-1] ^= 1
    (big / "shard-2-of-3" / "pattern.npy").write_bytes(data)


def other_settings(big):
    settings = Store.open(big / "shard-2-of-3").settings
    edit_meta(big / "shard-2-of-3", settings=settings | {"g_max": 3.0})


def no_shard(big):
    for k in (1, 2, 3):
        edit_meta(big / f"shard-{k}-of-3", shard=None)


def other_count(big):
    shutil.copytree(big / "shard-2-of-3", big / "shard-2-of-4")


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda big: shutil.rmtree(big / "shard-2-of-3"), "shard 2/3 is missing or unfinished; run "),
        (lambda big: edit_meta(big / "shard-2-of-3", finished=False), "lacbed_gan.simulate shard=2/3 with all else"),
        (
            lambda big: [shutil.rmtree(big / f"shard-{k}-of-3") for k in (1, 2)],
            "shards 1/3 and 2/3 are missing or unfinished; run lacbed_gan.simulate -m shard=1/3,2/3 with",
        ),
        (lambda big: [shutil.rmtree(big / f"shard-{k}-of-3") for k in (1, 2, 3)], "big: holds no shards"),
        (other_settings, "shard-2-of-3: cannot be joined (g_max: 3.0 there, 1.2 asked for)"),
        (other_list, "shard-2-of-3: cannot be joined (another list of structures, or another part)"),
        (rename_part, "shard-2-of-3: cannot be joined (another list of structures, or another part)"),
        (
            lambda big: edit_meta(big / "shard-1-of-3", program="0.0.1"),
            "cannot be joined (program: 0.0.1 there",
        ),
        (no_shard, "shard-1-of-3: cannot be joined (another list of structures, or another part)"),
        (other_count, "holds shards of 3 and of 4 parts"),
        (flip, "shard-2-of-3: pattern differs from its checksum"),
        (lambda big: (big / "shard-3-of-3" / "meta.json").write_text("{"), "not JSON"),
        (lambda big: shutil.rmtree(big), "big: no such folder"),
    ],
)
def test_what_cannot_be_joined_is_one_line_and_writes_nothing(here, damage, named):
    damage(here / "big")
    with pytest.raises((SettingsError, StoreError)) as error:
        joined()
    assert named in str(error.value) and "\n" not in str(error.value)
    assert not (here / "big" / "meta.json").exists()


def test_a_crystal_in_two_shards(here):
    shards = open_shards(here / "big")
    with pytest.raises(StoreError, match="is already in the store"):
        join_shards(here / "big", [shards[0], shards[0]])


def test_a_store_of_something_else_is_not_continued(here):
    other = Store.open(here / "whole")
    with StoreWriter(here / "big", 8, [50.0], other.settings, True) as writer:
        writer.append(
            other.index[0] | {"id": "other"},
            *(a[0] for a in (other.potential, other.pattern)),
            other.intensity[0],
            other.dark_field.intensity(0),
        )
    before = contents(here / "big")
    with pytest.raises(StoreError, match="holds an unfinished store of other crystals"):
        joined()
    assert contents(here / "big") == before


def command(folder, module, *words):
    line = [sys.executable, "-m", f"lacbed_gan.{module}", *words]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=120)


def test_by_a_launcher_of_cluster_jobs(tmp_path, made):
    """The line of the documentation, with submitit's local executor in place of SLURM."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    words = [*TINY, "output=big", "save_intensity=true", "dark_field=[[2,0]]"]
    done = command(
        tmp_path,
        "simulate",
        "-m",
        "hydra/launcher=submitit_local",
        "hydra.launcher.timeout_min=5",
        "shard=1/2,2/2",
        *words,
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["big"]
    said = "".join(path.read_text() for path in tmp_path.glob("big/.submitit/*/*_log.out"))
    assert "3 crystals in big/shard-1-of-2" in said and "2 crystals in big/shard-2-of-2" in said
    done = command(tmp_path, "join", "output=big")
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "big") == contents(made / "whole")


@pytest.mark.parametrize(
    ("launcher", "absent", "named"),
    [
        ("submitit_slurm", "lacbed_gan.commands.command.shutil.which", "no srun here; give this line on a SLURM"),
        ("submitit_local", "lacbed_gan.commands.command.importlib.util.find_spec", "pip install 'lacbed_gan[slurm]'"),
        ("joblib", "lacbed_gan.commands.command.importlib.util.find_spec", "pip install 'lacbed_gan[joblib]'"),
    ],
)
def test_a_launcher_that_is_not_there_is_one_line(tmp_path, monkeypatch, capsys, launcher, absent, named):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(absent, lambda name: None)
    words = [f"hydra/launcher={launcher}", "shard=1/2,2/2", *TINY, "output=big"]
    monkeypatch.setattr(sys, "argv", ["simulate", "-m", *words])
    with pytest.raises(SystemExit) as exit:
        run_command("simulate", simulate.check, simulate.simulate)
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert named in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "left"), [(["shard=1/2,2/2", "output=big"], "big"), (["output=one,two", "shard=null"], "multirun")]
)
def test_where_a_sweep_leaves_its_file(tmp_path, monkeypatch, words, left):
    monkeypatch.chdir(tmp_path)
    silent = ["hydra/job_logging=none", "hydra/hydra_logging=none"]
    monkeypatch.setattr(sys, "argv", ["simulate", "-m", *words, *TINY, *silent])
    done = []
    run_command("simulate", simulate.check, done.append)
    assert len(done) == 2
    assert [path.parent.name for path in tmp_path.rglob("*") if path.is_file()] == [left]
    simulate.check(done[0])


def test_an_error_of_a_cluster_job_reaches_the_command(tmp_path, monkeypatch):
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    for name in [name for name in os.environ if name.startswith("COV")]:
        monkeypatch.delenv(name)  # Hydra takes coverage for a debugger, and shows a trace
    (tmp_path / "bad.cif").write_text("no CIF")  # which is read by the jobs alone
    words = ["-m", "hydra/launcher=submitit_local", "shard=1/2", *TINY[1:], "structures=bad.cif", "output=big"]
    done = command(tmp_path, "simulate", *words)
    assert done.returncode != 0
    assert "\nerror: bad.cif: not a CIF (1:0(0): expected block header (data_))\n" in done.stderr
    assert "Traceback" not in done.stderr
