"""Patterns → which crystal, how thick: ``python -m lacbed_gan.identify input=pattern.tif a=3.905``."""

from __future__ import annotations

from pathlib import Path

from lacbed_gan.base.messages import error_line
from lacbed_gan.commands.command import run_command
from lacbed_gan.commands.series_settings import IdentifySettings
from lacbed_gan.crystal.structures import NAMED, find_files
from lacbed_gan.predict.observed_files import read_observed

SHIPPED = "shipped"


def check(settings: IdentifySettings) -> None:
    """Refuse files and structures that cannot be used, before any work."""
    for name in settings.structures:
        if name not in NAMED:
            find_files(Path(name))
    read_observed(settings.input, settings.reflections, settings.frame, settings.mask)
    if settings.checkpoint not in (None, SHIPPED):
        from lacbed_gan.predict.loading import load

        load(settings.checkpoint)


def identify(settings: IdentifySettings) -> None:
    """Write table, numbers, images and figure, and say what they decide."""
    from lacbed_gan.models.weights import WeightsError
    from lacbed_gan.predict.identification.files import lines, save_identification
    from lacbed_gan.predict.identification.identification import identify as identified
    from lacbed_gan.predict.loading import load
    from lacbed_gan.store.making import usable_cores

    measured, hkl = read_observed(settings.input, settings.reflections, settings.frame, settings.mask)
    stem = settings.input[0].stem
    try:
        shipped = settings.checkpoint == SHIPPED
        predictor = settings.checkpoint and load(None if shipped else settings.checkpoint, "inverse")
    except WeightsError as error:
        predictor = None
        print(f"{stem}: no ranking by a network: {error_line(error)}")
    result = identified(
        measured,
        reflections=hkl,
        structures=settings.structures,
        thickness=settings.thickness or None,
        zone=settings.zone,
        x_axis=settings.x_axis,
        a_tolerance=settings.a_tolerance,
        predictor=predictor or None,
        absorption=settings.absorption,
        g_max=settings.g_max,
        b_iso=settings.b_iso,
        best=settings.best,
        limit=settings.limit,
        workers=settings.workers or usable_cores(),
        align=settings.align == "auto",
        told=lambda line: print(f"{stem}: {line}", flush=True),
        **settings.known,
    )
    print(f"{stem}: {result.observation.calibration}")
    for line in result.remarks:
        print(f"{stem}: {line}")
    save_identification(result, settings.output, stem, settings.figure)
    print("\n".join(lines(result)))
    print(f"{result.seconds:.0f} s; table, numbers and images in {settings.output}")


def main() -> None:
    run_command("identify", check, identify)
