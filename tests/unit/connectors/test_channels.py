"""Notices that leave the machine: the first channel, the second when the first is down, and never one channel twice."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from engine.connectors import ways
from engine.connectors.email.sending import smtp
from engine.connectors.notify import Notify
from engine.model.definitions.settings import Config, ConnectorConfig, SecretRef
from engine.model.errors import PermanentError, TransientError
from tests.contract.world import OPERATOR, Secrets, call, effect


class Server:
    """An ntfy topic and a chat's address on a real socket. `says` is the next answer: a status, or "nothing" to keep silent."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.says: int | str = 200
        self.took: list[dict] = []
        self.keeps = True
        self.released = threading.Event()


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            says = one.says
            one.took.append({"path": self.path, "body": body, "headers": dict(self.headers)})
            if says == "nothing":
                one.released.wait(20)
                return
            self.send_response(int(says))
            self.end_headers()

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            for took in one.took if one.keeps else ():
                row = {"event": "message", "tags": took["headers"].get("Tags", "").split(",")}
                self.wfile.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        one = Server(http.server_port)
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield one
        one.released.set()
        http.shutdown()


def nobody_listens():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}"


@contextmanager
def notices(folder, *channels, seconds=None, **settings):
    """A connector whose channels are these, and what makes a notice for it."""
    blocks = {"notify": {"channels": list(channels)}, **settings}
    config = Config(
        operator=OPERATOR,
        connectors=tuple(ConnectorConfig(name=name, settings=block) for name, block in blocks.items()),
    )
    found = ways(config, Secrets(NTFY="tk_sesame", MAIL="hunter2"))
    if seconds is not None:
        found = tuple(replace(one, seconds=seconds) for one in found)  # type: ignore[type-var]  # all of them data
    notify = Notify(root=str(folder), channels=found)

    def notice(text="Done: 3 runs.\nWaits for you: nothing.", step="step"):
        asked = call("notify/me", {"text": text}, step=step)
        return effect(asked, notify.preview(asked))

    yield notify, notice


def test_the_first_channel_takes_it_and_is_asked_once(tmp_path, server):
    ntfy = {"to": "ntfy", "url": f"{server.url}/robin", "token": SecretRef(name="NTFY")}
    with notices(tmp_path, ntfy, {"to": "post", "url": f"{server.url}/chat"}) as (notify, notice):
        one = notice()
        assert notify.perform(one).outputs == {"noted": True, "by": "ntfy", "not-by": []}
        assert notify.perform(one).repeated
        assert notify.find(one).provider_id == "ntfy"
    (took,) = server.took
    assert took["path"] == "/robin"
    assert took["body"].decode() == "Done: 3 runs.\nWaits for you: nothing."
    assert took["headers"]["Title"] == "Done: 3 runs."
    assert took["headers"]["Authorization"] == "Bearer tk_sesame"
    assert one.key[:24] in took["headers"]["Tags"]


def test_the_second_is_tried_when_nobody_answers_at_the_first(tmp_path, server):
    first, second = {"to": "ntfy", "url": nobody_listens()}, {"to": "post", "url": f"{server.url}/chat"}
    with notices(tmp_path, first, second) as (notify, notice):
        assert notify.perform(notice()).outputs == {"noted": True, "by": "post", "not-by": ["ntfy"]}
    assert json.loads(server.took[0]["body"])["text"].startswith("Done: 3 runs.")


@pytest.mark.parametrize("says", [503, 429, 403, "nothing"])
def test_the_second_is_tried_when_the_first_is_down_or_keeps_silent(tmp_path, server, says):
    server.says, server.keeps = says, False
    with Taker() as chat:
        first, second = {"to": "ntfy", "url": f"{server.url}/robin"}, {"to": "post", "url": chat.url}
        with notices(tmp_path, first, second, seconds=0.3) as (notify, notice):
            assert notify.perform(notice()).outputs["by"] == "post"
            assert len(server.took) == 1


class Taker:
    """Takes one request after the other and says that all is well."""

    def __enter__(self):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/hook"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


@pytest.mark.parametrize("says", [500, "nothing"])
def test_what_may_have_been_taken_is_asked_for_before_it_is_told_again(tmp_path, server, says):
    server.says, server.keeps = says, False
    with notices(tmp_path, {"to": "ntfy", "url": f"{server.url}/robin"}, seconds=0.3) as (notify, notice):
        one = notice()
        with pytest.raises(TransientError) as said:
            notify.perform(one)
        assert said.value.code == "untold"
        server.keeps = True
        assert notify.perform(one).repeated
        assert len(server.took) == 1


@pytest.mark.parametrize("says", [429, 408, 500, 502, 503, 504, 599, "nothing"])
def test_a_channel_that_did_not_take_it_is_called_again_under_the_same_key(tmp_path, server, says):
    """Also where nobody can be asked: words to oneself that nobody took would be lost."""
    server.says = says
    with notices(tmp_path, {"to": "post", "url": f"{server.url}/chat"}, seconds=0.3) as (notify, notice):
        one = notice()
        with pytest.raises(TransientError, match="nobody could be told: post: "):
            notify.perform(one)
        server.says = 200
        assert notify.perform(one).outputs["by"] == "post"
        assert notify.perform(one).repeated
        assert [took["headers"]["Idempotency-Key"] for took in server.took] == [one.key] * 2
        assert len({took["body"] for took in server.took}) == 1


def test_a_connection_that_is_refused_is_tried_again(tmp_path, server):
    nobody = nobody_listens()
    with notices(tmp_path, {"to": "post", "url": nobody}) as (notify, notice):
        one = notice()
        with pytest.raises(TransientError):
            notify.perform(one)
    with notices(tmp_path, {"to": "post", "url": f"{server.url}/chat"}) as (notify, _):
        assert notify.perform(one).outputs["by"] == "post"


def test_a_channel_that_keeps_silent_keeps_no_other_notice_waiting(tmp_path, server):
    """The second is told while the first is still being tried."""
    server.says = "nothing"
    with notices(tmp_path, {"to": "post", "url": f"{server.url}/chat"}) as (notify, notice):
        first, heard = notice(), []

        def wait():
            with pytest.raises(TransientError):
                notify.perform(first)
            heard.append("nobody")

        slow = threading.Thread(target=wait, daemon=True)
        slow.start()
        while not server.took:
            time.sleep(0.005)
        server.says = 200
        assert notify.perform(notice("Another.", step="other")).outputs["by"] == "post"
        assert slow.is_alive()
        server.released.set()
        slow.join(10)
        assert heard == ["nobody"]


@pytest.mark.parametrize(
    ("channel", "why"),
    [
        ({"to": "pigeon"}, "a channel is to: ntfy, post, email"),
        ("ntfy", "a channel is to"),
        ({"to": "ntfy", "url": "http://ntfy.example.com/x"}, "http is for this machine only"),
        ({"to": "post"}, "url is an https address"),
        ({"to": "ntfy", "url": "https://ntfy.sh/x", "token": "tk_plain"}, "stands in the file itself"),
        ({"to": "ntfy", "url": "https://ntfy.sh/x", "topic": "y"}, "ntfy takes no `topic`"),
        ({"to": "email"}, "connectors.email.host"),
    ],
)
def test_what_makes_no_sense_takes_nothing_and_says_why(tmp_path, channel, why):
    with notices(tmp_path, channel) as (notify, notice), pytest.raises(PermanentError) as said:
        notify.perform(notice())
    assert why in said.value.message


def test_a_slip_in_the_first_leaves_the_second(tmp_path, server):
    second = {"to": "post", "url": f"{server.url}/chat"}
    with notices(tmp_path, {"to": "ntfy", "url": "nonsense"}, second) as (notify, notice):
        assert notify.perform(notice()).outputs["by"] == "post"


def test_a_letter_to_the_operator_is_marked_as_automatic(tmp_path, monkeypatch):
    sent = []

    def transmit(server, secrets, *, sender, to, body, begin):
        assert begin()
        sent.append((server.host, sender, to, body.decode()))
        return True

    monkeypatch.setattr(smtp, "transmit", transmit)
    mail = {"host": "mail.example.com", "user": "robin", "password": SecretRef(name="MAIL")}
    with notices(tmp_path, {"to": "email"}, email=mail) as (notify, notice):
        assert notify.perform(notice()).outputs["by"] == "email"
    ((host, sender, to, body),) = sent
    assert (host, sender, to) == ("mail.example.com", "robin@example.com", "robin@example.com")
    assert "Auto-Submitted: auto" in body
    assert "Subject: Done: 3 runs." in body


def test_long_words_stay_a_message(tmp_path, server):
    with notices(tmp_path, {"to": "ntfy", "url": f"{server.url}/robin"}) as (notify, notice):
        notify.perform(notice("ü" * 4000))
    assert len(server.took[0]["body"]) <= 4096
    assert server.took[0]["body"].decode().endswith("ü…")
