"""Report on finished runs, or on weights with a store: ``python -m lacbed_gan.evaluate runs=runs``."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from functools import cache

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.version import program_version
from lacbed_gan.commands.command import require, run_command
from lacbed_gan.commands.settings import EvaluateSettings
from lacbed_gan.models.shipped_weights import named_weights
from lacbed_gan.models.weights import Trained
from lacbed_gan.report.collect import Group, collect_runs, grouped, nm
from lacbed_gan.report.weights_on_store import check_pairs, evaluate_weights, write_evaluation
from lacbed_gan.store.packed import open_store
from lacbed_gan.store.store import Store


def check(settings: EvaluateSettings) -> None:
    """Refuse a folder without finished runs, a group or crystal that none has, and a store that weights cannot take."""
    if settings.checkpoint is None:
        select(settings)
    else:
        check_pairs(*_weights_and_store(settings))


@cache  # the check opens them, the evaluation uses them
def _weights_and_store(settings: EvaluateSettings) -> tuple[Trained, Store]:
    return named_weights(settings.checkpoint), open_store(settings.store)


def evaluate_on_store(settings: EvaluateSettings) -> None:
    """Write and print what the weights come to on the store."""
    evaluation = evaluate_weights(*_weights_and_store(settings))
    evaluation.facts["checkpoint"] = settings.checkpoint
    write_evaluation(settings.output, evaluation, *_origin())
    print(*evaluation.lines, f"results: {settings.output / 'index.html'}", sep="\n")


def _origin() -> tuple[str, str, str]:
    """The command line, the version of the program, and date and time."""
    command = shlex.join(["python", "-m", "lacbed_gan.evaluate", *sys.argv[1:]])
    return command, program_version(), datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")


def select(settings: EvaluateSettings) -> tuple[list[Group], dict[str, str]]:
    """The groups to report on, and the runs that are left out, with why.

    Raises:
        SettingsError: there are none, or the group or crystal asked for is not among them.
    """
    folder = settings.runs
    require(folder.is_dir(), f"runs={folder}: no such folder; name the one that holds the runs' folders")
    runs, left_out = collect_runs(folder)
    if not runs:
        names = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise SettingsError(f"runs={folder}: no finished run ({names or 'it holds no run at all'}); train one first")
    groups, alike = grouped(runs)
    left_out |= alike
    if settings.group is not None:
        names = [group.name for group in groups]
        require(settings.group in names, f"group={settings.group} is not one of {', '.join(names)}")
        groups = [group for group in groups if group.name == settings.group]
    if settings.crystal is not None:
        tested = any(settings.crystal in group.crystals() for group in groups)
        require(
            tested, f"crystal={settings.crystal} is in no test fold of these runs; crystals.csv of a run names its own"
        )
    return groups, left_out


def evaluate(settings: EvaluateSettings) -> None:
    """Write the report; an older one is replaced file by file, the page last."""
    if settings.checkpoint is not None:
        evaluate_on_store(settings)
        return
    from lacbed_gan.report.attach import attach
    from lacbed_gan.report.files import FIGURES, REPORT, write_report
    from lacbed_gan.report.page import page
    from lacbed_gan.report.section import build_section

    groups, left_out = select(settings)
    sections = []
    for group in groups:
        print(f"{group.name}: {len(group.runs)} runs", flush=True)
        sections.append(build_section(group, settings.crystal, settings.timing))
    folder = settings.runs / REPORT
    write_report(folder, sections, page(sections, left_out, *_origin()))
    if settings.logger.name == "wandb":
        for section in sections:
            attach(section, folder / FIGURES / section.group.name, settings.logger.project, settings.logger.group)
    for name, reason in left_out.items():
        print(f"left out: {name}: {reason}")
    for section in sections:
        for row in section.measures:
            error = "" if row["mse_standard_error"] is None else f" ± {row['mse_standard_error']:.2g}"
            print(
                f"{section.group.name}: {row['direction']} {nm(row['thickness'])} nm, {row['split']}: "
                f"MSE {row['mse']:.3g}{error}, R {row['r']:.4f}, {row['folds']} of {row['of_folds']} folds"
            )
        for gap in section.gaps:
            print(f"{section.group.name}: {gap}")
    print(f"report: {folder / 'index.html'}")


def main() -> None:
    run_command("evaluate", check, evaluate)
