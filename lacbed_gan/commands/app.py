"""The command: ``python -m lacbed_gan.app``, a page on 127.0.0.1 (Hydra: ``conf/app.yaml``)."""

from __future__ import annotations

import importlib.util
import socket
from functools import cache
from typing import TYPE_CHECKING

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands.command import require, run_command
from lacbed_gan.commands.settings import AppSettings

if TYPE_CHECKING:
    from lacbed_gan.app.compute import Networks

HOST = "127.0.0.1"  # never another: whoever reaches the page can make this computer work
NEEDED = ("nicegui", "pebble")


def check(settings: AppSettings) -> None:
    """Refuse a port that is taken and networks that cannot be loaded, before anything is served."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    require(not missing, f"the page needs {' and '.join(missing)}; pip install 'lacbed_gan[app]'")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((HOST, settings.port))
        except OSError as error:
            raise SettingsError(
                f"port={settings.port} cannot be had ({error.strerror}); give another one with port=…"
            ) from None
    _networks(settings.forward, settings.inverse)


def serve(settings: AppSettings) -> None:
    """Serve the page until the command is stopped."""
    from lacbed_gan.app.server import serve_page

    networks = _networks(settings.forward, settings.inverse)
    print(f"http://{HOST}:{settings.port} (Ctrl-C ends it)", flush=True)
    serve_page(networks, HOST, settings.port, settings.open_browser)


@cache  # the check loads them, the page uses them
def _networks(forward: str | None, inverse: str | None) -> Networks:
    from lacbed_gan.app.compute import load_networks

    return load_networks(forward, inverse)


def main() -> None:
    run_command("app", check, serve)
