"""Settings of every command that cannot be used: an unknown key, a wrong type, an impossible combination."""

import numpy as np
import pytest
from bad_input.structures import GOOD

SETTINGS = [
    ("train", ["bogus=1"], "unknown key 'bogus'; keys are direction, thickness"),
    ("train", ["epochs=many"], "epochs=many is not a whole number; the default is 40"),
    ("train", ["betas=[0.5]"], "betas=[0.5] is not a list of two numbers in [0, 1)"),
    ("train", ["thickness=75"], "thickness=75: choose from 50, 100"),
    ("train", ["direction=inverse", "condition=scale"], "direction=forward"),
    ("train", ["data=kaggle", "condition=scale"], "condition=scale needs the range of ρ"),
    ("train", ["data=kaggle", "data.root=nowhere"], "nowhere: No such file or directory; data.root is the folder"),
    ("train", ["thickness=all", "model=pix2pixhd"], "needs networks of one channel; take model.channels=1"),
    ("train", ["runs=${oc.env:NOT_SET_ANYWHERE}"], "NOT_SET_ANYWHERE"),
    ("simulate", ["structures=catalogue", "output=out", "sise=64"], "unknown key 'sise'; keys are structures, output"),
    ("simulate", ["structures=catalogue", "output=out", "size=[64]"], "size=[64] is not a whole number"),
    (
        "simulate",
        ["structures=catalogue", "output=out", "method=felix", "dark_field=[[2,0]]"],
        "needs method=converged",
    ),
    ("simulate", ["structures=catalogue", "output=a.cif"], "a.cif: not a folder; choose another output"),
    ("predict", ["input=a.cif", "patterns=4"], "unknown key 'patterns'; keys are input, output"),
    ("predict", ["input=a.cif", "rotation=left"], "rotation=left is not a number"),
    ("predict", ["input=p.npy", "a=5", "pixel_size=0.1", "half_width=3"], "give one of them"),
    ("predict", ["input=p.npy"], "p.npy is a pattern: a=… is needed"),
    ("predict", ["input=a.cif", "thickness=75"], "thickness=75 nm: the network never saw it"),
    ("evaluate", ["runs=nowhere"], "runs=nowhere: no such folder"),
    ("evaluate", ["run=runs"], "unknown key 'run'; keys are runs, group"),
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
