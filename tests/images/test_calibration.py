"""What is known of a measured image, and who says so."""

import numpy as np

from lacbed_gan.images.calibration import calibrate
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
    assert calibrate(plain, 200.0, 3.0).arguments["half_width"] is None  # a prediction assumes it again
    assert calibrate(plain, 200.0, 3.0, half_width=5.0).arguments["half_width"] == 5.0


def test_polarity_and_what_a_user_reads():
    known = calibrate(Measured(IMAGES), 200.0, 3.0, polarity="dark_high", rotation=0.0, centre=(1.0, 2.5))
    assert np.array_equal(known.intensities(IMAGES), -IMAGES)
    assert str(known) == (
        "±3 /a (assumed), zone axis at row 1, column 2.5 (user), turned by 0° (user), black is high (user)"
    )
    values = known.to_json()
    assert values["centre"] == [1.0, 2.5] and values["source"]["half_width"] == "assumed"
    assert "zone axis in the middle (assumed)" in str(calibrate(Measured(IMAGES), 200.0, 3.0))
