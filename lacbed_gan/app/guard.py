"""What the server refuses before the page sees it: requests of other sites, and large files."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from lacbed_gan.app.uploads import MOST_BYTES

LOOPBACK = ("127.0.0.1", "localhost")
AROUND = 64 * 1024  # bytes of a form around the file in it


class Guard:
    """Middleware that refuses what another site that the user visits sends to 127.0.0.1, and what is too large."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(Headers(scope=scope), scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(1008, refusal[1])(scope, receive, send)
        else:
            await PlainTextResponse(refusal[1], refusal[0])(scope, receive, send)


def _refusal(headers: Headers, scope: Scope) -> tuple[int, str] | None:
    """Status and sentence of what is refused."""
    origin = headers.get("origin")
    if origin is not None and _host(origin) not in LOOPBACK:
        return 403, "This page takes no requests from other sites."
    if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "OPTIONS"):
        length = headers.get("content-length", "")
        if not length.isdecimal():
            return 411, "The request does not say how long it is."
        if int(length) > MOST_BYTES + AROUND:
            return 413, f"The file has more than {MOST_BYTES // 2**20} MB, the most this page takes."
    return None


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
