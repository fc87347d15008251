"""The guard before the notebooks' server: nothing passes without the token, from another page, or to an unneeded path.

A browser gets the token once: it shows a code that counts one time, and takes home a cookie that other sites can't send and scripts
can't read. Cookies know no ports, so another server of this machine that the same browser visits is told it, too: the token lives
only as long as this process.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.datastructures import MutableHeaders
    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ENTER = "/enter"
"""Where a browser shows its code."""

_PLAIN = re.compile(r"(?:/[A-Za-z0-9@_.~-]+)+/?")
_INLINE = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script", re.DOTALL | re.IGNORECASE)
_READS = ("GET", "HEAD")
_ROOT = b'<div id="root">'
"""Where the notebooks' own program begins to draw."""

_ALLOWED = (
    (_READS, "/"),
    (_READS, r"/(?:assets|@file)/[A-Za-z0-9@_.~/-]+"),
    (_READS, r"/(?:favicon\.ico|health|logo\.png|apple-touch-icon\.png|android-chrome-\d+x\d+\.png)"),
    (("POST",), r"/api/kernel/(?:instantiate|set_ui_element_value|set_model_value|function_call)"),
    (("WEBSOCKET",), "/ws"),
)
"""All that the notebooks use, below the page of one. The rest of what the notebooks' server could do (files, terminals, code, packages) is never reached."""


@dataclass(slots=True, kw_only=True)
class AuthMiddleware:
    """ASGI middleware before `app`, which serves at `host` (``127.0.0.1:port``) and nowhere else.

    `names` are the notebooks that are served. `code` admits one browser once and then is nothing; it gets `token` as a cookie and goes to `first`. `drawn` gives HTML without scripts
    that it is shown on the way, and over the first page of that path that is asked for, where `script` takes it away.
    """

    app: ASGIApp
    host: str
    token: str
    code: str
    names: tuple[str, ...] = ("today", "run")
    first: str = "/today/"
    on_entered: Callable[[], None] = field(default=lambda: None)
    drawn: Callable[[], Awaitable[bytes]] | None = None
    script: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, or refuse it with 403 (a websocket: before it is accepted)."""
        from starlette.requests import HTTPConnection
        from starlette.responses import PlainTextResponse, StreamingResponse
        from starlette.websockets import WebSocketClose

        asked = HTTPConnection(scope)
        if self._enters(asked):
            welcome = StreamingResponse(self._welcome(), media_type="text/html")
            _hold(welcome.headers)
            welcome.set_cookie(self._cookie, self.token, httponly=True, samesite="strict")
            await welcome(scope, receive, send)
        elif self._passes(asked):
            http = scope["type"] == "http"
            await self.app(scope, receive, self._guarded(scope, send) if http else send)
        elif scope["type"] == "websocket":
            await WebSocketClose(4403)(scope, receive, send)
        else:
            refusal = PlainTextResponse("refused\n", 403)
            _hold(refusal.headers)
            await refusal(scope, receive, send)

    def _guarded(self, scope: Scope, send: Send) -> _Guarded:
        guarded = _Guarded(send, lasting="/assets/" in scope["path"])
        if self.drawn is not None and scope["path"] == self.first and scope["method"] == "GET":
            guarded.drawn, guarded.script, self.drawn = self.drawn, self.script, None
        return guarded

    def _passes(self, asked: HTTPConnection) -> bool:
        method = asked.scope.get("method", "WEBSOCKET")
        return (
            self._own(asked, method)
            and asked.headers.getlist("sec-fetch-site") in ([], ["same-origin"], ["none"])
            and self._knows(asked)
            and self.serves(method, asked.scope["path"])
        )

    def serves(self, method: str, path: str) -> bool:
        """Whether the notebooks that are served need this path."""
        page = f"/(?:{'|'.join(map(re.escape, self.names))})"
        return any(
            method in methods and re.fullmatch(page + below, path) is not None for methods, below in _ALLOWED
        )

    def _own(self, asked: HTTPConnection, method: str) -> bool:
        """The very host, the very origin (which only a plain read may leave out), and a path that means what it says."""
        origins, path = asked.headers.getlist("origin"), asked.scope["path"]
        return (
            asked.headers.getlist("host") == [self.host]
            and (origins == [f"http://{self.host}"] or (not origins and method in _READS))
            and asked.scope.get("root_path", "") == ""
            and asked.scope.get("raw_path", path.encode()).partition(b"?")[0] == path.encode()
            and _PLAIN.fullmatch(path) is not None
            and not {".", ".."} & set(path.split("/"))
        )

    def _knows(self, asked: HTTPConnection) -> bool:
        """Whether it brings the token, once: of two cookies of a name the library takes one, and who wrote it is open."""
        cookies = ";".join(asked.headers.getlist("cookie"))
        token = asked.cookies.get(self._cookie, "")
        return cookies.count(f"{self._cookie}=") == 1 and hmac.compare_digest(
            token.encode(), self.token.encode()
        )

    @property
    def _cookie(self) -> str:
        return f"steward-{self.host.rpartition(':')[2]}"

    def _enters(self, asked: HTTPConnection) -> bool:
        """Whether this shows the code. Where the request comes from does not matter: the code is for whoever has it."""
        if asked.scope["path"] != ENTER or asked.scope.get("method") != "GET" or not self._own(asked, "GET"):
            return False
        codes = asked.query_params.getlist("code")
        if not self.code or len(codes) != 1 or not hmac.compare_digest(codes[0].encode(), self.code.encode()):
            return False
        self.code = ""
        return True

    async def _welcome(self) -> AsyncIterator[bytes]:
        self.on_entered()
        # A page of ours that goes on by itself: after a redirect from elsewhere a browser keeps a strict cookie to itself. Until the
        # notebook's page answers, a browser shows what this one holds.
        yield f'<!doctype html><meta charset="utf-8"><title>Steward</title><meta http-equiv="refresh" content="0;url={self.first}">'.encode()
        if self.drawn is not None:
            yield await self.drawn()


class _Guarded:
    """Sends an answer with the headers a browser is held to. A page is kept back whole, so that its own scripts can be named."""

    def __init__(self, send: Send, *, lasting: bool) -> None:
        self._send, self._lasting = send, lasting
        self._start: Message = {}
        self._page = b""
        self.drawn: Callable[[], Awaitable[bytes]] | None = None
        self.script = ""

    async def __call__(self, message: Message) -> None:
        from starlette.datastructures import MutableHeaders

        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=[(name.lower(), value) for name, value in message["headers"]])
            self._start = {**message, "headers": headers.raw}
            if not _is_page(headers):
                _hold(headers, lasting=self._lasting and message["status"] == 200)
                await self._send(self._start)
            return
        headers = MutableHeaders(raw=self._start["headers"])
        if not _is_page(headers):
            await self._send(message)
            return
        self._page += message.get("body", b"")
        if message.get("more_body"):
            return
        begins, root, ends = self._page.partition(_ROOT)
        scripts = [match[1] for match in _INLINE.finditer(self._page)]
        if self.drawn is None or not root:
            _hold(headers, scripts)
            await self._send(self._start)
            await self._send({"type": "http.response.body", "body": self._page})
            return
        # In two parts: a browser loads what the first one names while the day is still being drawn.
        del headers["content-length"]
        script = self.script.encode()
        _hold(headers, [*scripts, script])
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": begins, "more_body": True})
        drawn = await self.drawn() + b"<script>%s</script>" % script
        await self._send({"type": "http.response.body", "body": drawn + root + ends})


def _is_page(headers: MutableHeaders) -> bool:
    return str(headers.get("content-type", "")).startswith("text/html")


_OURS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def _hold(headers: MutableHeaders, scripts: Iterable[bytes] = (), *, lasting: bool = False) -> None:
    """Put our headers into an answer's, which runs `scripts` and no others inline. `lasting`: the name stands for the same bytes for good, so a browser may cache them."""
    digests = (b64encode(hashlib.sha256(script).digest()).decode() for script in scripts)
    run = " ".join(("'self'", *(f"'sha256-{digest}'" for digest in digests)))
    # The token is the only cookie there is.
    for name in {
        name for name in headers if name in {"server", "set-cookie"} or name.startswith("access-control-")
    }:
        del headers[name]
    headers.update(_OURS)
    headers["content-security-policy"] = (
        f"default-src 'none'; script-src {run}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; "
        "base-uri 'self'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    )
    # What is shown is personal, and a page's policy names the scripts of that very answer: no browser keeps a copy of a page.
    if _is_page(headers) or "cache-control" not in headers:
        del headers["etag"], headers["last-modified"]
        headers["cache-control"] = "no-store"
    if lasting:
        headers["cache-control"] = "private, max-age=86400, immutable"
