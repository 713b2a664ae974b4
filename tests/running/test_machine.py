"""What the machine refuses: room on the disk, permission, memory. One line, an exit status, nothing half-written."""

import errno
import os

import pytest
import torch

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.files import replacing
from lacbed_gan.base.messages import error_line
from lacbed_gan.commands import train
from lacbed_gan.store.store import Store

SIMULATE = ["structures=prototypes", "count=4", "size=32", "g_max=1.5", "thickness=[50]", "workers=1", "device=cpu"]
REFUSING = "/sys/kernel"  # takes no new folder, not even from root


def refused(done, *parts):
    status, lines = done.end(), done.err.strip().splitlines()
    assert status == 2 and "Traceback" not in done.err
    assert lines[-1].startswith("error: ") and all(part in lines[-1] for part in parts), done.err
    return True


def test_training_on_a_full_disk_keeps_the_last_good_checkpoint(configured, program, shared_store, tmp_path):
    config, folder = configured("epochs=2")
    words = [f"store={shared_store}", "experiment=smoke", "trainer=cpu", "epochs=2"]
    assert refused(program("train", words, tmp_path, 20_000), f"{folder.name}/best.ckpt: File too large")
    assert not list(folder.glob("*.ckpt*")) and not (folder / "summary.json").exists()
    train.train(config)
    assert (folder / "summary.json").exists()


def test_simulating_on_a_full_disk_goes_on_when_there_is_room(program, tmp_path):
    done = program("simulate", [*SIMULATE, "output=full"], tmp_path, 3000)
    assert refused(done, "full/", ".npy: File too large")
    for output in ("full", "undisturbed"):
        done = program("simulate", [*SIMULATE, f"output={output}"], tmp_path)
        assert done.end() == 0, done.err
    full, undisturbed = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("full", "undisturbed")
    )
    assert full == undisturbed and len(Store.open(tmp_path / "full")) == 4


@pytest.mark.skipif(not os.path.isdir(REFUSING), reason="no folder that refuses everybody")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train", ["experiment=smoke", "trainer=cpu", f"runs={REFUSING}/runs"]),
        ("simulate", [*SIMULATE, f"output={REFUSING}/store"]),
    ],
)
def test_a_folder_that_refuses(program, tmp_path, shared_store, command, words):
    store = [f"store={shared_store}"] if command == "train" else []
    assert refused(program(command, [*store, *words], tmp_path), REFUSING)
    assert not list(tmp_path.iterdir())


def test_errors_of_the_system_name_file_reason_and_remedy(tmp_path):
    assert error_line(OSError(errno.ENOSPC, "No space left on device", "runs/a/last.ckpt")) == (
        "runs/a/last.ckpt: No space left on device; make room, and the same line goes on"
    )
    denied = PermissionError(errno.EACCES, "Permission denied", "a.cif")
    assert error_line(denied).startswith("a.cif: Permission denied; name one that you may write to")
    assert error_line(OSError(errno.EIO, "Input/output error", "a")) == "a: Input/output error"
    assert error_line(ValueError("two\nlines")) == "two; lines"
    with pytest.raises(OSError, match="No space left") as error, replacing(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert error.value.filename == str(tmp_path / "a") and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "remedy"), [(["batch_size=6"], "batch_size=3"), (["batch_size=1"], "model=small, or a smaller size=…")]
)
def test_too_little_memory_on_a_gpu_names_the_batch_size_to_try(configured, monkeypatch, words, remedy):
    """PyTorch's own error, raised here by hand: there is no GPU to fill."""
    config, folder = configured(*words)

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    monkeypatch.setattr("lacbed_gan.models.gan.ConditionalGAN.training_step", full)
    with pytest.raises(SettingsError, match=f"not enough memory for {words[0]}; try {remedy}"):
        train.train(config)
    assert not (folder / "running.lock").exists() and not (folder / "summary.json").exists()
