"""A workspace and a report in W&B that show the runs of a sweep, as wandb-workspaces describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lacbed_gan.report import paper
from lacbed_gan.report.collect import nm
from lacbed_gan.report.page import e4
from lacbed_gan.report.tables import Row

if TYPE_CHECKING:
    from wandb_workspaces.reports.v2 import Report
    from wandb_workspaces.workspaces import Workspace

# What runs are told apart by; the lines are means over the folds, and over seeds.
GROUPS = ("direction", "thickness")
# Title of a section → its plots: title, curves and whether the axis is logarithmic.
CURVES: dict[str, list[tuple[str, list[str], bool]]] = {
    "Errors": [
        ("MSE of the part that is looked at", ["validation/mse", "test/mse"], True),
        ("MSE of training images", ["train/mse"], True),
        ("R of the part that is looked at", ["validation/r", "test/r"], False),
        ("R of training images", ["train/r"], False),
    ],
    "Losses": [
        ("G, all terms", ["train/total_g"], True),
        ("D, both terms", ["train/total_d"], True),
        ("D(real)", ["train/score_real"], False),
        ("D(fake)", ["train/score_fake"], False),
    ],
    "Training": [
        ("learning rate", ["train/learning_rate"], True),
        ("images a second", ["speed/images_per_second"], False),
        ("norm of G's gradients", ["train/gradient_generator"], True),
        ("norm of D's gradients", ["train/gradient_discriminator"], True),
    ],
}
STEPS = (("G by step", "step/loss_g"), ("D by step", "step/loss_d"))
RESULTS = (("test MSE", "test/mse"), ("test R", "test/r"), ("training MSE", "train/mse"), ("best epoch", "best/epoch"))


def workspace(entity: str, project: str, group: str | None) -> Workspace:
    """Curves, bars and sample panels of the runs of a project, or of one group of them, by direction and thickness."""
    import wandb_workspaces.workspaces as ws

    sections = [
        ws.Section(name=title, panels=panels, is_open=True)
        for title, panels in [*_curves({}).items(), ("Results", _results({})), ("Samples", _samples())]
    ]
    return ws.Workspace(
        entity=entity,
        project=project,
        name=title_of(group),
        sections=sections,
        settings=ws.WorkspaceSettings(x_axis="epoch", max_runs=100),
        runset_settings=ws.RunsetSettings(
            filters=ws.And(ws.Metric("Group") == group) if group else "",
            groupby=[ws.Config(name) for name in GROUPS],
        ),
    )


def report(entity: str, project: str, group: str | None, directions: Sequence[str], measures: Sequence[Row]) -> Report:
    """The same for reading: a part for each direction with a line a thickness, and the table beside the paper's.

    Args:
        measures: rows of `tables.measure_table`, of runs that lie on this machine; none where there are none.
    """
    import wandb_workspaces.reports.v2 as wr

    blocks: list[Any] = [wr.TableOfContents(), wr.H1(text="Beside the paper"), wr.MarkdownBlock(text=table(measures))]
    for direction in directions:
        filters = f"Config('direction') = '{direction}'" + (f" and Metric('Group') = '{group}'" if group else "")
        runs = wr.Runset(
            entity=entity, project=project, name=direction, filters=filters, groupby=[f"config.{GROUPS[-1]}"]
        )
        blocks.append(wr.H1(text=direction))
        by = {"groupby": wr.Config("thickness")}
        grids = {**_curves(by), "Results": _results(by), "Samples": _samples()}
        for title, panels in grids.items():
            blocks += [wr.H2(text=title), wr.PanelGrid(runsets=[runs], panels=panels)]
    text = "Lines are means over the folds and seeds, bands go from the lowest to the highest."
    return wr.Report(
        entity=entity, project=project, title=title_of(group), description=text, blocks=blocks, width="fluid"
    )


def title_of(group: str | None) -> str:
    """Of workspace and report."""
    return f"lacbed_gan {group or 'all runs'}"


def table(measures: Sequence[Row]) -> str:
    """Markdown: the test MSE by direction and thickness, of these runs and as the paper prints it."""
    lines = ["| direction | nm | folds | test MSE · 10⁴ | R | paper |", "|---|---|---|---|---|---|"]
    own = {(row["direction"], row["thickness"]): row for row in measures if row["split"] == "test"}
    cells = sorted({*own, *((d, t) for d, t, split in paper.MEASURES if split == "test")}, key=str)
    for direction, thickness in cells:
        row = own.get((direction, thickness))
        printed = paper.MEASURES.get((direction, thickness, "test"), {}).get("printed", "–")
        values = ["–"] * 3
        if row:
            error = row["mse_standard_error"]
            mse = e4(row["mse"]) + (f" ± {e4(error, 2)}" if error is not None else "")
            values = [f"{row['folds']} of {row['of_folds']}", mse, f"{row['r']:.4f}"]
        lines.append(f"| {direction} | {nm(thickness)} | {' | '.join(values)} | {printed} |")
    return "\n".join(lines)


def _curves(by: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Plots of each section; without ``groupby`` the lines are the groups of the table of runs."""
    import wandb_workspaces.reports.v2 as wr

    look = {**by, "groupby_aggfunc": "mean", "groupby_rangefunc": "minmax"}
    panels: dict[str, list[Any]] = {
        title: [
            wr.LinePlot(title=name, x="epoch", y=y, log_y=log, max_runs_to_show=100, **look) for name, y, log in plots
        ]
        for title, plots in CURVES.items()
    }
    panels["Steps"] = [wr.LinePlot(title=name, x="batch", y=[curve], log_y=True) for name, curve in STEPS]
    return panels


def _results(by: Mapping[str, Any]) -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    look = {**by, "groupby_aggfunc": "mean", "groupby_rangefunc": "stderr"}
    return [wr.BarPlot(title=name, metrics=[wr.SummaryMetric(value)], **look) for name, value in RESULTS]


def _samples() -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    return [wr.MediaBrowser(title="input, prediction, truth, difference²", media_keys=["samples"], num_columns=4)]
