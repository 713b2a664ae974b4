import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from lacbed_gan.measures.metrics import correlation_r, mse
from lacbed_gan.models.directions import ForwardCGAN, InverseCGAN
from lacbed_gan.models.divergence import DivergenceError
from lacbed_gan.models.gan import ConditionalGAN
from lacbed_gan.models.learning import LearningSettings, LossWeights
from lacbed_gan.models.losses import discriminator_terms, judgement_terms
from lacbed_gan.models.networks.patchgan import MultiscaleDiscriminator
from lacbed_gan.models.networks.unet import GlobalUNet

SIZE = 32
LOSSES = ["train/loss_d_real", "train/loss_d_fake", "train/loss_g_gan", "train/loss_g_feature_matching"]


def pairs(count=4, conditions=2):
    random = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(
        torch.rand(count, 2, 4, 4, generator=random), size=SIZE, mode="bicubic"
    ).clamp(0, 1)
    data = [{"input": smooth[i, :1], "target": smooth[i, 1:], "index": i} for i in range(count)]
    if conditions:
        for item in data:
            item["condition"] = torch.rand(conditions, generator=random)
    return data


def loader(count=4, conditions=2, batch_size=4):
    return DataLoader(pairs(count, conditions), batch_size=batch_size)


def weights(adversarial=1.0, feature_matching=10.0, l1=0.0):
    return LossWeights(adversarial=adversarial, feature_matching=feature_matching, l1=l1)


def module(loss_weights=None, conditions=2, kind=ForwardCGAN, **learning):
    torch.manual_seed(0)
    loss_weights = loss_weights or weights()
    generator = GlobalUNet(image_size=SIZE, conditions=conditions, filters=8, bottleneck=64)
    discriminator = MultiscaleDiscriminator(filters=8, layers=2) if loss_weights.needs_discriminator else None
    return kind(generator, discriminator, loss_weights, LearningSettings(**learning))


def trainer(tmp_path, epochs=1, **arguments):
    return lightning.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        default_root_dir=tmp_path,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **({"enable_checkpointing": False} | arguments),
    )


def state(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(before, network):
    return any(not torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize("stepping", ["generator", "discriminator"])
def test_each_step_changes_only_its_own_network(tmp_path, stepping):
    """With the other optimizer silenced, the step of one network leaves the other as it was."""
    gan = module()
    optimizers = dict(zip(("generator", "discriminator"), gan.configure_optimizers(), strict=True))
    for name, optimizer in optimizers.items():
        if name != stepping:
            optimizer.param_groups[0]["lr"] = 0.0
    gan.configure_optimizers = lambda: list(optimizers.values())
    before = {name: state(getattr(gan, name)) for name in optimizers}
    trainer(tmp_path).fit(gan, loader())
    assert {name for name in optimizers if changed(before[name], getattr(gan, name))} == {stepping}


def test_gradients_are_those_of_each_networks_own_loss(tmp_path):
    """The discriminator's gradient has nothing of the generator's loss in it, and the other way round."""
    gan, reference = module(learning_rate=1e-30), module()
    trainer(tmp_path).fit(gan, loader())

    batch = next(iter(loader()))
    image, target = batch["input"], batch["target"]
    prediction = reference(image, batch["condition"])
    real, fake = reference.discriminator(image, target), reference.discriminator(image, prediction)
    loss_d = sum(discriminator_terms(fake, real).values())
    loss_g = sum(judgement_terms(weights(), fake, real).values())
    for network, loss in (("discriminator", loss_d), ("generator", loss_g)):
        expected = torch.autograd.grad(loss, list(getattr(reference, network).parameters()), retain_graph=True)
        for parameter, gradient in zip(getattr(gan, network).parameters(), expected, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", [ForwardCGAN, InverseCGAN])
@pytest.mark.parametrize("gan_loss", ["lsgan", "log"])
def test_trains_and_logs_every_term_and_measure(tmp_path, kind, gan_loss):
    gan = module(weights(l1=5), kind=kind, gan_loss=gan_loss)
    run = trainer(tmp_path)
    run.fit(gan, loader(), [loader(3, batch_size=2), loader()])
    expected = [*LOSSES, "train/loss_g_l1", "test/mse", "test/r", "train/mse", "train/r"]
    assert set(expected) <= set(run.callback_metrics)
    assert {"loss_g", "loss_d"} <= set(run.progress_bar_metrics)
    assert gan.measures["test/mse"].compute().shape == (3,)
    assert gan.rows["test/index"].compute().tolist() == [0, 1, 2]
    whatever_the_origin = {"test/origin_mse", "test/origin_r", "train/origin_mse", "train/origin_r"}
    assert whatever_the_origin & set(run.callback_metrics) == (whatever_the_origin if kind is InverseCGAN else set())


def test_an_inverse_network_that_is_right_but_for_the_origin(tmp_path):
    """As figure 7d of the paper: bad by the plain measures, exactly right by the others."""
    gan = InverseCGAN(torch.nn.Identity(), loss_weights=weights(0, 0, 1))
    gan.generator.forward = lambda image, condition: image.flip(-2, -1).roll((3, 9), (-2, -1))
    data = [{**item, "target": item["input"]} for item in pairs()]
    run = trainer(tmp_path)
    run.validate(gan, DataLoader(data, batch_size=3), verbose=False)
    assert run.callback_metrics["test/mse"] > 0.01
    assert run.callback_metrics["test/origin_mse"] == 0
    assert run.callback_metrics["test/origin_r"] == 1


def test_validation_measures_are_means_over_images_of_clamped_predictions(tmp_path):
    gan = module()
    run = trainer(tmp_path)
    run.validate(gan, [loader(3, batch_size=2), loader(4)], verbose=False)
    batch = next(iter(loader(3)))
    with torch.no_grad():
        prediction = gan.predict_step(batch)
    assert run.callback_metrics["test/mse"] == pytest.approx(mse(prediction, batch["target"]).mean().item())
    assert run.callback_metrics["test/r"] == pytest.approx(
        correlation_r(prediction, batch["target"]).mean().item(), rel=1e-5
    )
    run.validate(gan, loader(), verbose=False)
    assert "train/mse" not in run.callback_metrics


def test_predictions_are_clamped_float32():
    gan = ForwardCGAN(torch.nn.Identity(), loss_weights=weights(0, 0, 1))
    gan.generator.forward = lambda image, condition: (4 * image - 2).bfloat16()
    prediction = gan.predict_step({"input": torch.rand(2, 1, 8, 8)})
    assert prediction.dtype == torch.float32
    assert prediction.min() == 0 and prediction.max() == 1


@pytest.mark.parametrize("conditions", [0, 2])
def test_overfits_four_pairs(tmp_path, conditions):
    gan = module(weights(l1=100), conditions, learning_rate=2e-3)
    run = trainer(tmp_path, epochs=60, check_val_every_n_epoch=60, num_sanity_val_steps=0)
    run.validate(gan, loader(conditions=conditions), verbose=False)
    before = run.callback_metrics["test/mse"].item()
    run.fit(gan, loader(conditions=conditions), loader(conditions=conditions))
    assert run.callback_metrics["test/mse"].item() < before / 5


def test_plain_regression_has_no_discriminator_and_one_optimizer(tmp_path):
    gan = module(weights(0, 0, 1), learning_rate=2e-3)
    assert gan.discriminator is None
    run = trainer(tmp_path, epochs=2)
    run.fit(gan, loader())
    assert {name for name in run.callback_metrics if "loss" in name} == {"train/loss_g_l1", "loss_g"}
    assert run.global_step == 2


def test_three_channels_repeat_the_images_and_average_the_predictions(tmp_path):
    generator = GlobalUNet(image_size=SIZE, in_channels=3, out_channels=3, filters=8)
    discriminator = MultiscaleDiscriminator(in_channels=3, out_channels=3, filters=4)
    gan = InverseCGAN(generator, discriminator, weights(l1=1), channels=3)
    trainer(tmp_path).fit(gan, loader(conditions=0), loader(conditions=0))
    batch = next(iter(loader(conditions=0)))
    with torch.no_grad():
        output = generator(torch.cat([batch["input"]] * 3, dim=1))
    torch.testing.assert_close(gan.predict_step(batch), output.mean(1, keepdim=True))


def test_a_discriminator_is_there_exactly_where_the_loss_needs_one():
    with pytest.raises(ValueError, match="needs a discriminator"):
        ConditionalGAN(torch.nn.Identity())
    with pytest.raises(ValueError, match="uses no discriminator"):
        ConditionalGAN(torch.nn.Identity(), MultiscaleDiscriminator(filters=4), weights(0, 0, 1))
    with pytest.raises(ValueError, match="'lsgan' or 'log'"):
        module(gan_loss="wgan")


def test_non_finite_loss_stops_with_term_epoch_and_batch(tmp_path):
    data = pairs()
    data[2]["target"][0, 3, 3] = float("nan")
    gan = module(weights(0, 0, 1))
    before = state(gan.generator)
    with pytest.raises(DivergenceError, match="epoch 0 at batch 2: loss_g_l1 is nan"):
        trainer(tmp_path).fit(gan, DataLoader(data, batch_size=1))
    assert all(value.isfinite().all() for value in gan.generator.state_dict().values())
    assert changed(before, gan.generator)


def test_non_finite_measures_stop_the_run(tmp_path):
    gan = module()
    with torch.no_grad():
        gan.generator.dense_out.bias[0] = float("nan")
    with pytest.raises(DivergenceError, match="after validation: test/mse is nan"):
        trainer(tmp_path).validate(gan, loader(), verbose=False)


def test_checkpoint_is_plain_self_describing_and_resumes(tmp_path):
    checkpoints = ModelCheckpoint(tmp_path, monitor="test/mse", save_last=True)
    gan = module()
    gan.config = {"generator": {"name": "global_unet", "image_size": SIZE}, "thickness": 50}
    run = trainer(tmp_path, epochs=2, callbacks=[checkpoints], enable_checkpointing=True)
    run.fit(gan, loader(), loader())

    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert saved["config"] == gan.config
    assert saved["direction"] == "forward"
    assert {name.split(".")[0] for name in saved["state_dict"]} == {"generator", "discriminator"}

    resumed = module()
    run = trainer(tmp_path, epochs=3)
    run.fit(resumed, loader(), loader(), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert run.global_step == 2 * 3  # each of the two optimizers is counted
    assert changed(saved["state_dict"], resumed)
