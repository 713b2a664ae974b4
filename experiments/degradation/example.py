"""The example of the page: NaCl at the thickness that the shipped network knows, as a camera might have recorded it.

    python experiments/degradation/example.py

Writes lacbed_gan/app/example.tif, 16 bit, with its calibration as ImageJ writes it.
"""

from __future__ import annotations

from pathlib import Path

import disturbances
import numpy as np
import tifffile

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction.fields import bright_field
from lacbed_gan.predict.loading import load

HERE = Path(__file__).parent
SIZE, COUNTS = 256, 400


def main() -> None:
    network = load(direction="inverse")
    recipe = network.recipe
    crystal = catalogue()["NaCl"].with_default_b_iso(recipe.b_iso_of_prediction)
    disturbances.SIZE = SIZE
    wide = bright_field(
        crystal,
        network.thicknesses[:1],
        SIZE,
        half_width=disturbances.HALF_WIDTH,
        g_max=recipe.usual_g_max,
        energy_kv=recipe.energy_kv,
    )[0]
    wide = wide.numpy().astype(float)
    rng = np.random.default_rng(0)
    image = disturbances.aperture(disturbances.off_centre(disturbances.turned(wide, rng), rng), rng)
    counts = rng.poisson(COUNTS * np.clip(image, 0, None) / image.max() + 8)
    counts[97, 40] = 9000  # a hot pixel
    step = 2 * disturbances.HALF_WIDTH / crystal.a / SIZE  # 1/Å
    text = "ImageJ=1.54f\nunit=1/\\u00C5\n"
    tifffile.imwrite(
        HERE.parents[1] / "lacbed_gan" / "app" / "example.tif",
        counts.astype(np.uint16),
        resolution=(1 / step, 1 / step),
        resolutionunit=1,
        description=text,
        metadata=None,
        compression="zlib",
    )


if __name__ == "__main__":
    main()
