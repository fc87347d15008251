"""One HTTP exchange over real sockets: whether somebody was asked is always known, and nothing lasts longer than its deadline."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from engine.net.exchange import BrokenOffError, HttpAnswer, NotSentError, exchange


@contextmanager
def server(*parts: bytes, pause: float = 0.0) -> Iterator[tuple[str, list[bytes]]]:
    """An address that takes one request, sends these bytes with a pause after each, and hangs up; and what it was told."""
    told: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            # Where nobody asks, the address is closed again; where the deadline came, so is the line.
            with suppress(OSError), listening.accept()[0] as line:
                told.append(line.recv(65_536))
                for part in parts:
                    line.sendall(part)
                    time.sleep(pause)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/a/b?c=d", told


def ask(url: str, **more: object) -> HttpAnswer:
    plain = {"body": b"{}", "headers": {"X-Key": "k"}, "seconds": 5.0, "max_bytes": 100}
    return exchange("POST", url, **{**plain, **more})  # type: ignore[arg-type]


def test_an_answer_comes_with_status_headers_and_the_beginning_of_its_body():
    with server(b"HTTP/1.1 207 Fine\r\nRetry-After: 9\r\nContent-Length: 200\r\n\r\n" + b"x" * 200) as (
        url,
        told,
    ):
        answer = ask(url)

    assert (answer.status, answer.headers["retry-after"], answer.body) == (207, "9", b"x" * 100)
    assert told[0].startswith(b"POST /a/b?c=d HTTP/1.1\r\n")
    assert b"X-Key: k\r\n" in told[0]


def test_a_redirect_is_an_answer_and_nobody_else_is_asked():
    with server(b"HTTP/1.1 302 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") as (
        url,
        _,
    ):
        assert ask(url).status == 302


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://127.0.0.1:1/", {}),
        ("http://nowhere.invalid/", {}),
        ("http://a..b/", {}),
        ("HERE", {"X-Key": "two\r\nlines"}),
        ("HERE", {"X-Key": "\u2603"}),
    ],
)
def test_what_was_certainly_not_sent_is_known(url, headers):
    with server(b"") as (here, told):
        with pytest.raises(NotSentError):
            ask(url.replace("HERE", here), headers=headers)

        assert [one for one in told if one] == []


@pytest.mark.parametrize(
    "parts", [(), (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nhalf",), (b"no http\r\n\r\n",)]
)
def test_a_line_that_breaks_may_have_been_enough(parts):
    with server(*parts) as (url, _), pytest.raises(BrokenOffError) as broken:
        ask(url)

    assert not broken.value.late


def test_an_answer_that_drips_is_cut_off_at_the_deadline():
    began = time.monotonic()
    drops = [b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", *[b"x"] * 90]

    with server(*drops, pause=0.1) as (url, _), pytest.raises(BrokenOffError) as broken:
        ask(url, seconds=0.4)

    assert broken.value.late
    assert time.monotonic() - began < 5
