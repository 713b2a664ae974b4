"""The real command on a free port, and a headless Chromium that looks at it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CIFS = Path(__file__).parents[1] / "data" / "felix"


@dataclass
class Server:
    """The page's address, what the command has said as it began, and where its errors and the modules it imports go."""

    port: int
    said: str
    errors: Path

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


def unused_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The command with the shipped networks; no test changes what others see."""
    folder, port = tmp_path_factory.mktemp("app"), unused_port()
    errors = folder / "errors.txt"
    # NiceGUI would take itself for a test's own server.
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    command = [sys.executable, "-X", "importtime", "-m", "lacbed_gan.app", f"port={port}", "open_browser=false"]
    with (
        errors.open("w") as file,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=file, text=True, cwd=folder, env=environment
        ) as process,
    ):
        said = process.stdout.readline()
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert process.poll() is None, errors.read_text()
            time.sleep(0.1)
        yield Server(port, said, errors)
        process.terminate()
        assert process.wait(20) is not None
    assert list(folder.iterdir()) == [errors]  # it leaves nothing behind where it was started
    said = errors.read_text()
    assert said.count("Traceback") <= said.count("in spawn_main")  # of a process that was to begin as the server ended


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def page(server, browser):
    """The page in a window of its own; what it asks of other hosts, or complains of, fails the test."""
    window = browser.new_page(viewport={"width": 1366, "height": 768})
    asked, complaints = [], []
    window.on("request", lambda request: asked.append(request.url))
    window.on("websocket", lambda one: asked.append(one.url))
    window.on("pageerror", lambda error: complaints.append(str(error)))
    window.goto(server.url)
    window.get_by_text("Drop a CIF here").wait_for()
    yield window
    window.close()
    own = (f"{server.url}/", f"ws://127.0.0.1:{server.port}/", "data:", f"blob:{server.url}/")
    assert len(asked) > 5 and [url for url in asked if not url.startswith(own)] == []
    assert complaints == []


@pytest.fixture
def free_port():
    """A port on which nothing listens."""
    return unused_port()


@pytest.fixture
def cifs():
    """Folder of CIFs."""
    return CIFS


@pytest.fixture(scope="session")
def cifs_folder():
    """The same, for fixtures of a module."""
    return CIFS
