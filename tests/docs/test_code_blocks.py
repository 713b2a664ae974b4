"""What the README and the pages of docs/ tell people to type works: Python is executed; of each command line the
settings are checked as the command itself does before it works, on stand-ins for the files that it names, and what
takes seconds is done. A line of any other kind fails: it needs a rule here.
"""

import hashlib
import importlib
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import kaggle_layout
import numpy as np
import pytest
import torch
from markdown_it import MarkdownIt
from PIL import Image
from run_folders import undrawn

from lacbed_gan.commands.command import run_command
from lacbed_gan.commands.config import composed, jobs
from lacbed_gan.crystal.structures import NAMED
from lacbed_gan.diffraction.constants import HALF_WIDTH
from lacbed_gan.models.shipped_weights import shipped_file
from lacbed_gan.store import packed
from lacbed_gan.store.store import Store, sha256
from lacbed_gan.store.writer import StoreWriter

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/[!_]*.md"))]
CIF = ROOT / "tests" / "data" / "felix" / "SrTiO3.cif"
KINDS = ("python", "bash", "text", "json", "cif")  # of blocks; the last three are shown, not run
SMALL = 32  # pixels up to which a simulation of one file is made


def blocks(page):
    """(kind, content, line) of each fenced block of a page."""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "fence":
            yield token.info.strip(), token.content, token.map[0] + 2


@cache
def command_lines():
    """Each different line of the bash blocks, without comments, and the page where it stands first."""
    found = {}
    for page in PAGES:
        for kind, content, _ in blocks(page):
            if kind == "bash":
                for line in content.replace("\\\n", " ").splitlines():
                    if shlex.split(line, comments=True):
                        found.setdefault(" ".join(line.split()), page.name)
    return found


def words(line):
    """A line as the shell would hand it over; AssertionError for more than one plain command."""
    tokens = list(shlex.shlex(line, posix=True, punctuation_chars=True))
    assert not any(set(token) <= set("();<>|&") for token in tokens), "unclassified: more than one command"
    assert not re.search(r"`|\$(?!\(seq )", line), "unclassified: a substitution other than $(seq …)"
    done = subprocess.run(["bash", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_of_a_known_kind(page):
    for kind, _, line in blocks(page):
        assert kind in KINDS or re.fullmatch(r"\{[\w:-]+\}.*", kind), f"{page.name}, line {line}: block of '{kind}'"


@pytest.mark.parametrize("page", [p for p in PAGES if any(k == "python" for k, *_ in blocks(p))], ids=lambda p: p.name)
@pytest.mark.filterwarnings("ignore::lacbed_gan.predict.trust.TrustWarning")  # as the pages say
def test_python_runs(page, shared_store, tmp_path, monkeypatch):
    """All blocks of a page, one after the other, in a folder with a CIF and a store."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(CIF, tmp_path)
    link(Path("stores/mine"), shared_store)
    names = {"__name__": "__main__"}
    for kind, content, line in blocks(page):
        if kind == "python":
            exec(compile("\n" * (line - 1) + content, str(page), "exec"), names)


@pytest.mark.parametrize("line", command_lines(), ids=lambda line: f"{command_lines()[line]}:{line}")
def test_command_line(line, tmp_path, monkeypatch, request):
    match words(line):
        case ["make", *targets]:
            rules = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert targets and set(targets) <= set(rules)
        case ["pip", "install", *rest]:
            check_installation(rest)
        case ["python", "-m", "pytest", *rest]:
            assert any((ROOT / word).exists() for word in rest)
        case ["python", "-m", module, *rest] if module.startswith("lacbed_gan."):
            monkeypatch.chdir(tmp_path)
            check_command(module, rest, monkeypatch, request)
        case ["python", script, *_] if script.endswith(".py"):
            compile((ROOT / script).read_text(encoding="utf-8"), script, "exec")
        case ["bash", script, *_]:
            subprocess.run(["bash", "-n", str(ROOT / script)], check=True)
        case ["wandb", command, *_]:
            from wandb.cli.cli import cli

            assert command in cli.commands
        case _:
            pytest.fail(f"unclassified: {line}")


def check_installation(rest):
    """pip's arguments: this package or a checkout of it, extras that there are, files that there are."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for before, word in zip(["", *rest], rest, strict=False):
        if before in ("-c", "-r"):
            assert (ROOT / word).is_file()
        elif word not in ("-c", "-r", "-e"):
            name, wanted = re.fullmatch(r"(lacbed_gan|\.)(?:\[([\w,]+)\])?", word).groups()
            assert set(wanted.split(",") if wanted else ()) <= set(extras), name


def check_command(module, rest, monkeypatch, request):
    """A command's own check of each job of a line; then, where it takes seconds, the work."""
    name = module.partition(".")[2]
    assert importlib.util.find_spec(module)
    command = importlib.import_module(f"lacbed_gan.commands.{name}")
    options, overrides = ([w for w in rest if w.startswith("-") == is_option] for is_option in (True, False))
    assert set(options) <= {"-m"}, "unclassified: an option"
    argv = [name, *rest]
    if not torch.cuda.is_available():  # checked as for another machine
        argv += ["hydra/launcher=submitit_slurm"] * ("trainer=gpu" in rest)
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(packed, "open_packed", a_tenth)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)  # of the dashboard, which needs a login
    monkeypatch.setenv("WANDB_MODE", "offline")
    every = list(jobs(overrides, several="-m" in options))
    for job in [*every[:4], *every[4:][-1:]]:  # all values of short lists, both ends of ranges
        config = composed(name, job)
        place_stand_ins(name, config, request.getfixturevalue)
        command.check(config)
    quick = {
        "train": "experiment=smoke" in overrides,
        "simulate": name == "simulate" and config.size <= SMALL and Path(config.structures).is_file(),
        "predict": name == "predict" and not config.compare and not (config.check and config.a),
        "evaluate": name == "evaluate" and not config.timing,
    }
    if quick.get(name) and not options:
        run_command(name, command.check, getattr(command, name))
        made = {"train": "runs", "simulate": "output", "predict": "output", "evaluate": "runs"}[name]
        assert any(getattr(config, made).iterdir())


def place_stand_ins(name, config, made):
    """What stands where the settings of a command name files that nobody has yet."""
    if name == "train":
        if config.data.name == "kaggle":
            images = made("published")
            for key in ("root", "folds", "metadata"):
                if path := getattr(config.data, key):
                    link(path, images / key)
        elif config.reflections:
            write_stand_in(Path(config.store), dark_field=[list(g) for g in config.reflections])
        elif config.store != "bundled":
            link(Path(config.store), packed.BUNDLED)
        if config.augment.absorbing:
            write_stand_in(Path(config.augment.absorbing), absorption="tds")
    elif name == "simulate" and config.structures not in NAMED:
        path = Path(config.structures)
        path = path if path.suffix == ".cif" else path / CIF.name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CIF, path)
    elif name == "predict":
        inverse = [place_input(path, config) for path in config.input]
        if config.checkpoint:
            direction = "inverse" if inverse[0] else "forward"
            weights = Path(config.checkpoint).suffix == ".safetensors"
            source = shipped_file(direction) if weights else made("smoke_run") / "last.ckpt"
            source = made("make_weights")("inverse", "model=flow") if config.samples else source
            link(Path(config.checkpoint), source)
    elif name in ("identify", "refine"):
        for path in config.input:
            if path.suffix == ".npz":
                hkl = np.array([[0, 0, 0], [2, 0, 0]])
                np.savez(path, image=np.random.default_rng(0).random((2, SMALL, SMALL)), hkl=hkl)
            else:
                place_input(path, config)
        if name == "refine":
            shutil.copy(CIF, config.crystal)
        for source in config.structures if name == "identify" else ():
            if source not in NAMED:
                Path(source).mkdir(parents=True, exist_ok=True)
                shutil.copy(CIF, Path(source))
    elif name == "evaluate" and config.store:
        link(Path(config.store), packed.BUNDLED)
    elif name == "evaluate":
        run = made("smoke_run")
        shutil.copytree(run, config.runs / run.name, dirs_exist_ok=True)
    elif name == "join":
        config.output.mkdir(parents=True, exist_ok=True)


def write_stand_in(folder, **settings):
    """A store of a few shipped pairs that says of itself what is asked for; its dark fields are bright ones."""
    if folder.exists():
        return
    store = a_tenth()
    with StoreWriter(folder, store.size, store.thickness, store.settings | settings) as writer:
        for row, entry in enumerate(store.index[:40]):
            count = len(settings.get("dark_field", ()))
            dark = np.repeat(store.pattern[row][None] / np.float32(255), count, 0) if count else None
            writer.append(entry, store.potential[row], store.pattern[row], dark_field=dark)
        writer.finish()


def place_input(path, config):
    """A CIF, a folder with one, or an image of a pattern with the angles that the settings say; whether it is that."""
    if path.suffix in ("", ".cif"):
        path = path if path.suffix else path / CIF.name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CIF, path)
        return False
    size = 256 if config.pixel_size is None else round(2 * HALF_WIDTH / (config.a * config.pixel_size))
    image = Image.fromarray(np.array(a_tenth().pattern[0, 0])).resize((size, size))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, np.array(image))
    else:
        image.save(path, "TIFF" if path.suffix.startswith(".tif") else "PNG")  # what it is its content tells
    return True


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.symlink_to(target)


@cache
def a_tenth(file=packed.BUNDLED, open_packed=packed.open_packed):
    """Every tenth of the shipped pairs, read once for all lines."""
    assert Path(file).resolve() == packed.BUNDLED
    store = open_packed(packed.BUNDLED)
    index = b"".join(store.index_text.splitlines(keepends=True)[::10])
    images = {"potential": store.potential[::10], "pattern": store.pattern[::10]}
    sums = {name: sha256(array) for name, array in images.items()} | {"index": hashlib.sha256(index).hexdigest()}
    meta = dict(store.meta) | {"count": len(images["potential"]), "sha256": sums}
    return Store(store.source, index, meta, lambda: images)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Folder with root, folds and metadata in the layout of the published images."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kaggle_layout, "THICKNESS", (50, 100, 150, 200))
        pairs = list(kaggle_layout.some_pairs(12, 128))
        kaggle_layout.write_images(folder / "root", pairs)
    entries = [entry for entry, _, _ in pairs]
    codes = [entry["id"] for entry in entries]
    kaggle_layout.write_folds(folder / "folds", codes, [i % 10 for i in range(len(codes))])
    kaggle_layout.write_metadata(folder / "metadata", entries)
    return folder


@pytest.fixture(scope="module")
def smoke_run(tmp_path_factory):
    """Folder of a finished run of two epochs."""
    runs = tmp_path_factory.mktemp("smoke") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train", "experiment=smoke", "trainer=cpu", f"runs={runs}"])
        patch.setattr(packed, "open_packed", a_tenth)
        train = importlib.import_module("lacbed_gan.commands.train")
        with undrawn():
            run_command("train", train.check, train.train)
    (run,) = runs.iterdir()
    return run
