"""What is told of how networks learn: clipping, parts of a batch, the discriminator's own rate, steps and delay."""

import lightning
import pytest
import torch
from torch.utils.data import DataLoader

from lacbed_gan.models.directions import ForwardCGAN
from lacbed_gan.models.learning import LearningSettings, LossWeights
from lacbed_gan.models.means import parts
from lacbed_gan.models.networks.patchgan import MultiscaleDiscriminator
from lacbed_gan.models.networks.unet import GlobalUNet

SIZE = 32


def pairs(count):
    images = torch.rand(count, 2, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return [{"input": one[0], "target": one[1], "index": number} for number, one in enumerate(images)]


def trained(epochs=1, count=7, batch_size=4, callbacks=(), **learning):
    """A small GAN after its epochs on seven pairs, which batches of four do not divide; and the trainer."""
    torch.manual_seed(0)
    gan = ForwardCGAN(
        GlobalUNet(image_size=SIZE, filters=8, bottleneck=16),
        MultiscaleDiscriminator(filters=4, layers=2, scales=1),
        LossWeights(adversarial=1, feature_matching=1, l1=10),
        LearningSettings(**learning),
    )
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        callbacks=list(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(gan, DataLoader(pairs(count), batch_size=batch_size))
    return gan, trainer


class Watch(lightning.Callback):
    def __init__(self):
        self.norms, self.discriminators = [], []

    def on_train_batch_end(self, trainer, module, outputs, batch, number):
        self.norms.append(torch.nn.utils.get_total_norm([p.grad for p in module.generator.parameters()]).item())

    def on_train_epoch_end(self, trainer, module):
        state = module.discriminator.state_dict()
        self.discriminators.append(torch.cat([value.flatten().clone() for value in state.values()]))


def test_a_batch_in_parts_takes_the_same_steps():
    """Every loss is a mean over images, and no layer mixes them: the parts add up to the whole."""
    whole, trainer = trained(learning_rate=1e-30)
    pieces, other = trained(learning_rate=1e-30, accumulate=3)
    for one, sum_ in zip(whole.parameters(), pieces.parameters(), strict=True):
        torch.testing.assert_close(sum_.grad, one.grad, atol=1e-6, rtol=1e-4)
    for name in ("train/total_g", "train/loss_d_real", "train/score_fake"):
        torch.testing.assert_close(other.callback_metrics[name], trainer.callback_metrics[name], rtol=1e-4, atol=1e-5)
    assert other.global_step == trainer.global_step


def test_parts_have_every_image_once():
    batch = {"input": torch.arange(7), "index": torch.arange(7)}
    for count in (1, 3, 7, 9):
        found = list(parts(batch, count))
        assert len(found) == min(count, 7) and sum(share for _, share in found) == pytest.approx(1)
        assert torch.cat([part["index"] for part, _ in found]).tolist() == list(range(7))


def test_gradients_are_scaled_down_to_the_largest_norm():
    free, bound = Watch(), Watch()
    trained(callbacks=[free])
    trained(callbacks=[bound], gradient_clip=0.01)
    assert min(free.norms) > 0.1 and max(bound.norms) == pytest.approx(0.01, rel=1e-3)


def test_the_discriminator_has_its_own_rate():
    gan, _ = trained(learning_rate=1e-4, discriminator={"learning_rate": 4e-4}, schedule="linear")
    assert [optimizer.param_groups[0]["initial_lr"] for optimizer in gan.optimizers()] == [1e-4, 4e-4]
    still, _ = trained(learning_rate=1e-4, discriminator={"learning_rate": 1e-30})
    fresh, _ = trained(epochs=0)
    for name, value in fresh.discriminator.state_dict().items():
        torch.testing.assert_close(still.discriminator.state_dict()[name], value)


def test_weight_decay_is_of_the_generator_alone():
    """Without a gradient that counts, a step takes learning rate times decay off each weight."""
    gan, _ = trained(learning_rate=1e-4, weight_decay=10.0)
    assert [optimizer.param_groups[0]["weight_decay"] for optimizer in gan.optimizers()] == [10.0, 0.0]
    plain, _ = trained(learning_rate=1e-4)
    size, usual = (sum(p.square().sum() for p in one.generator.parameters()) for one in (gan, plain))
    assert size < (1 - 1e-3) ** 2 * usual


@pytest.mark.parametrize("accumulate", [1, 2])
def test_several_steps_of_the_discriminator_for_one_of_the_generator(accumulate):
    gan, trainer = trained(discriminator={"steps": 3}, ema=0.9, accumulate=accumulate)
    assert trainer.global_step == 2 * (3 + 1) and gan.steps == 2
    one, _ = trained(discriminator={"steps": 1}, ema=0.9)
    assert any((gan.discriminator.state_dict()[n] != v).any() for n, v in one.discriminator.state_dict().items())


def test_a_discriminator_that_starts_later():
    watch = Watch()
    gan, trainer = trained(epochs=3, callbacks=[watch], discriminator={"delay": 2})
    first, second, third = watch.discriminators
    assert torch.equal(first, second) and not torch.equal(second, third)
    assert trainer.global_step == 2 * 2 + 2 * 2 and gan.steps == 6
    assert "train/loss_d_real" in trainer.callback_metrics
