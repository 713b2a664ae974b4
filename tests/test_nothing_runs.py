"""Nothing runs that came in a file: what the program calls, and what hostile folders of runs do to a report."""

import ast
import html
import re
from pathlib import Path

import pytest
import yaml
from run_folders import write_run

import lacbed_gan
from lacbed_gan.commands import evaluate
from lacbed_gan.commands.config import composed
from lacbed_gan.models.checkpoints import read_checkpoint
from lacbed_gan.report import section
from lacbed_gan.report.collect import collect_runs

PACKAGE = Path(lacbed_gan.__file__).parent
# Modules that run what they read, or other programs.
MODULES = "pickle cPickle dill cloudpickle shelve marshal jsonpickle subprocess runpy code codeop ctypes cffi".split()
# Functions that do, whatever they are called with; the first few as they stand, others also as somebody's methods.
BARE = "eval exec compile __import__".split()
NEVER = "system popen spawnv execv extractall extract unpack_archive instantiate Markup unsafe_load full_load".split()
NEVER += "load_from_checkpoint from_string get_method get_class".split()
NEVER_OF = (("yaml", "load"), ("jit", "load"), ("joblib", "load"))
# How others have to be called.
ONLY_WITH = {
    ("np", "load"): ("allow_pickle", False),
    ("torch", "load"): ("weights_only", True),
    ("jinja2", "Environment"): ("autoescape", True),
}
# What is imported by a computed name: the names stand in these files themselves.
COMPUTED = {
    "__init__.py": "_HOMES[name]",
    "commands/config.py": "f'lacbed_gan.commands.{module}'",
    "diffraction/__init__.py": "_HOMES[name]",
    "images/microscopy.py": "f'rsciio.{name}'",
}
# Other programs that are run: this one alone, with the words that the user typed.
PROGRAMS = {
    "commands/command.py": ["[sys.executable, '-m', f'lacbed_gan.{command}', *HydraConfig.get().overrides.task]"]
}


def unsafe(source, file=""):
    """Lines of a module that could run what came in a file."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [f"{node.lineno}: import {name}" for name in names if name.partition(".")[0] in MODULES]
            found += [f"{node.lineno}: import {name}" for name in names if name in NEVER]
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = getattr(function, "attr", getattr(function, "id", ""))
        of = getattr(getattr(function, "value", None), "attr", getattr(getattr(function, "value", None), "id", ""))
        given = {keyword.arg: getattr(keyword.value, "value", ...) for keyword in node.keywords}
        bare = isinstance(function, ast.Name) or of == "builtins"
        if name in NEVER or (of, name) in NEVER_OF or (bare and name in BARE):
            found.append(f"{node.lineno}: {name}")
        if (of, name) in ONLY_WITH:
            argument, value = ONLY_WITH[of, name]
            if given.get(argument) is not value:
                found.append(f"{node.lineno}: {of}.{name} without {argument}={value}")
        if name == "load_checkpoint" and given.get("weights_only") is not True:
            found.append(f"{node.lineno}: load_checkpoint without weights_only=True")
        if name == "import_module" and ast.unparse(node.args[0]) != COMPUTED.get(file):
            found.append(f"{node.lineno}: import_module({ast.unparse(node.args[0])})")
    return found


@pytest.mark.parametrize(
    "line",
    [
        "eval(text)",
        "exec(text)",
        "import pickle",
        "from pickle import loads",
        "import subprocess as s",
        "os.system(text)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "yaml.load(text, yaml.Loader)",
        "from yaml import unsafe_load",
        "archive.extractall()",
        "hydra.utils.instantiate(settings)",
        "jinja2.Environment()",
        "Markup(text)",
        "ConditionalGAN.load_from_checkpoint(path)",
        "importlib.import_module(settings['class'])",
        "compile(text, '', 'exec')",
    ],
)
def test_what_is_looked_for_is_found(line):
    assert len(unsafe(line)) >= 1


def programs(source):
    """The command lines that a module runs by subprocess.Popen, and names of whatever else of subprocess it uses."""
    calls, names = [], {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = ast.unparse(node.value)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "subprocess.Popen":
            assert len(node.args) == 1 and not node.keywords  # no shell
            calls.append(names.get(ast.unparse(node.args[0]), ast.unparse(node.args[0])))
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "subprocess" and node.attr != "Popen":
            calls.append(node.attr)
    return calls


def test_the_program_calls_nothing_that_runs_a_file():
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 60
    found = {}
    for path in files:
        name = path.relative_to(PACKAGE).as_posix()
        text = path.read_text(encoding="utf-8")
        lines = unsafe(text, name)
        if name in PROGRAMS:
            assert programs(text) == PROGRAMS[name]
            lines = [line for line in lines if not line.endswith(": import subprocess")]
        if lines:
            found[name] = lines
    assert found == {}


def test_the_page_lets_nothing_past_its_escaping():
    text = (PACKAGE / "report/page.html").read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe|autoescape", text)
    assert "<script" not in text


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are made, but not written."""
    monkeypatch.setattr(section, "rendered", lambda figure: (b"", b"%PDF"))


def report(runs):
    config = composed("evaluate", [f"runs={runs}", "timing=false"])
    evaluate.check(config)
    evaluate.evaluate(config)
    return (runs / "report/index.html").read_text(encoding="utf-8")


def test_names_in_a_run_are_text(tmp_path):
    """A page shows them as they are; a figure takes no $ for a formula; none becomes a path."""
    script, formula = "<script>alert(1)</script>", r"$\undefined{x}$ & <u>"
    for fold in range(2):
        folder = write_run(
            tmp_path / "runs",
            "forward",
            50,
            fold,
            symmetries=((r"$\frac$ <u>", 225, "p4mm"),),
            group="../../../../escaped<script>",
            store="<script>store</script>",
            note={"_target_": "os.mkdir", "path": "${oc.env:PATH}", "_args_": [str(tmp_path / "made")]},
        )
        table = (folder / "crystals.csv").read_text()
        table = table.replace(f"test{fold}-0,Na1 Cl1", f'{script},"{formula}"')
        (folder / "crystals.csv").write_text(table)
    page = report(tmp_path / "runs")
    assert "<script" not in page and "<u>" not in page
    text = html.unescape(page)
    assert "${oc.env:PATH}" in text and "_target_: os.mkdir" in text
    written = {path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*")}
    folders = {("runs",), ("runs", "report"), *(("runs", f"forward-50nm-fold{fold}-0") for fold in range(2))}
    assert written == folders
    assert not [path for path in tmp_path.parent.rglob("*escaped*") if path.parent != tmp_path / "runs/report/figures"]
    assert len(list((tmp_path / "runs/report/figures").iterdir())) == 1


class Trap:
    """An object whose pickle makes a folder where it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.path),)


HOSTILE = {
    "a tag that calls": "direction: forward\nthickness: !!python/object/apply:os.mkdir ['{path}']\n",
    "a tag that imports": "direction: !!python/name:os.system\n",
    "aliases": "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
    + "".join(f"{n}: &{n} [{', '.join([f'*{m}'] * 9)}]\n" for m, n in zip("abcdefgh", "bcdefghi", strict=True)),
    "no mapping": "- 1\n- 2\n",
    "nesting": "[" * 5000,
    "other types": "{direction: forward, thickness: {a: 1}, fold: ../.., store: [1], model: 3, size: a}",
    "a path for a direction": "{direction: ../../x, thickness: 50, fold: 0, store: a, model: {}}",
    "megabytes": "direction: forward\n" * 100_000,
    "no text": "\udcff\udcfe",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_settings_of_a_run(tmp_path, name):
    """The run is left out by one line, the others are not, and nothing is called."""
    good, bad = (write_run(tmp_path, "forward", 50, fold) for fold in range(2))
    text = HOSTILE[name].replace("{path}", str(tmp_path / "made"))
    (bad / "config.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    (run,), left_out = collect_runs(tmp_path)
    assert run.folder == good and list(left_out) == [bad.name]
    assert left_out[bad.name].startswith("config.yaml ") and left_out[bad.name].isprintable()
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("summary.json", "[" * 100_000),
        ("summary.json", "[]"),
        ("crystals.csv", "id,split,mse\n\x00,test,abc\n"),
        ("crystals.csv", "id,split,mse\nx,test,1+1\n"),
        ("crystals.csv", "id,mse\nx,1\n"),
        ("metrics.csv", "epoch\n__import__('os')\n"),
    ],
)
def test_damaged_tables_of_a_run(tmp_path, file, content):
    good, bad = (write_run(tmp_path, "forward", 50, fold) for fold in range(2))
    (bad / file).write_text(content)
    (run,), left_out = collect_runs(tmp_path)
    assert run.folder == good and list(left_out) == [bad.name]
    assert left_out[bad.name].startswith(f"{file} is damaged; delete")


def test_a_report_opens_no_pickle(tmp_path, undrawn):
    """A run whose checkpoint holds more than weights: its measures are shown, its pictures are not, nothing runs."""
    import pickle

    import torch

    trap = Trap(tmp_path / "made")
    pickle.loads(pickle.dumps(trap))  # it works
    trap.path.rmdir()
    folder = write_run(tmp_path / "runs", "forward", 50, 0)
    torch.save({"config": {"settings": {}, "data": {}}, "state_dict": {}, "more": trap}, folder / "last.ckpt")
    page = html.unescape(report(tmp_path / "runs"))
    assert "cases_forward_50nm left out: last.ckpt of forward-50nm-fold0-0 cannot be read" in page
    with pytest.raises(ValueError, match="nothing of it was run"):
        read_checkpoint(folder / "last.ckpt")
    assert not trap.path.exists()


def test_settings_are_read_as_they_were_written(tmp_path):
    """The plain reader gives what the one of the configuration gives."""
    from omegaconf import OmegaConf

    settings = composed("train", ["learning_rate=1e-5", "trainer=cpu", "thickness=[50,100]"]).plain()
    folder = write_run(tmp_path, "forward", 50, 0)
    settings |= {
        "size": 32,
        "group": "stores",
        "store": "2021-01-01",
        "note": "1e-3 # yes",
        "more": [None, 1e22, "on", "~"],
    }
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(settings)))
    (run, *_), left_out = collect_runs(tmp_path)
    assert left_out == {} and run.settings == settings == yaml.safe_load((folder / "config.yaml").read_text())
