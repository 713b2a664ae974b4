"""Small stores of random images with the symmetry of real ones, and what many tests share."""

import logging
import os

os.environ["OMP_NUM_THREADS"] = "1"  # on a busy machine a second thread makes small networks far slower

import tempfile
import time

import numpy as np
import pytest
from kaggle_layout import some_pairs, write_images
from offline_runs import records
from programs import FORKS, Program
from run_folders import undrawn

from lacbed_gan.store.store import Store
from lacbed_gan.store.writer import StoreWriter

CACHE = tempfile.TemporaryDirectory(prefix="lacbed-gan-")  # of this process and those it starts
os.environ["XDG_CACHE_HOME"] = CACHE.name

THICKNESS = (50, 100)
# Files of tests that take longest, each a whole for one of two processes: begun first, they end together.
LONGEST = ["test_train_settings", "test_sweep", "test_resume", "test_code_blocks", "test_recipes", "test_evaluate"]
LONGEST += ["test_train", "test_machine", "test_killed", "test_published_training", "test_structures", "test_stores"]
SETTINGS = {"method": "converged", "g_max": 4.25, "rho_sampling": "endpoints"}


@pytest.fixture(autouse=True)
def no_fits(monkeypatch):
    """Random images are no crystal's patterns, and a fit of them takes a minute."""
    monkeypatch.setattr("lacbed_gan.predict.potentials.fit_potential", lambda *_, **__: None)


def pytest_collection_modifyitems(items):
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def symmetric(images, group):
    """(T, S, S) with the quadrant, made symmetric for 4mm, mirrored over the others."""
    half = images.shape[-1] // 2
    quadrant = images[..., half:, half:]
    if group == "4mm":
        quadrant = np.maximum(quadrant, quadrant.swapaxes(-1, -2))
    lower = np.concatenate([quadrant[..., ::-1], quadrant], -1)
    return np.concatenate([lower[..., ::-1, :], lower], -2)


def crystals(count=30, size=16, seed=0):
    """(entry, potential, pattern, intensity) of each crystal; two crystals a formula."""
    random = np.random.default_rng(seed)
    for i in range(count):
        pattern = random.integers(0, 256, (len(THICKNESS), size, size), dtype=np.uint8)
        if i % 3 < 2 and size % 2 == 0:
            pattern = symmetric(pattern, ("4mm", "2mm")[i % 3])
        entry = {
            "id": f"crystal-{i}",
            "formula": f"A{i // 2}",
            "space_group": "F m -3 m",
            "number": 225,
            "a": 3.0 + i / 10,
            "source": "made for the test, ρ of Fe₂O₃",
            "rho_min": -0.5,
            "rho_max": 1.0 + i,
            "prototype": "rock salt",
        }
        potential = random.integers(0, 256, (size, size), dtype=np.uint8)
        yield entry, potential, pattern, pattern.astype(np.float32) / 255


def write_crystals(folder, crystals, size=16, save_intensity=True):
    with StoreWriter(folder, size, THICKNESS, SETTINGS, save_intensity) as writer:
        for entry, potential, pattern, intensity in crystals:
            if entry["id"] not in writer.done:
                writer.append(entry, potential, pattern, intensity if save_intensity else None)
        writer.finish()


def write_store(folder, count=30, size=16, save_intensity=False):
    write_crystals(folder, crystals(count, size), size, save_intensity)
    return Store.open(folder)


@pytest.fixture
def write():
    """write(folder, crystals, save_intensity=…): a finished store; of one that was begun it writes the rest."""
    return write_crystals


@pytest.fixture
def contents():
    """contents(folder) → the bytes of every file by its name."""
    return lambda folder: {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def make_store(tmp_path):
    """make_store(name, count=…, size=…, save_intensity=…) → an open finished store."""
    return lambda name="store", **arguments: write_store(tmp_path / name, **arguments)


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory):
    """Folder of a finished store of 128 × 128 pixels that no test changes."""
    folder = tmp_path_factory.mktemp("stores") / "shared"
    write_store(folder, size=128)
    return folder


@pytest.fixture
def some_crystals():
    return list(crystals())


@pytest.fixture
def wandb_records():
    """wandb_records(file) → the records of an offline run, once W&B's own process has written the last one."""

    def wait(file):
        for _ in range(150):
            found = records(file.read_bytes())
            if found and found[-1].HasField("exit"):
                return found
            time.sleep(0.2)
        pytest.fail(f"{file} has no end")

    return wait


@pytest.fixture
def program(tmp_path_factory):
    """program(command, words, folder, largest_file=…) → a `Program`; what is left of it ends with the test."""
    if FORKS is None:
        pytest.skip("needs processes that fork")
    folder, begun = tmp_path_factory.mktemp("programs"), []

    def begin(*arguments, **more):
        begun.append(Program(folder / str(len(begun)), *arguments, **more))
        return begun[-1]

    yield begin
    for one in begun:
        if not one.ended:
            one.kill()


@pytest.fixture
def make_weights(tmp_path):
    """make_weights(direction, key=value…) → a file of untrained networks: forward for 50, 200 nm, inverse for 50 nm."""

    def make(direction, *words):
        import torch

        from lacbed_gan.commands.config import composed
        from lacbed_gan.models.build import build_networks
        from lacbed_gan.models.settings import NetworkSettings
        from lacbed_gan.models.weights import Trained, save_weights

        forward = direction == "forward"
        words = [f"direction={direction}", "trainer=cpu", "model.loss_weights.span=1", *words]
        settings = composed("train", words).plain()
        settings |= {"size": 32, "origin": "canonical", "condition": ["log_a", "log_span"][: 1 + forward]}
        settings |= {"thickness": [50.0, 200.0] if forward else [50.0]}
        torch.manual_seed(0)
        moments = {"log_a": [1.8, 0.3], "log_span": [1.2, 0.8]}
        recipe = {"size": 32, "thickness": [50, 200], "g_max": 3.0}
        config = {"settings": settings, "data": {"standardisation": moments, "recipe": recipe}}
        networks = build_networks(NetworkSettings.of_run(config["settings"]))
        for name, weight in networks.generator.named_parameters():
            if "waves" in name or "answer" in name:  # starts at zero, which is a flat ρ
                torch.nn.init.normal_(weight, std=0.3)
        path = tmp_path / f"{direction}.safetensors"
        save_weights(path, Trained.of(networks, config))
        return path

    return make


@pytest.fixture
def configured(shared_store, tmp_path, monkeypatch):
    """configured(key=value…) → the configuration of a smoke run, and its folder, in an empty working directory.

    Runs in this process do not draw their pictures.
    """
    from lacbed_gan.commands import train  # brings Lightning
    from lacbed_gan.commands.config import composed
    from lacbed_gan.running.folder import run_name

    monkeypatch.chdir(tmp_path)

    def configure(*words):
        config = composed("train", [f"store={shared_store}", "experiment=smoke", "trainer=cpu", *words])
        train.check(config)
        return config, tmp_path / "runs" / run_name(config.plain())

    with undrawn():
        yield configure


@pytest.fixture(scope="session")
def shipped():
    """(entry, potential, patterns) of forty shipped crystals at 32 pixels."""
    return list(some_pairs(40, 32))


@pytest.fixture
def image_root(tmp_path, shipped):
    """A folder of a quarter of them, as the published data set is kept."""
    return write_images(tmp_path / "images", shipped[::4])


@pytest.fixture(autouse=True)
def log_goes_somewhere():
    """Without the handlers that Hydra left behind in an earlier test, whose output is closed by now."""
    for handler in list(logging.root.handlers):
        if getattr(getattr(handler, "stream", None), "closed", False):
            logging.root.removeHandler(handler)
