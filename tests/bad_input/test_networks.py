"""Weights and checkpoints that cannot be used, given to predict; and that nothing in one runs."""

import json
import pickle
import struct
import zipfile

import pytest
import torch
from bad_input.structures import GOOD
from safetensors.torch import load_file, save_file

from lacbed_gan.commands.config import composed
from lacbed_gan.commands.train import as_before
from lacbed_gan.models.assemble import build_cgan
from lacbed_gan.models.checkpoints import AtomicCheckpointIO, load_cgan, read_checkpoint
from lacbed_gan.models.weights import FORMAT, WeightsError, load_weights, save_weights


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Folder with the weights and the checkpoint of one untrained forward network."""
    settings = as_before(composed("train", ["trainer=cpu", "model.generator.width=8"]).plain())
    settings |= {"size": 32, "origin": "canonical", "condition": "cell"}
    module = build_cgan(settings)
    folder = tmp_path_factory.mktemp("networks")
    config = {"settings": settings, "data": {"checksum": "a", "condition_mean": [1.0], "condition_std": [1.0]}}
    save_weights(folder / "good.safetensors", module.network, None, config)
    torch.save({"config": config, "state_dict": module.state_dict()}, folder / "good.ckpt")
    return folder


def safetensors(**changes):
    """Writes the good weights with other metadata, or other settings."""

    def write(path, good):
        config = json.loads(_metadata(good)["config"])
        known = {"format": changes.pop("format", FORMAT)}
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
        safetensors(format="lacbed_gan weights 2"),
        "its format is lacbed_gan weights 2, but this version of lacbed_gan reads lacbed_gan weights 1; use",
    ),
    "another model": ("w.safetensors", other_tensors, "its networks cannot be built by this version"),
    "a network that there is not": (
        "w.safetensors",
        safetensors(settings={"model": {"generator": {"name": "transformer"}}}),
        "its networks cannot be built by this version",
    ),
    "no settings": ("w.safetensors", safetensors(settings={"size": None}), "its networks cannot be built by this"),
    "no means": ("w.safetensors", safetensors(data={}), "condition_mean None is not 1 numbers"),
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
    trained, module = load_weights(networks / "good.safetensors"), load_cgan(networks / "good.ckpt")
    image, condition = torch.rand(1, 1, 32, 32), torch.zeros(1, 1)
    with torch.no_grad():
        expected = module.predict_step({"input": image, "condition": condition})
    assert torch.equal(trained.predict(image, condition), expected)


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
