import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from lacbed_gan.models.build import build_gan
from lacbed_gan.models.learning import LearningSettings
from lacbed_gan.models.settings import NetworkSettings
from lacbed_gan.models.weights import Trained, WeightsError, load_weights, save_weights
from lacbed_gan.store.recipe import Recipe

GENERATORS = {
    "global_unet": {"name": "global_unet", "filters": 8, "bottleneck": 16},
    "fourier": {"name": "fourier", "order": 4, "width": 16, "depth": 1},
}
RECIPE = Recipe(32, (50.0,), energy_kv=80.0, half_width=3.0)


def config(direction="inverse", generator="fourier"):
    """What a run writes into its files."""
    weights = {"adversarial": 0.0, "feature_matching": 0.0, "l2": 1.0, "span": 1.0}
    model = {"generator": GENERATORS[generator], "loss_weights": weights, "symmetry": "2"}
    settings = {"direction": direction, "size": 32, "thickness": [50.0], "condition": ["log_a"], "origin": "canonical"}
    moments = {"log_a": [1.5, 0.5], "log_span": [1.2, 0.8]}
    data = {"checksum": "abc", "standardisation": moments, "recipe": RECIPE.to_json()}
    return {"settings": settings | {"model": model, "epochs": 3}, "data": data}


def module(direction="inverse", generator="fourier", ema=0.0):
    torch.manual_seed(0)
    made = build_gan(NetworkSettings.of_run(config(direction, generator)["settings"]), LearningSettings(ema=ema)).eval()
    made.config = config(direction, generator)
    return made


def saved_checkpoint(made, path):
    checkpoint = {"state_dict": made.state_dict()}
    made.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, path)
    return path


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("generator", GENERATORS)
def test_networks_come_back_from_either_file_alone(tmp_path, direction, generator):
    made = module(direction, generator)
    saved_checkpoint(made, tmp_path / "last.ckpt")
    save_weights(tmp_path / "w.safetensors", load_weights(tmp_path / "last.ckpt"))
    image, condition = torch.rand(3, 1, 32, 32), torch.rand(3, 1)
    for path in (tmp_path / "last.ckpt", tmp_path / "w.safetensors"):
        trained = load_weights(path)
        with torch.no_grad():
            expected = made.predict_step({"input": image, "condition": condition})
            assert torch.equal(trained.predict(image, condition), expected)
            if direction == "inverse":
                span = torch.exp(0.8 * made.span_head(image, condition)[:, 0] + 1.2)
                torch.testing.assert_close(trained.predict_span(image, condition), span)
        assert trained.config == made.config and trained.recipe == RECIPE
        assert trained.settings == NetworkSettings.of_run(made.config["settings"])
        assert (trained.predict_span(image, condition) is None) == (direction == "forward")
        assert trained.standardised("log_a", 2.0) == 1.0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["last.ckpt", "w.safetensors"]


def test_the_average_is_what_is_kept(tmp_path):
    made = module(ema=0.9)
    with torch.no_grad():
        next(made.generator.parameters()).add_(1)
    save_weights(tmp_path / "w", load_weights(saved_checkpoint(made, tmp_path / "last.ckpt")))
    kept = load_weights(tmp_path / "w").network.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in made.average.state_dict().items())


def test_what_cannot_be_used_gets_one_line(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(WeightsError, match="no such file"):
        load_weights(path)
    trained = load_weights(saved_checkpoint(module(), tmp_path / "last.ckpt"))
    save_weights(path, trained)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="is no safetensors file, or is cut short"):
        load_weights(path)
    path.write_text("not weights")
    with pytest.raises(WeightsError, match="is no safetensors file"):
        load_weights(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="its format is None"):
        load_weights(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c["settings"]["model"]["generator"].update(name="other"), "model.generator: Input tag 'other'"),
        (lambda c: c["settings"].update(size=47), "size=47: fourier with"),
        (lambda c: c["settings"]["model"]["generator"].update(width=10**7), "model.generator.fourier.width: Input"),
        (lambda c: c["settings"]["model"]["generator"].update(width=60000), "larger networks than it holds"),
        (lambda c: c["data"].pop("standardisation"), "standardisation"),
        (lambda c: c["data"]["standardisation"].update(log_a=["1", 1]), "log_a: ['1', 1] is not a mean"),
        (lambda c: c["data"]["standardisation"].update(log_a=[1, 0]), "log_a: [1, 0] is not a mean"),
        (lambda c: c["data"]["standardisation"].update(log_span=[float("nan"), 1]), "log_span: [nan, 1] is not"),
        (lambda c: c["data"]["recipe"].pop("size"), "size"),
        (lambda c: c["data"].update(recipe=3), ""),
        (lambda c: c.pop("settings"), "settings"),
        (lambda c: c.update(data=[]), ""),
    ],
)
def test_what_its_words_do_not_fit_gets_one_line(tmp_path, change, reason):
    trained = load_weights(saved_checkpoint(module(), tmp_path / "last.ckpt"))
    change(trained.config)
    save_weights(tmp_path / "w", trained)
    with pytest.raises(WeightsError) as error:
        load_weights(tmp_path / "w")
    assert "cannot be built by this version" in str(error.value) and "\n" not in str(error.value)
    assert reason in str(error.value)


def test_what_is_kept_must_be_of_the_networks(tmp_path):
    """A head that the settings do not ask for is passed over, one that they ask for has to be there."""
    made = module()
    made.span_head = None
    with pytest.raises(WeightsError, match="cannot be built"):
        load_weights(saved_checkpoint(made, tmp_path / "last.ckpt"))
    trained = load_weights(saved_checkpoint(module("forward"), tmp_path / "forward.ckpt"))
    assert isinstance(trained, Trained) and trained.span_head is None and trained.familiar is None


def test_predicting_imports_neither_lightning_nor_wandb(tmp_path):
    path = saved_checkpoint(module(), tmp_path / "last.ckpt")
    program = (
        f"import sys; from lacbed_gan.models.weights import load_weights; load_weights({str(path)!r}); "
        "print([name for name in ('lightning', 'wandb', 'hydra') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
