"""From pairs to a pattern in one page: a conditional GAN, trained with alternating steps.

    python examples/minimal.py

A pair is the projected potential ρ of a crystal and its bright-field LACBED pattern. The generator turns ρ into a
pattern; the discriminator learns to tell the pairs that it makes from true ones. Half a minute on a CPU; the crystals
of fold 0, which it is not trained on, are drawn in minimal.png: ρ, the generator's pattern, the true one.
"""

from __future__ import annotations

from pathlib import Path

import lightning as L
import torch
from matplotlib.image import imsave

from lacbed_gan import ForwardCGAN, PairDataModule
from lacbed_gan.data.references import baselines
from lacbed_gan.models.learning import LearningSettings, LossWeights
from lacbed_gan.models.networks.patchgan import MultiscaleDiscriminator
from lacbed_gan.models.networks.unet import GlobalUNet


def main(store: str = "bundled", size: int = 32, epochs: int = 4, picture: Path = Path("minimal.png")) -> float:
    """Train on a store, draw what became of it, and give the mean squared error over the test images.

    Args:
        store: the shipped pairs, or a folder that ``python -m lacbed_gan.simulate`` wrote.
        size: pixels along an edge, a divisor of the store's.
    """
    L.seed_everything(0, verbose=False)

    # Pairs: fold 0 is tested on, the other nine are trained on. An 8-bit ρ has lost the cell edge and the range of ρ:
    # the generator is given the logarithms of both.
    data = PairDataModule(store, "forward", thickness=50, fold=0, batch_size=16, size=size, condition="scale")

    # Networks: a U-Net that sees the whole image, and a discriminator of overlapping patches.
    generator = GlobalUNet(image_size=size, conditions=2, filters=16, bottleneck=256)
    discriminator = MultiscaleDiscriminator(filters=8, layers=3, scales=1)

    # Training: every batch is one step of the discriminator and one of the generator (models/gan.py).
    gan = ForwardCGAN(
        generator,
        discriminator,
        LossWeights(adversarial=1, feature_matching=10, l1=100),
        LearningSettings(learning_rate=1e-3),
    )
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        use_distributed_sampler=False,  # the data module makes the batches itself
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(gan, data)
    measures = {name: float(value) for name, value in trainer.callback_metrics.items()}
    for name in ("train/loss_d_real", "train/loss_d_fake", "train/loss_g_gan", "test/mse", "test/r"):
        print(f"{name:20}{measures[name]:.4f}")
    print(f"{'the mean image':20}{float(baselines(data)['mean_image'].mean()):.4f}")

    # Patterns out: those of four crystals that were not trained on.
    batch = data.batch(data.test_rows[:4])
    with torch.inference_mode():
        patterns = gan.eval().predict_step(batch)
    rows = torch.cat([batch["input"], patterns, batch["target"]], dim=3).flatten(0, 2)
    imsave(picture, rows.numpy(), cmap="gray", vmin=0, vmax=1)
    return measures["test/mse"]


if __name__ == "__main__":
    main()
