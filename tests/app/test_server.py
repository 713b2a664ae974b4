"""What the server answers, to whom, and how the command begins and refuses to."""

import http.client
import importlib
import socket
import subprocess
import sys
from importlib.metadata import version

import pytest

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands.config import composed

LIBRARY = f"/_nicegui/{version('nicegui')}"


def ask(server, path="/", method="GET", body=None, **headers):
    """Status and text of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")


def test_it_says_where_the_page_is(server):
    assert server.said == f"http://127.0.0.1:{server.port} (Ctrl-C ends it)\n"
    status, text = ask(server)
    assert status == 200 and "<title>lacbed_gan</title>" in text


def test_it_listens_on_one_address_alone(server):
    """127.0.0.2 is this computer too, where Linux is; a server on all addresses would answer there."""
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", server.port), timeout=2):
        pass


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_another_host_name_is_refused(server, host):
    """DNS rebinding: a site's own name that resolves to 127.0.0.1."""
    assert ask(server, Host=host)[0] == 400
    assert ask(server, f"{LIBRARY}/static/nicegui.css", Host=host)[0] == 400
    assert ask(server, Host=f"localhost:{server.port}")[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "http://127.0.0.1.evil.example"])
def test_requests_of_other_sites_are_refused(server, origin):
    assert ask(server, "/_nicegui/client/x/upload/1", "POST", b"", Origin=origin)[0] == 403
    assert ask(server, "/_nicegui_ws/socket.io/?EIO=4&transport=polling", Origin=origin)[0] == 403
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": origin}
    path = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    assert ask(server, path, **upgrade)[0] == 403
    assert ask(server, path, **upgrade | {"Origin": server.url})[0] == 101


def test_large_and_endless_bodies_are_refused_before_they_are_read(server):
    status, text = ask(server, "/_nicegui/client/x/upload/1", "POST", **{"Content-Length": str(200 * 2**20)})
    assert status == 413 and text == "The file has more than 160 MB, the most this page takes."
    assert ask(server, "/_nicegui/client/x/upload/1", "POST", iter([b"chunks"]))[0] == 411  # of no stated length


@pytest.mark.parametrize(
    "path",
    [
        "/..%2f..%2fetc/passwd",
        "/../../etc/passwd",
        f"{LIBRARY}/static/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
        f"{LIBRARY}/static/../../server.py",
        f"{LIBRARY}/resources/x/..%2f..%2fetc/passwd",
        f"{LIBRARY}/libraries/..%2f..%2fetc/passwd",
        "/conf/app.yaml",
        "/docs",
        "/openapi.json",
    ],
)
def test_nothing_else_is_served(server, path):
    status, text = ask(server, path)
    assert status == 404 and "root:x" not in text and "port: 8080" not in text


def test_a_taken_port_gets_one_line(server):
    words = [sys.executable, "-m", "lacbed_gan.app", f"port={server.port}", "open_browser=false"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    reason = "cannot be had (Address already in use); give another one with port=…"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: port={server.port} {reason}\n"


def test_wrong_settings_are_refused_before_anything_is_served(free_port, make_weights):
    check = importlib.import_module("lacbed_gan.commands.app").check
    port, inverse = f"port={free_port}", make_weights("inverse")
    for message, words in [
        ("port=0 is not a whole number from 1 to 65535", ["port=0"]),
        ("open_browser=3 is not true or false", [port, "open_browser=3"]),
        ("gone.safetensors: no such file", [port, "forward=gone.safetensors"]),
        ("is of direction=inverse; give it as inverse=…", [port, f"forward={inverse}"]),
    ]:
        with pytest.raises(ValueError, match=message):
            check(composed("app", words))


def test_without_its_libraries_it_says_what_to_install(monkeypatch):
    check = importlib.import_module("lacbed_gan.commands.app").check
    monkeypatch.setitem(sys.modules, "nicegui", None)
    with pytest.raises(SettingsError, match=r"the page needs nicegui; pip install 'lacbed_gan\[app\]'"):
        check(composed("app", []))


def test_it_imports_neither_lightning_nor_wandb(server):
    assert ask(server)[0] == 200
    imported = {line.rpartition("|")[2].strip() for line in server.errors.read_text().splitlines()}
    assert {"nicegui", "torch"} <= imported
    assert not {"lightning", "pytorch_lightning", "wandb"} & imported
