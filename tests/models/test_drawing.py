"""Networks that draw their answers, trained by the module of the conditional GAN as all others are."""

import lightning
import pytest
import torch
from torch.utils.data import DataLoader

from lacbed_gan.images.symmetry import MIRRORS, fold
from lacbed_gan.models.build import build_gan
from lacbed_gan.models.learning import LearningSettings
from lacbed_gan.models.settings import NetworkSettings

SIZE = 16
SMALL = {"order": 3, "width": 48, "depth": 1}
ALONE = {"discriminator": None, "loss_weights": {"l2": 1.0}}
RIVAL = {"discriminator": {"filters": 8, "layers": 2, "scales": 1}, "loss_weights": {"l2": 1.0}}
KINDS = {
    "flow": {"generator": {"name": "flow", "steps": 3} | SMALL} | ALONE,
    "vae": {"generator": {"name": "vae", "latent": 4} | SMALL} | ALONE,
    "noise": {"generator": {"name": "fourier"} | SMALL, "noise": 2} | RIVAL,
}
TERMS = {"flow": {"error", "velocity"}, "vae": {"error", "deviation", "divergence"}, "noise": {"energy", "gan"}}


def settings_of(kind, direction):
    return NetworkSettings(
        direction=direction, size=SIZE, thickness=[50], condition="none", origin="canonical", model=KINDS[kind]
    )


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("kind", KINDS)
def test_trained_in_both_directions(tmp_path, kind, direction):
    torch.manual_seed(0)
    module = build_gan(settings_of(kind, direction), LearningSettings(learning_rate=3e-3))
    images = fold(torch.rand(16, 2, 1, SIZE, SIZE), MIRRORS)
    batches = DataLoader([{"input": x, "target": y, "index": i} for i, (x, y) in enumerate(images)], batch_size=8)
    inputs, targets = images[:, 0], images[:, 1]
    module.network.learn(inputs, None, targets)  # which tells a sampler the usual size of the numbers that it draws
    before = module.network.eval().loss(inputs, None, targets).mean()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=8, default_root_dir=tmp_path, enable_checkpointing=False, **quiet
    )
    trainer.fit(module, batches, val_dataloaders=[batches, batches])
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert {f"train/loss_g_{term}" for term in TERMS[kind]} <= logged.keys()
    after = module.network.eval().loss(inputs, None, targets).mean()
    assert after < before and logged["test/loss"] < before
    draws = module.network.sample(inputs[:2], None, 3).images
    assert draws.shape == (2, 3, 1, SIZE, SIZE) and draws.std(1).mean() > 1e-4
    if direction == "forward":  # patterns have the symmetry of the quadrants to the last bit
        assert torch.equal(draws, fold(draws, MIRRORS))
