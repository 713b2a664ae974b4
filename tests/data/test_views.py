"""Pairs along other zones: which networks and which augmentation take them."""

import math
from types import SimpleNamespace

import pytest

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.data.conditions import condition_names, quantity
from lacbed_gan.data.views import projected_group, require_nets, require_symmetry
from lacbed_gan.store.recipe import Recipe

CUBIC = {"id": "Cu", "number": 225, "a": 4.0}
OBLIQUE = {"id": "kyanite", "number": 2, "a": 7.1, "b1": 0.1, "b2": 0.2, "angle": 75.0, "quadrants": False}
RECTANGULAR = {"id": "Cu [1 1 0]", "number": 225, "a": 4.0, "b1": 0.25, "b2": 0.35, "angle": 90.0, "quadrants": True}


def store(*index, **recipe):
    return SimpleNamespace(source="stores/x", index=index, recipe=Recipe(8, (50.0,), **recipe))


def test_the_net_as_conditions():
    """Logarithms; of a cubic crystal along [001], whose entry does not say it, from a."""
    names = condition_names("net")
    assert names == ("log_b1", "log_b2", "log_angle", "log_span")
    assert [quantity(name, OBLIQUE) for name in names[:3]] == pytest.approx([math.log(x) for x in (0.1, 0.2, 75)])
    assert [quantity(name, CUBIC) for name in names[:3]] == pytest.approx([math.log(x) for x in (0.25, 0.25, 90)])


def test_quadrants_are_asked_of_every_pair():
    require_symmetry(store(CUBIC, RECTANGULAR), quadrants=True)
    require_symmetry(store(CUBIC, OBLIQUE), quadrants=False)
    with pytest.raises(
        SettingsError, match=r"those of kyanite have not; take model.generator.quadrants=false condition=net"
    ):
        require_symmetry(store(CUBIC, OBLIQUE), quadrants=True)


def test_nets_that_are_not_square_are_not_turned():
    require_nets(store(CUBIC), point_group=True)
    require_nets(store(CUBIC, RECTANGULAR), point_group=False)
    with pytest.raises(SettingsError, match=r"that of Cu .* is another; take augment.point_group=false"):
        require_nets(store(CUBIC, RECTANGULAR), point_group=True)
    with pytest.raises(SettingsError, match="stores/x has patterns of absolute angles"):
        require_nets(store(CUBIC, half_width=20.0, window_unit="mrad"), point_group=False)


def test_plane_groups_are_of_cubic_ones_along_001():
    assert [projected_group(entry) for entry in (CUBIC, OBLIQUE, RECTANGULAR)] == ["p4mm", None, None]
