"""A file in, files out: the prediction of one CIF or measured pattern as arrays, numbers and a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.base.files import replacing, write_atomically
from lacbed_gan.base.tables import to_csv
from lacbed_gan.crystal.basis import FILE_AXES
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.zone_axis import source_direction
from lacbed_gan.images.calibration import calibrate
from lacbed_gan.images.measured import read_images
from lacbed_gan.predict.predictor import Predictor
from lacbed_gan.store.entry import view_of


def predict_crystal(
    path: Path,
    predictor: Predictor,
    folder: Path,
    *,
    thickness: Sequence[float] | None,
    compare: bool,
    figure: bool,
    b_iso: float | None = None,
    zone: Sequence[int] | None = None,
    x_axis: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Patterns of a CIF, POSCAR or extended XYZ: <name>.npy, and where asked for <name>_exact.npy and <name>.png.

    Args:
        folder: of the results.
        thickness: in nm; None: all that the network knows.
        compare: also compute the exact patterns.
        b_iso: B in Å² of the atoms for which the CIF gives none; None: what the network's recipe says.
        zone, x_axis: see :meth:`lacbed_gan.Crystal.along`; None: [001].

    Returns:
        the numbers of it, plain JSON values.

    Raises:
        UserError: the file cannot be used.
    """
    crystal = Crystal.from_file(path).seen(zone, x_axis)
    prediction = predictor.predict_patterns(crystal, thickness, b_iso)
    if prediction.displacement:
        print(f"{path.name}: {prediction.displacement}")
    numbers = {
        "input": str(path),
        "formula": crystal.formula,
        "space_group": crystal.space_group,
        "a": crystal.a,
        **view_of(crystal),
        "b_iso": prediction.b_iso,
        "thickness": list(prediction.thickness),
        "recipe": predictor.recipe.to_json(),
        "warnings": [*crystal.remarks, *prediction.warnings],
    }
    if crystal.basis != FILE_AXES:
        numbers["change_of_basis"] = crystal.basis.to_json()
    folder.mkdir(parents=True, exist_ok=True)
    exact = None
    if compare:
        from lacbed_gan.predict.exact import exact_patterns

        exact = exact_patterns(crystal, predictor.recipe, prediction.pattern, prediction.thickness, prediction.b_iso)
        numbers |= {"mse": list(exact.mse), "r": list(exact.r)}
        _save(folder / f"{path.stem}_exact.npy", exact.pattern)
        for nm, error, r in zip(prediction.thickness, exact.mse, exact.r, strict=True):
            print(f"{path.name}: {nm:g} nm: R {r:.4f}, MSE {error:.3g} against the exact calculation")
    _save(folder / f"{path.stem}.npy", prediction.pattern)
    if figure:
        from lacbed_gan.predict.figures import save_patterns_figure

        title, edge = f"{crystal.formula}, {crystal.space_group}, a = {crystal.a:.4g} Å", crystal.a
        if not crystal.is_standard_view:  # the axes are in units of the net
            title, edge = f"{title}, [{' '.join(map(str, source_direction(crystal)))}]", None
        save_patterns_figure(prediction, edge, title, folder / f"{path.stem}.png", exact)
    return numbers


def predict_measured(
    path: Path,
    predictor: Predictor,
    folder: Path,
    *,
    thickness: Sequence[float] | None,
    check: bool,
    figure: bool,
    align: bool = True,
    fit: bool = True,
    samples: int | None = None,
    weigh: bool = False,
    counts: float | None = None,
    frame: int | Sequence[int] | None = None,
    signal: str | int | Sequence[int] | None = None,
    mask: Path | None = None,
    **user: Any,
) -> dict[str, Any]:
    """ρ of a measured pattern: <name>.npy, and where asked for <name>.png.

    With samples their mean is <name>.npy, and there are <name>_samples.npy (n, H, W), <name>_deviation.npy,
    <name>_coefficients.csv with what they say of each U_hk, and <name>_samples.png; where they are weighed,
    <name>_weighed.npy is their mean by the weights.

    Args:
        folder: of the results.
        thickness: of the pattern in nm; None: what the network was trained on.
        check: also recompute the pattern from ρ; needs a.
        align: whether the pattern tells centre, rotation and aperture where neither user nor file says.
        fit: whether an answer that its pattern contradicts is fitted to it; never with samples.
        samples: how many answers to draw; None: the network's one answer.
        weigh, counts: see :func:`lacbed_gan.predict.sampling.draw_samples`.
        frame, signal, mask: what of the file, see :func:`lacbed_gan.images.measured.read_images`.
        user: what the user says of the image, see :func:`lacbed_gan.images.calibration.calibrate`.

    Returns:
        the numbers of it, plain JSON values.

    Raises:
        UserError: the file cannot be used.
    """
    if samples:
        predictor.require_sampling(weigh)
    recipe, measured = predictor.recipe, read_images(path, frame, signal, mask)
    calibration = calibrate(measured, recipe.energy_kv, recipe.half_width, **user)
    prediction = predictor.predict_potential(
        measured.images, calibration=calibration, thickness=thickness, check=check, align=align, fit=fit and not samples
    )
    calibration = prediction.calibration
    print(f"{path.name}: {prediction.assumptions}")
    numbers = {
        "input": str(path),
        "a": calibration.a,
        "thickness": list(prediction.thickness),
        "assumptions": prediction.assumptions,
        "calibration": calibration.to_json(),
        "range_of_rho": prediction.span,
        "recipe": recipe.to_json(),
        "warnings": prediction.warnings,
    }
    if prediction.fit:
        numbers["fit"] = prediction.fit.to_json()
        print(f"{path.name}: {prediction.fit.line}")
    if prediction.check:
        result = prediction.check
        numbers["check"] = asdict(result) | {"flagged": result.flagged}
        if not result.flagged:  # or it is among the warnings
            print(f"{path.name}: {result.verdict}")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = predictor.sampled(prediction, samples, weigh, counts) if samples else None
    if drawn:
        print(*(f"{path.name}: {line}" for line in drawn.lines), sep="\n")
        numbers["samples"] = drawn.to_json()
        _save(folder / f"{path.stem}_samples.npy", drawn.images)
        _save(folder / f"{path.stem}_deviation.npy", drawn.deviation)
        if weigh:
            _save(folder / f"{path.stem}_weighed.npy", drawn.weighed_mean)
        write_atomically(folder / f"{path.stem}_coefficients.csv", to_csv(drawn.table()))
    _save(folder / f"{path.stem}.npy", drawn.mean if drawn else prediction.potential)
    if figure and drawn:
        from lacbed_gan.predict.sample_figures import save_samples_figure

        save_samples_figure(drawn, calibration.a, path.name, folder / f"{path.stem}_samples.png")
    if figure:
        from lacbed_gan.predict.figures import save_potential_figure

        save_potential_figure(prediction, calibration.a, path.name, folder / f"{path.stem}.png")
    return numbers


def _save(path: Path, array: np.ndarray) -> None:
    with replacing(path) as file:
        np.save(file, array)
