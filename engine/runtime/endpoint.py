"""One HTTP exchange with a configured address: bounded in time and size, no redirect, no proxy, no second host."""

import http.client
import json
import socket
import ssl
import threading
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlsplit

from engine.model.canonical import Json
from engine.model.errors import PermanentError, TransientError

MOST_ANSWER = 1_000_000
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: the status, the headers, and at most a million bytes."""

    status: int
    headers: Message
    body: bytes


class _Plain(http.client.HTTPConnection):
    """Keeps its socket in reach: an answer that ends with the connection takes `sock` along."""

    wire: socket.socket | None = None

    def connect(self) -> None:
        super().connect()
        self.wire = self.sock


class _Safe(http.client.HTTPSConnection):
    """The same over TLS."""

    wire: socket.socket | None = None

    def connect(self) -> None:
        super().connect()
        self.wire = self.sock


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A base address (``https://…/v1``), the key sent as a bearer token, and the whole time one exchange may take, in seconds.

    Plain HTTP is for this machine only, where nobody listens in between.
    """

    base: str
    key: str = ""
    seconds: float = 60.0

    @property
    def local(self) -> bool:
        """Whether it is on this machine."""
        return (urlsplit(self.base).hostname or "") in _LOOPBACK

    def post(self, path: str, body: Json) -> Answer:
        """Send JSON, once. Raises TransientError (codes: unreachable, timeout, lost) or PermanentError (address, too-big).

        *unreachable*: nobody was asked. *lost*: the line broke once it stood, so the question may have been worked on.
        """
        parts = urlsplit(self.base)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise _address(self.base, "is no http address")
        if parts.scheme == "http" and not self.local:
            raise _address(self.base, "would send words and key in the clear")
        connection = self._connection(parts.hostname, parts.port, safe=parts.scheme == "https")
        late = threading.Event()
        watch = threading.Timer(self.seconds, _hang_up, (connection, late))
        watch.daemon = True
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            status, said, data = _exchange(
                connection, watch, parts.path.rstrip("/") + path, json.dumps(body), headers
            )
        except (OSError, http.client.HTTPException, ValueError) as error:
            if late.is_set():
                raise TransientError(f"no answer within {self.seconds:g} s", code="timeout") from error
            if connection.wire is not None:
                raise TransientError(
                    f"the line to {parts.hostname} broke: {str(error) or type(error).__name__}",
                    code="lost",
                    now_true="It may have been asked: what the call may cost stays set aside.",
                ) from error
            raise TransientError(
                f"{parts.hostname} can't be reached: {error}",
                code="unreachable",
                now_true="It was not asked.",
            ) from error
        finally:
            watch.cancel()
            connection.close()
        if late.is_set():
            raise TransientError(f"no whole answer within {self.seconds:g} s", code="timeout")
        if len(data) > MOST_ANSWER:
            raise PermanentError(f"the answer is larger than {MOST_ANSWER} bytes", code="too-big")
        return Answer(status=status, headers=said, body=data)

    def _connection(self, host: str, port: int | None, *, safe: bool) -> _Plain | _Safe:
        if safe:
            context = ssl.create_default_context()
            return _Safe(host, port, timeout=self.seconds, context=context)
        return _Plain(host, port, timeout=self.seconds)


def _exchange(
    connection: _Plain | _Safe, watch: threading.Timer, path: str, body: str, headers: dict[str, str]
) -> tuple[int, Message, bytes]:
    watch.start()
    connection.request("POST", path, body.encode(), headers)
    with connection.getresponse() as answer:
        return answer.status, answer.headers, answer.read(MOST_ANSWER + 1)


def _hang_up(connection: _Plain | _Safe, late: threading.Event) -> None:
    """The time of one read says nothing about the time of a thousand: at the deadline the socket is shut."""
    late.set()
    if connection.wire is not None:
        try:
            connection.wire.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _address(base: str, why: str) -> PermanentError:
    return PermanentError(
        f"{base!r} {why}",
        code="address",
        now_true="Nothing was sent.",
        way_out="write base-url: https://… under models: in steward.yaml (http:// is for this machine only)",
    )
