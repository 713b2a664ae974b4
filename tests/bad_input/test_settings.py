"""Settings of every command that cannot be used: an unknown key, a wrong type, an impossible combination."""

import numpy as np
import pytest
from bad_input.structures import GOOD

SETTINGS = [
    ("train", ["bogus=1"], "unknown key 'bogus'; keys are direction, thickness"),
    ("train", ["epochs=many"], "epochs=many is not a whole number from 1 up"),
    ("train", ["betas=[0.5]"], "betas=[0.5] is not a list of two numbers in [0, 1)"),
    ("train", ["thickness=75"], "thickness=75: choose from 50, 100"),
    ("train", ["direction=inverse", "condition=scale"], "direction=forward"),
    ("train", ["data=kaggle", "condition=scale"], "condition=scale needs the range of ρ"),
    ("train", ["data=kaggle", "data.root=nowhere"], "nowhere: No such file or directory; data.root is the folder"),
    (
        "train",
        ["thickness=all", "model=pix2pixhd"],
        "several thicknesses need networks of one channel; take model.channels=1",
    ),
    ("train", ["runs=${oc.env:NOT_SET_ANYWHERE}"], "NOT_SET_ANYWHERE"),
    ("simulate", ["structures=catalogue", "output=out", "sise=64"], "unknown key 'sise'; keys are structures, output"),
    ("simulate", ["structures=catalogue", "output=out", "size=[64]"], "size=[64] is not a whole number"),
    (
        "simulate",
        ["structures=catalogue", "output=out", "method=felix", "dark_field=[[2,0]]"],
        "needs method=converged",
    ),
    (
        "simulate",
        ["structures=catalogue", "output=out", "method=felix", "absorption=tds"],
        "absorption=tds needs method=converged; felix has none",
    ),
    (
        "simulate",
        ["structures=catalogue", "output=out", "absorption=bird"],
        "absorption=bird is not one of none, proportional, tds",
    ),
    (
        "simulate",
        ["structures=catalogue", "output=out", "absorption=tds", "absorption_ratio=0.2"],
        "absorption_ratio=0.2 needs absorption=proportional",
    ),
    ("simulate", ["structures=catalogue", "output=a.cif"], "a.cif: not a folder; choose another output"),
    ("predict", ["input=a.cif", "patterns=4"], "unknown key 'patterns'; keys are input, output"),
    ("predict", ["input=a.cif", "rotation=left"], "rotation=left is not an angle in degrees"),
    ("predict", ["input=p.npy", "a=5", "pixel_size=0.1", "half_width=3"], "give one of them"),
    ("predict", ["input=p.npy"], "p.npy is a pattern: a=… is needed"),
    ("predict", ["input=a.cif", "thickness=75"], "thickness=75 nm: the network never saw it"),
    ("evaluate", ["runs=nowhere"], "runs=nowhere: no such folder"),
    ("evaluate", ["run=runs"], "unknown key 'run'; keys are runs, checkpoint"),
    ("evaluate", ["timing=5"], "timing=5 is not true or false"),
    ("join", ["output=nowhere"], "output=nowhere: no such folder"),
    ("join", ["output=.", "tolerance=-1"], "tolerance=-1 is not a positive number"),
    ("join", ["output=.", "shards=4"], "unknown key 'shards'; keys are output, tolerance"),
]


@pytest.mark.parametrize(("command", "words", "reason"), SETTINGS, ids=[" ".join([c, *w]) for c, w, _ in SETTINGS])
def test_setting(here, refused, shared_store, command, words, reason):
    (here / "a.cif").write_text(GOOD)
    np.save("p.npy", np.arange(256.0).reshape(16, 16))
    store = [f"store={shared_store}"] if command == "train" and not any("kaggle" in word for word in words) else []
    assert reason in refused(command, *store, *words)


NAMES = [
    "SrTiO₃.cif",
    "Fe3O4 (2).cif",
    "(Mg,Fe)O.cif",
    "a=5.43.cif",
    "Dünne Schichten/Ä ö.cif",
    "it's.cif",
    "5.43",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files_are_taken_as_they_are(here, run, name):
    """One word of the shell each, whether Hydra's grammar would take it or not; in every key that takes a path."""
    path = here / "weights" / name
    path.parent.mkdir(parents=True)
    path.write_text(GOOD)
    words = [
        f"structures=weights/{name}",
        f"output=stores/{name}",
        "size=8",
        "g_max=1.0",
        "thickness=[50]",
        "workers=1",
    ]
    status, out, error = run("simulate", *words, "device=cpu")
    assert (status, error) == (0, ""), error
    assert (here / "stores" / name / "meta.json").exists() and f"1 crystals in stores/{name}" in out
    for key in ("store", "runs"):
        words = ["store=nowhere", "experiment=smoke", f"{key}=nowhere/{name}"]
        assert "nowhere" in run("train", *words)[2] and not (here / "runs").exists()
    assert f"input={name}: no such file" in run("predict", f"input={name}")[2]
    assert f"runs={name}: no such folder" in run("evaluate", f"runs={name}")[2]


def test_a_file_whose_name_could_be_a_sweep_is_taken_where_it_exists(here, run):
    (here / "a,b.cif").write_text("nothing")
    assert "a,b.cif: neither a CIF nor an image" in run("predict", "input=a,b.cif")[2]
    assert "'input=b,a.cif' asks for several runs; add -m" in run("predict", "input=b,a.cif")[2]


def test_the_line_on_a_list_of_such_names_says_what_to_type(refused):
    line = refused("predict", "input=[Fe3O4 (2).cif,b.cif]")
    assert """type 'input=["Fe3O4 (2).cif","b.cif"]'""" in line
    assert "input=Fe3O4 (2).cif: no such file" in refused("predict", 'input=["Fe3O4 (2).cif","b.cif"]')


@pytest.mark.parametrize(
    ("command", "word", "successor"),
    [
        ("predict", "scale=0.1", "scale is now pixel_size"),
        ("train", "model.weights.l1=1", "model.weights.l1 is now model.loss_weights.l1"),
    ],
)
def test_a_key_of_before_names_its_successor(refused, command, word, successor):
    assert successor in refused(command, word)
