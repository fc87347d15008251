"""What stands behind the door while a browser is already on its way: the notebooks' server is made in a thread, and the day is drawn in another.

A page of the notebooks is three hundred small files and a program that begins on both sides. Two things keep a person from waiting for it:
the files are handed out here, from memory, and the first page comes with the day as plain HTML in it, which gives way once the program shows its own.
"""

from __future__ import annotations

import asyncio
import mimetypes
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from engine.model.errors import EngineError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

T = TypeVar("T")

FRESH_SECONDS = 10.0
"""A day that was drawn longer ago is drawn anew."""

FIRST_SECONDS = 3.0
"""How long everything else keeps back for the day to be drawn."""

PATIENCE_SECONDS = 10.0
"""A day that takes longer to draw is left to the notebook."""

_KINDS = {".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".wasm": "application/wasm"}


def begun(work: Callable[[], T]) -> Future[T]:
    """What a thread that begins now will have found. The process waits for it before it ends: a database is not cut off in its work."""
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(work())
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=run).start()
    return found


async def _result(work: Future[T]) -> T:
    """What the thread comes to. Whoever waits may leave: the work is for the next one, too."""
    return await asyncio.shield(asyncio.wrap_future(work))


class AssetServer:
    """ASGI app of the notebooks: their files from memory, everything else from `made` as soon as it is there."""

    def __init__(self, made: Future[ASGIApp]) -> None:
        self.made = made
        self._read: dict[str, tuple[bytes, str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it; the door has judged it already."""
        from starlette.responses import Response

        if scope["type"] == "http" and (file := self._file(scope["path"])):
            content, kind = file
            head = {"content-type": kind, "content-length": str(len(content))}
            await Response(b"" if scope["method"] == "HEAD" else content, headers=head)(scope, receive, send)
            return
        try:
            app = await _result(self.made)
        except Exception as error:
            app = _sorry(scope, error)
        await app(scope, receive, send)

    @cached_property
    def _names(self) -> dict[str, Path]:
        """The files there are, by name: no other name is looked for on the disk."""
        spec = find_spec("marimo")
        if spec is None or spec.origin is None:
            return {}
        folder = Path(spec.origin).parent / "_static" / "assets"
        return {path.name: path for path in folder.iterdir() if path.is_file()} if folder.is_dir() else {}

    def _file(self, path: str) -> tuple[bytes, str] | None:
        """(bytes, media type) of a file of the notebooks' pages; None for any other path."""
        _, _, name = path.partition("/assets/")
        if (known := self._read.get(name)) is not None:
            return known
        file = self._names.get(name)
        if file is None:
            return None
        kind = _KINDS.get(file.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        self._read[name] = file.read_bytes(), kind
        return self._read[name]


def _sorry(scope: Scope, error: Exception) -> ASGIApp:
    """There are no notebooks: a person reads why, in one line."""
    from starlette.responses import PlainTextResponse
    from starlette.websockets import WebSocketClose

    if scope["type"] == "websocket":
        return WebSocketClose(1011)
    why = error.message if isinstance(error, EngineError) else f"{type(error).__name__} in marimo"
    said = f"the notebooks can't be shown: {why}\nsteward queue and steward log say the same\n"
    return PlainTextResponse(said, 500)


class PrerenderedPage:
    """A page drawn ahead, for the first who asks: `draw` gives its HTML. A drawing that fails is an empty one: the notebook says why."""

    def __init__(self, draw: Callable[[], bytes]) -> None:
        self._draw = draw
        self._at = time.monotonic()
        self._found = begun(draw)

    def over(self) -> None:
        """Wait until it is drawn, for a while: what begins then does not slow it down."""
        wait([self._found], timeout=FIRST_SECONDS)

    async def __call__(self) -> bytes:
        """The HTML, as it is now."""
        if time.monotonic() - self._at > FRESH_SECONDS:
            self._found = begun(self._draw)
        try:
            return await asyncio.wait_for(_result(self._found), PATIENCE_SECONDS)
        except Exception:
            return b""
