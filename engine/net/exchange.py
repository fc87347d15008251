"""One HTTP exchange: bounded in time and size, without redirect, proxy or second host. What a failure means is the caller's to say."""

import http.client
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back: the status, the headers, and the beginning of the body."""

    status: int
    headers: Message
    body: bytes


class NotSentError(Exception):
    """The request never left: the connection failed, or the request could not be written."""


class BrokenOffError(Exception):
    """The line stood and broke, so what was asked may have been done. `late`: our own deadline cut it off."""

    def __init__(self, words: str, *, late: bool) -> None:
        super().__init__(words)
        self.late = late


def exchange(
    method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], seconds: float, max_bytes: int
) -> HttpAnswer:
    """Ask once; the body up to `max_bytes`. Raises NotSentError or BrokenOffError.

    `seconds` bounds the whole of it: the time of one read says nothing about the time of a thousand.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    began = time.monotonic()
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.connect()
    except (OSError, ValueError) as error:
        connection.close()
        raise NotSentError(str(error) or type(error).__name__) from error
    late = threading.Event()
    # Kept in reach: an answer that ends with the connection takes the socket along.
    watch = threading.Timer(max(seconds - time.monotonic() + began, 0), _hang_up, (connection.sock, late))
    watch.daemon = True
    watch.start()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        try:
            connection.request(method, target, body, dict(headers))
        except (ValueError, http.client.InvalidURL) as error:
            # Written whole or not at all: a header that can't be one is found before.
            raise NotSentError(str(error)) from error
        with connection.getresponse() as answer:
            reply = HttpAnswer(status=answer.status, headers=answer.headers, body=answer.read(max_bytes))
            if answer.length and len(reply.body) < max_bytes:
                raise http.client.IncompleteRead(reply.body, answer.length)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise BrokenOffError(str(error) or type(error).__name__, late=late.is_set()) from error
    finally:
        watch.cancel()
        connection.close()
    if late.is_set():
        raise BrokenOffError("cut off at the deadline", late=True)
    return reply


def _hang_up(wire: socket.socket, late: threading.Event) -> None:
    late.set()
    try:
        wire.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
