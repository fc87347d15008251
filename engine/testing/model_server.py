"""A model provider on a real socket that says what a test tells it to, and misbehaves on demand."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Script = Callable[[Mapping[str, Any]], "ScriptedReply"]
"""From a request's body to what is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedReply:
    """One answer: its status and bytes; `pieces` are sent one by one with `pause` seconds between, None hangs up without an answer.

    `after` is its Retry-After header.
    """

    status: int = 200
    pieces: tuple[bytes, ...] | None = ()
    pause: float = 0.0
    retry_after: str = ""


def answering(
    text: str, *, served: str = "stub-1", tokens: tuple[int, int] | None = (100, 20), **message: object
) -> ScriptedReply:
    """A proper answer of the chat-completions protocol."""
    body: dict[str, Any] = {
        "model": served,
        "choices": [{"message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}],
    }
    if tokens is not None:
        body["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    return ScriptedReply(pieces=(json.dumps(body).encode(),))


@dataclass(slots=True)
class ModelServer:
    """Use it as a context manager. `asked` holds (headers, body) of every request; `base` goes into `base-url`."""

    script: Script
    asked: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    base: str = ""
    _server: ThreadingHTTPServer | None = None

    @classmethod
    def saying(cls, answers: Iterable[ScriptedReply]) -> Self:
        """A server that gives these answers in turn, and the last one for ever."""
        left = list(answers)
        return cls(script=lambda _: left.pop(0) if len(left) > 1 else left[0])

    def __enter__(self) -> Self:
        outer = self

        class ModelHandler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append((dict(self.headers), body))
                reply = outer.script(body)
                if reply.pieces is None:
                    return
                self.send_response(reply.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(sum(map(len, reply.pieces))))
                if reply.retry_after:
                    self.send_header("Retry-After", reply.retry_after)
                self.end_headers()
                try:
                    for piece in reply.pieces:
                        self.wfile.write(piece)
                        self.wfile.flush()
                        time.sleep(reply.pause)
                except OSError:
                    return

            def log_message(self, format: str, *args: object) -> None:
                return

        server = self._server = ThreadingHTTPServer(("127.0.0.1", 0), ModelHandler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.base = f"http://127.0.0.1:{server.server_address[1]}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
