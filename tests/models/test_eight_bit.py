"""Weights in 8 bit, and which files ship."""

import pytest
import torch

from lacbed_gan.models.eight_bit import restored, rounded
from lacbed_gan.models.shipped_weights import named_file, shipped_file, shipped_thicknesses
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
    trained = load_weights(shipped_file("inverse"))
    save_weights(tmp_path / "whole.safetensors", trained)
    save_weights(tmp_path / "small.safetensors", trained, eight_bit=True)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("small", "whole")]
    assert sizes[0] < 0.35 * sizes[1]
    whole, small = (load_weights(tmp_path / f"{name}.safetensors") for name in ("whole", "small"))
    for one, other in zip(whole.network.parameters(), small.network.parameters(), strict=True):
        assert (one - other).abs().max() <= one.abs().max() / 250


def test_each_thickness_has_its_own_inverse_network():
    assert shipped_thicknesses("inverse") == (50, 100, 150, 200) and shipped_thicknesses("forward") == ()
    for nm in (50, 200):
        assert load_weights(shipped_file("inverse", [nm])).settings.thickness == (nm,)
    assert named_file("inverse-100nm") == shipped_file("inverse", [100])
    assert named_file("inverse") == shipped_file("inverse", [50]) and named_file("x.ckpt").name == "x.ckpt"
