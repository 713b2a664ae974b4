"""What is known of a measured image, and who says so."""

from dataclasses import replace

import numpy as np
import pytest

from lacbed_gan.images.calibration import Calibration, calibrate, other_energy
from lacbed_gan.images.measured import Measured

IMAGES = np.arange(6.0).reshape(1, 2, 3)


def test_the_user_comes_before_the_file_and_the_file_before_what_is_assumed():
    plain, lengths = Measured(IMAGES), Measured(IMAGES, pixel_size=0.02)
    for measured, user, angles, source in [
        (plain, {"a": 4.0}, (None, 3.0), "assumed"),
        (lengths, {"a": 4.0}, (0.02, None), "file"),
        (lengths, {"a": 4.0, "pixel_size": 0.03}, (0.03, None), "user"),
        (lengths, {"a": 4.0, "half_width": 5.0}, (None, 5.0), "user"),
        (lengths, {}, (None, 3.0), "assumed"),  # of 1/Å nobody knows how many 1/a they are
    ]:
        found = calibrate(measured, 200.0, 3.0, **user)
        assert (found.pixel_size, found.half_width) == angles
        assert found.source["half_width" if found.pixel_size is None else "pixel_size"] == source
        assert found.source["rotation"] == found.source["centre"] == found.source["polarity"] == "assumed"


def test_what_the_file_says_beside_its_angles():
    """The zone axis, the beam, the cell edge, and pixels that are not square; the user comes before it here too."""
    measured = Measured(IMAGES, pixel_angle=1e-3, aspect=0.8, centre=(1.0, 2.0), energy_kv=300.0, a=4.0)
    known = calibrate(measured, 200.0, 3.0)
    assert (known.a, known.centre, known.energy_kv, known.aspect) == (4.0, (1.0, 2.0), 300.0, 0.8)
    assert {known.source[name] for name in ("a", "centre", "energy_kv", "aspect", "pixel_size")} == {"file"}
    assert known.pixel_size == pytest.approx(1e-3 / 0.0196875, rel=1e-4)  # textbooks' wavelength at 300 kV
    own = calibrate(measured, 200.0, 3.0, a=5.0, centre=(0.0, 0.0), energy_kv=200.0)
    assert (own.a, own.centre, own.energy_kv) == (5.0, (0.0, 0.0), 200.0)
    assert own.pixel_size == pytest.approx(1e-3 / 0.0250793, rel=1e-4)
    assert {own.source[name] for name in ("a", "centre", "energy_kv")} == {"user"}
    assert "300 kV, the network knows patterns at 200 kV" in other_energy(known, 200.0)
    assert other_energy(own, 200.0) is None


def test_polarity_and_what_a_user_reads():
    """Every attribute is in the line, with who says it."""
    known = calibrate(Measured(IMAGES), 200.0, 3.0, polarity="dark_high", rotation=0.0, centre=(1.0, 2.5))
    assert np.array_equal(known.intensities(IMAGES), -IMAGES)
    assert str(known) == (
        "±3 /a (assumed), zone axis [001] at row 1, column 2.5 (user), turned by 0° (user), the whole image counts "
        "(assumed), 200 kV (assumed), black is high (user)"
    )
    values = known.to_json()
    assert values["centre"] == [1.0, 2.5] and values["source"]["half_width"] == "assumed"
    assert "zone axis [001] in the middle (assumed)" in str(calibrate(Measured(IMAGES), 200.0, 3.0))
    other = replace(
        calibrate(Measured(IMAGES, 0.02, aspect=0.8, remarks=("frame 2 of 3",)), 200.0, 3.0, a=4.0),
        centre=(3.0, 4.0),
        aperture=(5.0, 6.0, 7.0),
        source={"pixel_size": "file", "centre": "pattern", "aspect": "file", "a": "user"},
        uncertainty={"centre": 0.2},
    )
    assert str(other) == (
        "a = 4 Å (user), 0.02 1/Å per pixel (file), rows 0.8 times as far apart as columns (file), zone axis [001] at "
        "row 3, column 4 (pattern, ± 0.2 px), turned by 0° (assumed), aperture of radius 7 px about row 5, column 6 "
        "(assumed), 200 kV (assumed), white is high (assumed); frame 2 of 3"
    )


def test_pixels_of_a_smaller_image():
    known = Calibration(4.0, 0.01, centre=(9.5, 4.5), aperture=(9.5, 9.5, 8.0), uncertainty={"centre": 2.0})
    small = known.at(4)
    assert small.pixel_size == pytest.approx(0.04) and small.centre == (2.0, 0.75)
    assert small.aperture == (2.0, 2.0, 2.0) and small.uncertainty == {"centre": 0.5}
    assert small.at(1 / 4) == known
