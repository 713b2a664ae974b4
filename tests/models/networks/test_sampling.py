"""Generators that draw their answers: flow matching, the variational autoencoder, and noise for a generator."""

import math

import pytest
import torch

from lacbed_gan.images.symmetry import MIRRORS, TWO_FOLD, fold
from lacbed_gan.models.networks.drawing import Spread
from lacbed_gan.models.networks.flow import FlowSampler
from lacbed_gan.models.networks.fourier import FourierGenerator
from lacbed_gan.models.networks.noise import Noisy, energy
from lacbed_gan.models.networks.sampling import with_counting_noise
from lacbed_gan.models.networks.states import Moments, PatternState, PotentialState
from lacbed_gan.models.networks.vae import VariationalSampler

SIZE = 16
SMALL = {"image_size": SIZE, "order": 3, "width": 48, "depth": 1, "conditions": 1}
KINDS = {
    "flow": lambda **sizes: FlowSampler(**SMALL | {"span": True, "steps": 20} | sizes),
    "vae": lambda **sizes: VariationalSampler(**SMALL | {"span": True, "latent": 4} | sizes),
    "noise": lambda **sizes: Noisy(FourierGenerator(**SMALL | {"conditions": 3, "potential": "output"} | sizes), 2),
}


def made(kind, **sizes):
    torch.manual_seed(0)
    network = KINDS[kind](**sizes)
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
    return network


def random(*shape, seed=1):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def pairs(count=3):
    return random(count, 1, SIZE, SIZE), random(count, 1), random(count, 1, SIZE, SIZE, seed=2), random(count, 1)


@pytest.mark.parametrize("order", [3, 7])
def test_coefficients_and_symmetric_images_are_each_other(order):
    """A vector of coefficients comes back from its image; ρ is symmetric to the last bit, cos 2π(2x + y) one number."""
    state = PotentialState(SIZE, order)
    assert state.count == 2 * order**2 + 2 * order + 1
    vector = random(4, state.count) - 0.5
    image = state.decode(vector)
    assert torch.equal(image, fold(image, TWO_FOLD, periodic=True))
    assert torch.allclose(state.encode(image), vector, atol=1e-4)
    y, x = torch.meshgrid(torch.arange(SIZE) / SIZE, torch.arange(SIZE) / SIZE, indexing="ij")
    wave = state.encode(torch.cos(2 * torch.pi * (2 * x + y))[None, None])[0]
    assert (wave.abs() > 1e-3).sum() == 1 and float((wave * state.scale[state.independent]).sum()) == pytest.approx(0.5)


@pytest.mark.parametrize("state", [PotentialState(SIZE, 5), PatternState(SIZE), PatternState(SIZE, False)])
def test_the_weight_of_numbers_is_that_of_their_squares_in_the_image(state):
    """Parseval: the mean squared difference of two images is a weighed sum over their numbers."""
    one, two = (0.1 * (random(4, state.count, seed=seed) - 0.5) for seed in (1, 2))
    error = (state.decode(one) - state.decode(two)).square().mean((1, 2, 3))
    assert torch.allclose((one - two).square() @ state.weight, error, rtol=1e-4)


@pytest.mark.parametrize("quadrants", [True, False])
def test_patterns_come_back_from_their_part(quadrants):
    state, operations = PatternState(SIZE, quadrants), MIRRORS if quadrants else TWO_FOLD
    pattern = fold(random(2, 1, SIZE, SIZE), operations)
    assert torch.allclose(state.decode(state.encode(pattern)), pattern, atol=1e-6)


def test_moments_are_those_of_all_vectors():
    vectors = torch.randn(90, 5, generator=torch.Generator().manual_seed(0)) * 3 + 1
    moments = Moments(5)
    for part in vectors.split([10, 50, 30]):
        moments.update(part)
    assert torch.allclose(moments.mean, vectors.mean(0), atol=1e-5)
    assert torch.allclose(moments.deviation, vectors.std(0, correction=0), atol=1e-4)
    assert torch.allclose(moments.restored(moments.reduced(vectors)), vectors, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_differ_and_follow_from_the_generator_of_random_numbers(kind):
    network, (image, condition, *_) = made(kind).eval(), pairs()
    first, second, third = (network.sample(image, condition, 5, torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    assert first.images.shape == (3, 5, 1, SIZE, SIZE) and torch.equal(first.images, second.images)
    assert not torch.allclose(first.images, third.images) and first.images.std(1).mean() > 1e-4
    assert (first.span is None) if kind == "noise" else (first.span.shape == (3, 5))
    assert network(image, condition).shape == image.shape  # one answer
    if kind != "noise":
        assert torch.equal(first.images, fold(first.images, TWO_FOLD, periodic=True))


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_learns_and_the_loss_of_an_image_is_its_own(kind):
    network, batch = made(kind).train(), pairs()
    answers, terms = network.learn(*batch)
    sum(terms.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    assert (answers is None) == (kind != "noise")
    network.eval()
    loss = network.loss(*batch)
    assert loss.shape == (3,) and torch.equal(loss, network.loss(*batch))


@pytest.mark.parametrize("kind", KINDS)
def test_many_answers_to_one_question_are_learned(kind):
    """Two ρ with one pattern, ±cos 2πx about 0.5, of which the samples show both, and the mean neither."""
    network = made(kind, width=64, conditions=0) if kind != "noise" else made(kind, width=64, conditions=2)
    x = torch.arange(SIZE) / SIZE
    wave = 0.4 * torch.cos(2 * torch.pi * x).expand(1, 1, SIZE, SIZE)
    target = torch.cat([0.5 + wave, 0.5 - wave]).repeat(16, 1, 1, 1)
    image, span = torch.full_like(target, 0.5), torch.zeros(32, 1)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    torch.manual_seed(1)
    for _ in range(150 if kind == "flow" else 250):
        _, terms = network.learn(image, None, target, span)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
    network.eval()
    draws = network.sample(image[:1], None, 200, torch.Generator().manual_seed(0)).images[0]
    amplitude = (draws[:, 0] - 0.5).mul(wave[0, 0]).mean((1, 2)) / wave.square().mean()
    assert 0.2 < (amplitude > 0).float().mean() < 0.8
    assert amplitude.abs().median() > 0.6
    if kind != "noise":
        assert (network(image[:1], None) - 0.5).abs().max() < 0.25 or kind == "vae"


def test_two_patterns_of_one_potential_are_learned():
    """Forward: ρ that is the same all over has a bright pattern in half of the pairs and a dark one in the others."""
    network = made("vae", width=64, conditions=0, potential="input", span=False)
    image, target = torch.full((32, 1, SIZE, SIZE), 0.5), torch.full((32, 1, SIZE, SIZE), 0.2)
    target[::2] = 0.8
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    torch.manual_seed(1)
    for _ in range(150):
        _, terms = network.learn(image, None, target)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
    draws = network.eval().sample(image[:1], None, 200, torch.Generator().manual_seed(0))
    assert draws.span is None and torch.equal(draws.images, fold(draws.images, MIRRORS))
    level = draws.images.mean((2, 3, 4))[0]
    assert 0.2 < (level > 0.5).float().mean() < 0.8 and (level - 0.5).abs().median() > 0.2


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_flow_from_noise_to_a_normal_distribution_is_exact(scale):
    """x₁ ~ N(m, d²): v is linear in x, and the last point of the flow is m + d x₀ but for the steps."""
    network = FlowSampler(**SMALL | {"steps": 50, "conditions": 0})
    network.spread = Spread(scale)
    mean, deviation = 0.7, 0.4

    def velocity(x, t, context):
        """E[x₁ − x₀ | x_t] of independent normal x₀ and x₁."""
        variance = (1 - t).square() + t.square() * deviation**2
        return mean + (t * deviation**2 - (1 - t)) / variance * (x - t * mean)

    network.velocity = velocity
    context = torch.zeros(20, 48)
    x1 = network.draw(context, torch.Generator().manual_seed(5))
    x0 = torch.randn(x1.shape, generator=torch.Generator().manual_seed(5))
    assert torch.allclose(x1, mean + deviation * scale * x0, atol=2e-3)


@pytest.mark.parametrize("potential", ["output", "input"])
def test_the_regression_of_a_flow_learns_by_the_error_of_the_image(potential):
    """Whatever the flow of what it leaves, whose samples lie about it."""
    network, (image, condition, target, _) = made("flow", potential=potential, span=False), pairs()
    target = network.state.decode(network.state.encode(target))
    _, terms = network.train().learn(image, condition, target)
    error = (network(image, condition) - target).square().mean()
    assert terms["loss_g_error"].item() == pytest.approx(100 * error.item(), rel=1e-3)
    left = network.squares.clone()
    network.eval().learn(image, condition, target)
    assert torch.equal(network.squares, left) and not torch.equal(left, torch.ones_like(left))
    for parameter in network.answer.parameters():
        torch.nn.init.zeros_(parameter)
    network.velocity = lambda x, t, context: torch.zeros_like(x)  # x₁ = x₀
    vector = network.draw(network.context(image, condition).repeat_interleave(4000, 0)).view(3, 4000, -1)
    mean = network.mean(network.context(image, condition))
    assert torch.allclose(vector.std(1), network.deviation.expand_as(mean), rtol=0.1)
    assert ((vector.mean(1) - mean) / network.deviation).abs().max() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_samples_of_a_smaller_spread_lie_closer(kind):
    network, (image, condition, *_) = made(kind).eval(), pairs()
    as_learned = network.sample(image, condition, 40, torch.Generator().manual_seed(3)).images.std(1).mean()
    network.spread = Spread(0.5)
    half = network.sample(image, condition, 40, torch.Generator().manual_seed(3)).images.std(1).mean()
    assert half.item() == pytest.approx(0.5 * as_learned.item(), rel=0.2)


def test_factors_of_a_spread():
    """Their logarithms are normal with the tail for a deviation, and none is beyond the reach."""
    like, generator = torch.zeros(1), torch.Generator().manual_seed(0)
    assert torch.equal(Spread().factors(3, like), torch.ones(3, 1))
    factors = Spread(0.7, 0.3).factors(5000, like, generator).log()
    assert factors.mean().exp().item() == pytest.approx(0.7, rel=0.02)
    assert factors.std().item() == pytest.approx(0.3, rel=0.05)
    wide = Spread(1.0, 2.0).factors(500, like, generator)
    assert wide.min() == 0.25 and wide.max() == 4


def test_energy_score_of_two_answers_by_hand():
    """Answers 0 and 1 to the truth 1: ½ (1 + 0) − ½ · 1 = 0; a certain wrong answer scores 1."""
    zero, one = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    assert energy(torch.stack([zero, one], 1), one).item() == pytest.approx(0, abs=1e-5)
    assert energy(torch.stack([zero, zero], 1), one).item() == pytest.approx(1, abs=1e-5)


def test_counting_noise_has_the_variance_of_the_counts():
    pattern = torch.full((1, 1, 200, 200), 0.5)
    noisy = with_counting_noise(pattern, 1000, torch.Generator().manual_seed(0))
    assert noisy.std().item() == pytest.approx(math.sqrt(0.5 / 1000), rel=0.02)


def test_what_a_sampler_cannot_be_is_refused():
    with pytest.raises(ValueError, match="an even number from 4 up"):
        FlowSampler(image_size=15)
    with pytest.raises(ValueError, match="out_channels is 1"):
        VariationalSampler(image_size=16, out_channels=3)
    with pytest.raises(ValueError, match="draws the range of ρ too"):
        made("flow").learn(*pairs()[:3])
