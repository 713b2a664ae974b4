"""Weights in 8 bit, and which files ship."""

from dataclasses import replace

import pytest
import torch

from lacbed_gan.models.checkpoints import WeightsError
from lacbed_gan.models.eight_bit import restored, rounded
from lacbed_gan.models.shipped_weights import named_weights, shipped_file
from lacbed_gan.models.weights import load_weights, save_weights


def test_rounded_to_a_127th_of_the_largest_of_a_row():
    tensors = {"w": torch.randn(80, 60, generator=torch.Generator().manual_seed(0)), "b": torch.randn(80)}
    tensors["w"][3] = 0
    small = rounded(tensors)
    assert small["w"].dtype == torch.int8 and small["b"] is tensors["b"]
    found = restored(small)
    assert found.keys() == tensors.keys() and torch.equal(found["b"], tensors["b"])
    assert ((found["w"] - tensors["w"]).abs() <= tensors["w"].abs().amax(1, keepdim=True) / 253).all()
    with pytest.raises(ValueError, match="w is in 8 bit without its scale"):
        restored({"w": small["w"]})


def test_a_file_in_8_bit_is_read_as_any_other(tmp_path):
    trained = replace(load_weights(shipped_file("inverse")), familiar=None)  # half of its file, and of 16 bit already
    save_weights(tmp_path / "whole.safetensors", trained)
    save_weights(tmp_path / "small.safetensors", trained, eight_bit=True)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("small", "whole")]
    assert sizes[0] < 0.35 * sizes[1]
    whole, small = (load_weights(tmp_path / f"{name}.safetensors") for name in ("whole", "small"))
    for one, other in zip(whole.network.parameters(), small.network.parameters(), strict=True):
        assert (one - other).abs().max() <= one.abs().max() / 250


def test_shipped_networks_have_names():
    assert named_weights("forward").settings.thickness == (50, 100, 150, 200)
    assert named_weights("inverse").settings.thickness == (50,) and named_weights(
        "inverse-75nm"
    ).settings.thickness == (75,)
    with pytest.raises(WeightsError, match="inverse-300nm: thickness=300 nm: the network knows 50 to 200 nm"):
        named_weights("inverse-300nm")
    with pytest.raises(WeightsError, match="forward-50nm: "):
        named_weights("forward-50nm")
    with pytest.raises(WeightsError, match=r"x\.ckpt: no such file"):
        named_weights("x.ckpt")
