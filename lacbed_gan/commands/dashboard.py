"""Show runs in W&B: ``python -m lacbed_gan.dashboard entity=me project=lacbed_gan``."""

from __future__ import annotations

import importlib.util

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.base.messages import printable
from lacbed_gan.commands.command import require, run_command
from lacbed_gan.commands.settings import DashboardSettings


def check(settings: DashboardSettings) -> None:
    """Refuse what cannot be made: without the package, or without a login."""
    from lacbed_gan.running.tracking import logged_in

    installed = importlib.util.find_spec("wandb_workspaces") is not None
    require(installed, "the dashboard needs wandb-workspaces; pip install 'lacbed_gan[dashboard]'")
    require(
        logged_in(),
        "the dashboard is made in W&B, and nobody is logged in: wandb login, or set WANDB_API_KEY; without an account, "
        "`python -m lacbed_gan.evaluate` makes the same as a page",
    )


def show(settings: DashboardSettings) -> None:
    """Make the workspace and the report, and say where they are."""
    from lacbed_gan.report import dashboard
    from lacbed_gan.report.collect import collect_runs, grouped
    from lacbed_gan.report.tables import measure_table
    from lacbed_gan.running.tracking import server, unreachable

    if trouble := unreachable(server()):
        raise SettingsError(f"{trouble}; `python -m lacbed_gan.evaluate` makes the same as a page, without W&B")
    groups = grouped(collect_runs(settings.runs)[0])[0] if settings.runs.is_dir() else []
    groups = [group for group in groups if settings.group in (None, group.name)]
    measures = [row for group in groups[:1] for row in measure_table(group)]
    names = settings.entity, settings.project, settings.group
    try:
        workspace = dashboard.workspace(*names).save()
        report = dashboard.report(*names, settings.direction, measures).save()
    except Exception as error:  # of W&B: no such entity, no right to write there …
        raise SettingsError(
            f"entity={settings.entity} project={settings.project}: W&B refuses ({printable(error)})"
        ) from None
    print(f"workspace: {workspace.url}", f"report: {report.url}", sep="\n")


def main() -> None:
    run_command("dashboard", check, show)
