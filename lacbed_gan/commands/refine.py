"""Patterns of a known crystal → its thickness, B and more: ``python -m lacbed_gan.refine input=… crystal=….cif``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands.command import run_command
from lacbed_gan.commands.series_settings import RefineSettings
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.predict.observed_files import read_observed

if TYPE_CHECKING:
    from lacbed_gan.predict.observation import Observation


def check(settings: RefineSettings) -> None:
    """Refuse files that cannot be used, before any work."""
    Crystal.from_file(settings.crystal).seen(settings.zone, settings.x_axis)
    series = _series(settings)
    if settings.start == "network" and (len(series) > 1 or len(settings.thickness) != 1):
        raise SettingsError("start=network fits images of one thickness, which it needs to about 3 nm: thickness=…")


def refine(settings: RefineSettings) -> None:
    """Write numbers, tables, images and figure, and say what came out."""
    from lacbed_gan.predict.observation import observe
    from lacbed_gan.predict.refinement.files import lines, save_refinement
    from lacbed_gan.predict.refinement.refinement import refine as refined

    crystal = Crystal.from_file(settings.crystal)
    stem = settings.input[0].stem
    known = settings.known | {"a": settings.a or crystal.a}
    axes = {"zone": settings.zone, "x_axis": settings.x_axis, "align": settings.align == "auto"}
    observations = [observe(measured, hkl, **axes, **known) for measured, hkl in _series(settings)]
    print(f"{stem}: {observations[0].calibration}")
    if settings.start == "network":
        _refine_factors(settings, crystal, observations[0], stem)
        return
    result = refined(
        observations,
        crystal,
        settings.thickness,
        free=settings.free,
        absorption=settings.absorption,
        g_max=settings.g_max,
        b_iso=settings.b_iso,
        size=settings.size,
        orders=settings.orders,
        told=lambda line: print(f"{stem}: {line}", flush=True),
    )
    save_refinement(result, settings.output, stem, settings.figure)
    print("\n".join(lines(result)))
    print(f"{result.seconds:.0f} s; numbers, tables and images in {settings.output}")


def _refine_factors(settings: RefineSettings, crystal: Crystal, observation: Observation, stem: str) -> None:
    from lacbed_gan.predict.loading import load
    from lacbed_gan.predict.refinement.structure_factors import lines, refine_factors, save_factors

    predictor = load(None if settings.checkpoint == "shipped" else settings.checkpoint, "inverse")
    result = refine_factors(
        observation,
        crystal,
        settings.thickness[0],
        predictor,
        absorption=settings.absorption,
        g_max=settings.g_max,
        b_iso=settings.b_iso,
        told=lambda line: print(f"{stem}: {line}", flush=True),
    )
    save_factors(result, settings.output, stem)
    print("\n".join(lines(result)))
    print(f"numbers in {settings.output}")


def _series(settings: RefineSettings) -> list[tuple[Any, Any]]:
    """Images and reflections of each thickness: images of several thicknesses are bright fields."""
    several = len(settings.thickness) > 1
    if several and settings.reflections:
        raise SettingsError("several thicknesses are of bright fields alone; leave reflections out, or give one")
    paths, count = settings.input, len(settings.thickness)
    if not several:
        return [read_observed(paths, settings.reflections, settings.frame, settings.mask)]
    direct = (0, 0, 0)
    if len(paths) > 1:
        series = [read_observed([path], (direct,), settings.frame, settings.mask) for path in paths]
    else:
        measured, _ = read_observed(paths, tuple((0, 0, i) for i in range(count)), settings.frame, settings.mask)
        series = [(replace(measured, images=image[None]), (direct,)) for image in np.asarray(measured.images)]
    if len(series) != count:
        raise SettingsError(f"{count} thicknesses are given for {len(series)} images; give one of each image")
    return series


def main() -> None:
    run_command("refine", check, refine)
