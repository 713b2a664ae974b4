"""A crystal → its patterns, a pattern → ρ: ``python -m lacbed_gan.predict input=SrTiO3.cif``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.files import write_atomically
from lacbed_gan.commands.config import is_number, plain, require, require_choice, run_command, shown
from lacbed_gan.images.grey import POLARITIES, ImageError
from lacbed_gan.images.measured import kind_of

if TYPE_CHECKING:
    from lacbed_gan.predict.predictor import Predictor

NUMBERS = ("a", "pixel_size", "half_width")  # positive, or null
CALIBRATION = (*NUMBERS, "rotation", "centre", "polarity")  # of a measured pattern


def check(config: DictConfig) -> None:
    """Refuse files, settings and networks that do not go together, before any prediction."""
    for key in NUMBERS:
        value = config[key]
        require(value is None or (is_number(value) and value > 0), f"{key}={shown(value)} is not a positive number")
    angle = config.rotation is None or is_number(config.rotation)
    require(angle, f"rotation={shown(config.rotation)} is not an angle in degrees")
    centre = plain(config.centre)
    right = centre is None or (isinstance(centre, list) and len(centre) == 2 and all(map(is_number, centre)))
    require(right, f"centre={shown(centre)} is not [row, column]")
    require_choice("polarity", config.polarity, [None, *POLARITIES])
    require(isinstance(config.output, str), f"output={shown(config.output)} is not a folder's name")
    thickness = _thickness(config)
    inputs, _ = find_inputs(plain(config.input))
    directions = {_direction(kind) for kind in inputs.values()}
    both = config.pixel_size is None or config.half_width is None
    require(both, "pixel_size and half_width both say how large the angles are; give one of them")
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
            needed = {"the network": predictor.needs_a, "the physics check": config.check}
            needed["pixel_size"] = config.pixel_size is not None
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
    from lacbed_gan.predict.files import predict_crystal, predict_measured  # PyTorch

    inputs, left_out = find_inputs(plain(config.input))
    folder = Path(config.output)
    done = 0
    for path, kind in inputs.items():
        predictor = _predictor(config.checkpoint, _direction(kind))
        arguments = {"thickness": _thickness(config), "figure": config.figure}
        try:
            if kind == "CIF":
                numbers = predict_crystal(path, predictor, folder, compare=config.compare, **arguments)
            else:
                arguments |= {name: plain(config[name]) for name in CALIBRATION}
                numbers = predict_measured(path, predictor, folder, check=config.check, **arguments)
        except ValueError as error:
            left_out.append(_named(path, error))
            continue
        numbers["checkpoint"] = config.checkpoint
        write_atomically(folder / f"{path.stem}.json", json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")
        done += 1
        for line in numbers["warnings"]:
            print(f"{path.name}: warning: {line}")
    if not done:
        raise SettingsError("; ".join(left_out))
    for line in left_out:
        print(f"left out: {line}")
    print(f"{done} {'prediction' if done == 1 else 'predictions'} in {folder}")


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
