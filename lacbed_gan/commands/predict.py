"""A crystal → its patterns, a pattern → ρ: ``python -m lacbed_gan.predict input=SrTiO3.cif``."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.files import replacing, write_atomically
from lacbed_gan.commands.config import is_number, plain, require, require_choice, run_command, shown
from lacbed_gan.crystal import Crystal
from lacbed_gan.images.grey import POLARITIES, ImageError
from lacbed_gan.images.measured import kind_of, read_images

if TYPE_CHECKING:
    from lacbed_gan.predict.predictor import Predictor

NUMBERS = ("a", "scale", "half_width")  # positive, or null


def check(config: DictConfig) -> None:
    """Refuse files, settings and networks that do not go together, before any prediction."""
    for key in NUMBERS:
        value = config[key]
        require(value is None or (is_number(value) and value > 0), f"{key}={shown(value)} is not a positive number")
    require(is_number(config.rotation), f"rotation={shown(config.rotation)} is not an angle in degrees")
    centre = plain(config.centre)
    right = centre is None or (isinstance(centre, list) and len(centre) == 2 and all(map(is_number, centre)))
    require(right, f"centre={shown(centre)} is not [row, column]")
    require_choice("polarity", config.polarity, POLARITIES)
    require(isinstance(config.output, str), f"output={shown(config.output)} is not a folder's name")
    thickness = _thickness(config)
    inputs, _ = find_inputs(plain(config.input))
    directions = {_direction(kind) for kind in inputs.values()}
    both = config.scale is None or config.half_width is None
    require(both, "scale and half_width both say how large the angles are; give one of them")
    for direction in sorted(directions):
        predictor = _predictor(config.checkpoint, direction)
        file = next(path for path, kind in inputs.items() if _direction(kind) == direction)
        if predictor.direction != direction:
            what = {"forward": "a CIF", "inverse": "a pattern"}
            raise SettingsError(
                f"{file} is {what[direction]}, but checkpoint={config.checkpoint} is of direction="
                f"{predictor.direction}, which takes {what[predictor.direction]}"
            )
        predictor.require_known(predictor.thicknesses if thickness is None else thickness)
        if direction == "inverse":
            needed = {"the network": predictor.needs_a, "the physics check": config.check, "scale": config.scale}
            why = next((name for name, wanted in needed.items() if wanted), None)
            remedy = " (or check=false)" if why == "the physics check" else ""
            require(
                config.a is not None or why is None,
                f"{file} is a pattern: a=… is needed{remedy}, the cell edge in Å, which {why} uses and a pattern "
                "does not tell",
            )


def find_inputs(given: Any) -> tuple[dict[Path, str], list[str]]:
    """The files to predict from, with their kind by content, and those of folders that are left out, with why.

    Raises:
        SettingsError: nothing is given, there is no such file, or two would have results of one name.
        ImageError: a file that was named is of no known kind.
    """
    names = given if isinstance(given, list) else [given]
    wanted = "input=… is needed: a CIF, an image, a folder of them, or a list"
    require(bool(names) and all(isinstance(name, str) for name in names), wanted)
    inputs: dict[Path, str] = {}
    left_out = []
    for path in map(Path, names):
        require(path.exists(), f"input={path}: no such file or folder")
        if not path.is_dir():
            inputs[path] = kind_of(path)
            continue
        for file in sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith(".")):
            try:
                inputs[file] = kind_of(file)
            except ImageError as error:
                left_out.append(str(error))
    require(bool(inputs), f"input={given}: it holds neither a CIF nor an image")
    stems: dict[str, Path] = {}
    for path in inputs:
        other = stems.setdefault(path.stem, path)
        require(other is path, f"{other} and {path} would both be called {path.stem}; rename one")
    return inputs, left_out


def predict(config: DictConfig) -> None:
    """Write figure, arrays and numbers of each input; one that cannot be used is left out and named."""
    inputs, left_out = find_inputs(plain(config.input))
    folder = Path(config.output)
    done = 0
    for path, kind in inputs.items():
        one = _predict_patterns if _direction(kind) == "forward" else _predict_potential
        try:
            numbers = one(path, config, folder)
        except ValueError as error:  # CrystalError, ImageError, PreparationError, PredictionError
            left_out.append(_named(path, error))
            continue
        write_atomically(folder / f"{path.stem}.json", json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")
        done += 1
        for line in numbers["warnings"]:
            print(f"{path.name}: warning: {line}")
    if not done:
        raise SettingsError("; ".join(left_out))
    for line in left_out:
        print(f"left out: {line}")
    print(f"{done} {'prediction' if done == 1 else 'predictions'} in {folder}")


def _predict_patterns(path: Path, config: DictConfig, folder: Path) -> dict[str, Any]:
    crystal = Crystal.from_cif(path)
    predictor = _predictor(config.checkpoint, "forward")
    found = predictor.predict_patterns(crystal, _thickness(config))
    numbers = {
        "input": str(path),
        "formula": crystal.formula,
        "space_group": crystal.space_group,
        "a": crystal.a,
        "thickness": list(found.thickness),
        "checkpoint": config.checkpoint,
        "warnings": found.warnings,
    }
    exact = errors = None
    folder.mkdir(parents=True, exist_ok=True)
    if config.compare:
        exact, errors = _exact(crystal, found.thickness, found.pattern)
        numbers |= {"mse": [m for m, _ in errors], "r": [r for _, r in errors]}
        _save(folder / f"{path.stem}_exact.npy", exact)
        for thickness, (error, r) in zip(found.thickness, errors, strict=True):
            print(f"{path.name}: {thickness:g} nm: R {r:.4f}, MSE {error:.3g} against the exact calculation")
    _save(folder / f"{path.stem}.npy", found.pattern)
    if config.figure:
        from lacbed_gan.predict.figures import save_patterns_figure

        title = f"{crystal.formula}, {crystal.space_group}, a = {crystal.a:.4g} Å"
        save_patterns_figure(found, crystal.a, title, folder / f"{path.stem}.png", exact, errors)
    return numbers


def _exact(
    crystal: Crystal, thickness: tuple[float, ...], predicted: np.ndarray
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Patterns by the converged calculation, (T, H, W) in [0, 1] as in a store, and (MSE, R) at each thickness."""
    import torch

    from lacbed_gan.diffraction import bright_field
    from lacbed_gan.images.scaling import to_uint8
    from lacbed_gan.measures.metrics import correlation_r, mse

    intensity = bright_field(crystal, thickness, predicted.shape[-1]).numpy()
    exact = to_uint8(intensity).astype(np.float32) / 255
    pair = torch.from_numpy(predicted), torch.from_numpy(exact)
    return exact, list(zip(mse(*pair).tolist(), correlation_r(*pair).tolist(), strict=True))


def _predict_potential(path: Path, config: DictConfig, folder: Path) -> dict[str, Any]:
    predictor = _predictor(config.checkpoint, "inverse")
    measured = read_images(path)
    scale = config.scale
    if scale is None and config.half_width is None and config.a is not None:
        scale = measured.scale
    found = predictor.predict_potential(
        -measured.images if config.polarity == "dark_high" else measured.images,
        config.a,
        thickness=_thickness(config),
        check=config.check,
        half_width=config.half_width,
        scale=scale,
        rotation=config.rotation,
        centre=None if config.centre is None else tuple(config.centre),
    )
    numbers = {
        "input": str(path),
        "a": config.a,
        "thickness": list(found.thickness),
        "scale": scale,
        "half_width": config.half_width,
        "rotation": config.rotation,
        "range_of_rho": found.span,
        "checkpoint": config.checkpoint,
        "warnings": found.warnings,
    }
    if found.check:
        numbers["check"] = asdict(found.check) | {"flagged": found.check.flagged}
        print(
            f"{path.name}: the pattern recomputed from ρ: 1 − R {found.check.residual:.2g}, MSE {found.check.mse:.2g}, "
            f"with a range of ρ of {found.check.span:.3g} 1/Å²"
        )
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / f"{path.stem}.npy", found.potential)
    if config.figure:
        from lacbed_gan.predict.figures import save_potential_figure

        save_potential_figure(found, config.a, path.name, folder / f"{path.stem}.png")
    return numbers


def _save(path: Path, array: np.ndarray) -> None:
    with replacing(path) as file:
        np.save(file, array)


@cache  # the check loads it, the prediction uses it
def _predictor(checkpoint: str | None, direction: str) -> Predictor:
    from lacbed_gan.predict.predictor import load

    return load(checkpoint, direction)


def _direction(kind: str) -> str:
    return "forward" if kind == "CIF" else "inverse"


def _thickness(config: DictConfig) -> list[float] | None:
    given = plain(config.thickness)
    if given is None:
        return None
    several = given if isinstance(given, list) else [given]
    right = bool(several) and all(is_number(one) and one > 0 for one in several)
    require(right, f"thickness={shown(given)} is not a number of nm or a list of them")
    return [float(one) for one in several]


def _named(path: Path, error: ValueError) -> str:
    text = " ".join(str(error).split())
    return text if text.startswith(str(path)) else f"{path}: {text}"


def main() -> None:
    run_command("predict", check, predict)
