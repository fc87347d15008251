"""What stands before the notebooks' server: nothing passes without the token, from another page, or to a path nobody needs.

A browser gets the token once: it shows a code that counts one time, and takes home a cookie that other sites can't send and scripts
can't read. Cookies know no ports, so another server of this machine that the same browser visits is told it, too: the token lives
only as long as this process.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

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
class Door:
    """ASGI middleware before `app`, which serves at `host` (``127.0.0.1:port``) and nowhere else.

    `names` are the notebooks that are served. `code` admits one browser once and then is nothing; it gets `token` as a cookie and goes to `first`. `drawn` gives HTML without scripts
    that it is shown on the way, and over the first page of that path that is asked for, where `script` takes it away.
    """

    app: App
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
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and self._enters(scope):
            await self._welcome(send)
        elif scope["type"] in {"http", "websocket"} and self._passes(scope):
            await self.app(
                scope, receive, send if scope["type"] == "websocket" else self._guarded(scope, send)
            )
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4403})
        else:
            await _answer(send, 403, b"refused\n", "text/plain")

    def _guarded(self, scope: Scope, send: Send) -> "_Guarded":
        guarded = _Guarded(send, lasting="/assets/" in scope["path"])
        if self.drawn is not None and scope["path"] == self.first and scope["method"] == "GET":
            guarded.drawn, guarded.script, self.drawn = self.drawn, self.script, None
        return guarded

    def _passes(self, scope: Scope) -> bool:
        method = scope.get("method", "WEBSOCKET")
        return (
            self._own(scope, method)
            and _header(scope, b"sec-fetch-site") in {None, "same-origin", "none"}
            and self._knows(scope)
            and self.serves(method, scope["path"])
        )

    def serves(self, method: str, path: str) -> bool:
        """Whether the notebooks that are served need this path."""
        page = f"/(?:{'|'.join(map(re.escape, self.names))})"
        return any(
            method in methods and re.fullmatch(page + below, path) is not None for methods, below in _ALLOWED
        )

    def _own(self, scope: Scope, method: str) -> bool:
        """The very host, the very origin (which only a plain read may leave out), and a path that means what it says."""
        origin = _header(scope, b"origin")
        path = scope["path"]
        return (
            _header(scope, b"host") == self.host
            and (origin == f"http://{self.host}" or (origin is None and method in _READS))
            and scope.get("root_path", "") == ""
            and scope.get("raw_path", path.encode()).partition(b"?")[0] == path.encode()
            and _PLAIN.fullmatch(path) is not None
            and not {".", ".."} & set(path.split("/"))
        )

    def _knows(self, scope: Scope) -> bool:
        found = [value for name, value in scope["headers"] if name == b"cookie"]
        given = [
            one.strip().partition("=")[2]
            for value in found
            for one in value.decode("latin-1").split(";")
            if one.strip().partition("=")[0] == self._cookie
        ]
        return len(given) == 1 and hmac.compare_digest(given[0].encode("latin-1"), self.token.encode())

    @property
    def _cookie(self) -> str:
        return f"steward-{self.host.rpartition(':')[2]}"

    def _enters(self, scope: Scope) -> bool:
        """Whether this shows the code. Whence somebody comes here is no matter: a code is for the one who has it."""
        if scope["path"] != ENTER or scope["method"] != "GET" or not self._own(scope, "GET") or not self.code:
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("code", [])
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), self.code.encode()):
            return False
        self.code = ""
        return True

    async def _welcome(self, send: Send) -> None:
        self.on_entered()
        # A page of ours that goes on by itself: after a redirect from elsewhere a browser keeps a strict cookie to itself. Until the
        # notebook's page answers, a browser shows what this one holds.
        begins = f'<!doctype html><meta charset="utf-8"><title>Steward</title><meta http-equiv="refresh" content="0;url={self.first}">'
        cookie = f"{self._cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        start = _kept({"type": "http.response.start", "status": 200, "headers": headers}, ())
        await send({**start, "headers": [*start["headers"], (b"set-cookie", cookie.encode())]})
        await send({"type": "http.response.body", "body": begins.encode(), "more_body": True})
        await send(
            {"type": "http.response.body", "body": await self.drawn() if self.drawn is not None else b""}
        )


class _Guarded:
    """Sends an answer with the headers a browser is held to. A page is kept back whole, so that its own scripts can be named."""

    def __init__(self, send: Send, *, lasting: bool) -> None:
        self._send, self._lasting = send, lasting
        self._start: Message = {}
        self._page: list[bytes] = []
        self.drawn: Callable[[], Awaitable[bytes]] | None = None
        self.script = ""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            kind = dict(message.get("headers", ())).get(b"content-type", b"")
            if not kind.startswith(b"text/html"):
                await self._send(_kept(message, (), lasting=self._lasting and message["status"] == 200))
                self._start = {}
            return
        if not self._start:
            await self._send(message)
            return
        self._page.append(message.get("body", b""))
        if message.get("more_body"):
            return
        page = b"".join(self._page)
        begins, root, ends = page.partition(_ROOT)
        if self.drawn is None or not root:
            await self._send(_kept(self._start, _scripts(page)))
            await self._send({"type": "http.response.body", "body": page})
            return
        # In two parts: a browser loads what the first one names while the day is still being drawn.
        self._start["headers"] = [
            one for one in self._start["headers"] if one[0].lower() != b"content-length"
        ]
        await self._send(_kept(self._start, (*_scripts(page), _named(self.script.encode()))))
        await self._send({"type": "http.response.body", "body": begins, "more_body": True})
        script = b"<script>%s</script>" % self.script.encode()
        await self._send({"type": "http.response.body", "body": await self.drawn() + script + root + ends})


def _scripts(page: bytes) -> Iterator[str]:
    """The hashes of a page's inline scripts, as a policy names them."""
    for found in _INLINE.finditer(page):
        yield _named(found[1])


def _named(script: bytes) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(script).digest()).decode()}'"


def _kept(start: Message, scripts: "tuple[str, ...] | Iterator[str]", *, lasting: bool = False) -> Message:
    """An answer's start with our headers. `lasting`: the same bytes for everybody under this very name, so a browser may keep them."""
    run = " ".join(("'self'", *scripts))
    policy = (
        f"default-src 'none'; script-src {run}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; "
        "base-uri 'self'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    )
    ours = (
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    )
    names = {name for name, _ in ours}
    foreign = {b"server", b"set-cookie"}  # the token is the only cookie there is
    theirs = [
        (name.lower(), value)
        for name, value in start.get("headers", ())
        if name.lower() not in names | foreign and not name.lower().startswith(b"access-control-")
    ]
    # What is shown is personal, and a page's policy names the scripts of that very answer: no browser keeps a copy of a page.
    page = dict(theirs).get(b"content-type", b"").startswith(b"text/html")
    if page or b"cache-control" not in dict(theirs):
        theirs = [pair for pair in theirs if pair[0] not in {b"cache-control", b"etag", b"last-modified"}]
        theirs.append((b"cache-control", b"no-store"))
    if lasting:
        theirs = [pair for pair in theirs if pair[0] != b"cache-control"]
        theirs.append((b"cache-control", b"private, max-age=86400, immutable"))
    return {**start, "headers": [*theirs, *ours]}


def _header(scope: Scope, name: bytes) -> str | None:
    """A header's one value; None without it, and text that equals nothing when it comes twice."""
    found = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return "\n".join(found) if found else None


async def _answer(send: Send, status: int, body: bytes, kind: str) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
    start = _kept({"type": "http.response.start", "status": status, "headers": headers}, ())
    await send(start)
    await send({"type": "http.response.body", "body": body})
