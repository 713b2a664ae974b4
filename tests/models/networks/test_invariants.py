"""Every generator that a model's file can name holds the invariants of generators."""

from lacbed_gan.models.build import build_networks
from lacbed_gan.models.networks.fourier import FourierGenerator
from lacbed_gan.models.networks.pix2pixhd import GlobalGenerator, LocalEnhancer
from lacbed_gan.models.networks.symmetry import Symmetrised
from lacbed_gan.models.networks.testing import GeneratorInvariants
from lacbed_gan.models.networks.unet import GlobalUNet
from lacbed_gan.models.settings import NetworkSettings


class TestFourierForward(GeneratorInvariants):
    conditions, symmetry = 2, "2mm"

    def make(self, **sizes):
        return FourierGenerator(32, conditions=2, potential="input", order=6, width=64, depth=1, **sizes)


class TestFourierInverse(GeneratorInvariants):
    conditions, answer = 1, (float("-inf"), float("inf"))  # a sum of waves

    def make(self, **sizes):
        return FourierGenerator(32, conditions=1, potential="output", order=15, width=64, depth=1, **sizes)


class TestUNet(GeneratorInvariants):
    conditions = 2

    def make(self, **sizes):
        return GlobalUNet(32, conditions=2, filters=8, bottleneck=64, **sizes)


class TestUNetWithoutConditions(GeneratorInvariants):
    size = 64

    def make(self, **sizes):
        return GlobalUNet(64, filters=8, bottleneck=64, periodic="input", **sizes)


class TestGlobalGenerator(GeneratorInvariants):
    answer = (-1.0, 1.0)

    def make(self, **sizes):
        return GlobalGenerator(filters=4, downsamplings=2, blocks=1, **sizes)


class TestLocalEnhancer(GeneratorInvariants):
    answer = (-1.0, 1.0)

    def make(self, **sizes):
        return LocalEnhancer(filters=4, downsamplings=2, blocks=1, local_blocks=1, **sizes)


class TestSymmetrisedPotential(GeneratorInvariants):
    conditions, symmetry, space = 2, "2", "real"

    def make(self, **sizes):
        return Symmetrised(GlobalUNet(32, conditions=2, filters=8, bottleneck=64, **sizes), "2", "real")


class TestBuiltFromSettings(GeneratorInvariants):
    """Of two thicknesses, which the forward network is told as one more number."""

    conditions, symmetry = 3, "2mm"

    def make(self, in_channels=1, out_channels=1):
        generator = {"name": "global_unet", "filters": 8, "bottleneck": 64}
        model = {"generator": generator, "discriminator": {"scales": 1}, "symmetry": "2mm"}
        sizes = {"size": 32, "thickness": [50, 100], "condition": "scale", "origin": "canonical"}
        settings = NetworkSettings(direction="forward", model=model, **sizes)
        if (in_channels, out_channels) != (1, 1):  # settings know of no others
            return Symmetrised(GlobalUNet(32, in_channels, out_channels, 3, 8, 64), "2mm", "angle")
        return build_networks(settings).generator
