"""Weights and checkpoints that cannot be used, given to predict; and that nothing in one runs."""

import json
import pickle
import struct
import zipfile

import pytest
import torch
from bad_input.structures import GOOD
from safetensors.torch import load_file, save_file

from lacbed_gan.models.build import build_networks
from lacbed_gan.models.checkpoints import read_checkpoint
from lacbed_gan.models.settings import NetworkSettings
from lacbed_gan.models.weights import FORMATS, Trained, WeightsError, load_weights, save_weights
from lacbed_gan.running.checkpoints import AtomicCheckpointIO
from lacbed_gan.store.recipe import Recipe


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Folder with the weights and the checkpoint of one untrained forward network."""
    model = {"generator": {"name": "fourier", "width": 8}, "symmetry": "2"}
    model |= {"loss_weights": {"adversarial": 0.0, "feature_matching": 0.0, "l2": 1.0}}
    settings = {"direction": "forward", "size": 32, "thickness": [50.0], "condition": ["log_a"]}
    settings |= {"origin": "canonical", "model": model}
    networks = build_networks(NetworkSettings(**settings))
    folder = tmp_path_factory.mktemp("networks")
    data = {"checksum": "a", "standardisation": {"log_a": [1.0, 1.0]}, "recipe": Recipe(128, (50.0,)).to_json()}
    config = {"settings": settings, "data": data}
    save_weights(folder / "good.safetensors", Trained.of(networks, config))
    state = {f"generator.{name}": value for name, value in networks.generator.state_dict().items()}
    torch.save({"config": config, "state_dict": state}, folder / "good.ckpt")
    return folder


def safetensors(**changes):
    """Writes the good weights with other metadata, or other settings."""

    def write(path, good):
        config = json.loads(_metadata(good)["config"])
        known = {"format": changes.pop("format", FORMATS[-1])}
        config["settings"] |= changes.pop("settings", {})
        config |= changes
        save_file(load_file(good), path, metadata=known | {"config": json.dumps(config)})

    return write


def _metadata(path):
    data = path.read_bytes()
    return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]


def foreign_tensors(path, good):
    save_file({"a": torch.zeros(3)}, path)


def other_tensors(path, good):
    tensors = load_file(good)
    name = next(name for name in tensors if tensors[name].ndim == 2)
    save_file(tensors | {name: torch.zeros(3, 3)}, path, metadata=_metadata(good))


def in_checkpoint(change):
    def write(path, good):
        checkpoint = torch.load(good, weights_only=True)
        change(checkpoint)
        torch.save(checkpoint, path)

    return write


def first_tensor_cut(checkpoint):
    name = next(iter(checkpoint["state_dict"]))
    checkpoint["state_dict"][name] = checkpoint["state_dict"][name].flatten()[:1]


WIDE = {"name": "fourier", "order": 4, "width": 10**8, "depth": 1}
# What it is → name of the file, how it is made from the good one, and what the line says.
NETWORKS = {
    "weights cut short": ("w.safetensors", lambda p, g: p.write_bytes(g.read_bytes()[:-50]), "is cut short"),
    "header cut short": ("w.safetensors", lambda p, g: p.write_bytes(g.read_bytes()[:30]), "is no safetensors file"),
    "text": ("w.safetensors", lambda p, g: p.write_text("weights"), "is no safetensors file"),
    "empty": ("w.safetensors", lambda p, g: p.write_bytes(b""), "is no safetensors file"),
    "tensors of another program": ("w.safetensors", foreign_tensors, "its format is None, but this version of"),
    "a newer version": (
        "w.safetensors",
        safetensors(format="lacbed_gan weights 9"),
        "its format is lacbed_gan weights 9, but this version of lacbed_gan reads lacbed_gan weights 3; use",
    ),
    "another model": ("w.safetensors", other_tensors, "its networks cannot be built by this version"),
    "a network that there is not": (
        "w.safetensors",
        safetensors(settings={"model": {"generator": {"name": "transformer"}}}),
        "its networks cannot be built by this version",
    ),
    "no settings": ("w.safetensors", safetensors(settings={"size": None}), "its networks cannot be built by this"),
    "no means": ("w.safetensors", safetensors(data={}), "its networks cannot be built by this version"),
    "a pickle": ("w.safetensors", lambda p, g: p.write_bytes(pickle.dumps({"a": 1})), "is no safetensors file"),
    "checkpoint cut short": ("w.ckpt", lambda p, g: p.write_bytes(g.read_bytes()[:-50]), "checkpoint, or cut short"),
    "checkpoint of another program": (
        "w.ckpt",
        lambda p, g: torch.save({"model": torch.zeros(2)}, p),
        "not the checkpoint of a run",
    ),
    "checkpoint of another model": ("w.ckpt", in_checkpoint(first_tensor_cut), "its networks cannot be built"),
    "checkpoint of a newer version": (
        "w.ckpt",
        in_checkpoint(lambda c: c["config"]["settings"]["model"]["generator"].update(experts=8)),
        "its networks cannot be built by this version of",
    ),
    "checkpoint of a giant": (
        "w.ckpt",
        in_checkpoint(lambda c: c["config"]["settings"]["model"]["generator"].update(WIDE)),
        "its networks cannot be built by this version of",
    ),
    "missing": ("w.ckpt", lambda p, g: None, "no such file"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(here, refused, networks, name):
    file, write, reason = NETWORKS[name]
    (here / "a.cif").write_text(GOOD)
    write(here / file, networks / f"good.{file.partition('.')[2]}")
    line = refused("predict", "input=a.cif", f"checkpoint={file}", "output=out")
    assert line.startswith(f"error: {file}") and reason in line


def test_the_good_ones_are_read(networks):
    image, condition = torch.rand(1, 1, 32, 32), torch.zeros(1, 1)
    first, second = (load_weights(networks / f"good.{kind}") for kind in ("safetensors", "ckpt"))
    assert torch.equal(first.predict(image, condition), second.predict(image, condition))


def with_payload(path, good, trap):
    """A good checkpoint whose pickle has one more entry."""
    checkpoint = torch.load(good, weights_only=True)
    torch.save(checkpoint | {"more": trap}, path)


def plain_pickle(path, good, trap):
    path.write_bytes(pickle.dumps({"state_dict": {}, "config": trap}))


def old_format(path, good, trap):
    torch.save({"more": trap}, path, _use_new_zipfile_serialization=False)


def pickled_archive(path, good, trap):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(trap))
        file.writestr("archive/version", "3")


@pytest.mark.parametrize("write", [with_payload, plain_pickle, old_format, pickled_archive])
def test_nothing_in_a_checkpoint_runs(here, refused, networks, trap, write):
    """A payload is not run by any reader: predict's, the report's, or the one of Lightning that resumes a run."""
    (here / "a.cif").write_text(GOOD)
    write(here / "w.ckpt", networks / "good.ckpt", trap)
    line = refused("predict", "input=a.cif", "checkpoint=w.ckpt", "output=out")
    assert line.startswith("error: w.ckpt")
    for mmap in (False, True):
        with pytest.raises(WeightsError, match=r"^w.ckpt: not a checkpoint, or cut short \("):
            read_checkpoint("w.ckpt", mmap=mmap)
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        AtomicCheckpointIO().load_checkpoint("w.ckpt")
    trap.assert_not_sprung()
