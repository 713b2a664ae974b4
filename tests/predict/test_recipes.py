"""Networks trained on pairs of another recipe are fed such input, and every number beside their answers is of it."""

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import lacbed_gan as lg
from lacbed_gan.commands import predict, simulate, train
from lacbed_gan.commands.config import composed
from lacbed_gan.images.measured import Measured
from lacbed_gan.images.preparation import PreparationError
from lacbed_gan.predict import figures
from lacbed_gan.predict.exact import Exact, exact_patterns
from lacbed_gan.predict.physics_check import PhysicsCheck, check_potential, recomputed_pattern
from lacbed_gan.report.collect import collect_runs, grouped
from lacbed_gan.report.predicted import open_data, predict_cases
from lacbed_gan.report.section import facts
from lacbed_gan.store.packed import open_store
from lacbed_gan.store.recipe import Recipe

METALS = {"F m -3 m": dict(Al=4.05, Cu=3.61, Ag=4.09, Au=4.08, Ni=3.52, Pd=3.89, Pt=3.92, Ir=3.84)}
METALS |= {"I m -3 m": dict(Fe=2.87, W=3.16, Cr=2.88, V=3.03)}
CIF = """data_{element}
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_space_group_name_H-M_alt '{group}'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
{element} 0 0 0
"""
SMALL = ["size=64", "thickness=[20,30]", "workers=1", "g_max=1.5", "b_iso_default=0"]
RECIPES = {
    "window": ["half_width=3", "energy_kv=80", "rho_g_max=2.5", "b_iso_default=0.5"],
    "endpoints": ["half_width=5", "energy_kv=120", "rho_g_max=3", "rho_sampling=endpoints"],
    "published": ["rho_sampling=endpoints"],
}


@pytest.fixture(scope="module")
def cifs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifs")
    for group, metals in METALS.items():
        for element, a in metals.items():
            (folder / f"{element}.cif").write_text(CIF.format(element=element, a=a, group=group))
    return folder


@pytest.fixture(scope="module")
def patches():
    """Patches for the module: nobody looks at the pictures of these runs."""
    with pytest.MonkeyPatch.context() as context:
        yield context


@pytest.fixture(scope="module", params=RECIPES)
def trained(request, cifs, tmp_path_factory, patches):
    """The folder of pairs of one recipe and of a run in each direction, as the commands make them."""
    folder = tmp_path_factory.mktemp(request.param)
    words = [f"structures={cifs}", f"output={folder / 'store'}", *SMALL, *RECIPES[request.param]]
    simulate.simulate(composed("simulate", words))
    source = [f"store={folder / 'store'}"]
    if request.param == "published":
        source = ["data=kaggle", f"data.root={published(folder)}", f"data.cache={folder / 'cache'}", "condition=none"]
    for drawing in ("save_samples", "save_loss_curves"):
        patches.setattr(f"lacbed_gan.report.run.{drawing}", lambda *arguments: None)
    for direction in ("forward", "inverse"):
        words = [*source, f"runs={folder / 'runs'}", "experiment=smoke", "trainer=cpu", f"direction={direction}"]
        train.train(composed("train", [*words, "thickness=30", "fold=1", "epochs=1"]))
    return folder


def published(folder):
    """The store's pairs as the published images are."""
    store = open_store(folder / "store")
    for entry, potential, patterns in zip(store.index, store.potential, store.pattern, strict=True):
        images = folder / "images" / entry["id"]
        images.mkdir(parents=True)
        Image.fromarray(potential).save(images / "potential.png")
        for thickness, pattern in zip(store.thickness, patterns, strict=True):
            Image.fromarray(pattern).save(images / f"pattern_{10 * int(thickness):04d}.png")
    return folder / "images"


@pytest.fixture(params=["forward", "inverse"])
def network(request, trained):
    """A predictor, what its network is fed as a list that grows, and the run's data."""
    (path,) = trained.glob(f"runs/{request.param}*/last.ckpt")
    predictor, fed = lg.load(path), []
    predictor._trained.network.register_forward_pre_hook(lambda _, inputs: fed.append(inputs))
    (run,) = (run for run in collect_runs(trained / "runs")[0] if run.direction == request.param)
    data = open_data(run.settings)
    data.setup()
    return predictor, fed, data, run


def same(fed, batch):
    """Whether the network was fed the batch, to the pixel."""
    image, condition = fed[-1]
    known = batch.get("condition")
    alike = condition is None if known is None else torch.allclose(condition, known, atol=1e-5)
    return torch.equal(image, batch["input"]) and alike


def test_the_network_is_fed_what_training_fed_it(network, cifs, tmp_path):
    """By the command, and in the report."""
    predictor, fed, data, run = network
    row = int(data.test_rows[0])
    name, batch = data.store.index[row]["id"], data.batch(np.array([row]))
    assert predictor.recipe == Recipe.of_meta(data.store.meta)
    words = [f"checkpoint={run.checkpoint}", f"output={tmp_path}", "figure=false"]
    path = cifs / f"{name}.cif"
    crystal = lg.Crystal.from_cif(path)
    if predictor.direction == "inverse":
        path = tmp_path / f"{name}_30nm.npy"
        np.save(path, 1000.0 * data.store.pattern[row, 1])
        words += [f"a={crystal.a}", "check=false"]
        predictor.predict_potential(np.load(path), crystal.a)
    else:
        words += [f"compare={predictor.recipe.method == 'converged'}"]  # FELIX takes longer
        predictor.predict_patterns(crystal)
    assert same(fed, batch)
    predict.predict(composed("predict", [f"input={path}", *words]))
    numbers = json.loads((tmp_path / f"{path.stem}.json").read_text())
    assert Recipe.from_json(numbers["recipe"]) == predictor.recipe
    assert {"energy_kv", "half_width", "g_max", "thickness", "rho_g_max", "method"} <= numbers["recipe"].keys()
    if predictor.direction == "forward" and predictor.recipe.method == "converged":
        exact = np.load(tmp_path / f"{path.stem}_exact.npy")
        assert np.array_equal(exact, batch["target"][0].numpy())
    case = predict_cases({"case": (run, name)})["case"]
    assert np.array_equal(case.input, batch["input"][0, 0].numpy())
    answer = np.load(tmp_path / f"{path.stem}.npy").squeeze()
    assert np.allclose(case.prediction, answer, atol=1e-5)


def test_the_page_shows_what_training_fed_the_network(network, cifs):
    """Without a browser: the tabs themselves, their calculations at once."""
    pytest.importorskip("nicegui")
    from nicegui import ui
    from nicegui.testing import user_simulation

    from lacbed_gan.app.forward_tab import ForwardTab
    from lacbed_gan.app.inverse_tab import InverseTab
    from lacbed_gan.app.widgets import Colours

    predictor, fed, data, _ = network
    row = int(data.test_rows[0])
    batch = data.batch(np.array([row]))
    crystal = lg.Crystal.from_cif(cifs / f"{data.store.index[row]['id']}.cif")
    recipe = predictor.recipe
    half = recipe.half_width / crystal.a
    step = crystal.a * 2 / (64 if recipe.periodic else 63)

    measured = Measured(1000.0 * data.store.pattern[row, 1:])
    calculations, pictures = Calculations(), []

    async def look():
        async with user_simulation() as user:

            @ui.page("/", response_timeout=60)
            async def page():
                kind = ForwardTab if predictor.direction == "forward" else InverseTab
                tab = kind(predictor, calculations, Colours())
                if predictor.direction == "forward":
                    await tab._answer(lambda: crystal)
                    pictures.extend([tab._calculation._picture, tab._potential._picture])
                else:
                    tab._fields.fill({"a": crystal.a})
                    await tab._answer(measured, tab._fields.calibration(measured))
                    pictures.extend([tab._pattern._picture, tab._potential._picture])

            await user.open("/")

    asyncio.run(look())
    pattern, potential = pictures
    assert same(fed, batch)
    assert pattern.frame.extent == pytest.approx((-half, half))
    assert potential.frame.extent == pytest.approx((-step / 2, 31.5 * step))
    function, arguments = calculations.asked
    assert function is (exact_patterns if predictor.direction == "forward" else check_potential)
    assert [argument for argument in arguments if isinstance(argument, Recipe)] == [recipe]


class Calculations:
    """Those beside the page: what was asked for, without an answer."""

    async def compute(self, key, function, *arguments):
        self.asked = function, arguments
        if function is exact_patterns:
            return Exact(arguments[2], (0.0,), (1.0,), 0.0)
        if function is recomputed_pattern:
            self.asked = check_potential, arguments
            return arguments[1], arguments[1]
        return PhysicsCheck(0.0, 0.0, 1.0, 0.0, 0.0)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_axes_of_figures_follow_the_recipe(trained, cifs, direction, tmp_path, monkeypatch):
    """Of the figures of predict; those of the page are above."""
    (path,) = trained.glob(f"runs/{direction}*/last.ckpt")
    predictor, drawn = lg.load(path), []
    monkeypatch.setattr(figures.Axes, "imshow", lambda axes, image, **look: drawn.append(look["extent"]))
    crystal = lg.Crystal.from_cif(cifs / "Cu.cif")
    half = predictor.recipe.half_width / crystal.a
    if direction == "forward":
        figures.save_patterns_figure(predictor.predict_patterns(crystal), crystal.a, "Cu", tmp_path / "figure.png")
    else:
        pattern = open_store(trained / "store").pattern[0, 1]
        prediction = predictor.predict_potential(pattern, crystal.a)
        figures.save_potential_figure(prediction, crystal.a, "Cu", tmp_path / "figure.png")
        step = crystal.a * 2 / (64 if predictor.recipe.periodic else 63)
        assert drawn.pop() == pytest.approx((-step / 2, 31.5 * step, 31.5 * step, -step / 2))
    assert drawn == [pytest.approx((-half, half, half, -half))]


def test_physics_is_that_of_the_recipe(trained):
    """The right ρ passes by its own recipe, and not by another's window or sampling."""
    store = open_store(trained / "store")
    recipe = Recipe.of_meta(store.meta)
    row = next(i for i, entry in enumerate(store.index) if entry["id"] == "Cu")
    entry = store.index[row]
    arguments = store.potential[row] / 255, store.pattern[row, :1] / 255, entry["a"]
    span = entry["rho_max"] - entry["rho_min"]
    check = check_potential(*arguments, recipe, [20.0], span)
    assert check.residual < 0.002 and not check.flagged and check.limit
    other = check_potential(*arguments, replace(recipe, half_width=4.0), [20.0], span)
    assert other.flagged


def test_the_report_says_what_the_pairs_are(trained):
    (group,) = grouped(collect_runs(trained / "runs")[0])[0][:1]
    text, recipe = dict(facts(group))["Pairs"], open_data(group.runs[0].settings).store.meta
    recipe = Recipe.of_meta(recipe)
    assert f"{recipe.method}, {recipe.energy_kv:g} kV, angles to ±{recipe.half_width:g} /a" in text
    assert ("at r = i/64" in text) == recipe.periodic


def test_a_pattern_of_smaller_angles_gets_one_line(trained, tmp_path):
    (path,) = trained.glob("runs/inverse*/last.ckpt")
    predictor = lg.load(path)
    with pytest.raises(
        PreparationError, match=rf"±{predictor.recipe.half_width:g} reciprocal .* measure larger angles"
    ):
        predictor.predict_potential(np.eye(64), 4.0, half_width=predictor.recipe.half_width / 3)
