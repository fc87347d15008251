"""The part behind the door that starts while the browser opens: one thread builds the notebooks' server, another draws the day.

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
"""A day drawn longer ago than this is drawn anew."""

FIRST_SECONDS = 3.0
"""How long everything else waits for the day to be drawn."""

PATIENCE_SECONDS = 10.0
"""A day that takes longer to draw is left to the notebook."""

_KINDS = {".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".wasm": "application/wasm"}


def start_in_thread(work: Callable[[], T]) -> Future[T]:
    """The future result of `work` in a thread that starts now. The process waits for it before it ends: a database must not be cut off."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run).start()
    return future


async def _result(work: Future[T]) -> T:
    """The thread's result. A waiter may be cancelled: the work goes on, for the next one."""
    return await asyncio.shield(asyncio.wrap_future(work))


class AssetServer:
    """ASGI app of the notebooks: their files from memory, everything else from `app` as soon as it is there."""

    def __init__(self, app: Future[ASGIApp]) -> None:
        self.app = app
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
            app = await _result(self.app)
        except Exception as error:
            app = _sorry(scope, error)
        await app(scope, receive, send)

    @cached_property
    def _names(self) -> dict[str, Path]:
        """The existing files by name: no other name is looked up on the disk."""
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
    """The app in place of the notebooks when they can't start: it says why, in one line."""
    from starlette.responses import PlainTextResponse
    from starlette.websockets import WebSocketClose

    if scope["type"] == "websocket":
        return WebSocketClose(1011)
    why = error.message if isinstance(error, EngineError) else f"{type(error).__name__} in marimo"
    message = f"the notebooks can't be shown: {why}\nsteward queue and steward log say the same\n"
    return PlainTextResponse(message, 500)


class PrerenderedPage:
    """A page drawn ahead, for the first who asks: `draw` gives its HTML. A drawing that fails is an empty one: the notebook says why."""

    def __init__(self, draw: Callable[[], bytes]) -> None:
        self._draw = draw
        self._at = time.monotonic()
        self._drawing = start_in_thread(draw)

    def over(self) -> None:
        """Wait until it is drawn, for a while: what begins then does not slow it down."""
        wait([self._drawing], timeout=FIRST_SECONDS)

    async def __call__(self) -> bytes:
        """The HTML, as it is now."""
        if time.monotonic() - self._at > FRESH_SECONDS:
            self._drawing = start_in_thread(self._draw)
        try:
            return await asyncio.wait_for(_result(self._drawing), PATIENCE_SECONDS)
        except Exception:
            return b""
