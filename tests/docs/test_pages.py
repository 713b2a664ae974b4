"""The pages build without a warning, name files that there are, and quote figures that the code gives."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from lacbed_gan.measures.metrics import correlation_r

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*DOCS.glob("*.md"), *DOCS.glob("decisions/*.md")]
TEXTS = [
    *ROOT.glob("*.md"),
    *PAGES,
    *ROOT.glob("experiments/*/README.md"),
    *ROOT.glob("lacbed_gan/**/*.md"),
]
FOLDERS = {"conf", "docs", "examples", "experiments", "lacbed_gan", "tests"}


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    """Those of docs/ can be imported."""
    monkeypatch.syspath_prepend(str(DOCS))


def test_the_pages_build_without_a_warning(tmp_path):
    """As ``make docs``."""
    recipe = re.search(r"^docs: .*\n\t\$\(RUN\) -m (sphinx .*) docs docs/_build/html$", makefile(), re.MULTILINE)[1]
    assert "-W" in recipe.split()
    words = [sys.executable, "-m", *recipe.split(), "-d", str(tmp_path / "trees"), str(DOCS), str(tmp_path / "html")]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    for page in PAGES:
        assert (tmp_path / "html" / page.relative_to(DOCS).with_suffix(".html")).exists()


def makefile():
    return (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_are_there(text):
    """Targets of links and images, and words in code type that begin with a folder of the repository."""
    dead = [name for name in named(text) if not any(text.parent.glob(name)) and not any(ROOT.glob(name))]
    assert not dead, f"{text.name} names {', '.join(dead)}"


def named(text):
    for block in MarkdownIt().enable("table").parse(text.read_text(encoding="utf-8")):
        for token in block.children or []:
            target = token.attrs.get("href") or token.attrs.get("src")
            if target and not re.match(r"[a-z]+:|#", target):
                yield target.partition("#")[0]
            if token.type == "code_inline":
                for word in re.findall(r"[\w./-]+", token.content):
                    if word.partition("/")[0] in FOLDERS and "/" in word:
                        yield word.rstrip("./") or word


def test_figures_are_small():
    pictures = list((DOCS / "figures").iterdir())
    assert pictures and max(picture.stat().st_size for picture in pictures) < 100_000
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    assert all(f"figures/{picture.name}" in pages for picture in pictures)


@pytest.mark.parametrize("name", ["Cu", "Si_o1"])
def test_differences_from_felix_are_as_the_page_says(name):
    """The row of a crystal, computed again: FELIX's stored intensities against converged ones."""
    import felix_differences

    page = (DOCS / "felix.md").read_text(encoding="utf-8")
    assert felix_differences.HEADER in page
    quoted = re.search(rf"^\| {name} \|.*$", page, re.MULTILINE)[0]
    assert numbers(felix_differences.row(name)) == pytest.approx(numbers(quoted), abs=0.011, rel=0.01)


def numbers(row):
    return [float(cell) for cell in row.strip("| ").split(" | ")[1:] if cell != "–"]


def test_every_crystal_of_felix_is_on_the_page():
    rows = re.findall(r"^\| (\w+) \| [\d.]+ \|", (DOCS / "felix.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == sorted(path.stem for path in (ROOT / "tests" / "data" / "felix").glob("*.npz"))


def test_felix_breaks_the_symmetry_as_the_page_says():
    import felix_differences

    quoted = re.search(r"from its transpose by up to ([\d.]+)", (DOCS / "felix.md").read_text(encoding="utf-8"))[1]
    assert felix_differences.asymmetry("SrTiO3") == pytest.approx(float(quoted), abs=0.006)


def test_silicon_and_germanium_are_as_alike_as_the_page_says():
    import figures

    quoted = re.search(r"the same \(R = ([\d.]+)\), the patterns are not \(R = ([\d.]+)\)", physics()).groups()
    pairs = zip(figures.scaled("Si"), figures.scaled("Ge"), strict=True)
    found = [float(correlation_r(one[None], other[None])) for one, other in pairs]
    assert found == pytest.approx([float(value) for value in quoted], abs=0.0006)


def test_errors_of_the_cut_off_are_those_of_the_experiment():
    table = (ROOT / "experiments" / "convergence" / "README.md").read_text(encoding="utf-8")
    header = re.search(r"^\| crystal \| B in.*$", table, re.MULTILINE)[0]
    column = [cell.strip() for cell in header.split("|")].index("g_max 4.25 1/Å")
    rows = re.findall(r"^\| \w+ \| [\d.]+ \|.*$", table, re.MULTILINE)
    for b in ("0.5", "0"):
        errors = [row.split("|")[column].split()[0] for row in rows if row.split("|")[2].strip() == b]
        lowest, highest = min(errors, key=float), max(errors, key=float)
        assert f"{lowest} to {highest} " in physics()
    copper = re.search(r"^\| Cu \| converged, .* / ([\d.]+) \| [\d.]+ \|$", table, re.MULTILINE)[1]
    assert f"{copper} rms for copper at 200 nm" in (DOCS / "felix.md").read_text(encoding="utf-8").replace("\n", " ")


def test_factors_quoted_from_the_ablation_are_in_its_tables():
    table = (ROOT / "experiments" / "ablation" / "README.md").read_text(encoding="utf-8")
    assert re.search(r"\| condition=scale \| [\d.]+ \| [\d.]+ \| 0\.43 \|", table) and "is 0.43 of that" in physics()
    training = " ".join((DOCS / "training.md").read_text(encoding="utf-8").split())
    assert "has 1.6 times the error at 50 nm" in table and "1.6 times the error at 50 nm" in training


def physics():
    return " ".join((DOCS / "physics.md").read_text(encoding="utf-8").split())
