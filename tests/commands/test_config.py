"""The command line: what is composed, and the one line for what is refused."""

import os
import subprocess
import sys

import pytest
import torch

from lacbed_gan.commands import simulate, train
from lacbed_gan.commands.command import run_command
from lacbed_gan.commands.config import composed, jobs
from lacbed_gan.store.store import StoreError

SILENT = ["hydra/job_logging=none", "hydra/hydra_logging=none"]


@pytest.fixture
def command(shared_store, tmp_path, monkeypatch, capsys):
    """command(words…) → (jobs done, the one line on stderr or ""), in an empty folder where nothing is left."""
    monkeypatch.chdir(tmp_path)

    def run(*words, name="train", check=train.check, main=None):
        done = []
        store = [f"store={shared_store}"] if name == "train" else []
        monkeypatch.setattr(sys, "argv", [name, *store, *words])
        try:
            run_command(name, check, main or done.append)
        except SystemExit as exit:
            assert exit.code == 2
        error = capsys.readouterr().err
        assert error.count("\n") == bool(error)
        assert bool(error) == error.startswith("error: ")
        return done, error

    return run


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["bogus=1"], "'bogus'; keys are direction, thickness, fold, store"),
        (["model.bogus=1"], "keys of model are generator, discriminator"),
        (["model.generator.bogus=1"], "keys of model.generator are name, quadrants, few_beams, order, width, depth"),
        (["model=pix2pixhd", "model.generator.bottleneck=8"], "name, filters, downsamplings, blocks, local_blocks"),
        (["logger=csv", "logger.project=mine"], "keys of logger are name"),
        (["+fold=3"], "'+fold=3' adds or deletes a key; keys are direction"),
        (["~fold"], "'~fold' adds or deletes a key"),
        (["model@other=small"], "adds or deletes a key"),
        (["thickness=75"], "thickness=75: choose from 50, 100 nm"),
        (["thickness=thin"], "thickness=thin is not a number of nm, a list of them, or all"),
        (["fold=10"], "fold=10 is not one of 0 … 9"),
        (["fold=-1"], "0 … 9"),
        (["fold=first"], "0 … 9"),
        (["fold=1.0"], "fold=1.0 is not one of 0 … 9"),
        (["fold=true"], "fold=true is not one of 0 … 9"),
        (["direction=sideways"], "direction=sideways is not one of forward, inverse"),
        (["direction=null"], "direction=null is not one of forward, inverse"),
        (["model=large"], "model=large is not one of flow, fourier, pix2pixhd, pix2pixhd_global, small, vae"),
        (["model=null"], "pix2pixhd, pix2pixhd_global, small"),
        (["experiment=bogus"], "experiment=bogus is not one of best, paper, smoke"),
        (["trainer=tpu"], "trainer=tpu is not one of auto, cpu, ddp, gpu"),
        (["logger=tensorboard"], "csv, wandb"),
        (["condition=full"], "null, none, cell, scale"),
        (["condition=scale", "direction=inverse"], "direction=forward"),
        (["gan_loss=hinge"], "lsgan, log"),
        (["size=7"], "choose from null, 1, 2, 4, 8, 16, 32, 64, 128"),
        (["model=small", "size=16"], "32, 64 and 128"),
        (["epochs=many"], "epochs=many is not a whole number from 1 up"),
        (["epochs=1.5"], "not a whole number"),
        (["batch_size=0"], "batch_size=0 is not a whole number from 1 up"),
        (["learning_rate=fast"], "learning_rate=fast is not a positive number"),
        (["learning_rate=0"], "not a positive number"),
        (["betas=0.5"], "betas=0.5 is not a list"),
        (["betas=[0.5]"], "two numbers in [0, 1)"),
        (["model.generator=3"], "not a mapping"),
        (["model.generator.width=1.5"], "not a whole number"),
        (["model.generator.name=resnet"], "one of fourier, global_unet, global_generator, local_enhancer"),
        (["trainer.precision=8"], "32-true, bf16-mixed"),
        (["store=nowhere"], "nowhere: no such store"),
        (["store=3"], "3: no such store"),
        (["runs=${nowhere}"], "'nowhere' not found"),
        (["experiment=smoke", "model=pix2pixhd"], "sets the unknown key 'model.generator.bottleneck'"),
        (["fold"], "'fold' is not of the form key=value"),
        (["=3"], "'=3' is not of the form key=value"),
        (["fold=[1"], "'fold=[1'"),
        (["direction=forward,inverse"], "add -m"),
        (["-m", "direction=forward,sideways"], "direction=sideways is not one of"),
        (["-m", "direction=inverse,forward", "fold=range(9,12)"], "fold=10 is not one of"),
        (["-m", "experiment=null,smoke"], "experiment=null is none of several"),
        (["--fold=3"], "unknown option '--fold=3'; settings are given as key=value"),
        (["-m", "model=small,large"], "model=large is not one of"),
        (["hydra.bogus=1"], "hydra.bogus"),
        (["seed=99999999999"], "seed=99999999999 is not a whole number from 0 to 4294967295"),
        (["learning_rate=inf"], "learning_rate=inf is not a positive number"),
        (["model.loss_weights.l1=nan"], "model.loss_weights.l1=nan is not a number from 0 up"),
        (["model.weights.l1=nan"], "model.weights.l1 is now model.loss_weights.l1"),
        (["model.weights.scale=1"], "model.weights.scale is now model.loss_weights.span"),
        (["model.weights={l1: 1}"], "model.weights is now model.loss_weights"),
        (["model.periodic=true"], "model.periodic is now model.generator.periodic"),
        (["model.discriminator.scales=9", "size=32"], "scales=9 is not a whole number from 1 to 8"),
        (["trainer.devices=0"], "trainer.devices=0 is not auto, a whole number from 1 up"),
        (["trainer=cpu", "trainer.devices=[0]"], "trainer.devices=[0], but trainer.accelerator=cpu has 0 GPUs here"),
        (["trainer.devices=[]"], "trainer.devices=[] is not auto, a whole number from 1 up, or a list"),
        (["trainer.strategy=ddpp"], "trainer.strategy=ddpp is not one of auto, ddp"),
        (["logger.project=my/proj"], "logger.project=my/proj is not a name without /"),
        (["logger.group=7"], "logger.group=7 is not a name"),
        (["data.group=lists"], "data.group=lists is not one of formula, prototype"),
        (["model.loss_weights.l2=0"], "share=0.15 is between the discriminator's terms and l1 or l2: both are 0"),
        (["model.loss_weights.l2=0", "model.discriminator=null"], "no loss is left for the image"),
        (["model.discriminator=3"], "model.discriminator=3 is not a mapping"),
        (["model.discriminator.window=3"], "window=3 is smaller than what the layers leave: 4 or more"),
    ],
)
def test_refused_in_one_line_before_anything_is_made(command, tmp_path, words, named):
    done, error = command(*words)
    assert named in error
    assert not done
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "structures=… is needed"),
        (["structures=catalogue"], "output=… is needed"),
        (["structures=nowhere", "output=out"], "catalogue, prototypes, bundled"),
        (["structures=catalogue", "output=out", "method=best"], "converged, felix"),
        (["structures=catalogue", "output=out", "thickness=50"], "list"),
        (["structures=catalogue", "output=out", "thickness=[0]"], "[50,100]"),
        (["structures=catalogue", "output=out", "size=8.5"], "whole number"),
        (["structures=catalogue", "output=out", "count=few"], "whole number"),
        (["structures=catalogue", "output=out", "save_intensity=1"], "true or false"),
        (["structures=catalogue", "output=out", "model=small"], "unknown key 'model'; keys are structures, output"),
    ],
)
def test_simulate_refuses_in_one_line(command, tmp_path, words, named):
    done, error = command(*words, name="simulate", check=simulate.check)
    assert named in error
    assert not done
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["direction=inverse", "thickness=100", "fold=3"],
        ["experiment=smoke"],
        ["experiment=null"],
        ["experiment=null", "-m"],
        ["condition=[log_a]"],
        ["trainer=ddp", "trainer.devices=4", "logger.group='\"7\"'"],
        ["experiment=paper"],
        ["experiment=smoke", "size=64", "direction=inverse"],
        ["model=pix2pixhd_global", "trainer=cpu"],
        ["trainer=ddp", "trainer.devices=2"],
        ["gan_loss=log", "learning_rate=1e-4", "betas=[0,0.9]", "model.loss_weights.l1=10"],
    ],
)
def test_accepted(command, words):
    done, error = command(*words, *SILENT)
    assert not error
    assert len(done) == 1


def test_the_bundled_store_is_the_default_and_has_the_thicknesses_of_the_paper():
    train.check(composed("train", ["direction=inverse", "thickness=200", "fold=3"]))
    with pytest.raises(ValueError, match="choose from 50, 100, 150, 200 nm in the store bundled"):
        train.check(composed("train", ["thickness=75"]))


def test_an_experiment_is_overridden_by_the_command_line():
    config = composed("train", ["experiment=paper", "epochs=3"])
    assert (config.epochs, config.model.generator.name, config.learning_rate) == (3, "local_enhancer", 2e-4)


def test_a_gpu_of_the_cluster_is_not_looked_for_where_jobs_are_submitted(command, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "trainer=gpu, but PyTorch finds no GPU" in command("trainer=gpu")[1]
    monkeypatch.setattr(sys, "argv", ["train", "-m", "hydra/launcher=submitit_slurm", "trainer=gpu"])
    train.check(composed("train", ["trainer=gpu"]))


def test_jobs_use_every_value_of_a_sweep():
    assert list(jobs(["direction=forward,inverse", "fold=range(3)", "seed=1"])) == [
        ["direction=forward", "fold=0", "seed=1"],
        ["direction=inverse", "fold=1", "seed=1"],
        ["direction=forward", "fold=2", "seed=1"],
    ]
    assert list(jobs([])) == [[]]


def test_one_line_for_an_error_of_a_job_and_the_sweep_goes_on(command):
    seeds = []

    def job(config):
        seeds.append(config.seed)
        if config.seed == 1:
            raise StoreError("store: damaged; make the store again")

    _, error = command("seed=1,2", "-m", *SILENT, check=lambda config: None, main=job)
    assert error == "error: store: damaged; make the store again\n"
    assert seeds == [1, 2]


@pytest.mark.parametrize(
    ("line", "limit"),
    [(["-m", "lacbed_gan.train", "--help"], 12.0), (["-c", "import lacbed_gan"], 2.0)],  # 1.5 s and 0.03 s when idle
)
def test_what_is_asked_for_at_once_comes_at_once(tmp_path, line, limit):
    """Measured by the processor's time, which a busy machine does not stretch much."""
    before = os.times()
    subprocess.run([sys.executable, *line], cwd=tmp_path, capture_output=True, check=True)
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < limit


def test_help_needs_neither_torch_nor_lightning():
    program = "import sys, lacbed_gan.commands.train\n"
    program += "print([name for name in ('torch', 'lightning', 'wandb', 'gemmi') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_as_a_program(tmp_path):
    words = [sys.executable, "-m", "lacbed_gan.train", "direction=sideways"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: direction=sideways is not one of forward, inverse\n"
    assert not done.stdout
    assert not list(tmp_path.iterdir())
