"""The page and its server, on the loopback interface alone."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

from nicegui import app, ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from lacbed_gan.app.background import Background
from lacbed_gan.app.calculation_tab import CalculationTab
from lacbed_gan.app.compute import Networks
from lacbed_gan.app.forward_tab import ForwardTab
from lacbed_gan.app.guard import LOOPBACK, Guard
from lacbed_gan.app.identify_tab import IdentifyTab
from lacbed_gan.app.inverse_tab import InverseTab
from lacbed_gan.app.raw_frame import SCRIPT
from lacbed_gan.app.widgets import Colours

FORWARD, INVERSE, CALCULATION = "Crystal → pattern", "Pattern → ρ", "Any zone axis"
IDENTIFICATION = "Which crystal?"
TABS = ("forward", "inverse", "calculation", "identification", "page")
STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def serve_page(networks: Networks, host: str, port: int, open_browser: bool) -> None:
    """Serve the page until the process is told to end.

    A site that the user visits can have its own name resolve to 127.0.0.1 (DNS rebinding), which the Host header
    shows, or send requests to 127.0.0.1, which the Origin header shows: both are refused.
    """
    logging.basicConfig(level=logging.WARNING)
    background = Background()

    @ui.page("/", title="lacbed_gan", dark=None)
    async def page() -> None:
        client = ui.context.client
        await client.connected()  # from now on there is what the window remembers
        if not client.has_socket_connection:
            return  # who asked for the page alone, without a browser, has gone
        memory = app.storage.tab
        build_page(networks, background, {name: memory.setdefault(name, {}) for name in TABS})

    app.add_middleware(Guard)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK)
    app.on_startup(background.warm_up)
    app.on_shutdown(background.stop)
    with suppress(KeyboardInterrupt):
        ui.run(host=host, port=port, show=open_browser, reload=False, show_welcome_message=False, tailwind=False)


def build_page(networks: Networks, background: Background, memory: dict[str, dict[str, Any]]) -> None:
    """The widgets of one browser window, with what it had before a reload."""
    ui.add_css(STYLE)
    ui.run_javascript(SCRIPT)
    with ui.header():
        ui.label("lacbed_gan").classes("heading")
        with ui.tabs().props("dense no-caps") as tabs:
            forward = ui.tab(FORWARD)
            inverse = ui.tab(INVERSE)
            calculation = ui.tab(CALCULATION)
            identification = ui.tab(IDENTIFICATION)
        ui.element().classes("space")
        colours = Colours()
    others = {INVERSE: inverse, CALCULATION: calculation, IDENTIFICATION: identification}
    chosen = others.get(str(memory["page"].get("tab")), forward)
    with ui.tab_panels(tabs, value=chosen, animated=False, keep_alive=True) as panels:
        with ui.tab_panel(forward):
            crystals = ForwardTab(networks.forward, background, colours, memory["forward"])
        with ui.tab_panel(inverse):
            patterns = InverseTab(networks.inverse, background, colours, memory["inverse"])
        with ui.tab_panel(calculation):
            calculations = CalculationTab(background, colours, memory["calculation"])
        with ui.tab_panel(identification):
            candidates = IdentifyTab(background, colours, memory["identification"])
    panels.on_value_change(lambda event: memory["page"].update(tab=str(event.value)))
    for tab in (crystals, patterns, calculations, candidates):
        tab.restore()
        ui.context.client.on_delete(tab.stop)
