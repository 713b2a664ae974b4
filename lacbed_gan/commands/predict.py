"""A crystal → its patterns, a pattern → ρ: ``python -m lacbed_gan.predict input=SrTiO3.cif``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.files import write_atomically
from lacbed_gan.commands.command import require, run_command
from lacbed_gan.commands.settings import PredictSettings
from lacbed_gan.images.file_kinds import SERIES, STRUCTURES, prediction_inputs

if TYPE_CHECKING:
    from lacbed_gan.predict.predictor import Predictor

# What of a measured pattern's file it is.
CHOICE = ("frame", "signal", "mask")


def check(settings: PredictSettings) -> None:
    """Refuse files and networks that do not go together, before any prediction."""
    inputs, _ = prediction_inputs(settings.input)
    directions = {_direction(kind) for kind in inputs.values()}
    for direction in sorted(directions):
        predictor = _predictor(settings, direction)
        file = next(path for path, kind in inputs.items() if _direction(kind) == direction)
        if predictor.direction != direction:
            what = {"forward": "a CIF", "inverse": "a pattern"}
            raise SettingsError(
                f"{file} is {what[direction]}, but checkpoint={settings.checkpoint} is of direction="
                f"{predictor.direction}, which takes {what[predictor.direction]}"
            )
        predictor.require_thickness(settings.thickness or predictor.thicknesses)
        if settings.samples:
            predictor.require_sampling(settings.weigh)
        if direction == "inverse" and inputs[file] != SERIES:  # beside a series there may be its crystal
            needed = {"the network": predictor.needs_a, "the physics check": settings.check}
            needed["pixel_size"] = settings.pixel_size is not None
            why = next((name for name, needs in needed.items() if needs), None)
            remedy = " (or check=false)" if why == "the physics check" else ""
            require(
                settings.a is not None or why is None,
                f"{file} is a pattern: a=… is needed{remedy}, the cell edge in Å, which {why} uses and a pattern "
                "does not tell",
            )


def predict(settings: PredictSettings) -> None:
    """Write figure, arrays and numbers of each input; one that cannot be used is left out and named."""
    from lacbed_gan.predict.files import predict_crystal, predict_measured  # PyTorch

    inputs, left_out = prediction_inputs(settings.input)
    folder = settings.output
    done = 0
    for path, kind in inputs.items():
        predictor = _predictor(settings, _direction(kind))
        arguments = {"thickness": settings.thickness, "figure": settings.figure}
        try:
            if kind in STRUCTURES:
                numbers = predict_crystal(
                    path,
                    predictor,
                    folder,
                    compare=settings.compare,
                    b_iso=settings.b_iso,
                    zone=settings.zone or None,
                    x_axis=settings.x_axis,
                    **arguments,
                )
            else:
                arguments |= settings.known | {name: getattr(settings, name) for name in CHOICE}
                arguments |= {name: getattr(settings, name) for name in ("samples", "weigh", "counts")}
                arguments |= {"check": settings.check, "fit": settings.fit, "align": settings.align == "auto"}
                numbers = predict_measured(path, predictor, folder, **arguments)
        except ValueError as error:
            left_out.append(_named(path, error))
            continue
        numbers["checkpoint"] = settings.checkpoint
        write_atomically(folder / f"{path.stem}.json", json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")
        done += 1
        for line in numbers["warnings"]:
            print(f"{path.name}: warning: {line}")
    if not done:
        raise SettingsError("; ".join(left_out))
    for line in left_out:
        print(f"left out: {line}")
    print(f"{done} {'prediction' if done == 1 else 'predictions'} in {folder}")


def _predictor(settings: PredictSettings, direction: str) -> Predictor:
    return _loaded(settings.checkpoint, direction).of(settings.thickness or ())


@cache  # the check loads it, the prediction uses it
def _loaded(checkpoint: str | None, direction: str) -> Predictor:
    from lacbed_gan.predict.loading import load

    return load(checkpoint, direction)


def _direction(kind: str) -> str:
    return "forward" if kind in STRUCTURES else "inverse"


def _named(path: Path, error: ValueError) -> str:
    text = " ".join(str(error).split())
    return text if text.startswith(str(path)) else f"{path}: {text}"


def main() -> None:
    run_command("predict", check, predict)
