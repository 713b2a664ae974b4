from itertools import chain

import lightning as L
import numpy as np
import pytest
import torch

from lacbed_gan.data import references
from lacbed_gan.data.batches import EpochBatches
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.images.origin import canonical
from lacbed_gan.measures import baselines
from lacbed_gan.store.writer import StoreWriter


@pytest.fixture
def module(make_store, tmp_path):
    """module(direction=…, …) → a set-up data module on a store of 30 crystals at 16 × 16."""
    make_store("s")

    def make(**arguments):
        defaults = {"direction": "forward", "thickness": 100, "fold": 3, "batch_size": 4}
        made = PairDataModule(tmp_path / "s", **(defaults | arguments))
        made.setup()
        return made

    return make


def rows_of(loader):
    return torch.cat([batch["index"] for batch in loader]).tolist()


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_batches_equal_the_arrays(module, direction):
    data = module(direction=direction)
    potential, pattern = data.store.potential, data.store.pattern[:, 1]
    if direction == "inverse":
        potential, pattern = pattern, potential
    seen = []
    for batch in data.train_dataloader():
        rows = batch["index"].numpy()
        assert batch["input"].shape == (len(rows), 1, 16, 16) and batch["input"].dtype == torch.float32
        np.testing.assert_array_equal(batch["input"][:, 0], potential[rows].astype(np.float32) / 255)
        np.testing.assert_array_equal(batch["target"][:, 0], pattern[rows].astype(np.float32) / 255)
        assert set(batch) == {"input", "target", "index"}
        seen += rows.tolist()
    assert sorted(seen) == data.train_rows.tolist()


def test_folds_share_no_crystal_and_no_formula(module):
    tested = []
    for fold in range(10):
        data = module(fold=fold)
        formulas = [{data.store.index[r]["formula"] for r in rows} for rows in (data.train_rows, data.test_rows)]
        assert not formulas[0] & formulas[1]
        assert len(data.train_rows) + len(data.test_rows) == 30
        tested += rows_of(data.test_dataloader())
    assert sorted(tested) == list(range(30))


def test_validation_has_the_test_fold_and_a_fixed_part_of_the_training_folds(module):
    test, train = module().val_dataloader()
    data = module()
    assert rows_of(test) == rows_of(data.test_dataloader()) == data.test_rows.tolist()
    assert len(rows_of(train)) == len(data.test_rows)
    assert set(rows_of(train)) <= set(data.train_rows.tolist())
    assert rows_of(train) == rows_of(train) == rows_of(data.val_dataloader()[1])


def test_reduced_size_samples_the_potential_and_averages_the_pattern(module):
    data = module(size=8)
    batch = next(iter(data.test_dataloader()))
    rows = batch["index"].numpy()
    np.testing.assert_array_equal(batch["input"][:, 0] * 255, data.store.potential[rows, ::2, ::2])
    blocks = data.store.pattern[rows, 1].astype(float).reshape(-1, 8, 2, 8, 2).mean((2, 4))
    assert np.abs(batch["target"][:, 0].numpy() * 255 - blocks).max() <= 0.5 + 1e-4


def test_condition_is_standardised_over_the_training_folds(module):
    data = module(condition="scale")
    index = data.store.index
    scale = np.log([[e["a"], e["rho_max"] - e["rho_min"]] for e in index])
    assert data.condition == ("log_a", "log_span") == tuple(data.standardisation)
    mean, std = zip(*data.standardisation.values(), strict=True)
    np.testing.assert_allclose(mean, scale[data.train_rows].mean(0))
    np.testing.assert_allclose(std, scale[data.train_rows].std(0))
    assert all(type(x) is float for x in mean + std)
    batch = next(iter(data.test_dataloader()))
    expected = (scale[batch["index"]] - mean) / std
    np.testing.assert_allclose(batch["condition"], expected, rtol=1e-5)
    assert batch["condition"].dtype == torch.float32


def test_condition_of_a_store_that_does_not_know_it(tmp_path, some_crystals):
    with StoreWriter(tmp_path / "k", 16, (50, 100), {"rho_sampling": "endpoints"}) as writer:
        for entry, potential, pattern, _ in some_crystals:
            unknown = {"a": None, "rho_min": None} if entry["id"] == "crystal-4" else {}
            writer.append(entry | unknown, potential, pattern)
        writer.finish()
    with pytest.raises(ValueError, match="crystal-4"):
        PairDataModule(tmp_path / "k", "forward", 50, 0, 4, condition="scale")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"direction": "sideways"}, "direction=sideways: choose from forward, inverse"),
        ({"thickness": 75}, "thickness=75: choose from 50, 100 nm in the store"),
        ({"fold": 10}, "fold=10: choose from 0…9"),
        ({"fold": -1}, "fold=-1: choose from 0…9"),
        ({"size": 12}, "size=12: choose from null, 1, 2, 4, 8, 16"),
        ({"size": 0}, "size=0"),
        (
            {"condition": "a"},
            "condition=a: choose from none, cell, scale, net, or of log_b1, log_b2, log_angle, log_a, log_span",
        ),
        ({"condition": "scale", "direction": "inverse"}, "condition=scale needs direction=forward"),
        ({"batch_size": 0}, "batch_size=0"),
    ],
)
def test_wrong_arguments_get_one_line_with_the_allowed_values(module, arguments, message):
    with pytest.raises(ValueError) as error:
        module(**arguments)
    assert message in str(error.value) and "\n" not in str(error.value)


def order(**arguments):
    epoch = arguments.pop("epoch", 0)
    batches = EpochBatches(**({"count": 27, "batch_size": 4, "seed": 5} | arguments))
    batches.set_epoch(epoch)
    assert len(batches) == len(list(batches))
    return list(batches)


def test_order_follows_from_seed_and_epoch():
    assert order(epoch=3) == order(epoch=3)
    orders = [order(epoch=e, seed=s) for e in range(4) for s in (5, 6)]
    assert all(a != b for i, a in enumerate(orders) for b in orders[:i])
    assert sorted(chain(*order())) == list(range(27))
    assert [len(batch) for batch in order()] == [4] * 6 + [3]
    assert list(chain(*order(shuffle=False, epoch=2))) == list(range(27))


@pytest.mark.parametrize("count", [3, 16, 17, 18, 25, 33])
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_the_batches_of_one_process(count, batch_size, ranks):
    parts = [order(count=count, batch_size=batch_size, rank=r, world_size=ranks, epoch=1) for r in range(ranks)]
    assert len({len(part) for part in parts}) == 1
    assert all(batch for part in parts for batch in part)
    assert sorted(chain(*chain(*parts))) == list(range(count))
    joint = [sorted(chain(*batches)) for batches in zip(*parts, strict=True)]
    single = [sorted(batch) for batch in order(count=count, batch_size=batch_size * ranks, epoch=1)]
    assert joint[:-1] == single[: len(joint) - 1]


def test_more_ranks_than_samples():
    with pytest.raises(ValueError, match="2 samples cannot be shared by 3"):
        EpochBatches(2, 1, world_size=3)


class Recorder(L.LightningModule):
    """Keeps the rows of each training batch."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.rows = []

    def training_step(self, batch, number):
        self.rows.append(batch["index"].tolist())
        return (self.weight * batch["input"].mean()).square()

    def validation_step(self, batch, number, dataloader_idx=0):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(data, folder, epochs, checkpoint=None):
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )
    model = Recorder()
    trainer.fit(model, data, ckpt_path=checkpoint)
    return model.rows, trainer


@pytest.mark.filterwarnings("ignore")
def test_resumed_training_goes_on_with_the_right_shuffle(module, tmp_path):
    whole, _ = fit(module(), tmp_path, 4)
    first, trainer = fit(module(), tmp_path, 2)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    second, _ = fit(module(), tmp_path, 4, tmp_path / "half.ckpt")
    assert first + second == whole
    epoch = len(whole) // 4
    assert whole[:epoch] != whole[epoch : 2 * epoch]


def test_loading_batches_leaves_the_global_random_stream_alone(module):
    loader = module().train_dataloader()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    list(loader)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("chunk", [512, 5])
def test_baselines_against_brute_force(module, monkeypatch, chunk):
    monkeypatch.setattr(baselines, "CHUNK", chunk)
    data = module()
    potential = data.store.potential.astype(float) / 255
    pattern = data.store.pattern[:, 1].astype(float) / 255
    train, test = data.train_rows, data.test_rows
    mean = ((pattern[test] - pattern[train].mean(0)) ** 2).mean((1, 2))
    distance = ((potential[test][:, None] - potential[train]) ** 2).sum((2, 3))
    nearest = ((pattern[train][distance.argmin(1)] - pattern[test]) ** 2).mean((1, 2))
    result = references.baselines(data)
    np.testing.assert_allclose(result["mean_image"], mean, rtol=1e-5)
    np.testing.assert_allclose(result["nearest"], nearest, rtol=1e-5)


def test_what_follows_from_the_store_is_computed_once(module, make_store, monkeypatch):
    """Of one fold and one direction; and of a store that is another one, again."""
    first = module()
    errors, kept = references.baselines(first), references.familiarity(module(size=16))
    with monkeypatch.context() as patch:
        for name in ("baselines_of", "features", "usual_distance"):
            patch.setattr(f"lacbed_gan.data.references.{name}", lambda *_: pytest.fail("computed again"))
        again = module()
        for name, values in references.baselines(again).items():
            assert torch.equal(values, errors[name])
        familiar = references.familiarity(again)
        assert torch.equal(familiar.features, kept.features) and familiar.usual == kept.usual
        for others in ({"fold": 4}, {"direction": "inverse"}, {"thickness": 50}):
            with pytest.raises(pytest.fail.Exception, match="computed again"):
                references.baselines(module(**others))
    other = PairDataModule(make_store("other", count=29), "forward", 100, 3, 4)
    other.setup()
    assert len(references.baselines(other)["nearest"]) == len(other.test_rows) and not torch.equal(
        references.baselines(other)["mean_image"], errors["mean_image"]
    )


def test_the_canonical_origin_is_found_once(periodic, monkeypatch):
    found = periodic(origin="canonical").batch(np.arange(30))["input"]
    monkeypatch.setattr("lacbed_gan.data.reading.canonical", lambda *_: pytest.fail("computed again"))
    assert torch.equal(periodic(origin="canonical", fold=4).batch(np.arange(30))["input"], found)


def test_nearest_of_a_training_image_is_itself():
    images = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8)
    assert baselines.nearest_inputs(images, images).tolist() == list(range(40))
    near = images.clone()
    near[:, 0, 0, 0] ^= 1
    assert baselines.nearest_inputs(images, near).tolist() == list(range(40))


@pytest.fixture
def periodic(tmp_path, some_crystals):
    """periodic(…) → a set-up data module on a store whose ρ is sampled at r = i/n."""
    with StoreWriter(tmp_path / "p", 16, (50, 100), {"rho_sampling": "periodic"}) as writer:
        for entry, potential, pattern, _ in some_crystals:
            writer.append(entry, potential, pattern)
        writer.finish()

    def make(**arguments):
        defaults = {"direction": "forward", "thickness": 100, "fold": 3, "batch_size": 4}
        made = PairDataModule(tmp_path / "p", **(defaults | arguments))
        made.setup()
        return made

    return make


def epoch_of(data, epoch):
    loader = data.train_dataloader()
    loader.batch_sampler.set_epoch(epoch)
    batches = list(loader)
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


def test_augmentation_follows_from_seed_and_epoch_and_leaves_validation_alone(periodic):
    plain, moved = periodic(), periodic(point_group=True, shift=True)
    first, again, next_one = (epoch_of(moved, epoch) for epoch in (0, 0, 1))
    assert torch.equal(first["input"], again["input"]) and torch.equal(first["target"], again["target"])
    unmoved = epoch_of(plain, 0)
    assert torch.equal(first["index"], unmoved["index"])
    for name in ("input", "target"):
        assert not torch.equal(first[name], unmoved[name])
        assert torch.equal(first[name].flatten(1).sort(1)[0], unmoved[name].flatten(1).sort(1)[0])  # only moved
    order, other = first["index"].argsort(), next_one["index"].argsort()
    assert not torch.equal(first["input"][order], next_one["input"][other])
    for one, two in zip(plain.val_dataloader(), moved.val_dataloader(), strict=True):
        assert torch.equal(next(iter(one))["input"], next(iter(two))["input"])


def test_shifts_leave_the_pattern(periodic):
    shifted, plain = epoch_of(periodic(shift=True), 0), epoch_of(periodic(), 0)
    assert torch.equal(shifted["target"], plain["target"]) and not torch.equal(shifted["input"], plain["input"])


def test_inverse_pairs_are_transposed_together_and_never_mirrored(periodic):
    data, plain = (periodic(direction="inverse", origin="canonical", point_group=on) for on in (True, False))
    moved, still = epoch_of(data, 0), epoch_of(plain, 0)
    kinds = set()
    for name in ("input", "target"):
        same = (moved[name] == still[name]).flatten(1).all(1)
        transposed = (moved[name] == still[name].transpose(2, 3)).flatten(1).all(1)
        assert (same | transposed).all()
        kinds.add(tuple((transposed & ~same)[: len(same)].tolist()) if name == "target" else ())
    assert any(map(any, kinds))


def test_canonical_origin_is_that_of_the_whole_image(periodic):
    given, data = periodic(size=8), periodic(size=8, origin="canonical")
    batch, stored = data.batch(data.test_rows), given.batch(data.test_rows)
    expected = canonical(data.store.potential[data.test_rows])[:, ::2, ::2]
    np.testing.assert_array_equal(batch["input"][:, 0] * 255, expected)
    assert torch.equal(batch["target"], stored["target"])
    assert not torch.equal(batch["input"], stored["input"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"direction": "inverse", "shift": True}, "a pattern does not tell the origin"),
        ({"direction": "inverse", "point_group": True}, "needs origin=canonical"),
        ({"thickness": [50, 75]}, "thickness=75: choose from 50, 100 nm"),
        ({"thickness": "some"}, "thickness=some: choose from 50, 100 nm"),
        ({"origin": "middle"}, "origin=middle: choose from given, canonical"),
    ],
)
def test_what_does_not_go_together(periodic, arguments, message):
    with pytest.raises(ValueError) as error:
        periodic(**arguments)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_published_images_have_no_origin_to_move(module):
    with pytest.raises(ValueError, match="does not sample ρ at r = i/n"):
        module(shift=True)
    with pytest.raises(ValueError, match="does not sample ρ at r = i/n"):
        module(origin="canonical")


def test_forward_pairs_of_all_thicknesses(periodic):
    data = periodic(thickness="all")
    batches = list(data.test_dataloader())
    joined = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    assert joined["index"].tolist() == [row for row in data.test_rows for _ in range(2)]
    assert joined["time"].tolist() == [0, 1] * len(data.test_rows)
    patterns = data.store.pattern[joined["index"].numpy(), joined["time"].numpy()]
    np.testing.assert_array_equal(joined["target"][:, 0] * 255, patterns)
    np.testing.assert_allclose(joined["thickness"][:, 0], np.array([-0.5, 0.0])[joined["time"]])
    assert torch.equal(joined["condition"], joined["thickness"])
    baselines = references.baselines(data)
    for time, thickness in enumerate((50, 100)):
        alone = references.baselines(periodic(thickness=thickness))
        for name, errors in alone.items():
            torch.testing.assert_close(baselines[name][time::2], errors)


def test_inverse_pairs_of_all_thicknesses_have_a_channel_each(periodic):
    data = periodic(thickness=[100, 50], direction="inverse", predict_span=True, condition="cell")
    batch = data.batch(data.test_rows)
    np.testing.assert_array_equal(batch["input"] * 255, data.store.pattern[data.test_rows])
    index = data.store.index
    spans = np.log([entry["rho_max"] - entry["rho_min"] for entry in index])
    expected = (spans - spans[data.train_rows].mean()) / spans[data.train_rows].std()
    np.testing.assert_allclose(batch["span"][:, 0], expected[data.test_rows], rtol=1e-5)
    assert batch["condition"].shape == (len(data.test_rows), 1)


def test_a_first_answer_is_the_second_channel_of_the_right_crystal_and_thickness(monkeypatch, periodic):
    def numbered(potential, spans, a, thickness, window, *settings):
        for place in reversed(range(len(potential))):  # any order
            corner = np.zeros((len(thickness), window.size, window.size), np.float32)
            corner[:, 0, 0] = 1
            corner[:, 1, 1] = place / 64
            corner[:, 2, 2] = np.asarray(thickness) / 400
            yield place, corner

    monkeypatch.setattr("lacbed_gan.data.few_beams.few_beam_patterns", numbered)
    data = periodic(thickness="all", few_beams=1.5)
    for batch in data.train_dataloader():
        potential, first = batch["input"][:, 0], batch["input"][:, 1]
        torch.testing.assert_close(potential, torch.from_numpy(data.store.potential[batch["index"]] / 255).float())
        nm = torch.tensor(data.thicknesses)[batch["time"]]
        torch.testing.assert_close(first[:, 1, 1], batch["index"] / 64, atol=0.003, rtol=0)
        torch.testing.assert_close(first[:, 2, 2], nm.float() / 400, atol=0.003, rtol=0)
    with pytest.raises(ValueError, match="few_beams is of forward networks"):
        periodic(direction="inverse", few_beams=1.5)
