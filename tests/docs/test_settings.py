"""The tables of docs/settings.md have every setting of the configuration, and its default."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
GROUPS = ("data", "trainer", "logger")
MODELS = ("fourier", "small", "pix2pixhd", "pix2pixhd_global")
DRAWING = ("flow", "vae")


def table(title):
    """Cells of each row of a section's table by its first cell, the key."""
    section = re.split(r"^##+ ", PAGE.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line]
    return {key: cells for key, *cells in rows[2:]}


def flat(settings, prefix=""):
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def defaults(path):
    """Settings of a file by key, and of its list of defaults what is chosen by name."""
    settings = yaml.safe_load((CONF / f"{path}.yaml").read_text(encoding="utf-8"))
    chosen = [one for one in settings.pop("defaults", []) if isinstance(one, dict)]
    settings.pop("hydra", None)
    names = {key.removeprefix("optional "): value for one in chosen for key, value in one.items()}
    return {key: value for key, value in names.items() if " " not in key} | dict(flat(settings))


def same(cell, value):
    if isinstance(value, str) and value.startswith("${model."):
        return cell == "the model's"
    if isinstance(value, str) and value.startswith("${by_direction:"):
        forward, inverse = value.rstrip("}").split(",")[1:]
        return cell == f"{forward}, inverse {inverse}"
    return (cell == "–" and value is None) or str(yaml.safe_load(cell)) == str(value)


def compare(rows, expected, column=0):
    assert set(rows) == set(expected)
    wrong = {key: value for key, value in expected.items() if not same(rows[key][column], value)}
    assert not wrong, f"the defaults are {wrong}"


@pytest.mark.parametrize("command", sorted(path.stem for path in CONF.glob("*.yaml")))
def test_settings_of_a_command(command):
    compare(table(command), defaults(command))


def test_settings_that_are_chosen_by_name():
    found = {}
    for group in GROUPS:
        files = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
        first = defaults("train")[group]
        for name in (first, *files):  # the default's values count
            for key, value in defaults(f"{group}/{name}").items():
                found.setdefault(f"{group}.{key}", value)
    compare(table("data, trainer, logger"), {key: value for key, value in found.items() if not key.endswith(".name")})


@pytest.mark.parametrize("model", [*MODELS, *DRAWING])
def test_settings_of_a_model(model):
    title, models = ("models that draw their answers", DRAWING) if model in DRAWING else ("model", MODELS)
    settings = defaults(f"model/{model}")
    sizes = {key for key in settings if key.startswith("generator.") and key != "generator.name"}
    paragraph = PAGE.partition("`model.generator` has, beside" if models is DRAWING else "has its own sizes")[2]
    assert all(f"`{key.rpartition('.')[2]}`" in paragraph for key in sizes)
    left_out = sizes | {"discriminator.name"}
    expected = {f"model.{key}": value for key, value in settings.items() if key not in left_out}
    compare(table(title), expected, models.index(model))


def test_every_model_is_there():
    assert sorted([*MODELS, *DRAWING]) == sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
