import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from lacbed_gan.commands.config import composed
from lacbed_gan.commands.train import as_before
from lacbed_gan.models.assemble import build_cgan
from lacbed_gan.models.weights import WeightsError, load_weights, save_weights


def module(direction="inverse", *words):
    config = composed("train", [f"direction={direction}", "trainer=cpu", "model.loss_weights.span=1", *words])
    settings = as_before(config.plain()) | {"size": 32, "condition": "cell", "origin": "canonical"}
    torch.manual_seed(0)
    made = build_cgan(settings).eval()
    made.config = {"settings": settings, "data": {"checksum": "abc", "condition_mean": [1.5], "condition_std": [0.5]}}
    return made


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("model", ["small", "fourier"])
def test_networks_come_back_from_the_file_alone(tmp_path, direction, model):
    made = module(direction, f"model={model}", "model.loss_weights.span=1")
    path = tmp_path / "weights.safetensors"
    save_weights(path, made.network, made.scale_head, made.config)
    trained = load_weights(path)
    image, condition = torch.rand(3, 1, 32, 32), torch.rand(3, 1)
    with torch.no_grad():
        expected = made.predict_step({"input": image, "condition": condition})
        assert torch.equal(trained.predict(image, condition), expected)
        if direction == "inverse":
            assert torch.equal(trained.scale_head(image, condition), made.scale_head(image, condition))
    assert trained.settings == made.config["settings"] and trained.data == made.config["data"]
    assert (trained.scale_head is None) == (direction == "forward")
    assert [file.name for file in tmp_path.iterdir()] == ["weights.safetensors"]


def test_the_average_is_what_is_kept(tmp_path):
    made = module("inverse", "ema=0.9")
    with torch.no_grad():
        next(made.generator.parameters()).add_(1)
    save_weights(tmp_path / "w", made.network, made.scale_head, made.config)
    kept = load_weights(tmp_path / "w").network.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in made.average.state_dict().items())


def test_what_cannot_be_used_gets_one_line(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(WeightsError, match="no such file"):
        load_weights(path)
    made = module()
    save_weights(path, made.network, made.scale_head, made.config)
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
    wide = made.config["settings"]["model"] | {
        "generator": {**made.config["settings"]["model"]["generator"], "width": 10**7}
    }
    changes = [
        {"settings": made.config["settings"] | change}
        for change in ({"model": {"generator": {"name": "other"}}}, {"size": 48}, {"model": wide})
    ]
    for change in [*changes, {"data": {}}, {"data": {"condition_mean": ["1"], "condition_std": [1]}}]:
        save_weights(path, made.network, made.scale_head, made.config | change)
        with pytest.raises(WeightsError) as error:
            load_weights(path)
        assert "cannot be built by this version" in str(error.value) and "\n" not in str(error.value)


def test_predicting_imports_neither_lightning_nor_wandb():
    program = (
        "import sys; import lacbed_gan.models.weights; "
        "print([name for name in ('lightning', 'wandb', 'hydra') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
