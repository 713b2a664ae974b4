"""Losses of the conditional GAN. Pure functions on the discriminator's outputs, computed in float32.

A judgement is what `MultiscaleDiscriminator` returns: for each scale the outputs of all layers, logits last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacbed_gan.models.learning import LossWeights
from lacbed_gan.models.networks.drawing import Drawing

Judgement = list[list[Tensor]]


def least_squares_loss(logits: Tensor, real: bool) -> Tensor:
    """Mean of (D − 1)² where the pair should be judged real, of D² where generated (Mao et al., 1611.04076).

    The loss of the authors' code (pix2pixHD). Any shape → scalar float32.
    """
    logits = logits.float()
    return (logits - 1).square().mean() if real else logits.square().mean()


def log_loss(logits: Tensor, real: bool) -> Tensor:
    """−log D where the pair should be judged real, −log(1 − D) where generated, D = sigmoid(logits); mean.

    The loss of eq. 2 of arXiv 2503.02852, with the generator maximising log D instead of minimising
    log(1 − D): the same fixed point, but a gradient that does not vanish while the discriminator wins
    (Goodfellow et al., arXiv 1406.2661, section 3). Any shape → scalar float32.
    """
    logits = logits.float()
    return F.softplus(-logits).mean() if real else F.softplus(logits).mean()


GAN_LOSSES: dict[str, Callable[[Tensor, bool], Tensor]] = {"lsgan": least_squares_loss, "log": log_loss}


def adversarial_loss(judgement: Judgement, real: bool, gan_loss: str = "lsgan") -> Tensor:
    """The GAN loss, one of GAN_LOSSES, summed over scales as in pix2pixHD.

    Args:
        judgement: of a batch of pairs.
        real: what the discriminator should say (its own loss) or is wanted to say (the generator's).
    """
    return torch.stack([GAN_LOSSES[gan_loss](layers[-1], real) for layers in judgement]).sum()


def feature_matching_loss(generated: Judgement, real: Judgement) -> Tensor:
    """Mean absolute difference between the discriminator's features of generated and real pairs.

    Σ over scales and layers of 4/L · 1/S · mean |f_generated − f_real|, with S scales and L feature layers,
    logits left out: pix2pixHD's eq. 4 with its code's weights. No gradient flows into the real features.
    """
    terms = [
        F.l1_loss(fake.float(), true.detach().float()) * 4 / (len(fake_layers) - 1) / len(generated)
        for fake_layers, real_layers in zip(generated, real, strict=True)
        for fake, true in zip(fake_layers[:-1], real_layers[:-1], strict=True)
    ]
    return torch.stack(terms).sum()


def answered(
    generator: nn.Module, weights: LossWeights, image: Tensor, target: Tensor, batch: Mapping[str, Tensor]
) -> tuple[Tensor | None, dict[str, Tensor]]:
    """A generator's answers to a batch, and those terms of its loss that need no discriminator.

    One that draws its answers has a loss of its own, whose weight is that of l2, or else of l1.

    Args:
        image, target: of the batch, with the generator's channels.

    Returns:
        (B, C, H, W), None of one whose answers nobody judges; scalar float32 by name.
    """
    if isinstance(generator, Drawing):
        answers, terms = generator.learn(image, batch.get("condition"), target, batch.get("span"))
        return answers, {name: (weights.l2 or weights.l1) * term for name, term in terms.items()}
    prediction = generator(image, batch.get("condition"))
    return prediction, generator_terms(weights, prediction, target)


def generator_terms(weights: LossWeights, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
    """The generator's loss terms that need no discriminator, times their weights.

    Args:
        prediction, target: (B, C, H, W).

    Returns:
        Scalar float32 by name: those of loss_g_l1 and loss_g_l2 that have a weight.
    """
    terms = {}
    if weights.l1:
        terms["loss_g_l1"] = weights.l1 * F.l1_loss(prediction.float(), target.float())
    if weights.l2:
        terms["loss_g_l2"] = weights.l2 * F.mse_loss(prediction.float(), target.float())
    return terms


def judgement_terms(
    weights: LossWeights, generated: Judgement, real: Judgement, gan_loss: str = "lsgan"
) -> dict[str, Tensor]:
    """The generator's loss terms that the discriminator judges, times their weights.

    Args:
        generated, real: judgements of (input, prediction) and (input, target).

    Returns:
        Scalar float32 by name: those of loss_g_gan and loss_g_feature_matching that have a weight.
    """
    terms = {}
    if weights.adversarial:
        terms["loss_g_gan"] = weights.adversarial * adversarial_loss(generated, True, gan_loss)
    if weights.feature_matching:
        terms["loss_g_feature_matching"] = weights.feature_matching * feature_matching_loss(generated, real)
    return terms


def discriminator_terms(generated: Judgement, real: Judgement, gan_loss: str = "lsgan") -> dict[str, Tensor]:
    """The discriminator's loss terms: their sum is its loss, half of pix2pixHD's two GAN losses each.

    Args:
        generated: judgement of (input, prediction), the prediction detached from the generator.
        real: judgement of (input, target).
    """
    return {
        "loss_d_real": 0.5 * adversarial_loss(real, True, gan_loss),
        "loss_d_fake": 0.5 * adversarial_loss(generated, False, gan_loss),
    }


def score(judgement: Judgement, gan_loss: str = "lsgan") -> Tensor:
    """The discriminator's mean answer D over patches and scales, near 1 for what it takes for real; scalar float32."""
    logits = [layers[-1].detach().float() for layers in judgement]
    answers = [answer.sigmoid() if gan_loss == "log" else answer for answer in logits]
    return torch.stack([answer.mean() for answer in answers]).mean()


def span_term(weights: LossWeights, number: Tensor, span: Tensor) -> dict[str, Tensor]:
    """loss_g_span of the predicted standardised logarithm of ρ's range (B, 1), times its weight."""
    return {"loss_g_span": weights.span * F.smooth_l1_loss(number.float(), span)}


def side_loss(terms: Mapping[str, Tensor], side: str) -> Tensor:
    """The sum of the terms of the generator, "g", or of the discriminator, "d"; scalar float32."""
    return torch.stack([term for name, term in terms.items() if name.startswith(f"loss_{side}_")]).sum()
