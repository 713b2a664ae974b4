"""The page and its server, on the loopback interface alone."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from nicegui import app, ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from lacbed_gan.app.background import Background
from lacbed_gan.app.compute import Networks
from lacbed_gan.app.forward_tab import ForwardTab
from lacbed_gan.app.guard import LOOPBACK, Guard
from lacbed_gan.app.inverse_tab import InverseTab
from lacbed_gan.app.widgets import Colours

STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def serve_page(networks: Networks, host: str, port: int, open_browser: bool) -> None:
    """Serve the page until the process is told to end.

    A site that the user visits can have its own name resolve to 127.0.0.1 (DNS rebinding), which the Host header
    shows, or send requests to 127.0.0.1, which the Origin header shows: both are refused.
    """
    logging.basicConfig(level=logging.WARNING)
    background = Background()

    @ui.page("/", title="lacbed_gan", dark=None)
    def page() -> None:
        build_page(networks, background)

    app.add_middleware(Guard)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK)
    app.on_startup(background.warm_up)
    app.on_shutdown(background.stop)
    with suppress(KeyboardInterrupt):
        ui.run(host=host, port=port, show=open_browser, reload=False, show_welcome_message=False, tailwind=False)


def build_page(networks: Networks, background: Background) -> None:
    """The widgets of one browser window."""
    ui.add_head_html(f"<style>{STYLE}</style>")
    with ui.header():
        ui.label("lacbed_gan").classes("heading")
        with ui.tabs().props("dense no-caps") as tabs:
            forward = ui.tab("Crystal → pattern")
            inverse = ui.tab("Pattern → ρ")
        ui.element().classes("space")
        colours = Colours()
    with ui.tab_panels(tabs, value=forward, animated=False, keep_alive=True):
        with ui.tab_panel(forward):
            crystals = ForwardTab(networks.forward, background, colours)
        with ui.tab_panel(inverse):
            patterns = InverseTab(networks.inverse, background, colours)
    ui.context.client.on_delete(crystals.stop)
    ui.context.client.on_delete(patterns.stop)
