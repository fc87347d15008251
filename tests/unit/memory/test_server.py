"""Asking a process of one's own: who may be asked what, what is refused, and when it ends."""

import json
import os
import socket
import stat
import threading
import time
from pathlib import Path

import pytest

from engine import __version__
from engine.memory import protocol
from engine.memory.client import MAX_STARTS, MemoryClient, MemoryLocation
from engine.memory.server import MemoryServer
from engine.model.definitions.settings import MemoryConfig
from engine.model.errors import PermanentError, TransientError
from engine.testing.encoder import HashEncoder
from tests.counterparts import need

MODEL = "all-MiniLM-L6-v2"


class Fake:
    """A memory that answers at once, or when it is let."""

    def __init__(self, model, *, warm=True):
        self.model, self.encoder = model, HashEncoder()
        self.let = threading.Event()
        if warm:
            self.let.set()
        self.trouble: Exception | None = None

    def warm(self):
        self.let.wait(10)
        if self.trouble:
            raise self.trouble

    def answer(self, op, request):
        if op == "encode":
            return {"vectors": protocol.packed(self.encoder.encode(request["texts"]))}
        if op == "recall":
            return {"notes": [{"path": request["commit"]}]}
        if op == "status":
            return {"passages": 3}
        if op == "check":
            raise RuntimeError("can't allocate memory")
        if op == "sync":
            raise TransientError("1 of 2", code="memory-warming")
        raise KeyError(op)


class Running:
    """A server in a thread, and a client that never starts another."""

    def __init__(self, state, memory, idle=60.0):
        state.mkdir(parents=True, exist_ok=True)
        self.memory, self.state = memory, state
        self.server = MemoryServer(memory, state=state, idle=idle)
        self.thread = threading.Thread(target=self.server.serve)
        self.thread.start()
        place = MemoryLocation(root=state, state=state, config=MemoryConfig(), entry="nothing.of.this.name")
        self.client = MemoryClient(place, now=lambda: 0.0)
        self.path = protocol.address(state)
        until = time.monotonic() + 5
        while not self._listens() and time.monotonic() < until:
            time.sleep(0.005)

    def _listens(self):
        """Its address is there a moment before anybody hears what is said to it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            return link.connect_ex(str(self.path)) == 0

    def raw(self, data):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(5)
            link.connect(str(self.path))
            try:
                link.sendall(data)
                link.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            try:
                return protocol.receive(link, max_bytes=protocol.MAX_ANSWER)
            except OSError:
                return None

    def ended(self):
        self.thread.join(10)
        return not self.thread.is_alive()


@pytest.fixture
def model(tmp_path):
    """The version a client asks for, of a model that is not there: nothing of it is loaded here."""
    place = MemoryLocation(root=tmp_path, state=tmp_path, config=MemoryConfig(), entry="")
    try:
        return MemoryClient(place, now=lambda: 0.0).version
    except PermanentError:
        need(None, "the heavy half")


@pytest.fixture
def run(tmp_path, model, monkeypatch):
    # How often it looks whether it should end: less often in the product, which is in no hurry.
    monkeypatch.setattr("engine.memory.server._LOOK", 0.02)
    running: list[Running] = []

    def start(idle=60.0, **memory):
        found = Running(tmp_path / "state", Fake(memory.pop("model", model), **memory), idle)
        running.append(found)
        return found

    yield start
    for one in running:
        one.memory.let.set()
        one.server.end()
        assert one.ended()


def test_it_answers_and_only_its_user_can_reach_it(run):
    here = run()
    assert stat.S_IMODE(here.path.stat().st_mode) == 0o600
    texts = [f"text {number}" for number in range(150)]
    assert here.client.encode(texts) == HashEncoder().encode(texts)
    assert here.client.recall("a", kind="", limit=3, commit="c0ffee") == [{"path": "c0ffee"}]
    assert here.client.status()["passages"] == 3


def test_it_answers_while_it_warms_up(run):
    here = run(warm=False)
    assert here.client.status()["state"] == "warming"
    with pytest.raises(TransientError) as refused:
        here.client.encode(["a"])
    assert refused.value.code == "memory-warming"
    here.memory.let.set()
    assert here.client._patient("encode", patience=5, texts=["a"], keep=False)
    assert here.client.status()["state"] == "ready"


def test_a_patient_client_waits_that_long_and_no_longer(run):
    here = run()
    began = time.monotonic()
    with pytest.raises(TransientError, match="1 of 2"):
        here.client.sync("c0ffee", seconds=0.3)
    assert 0.3 <= time.monotonic() - began < 3


def test_what_is_wrong_with_it_is_said_and_not_tried_again(run):
    here = run(warm=False)
    here.memory.trouble = PermanentError("the model was altered", code="no-memory")
    here.memory.let.set()
    until = time.monotonic() + 5
    while here.client.status()["state"] == "warming" and time.monotonic() < until:
        time.sleep(0.01)
    assert here.client.status()["because"] == "the model was altered"
    with pytest.raises(PermanentError, match="altered"):
        here.client.encode(["a"])


@pytest.mark.parametrize("other", [{"engine": "0.0.0"}, {"model": "other"}, {"protocol": 0}])
def test_one_of_another_version_makes_room(run, model, other):
    here = run()
    hello = {"protocol": protocol.PROTOCOL, "engine": __version__, "model": model}
    answer = here.raw(json.dumps({**hello, **other, "op": "status"}).encode() + b"\n")
    assert answer["error"]["transient"]
    assert here.ended()
    assert not here.path.exists()


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"[]\n", b"nonsense\n", b"\xff\xfe\n", b"{" * 10_000 + b"\n", b"7\n", b'"' + b"x" * (protocol.MAX_REQUEST + 100) + b'"\n'],
)  # fmt: skip
def test_nonsense_is_refused_and_it_goes_on(run, line):
    here = run()
    answer = here.raw(line)
    assert answer is None or "error" in answer
    assert here.client.encode(["a"])


def test_a_request_that_makes_no_sense_is_refused(run):
    here = run()
    for op, fields in (("nothing", {}), ("encode", {}), ("encode", {"texts": 7, "keep": False})):
        with pytest.raises(PermanentError) as refused:
            here.client._ask(op, **fields)
        assert refused.value.code == "wrong-argument"


def test_whatever_fails_in_it_is_said(run, capfd):
    here = run()
    with pytest.raises(PermanentError, match="failed at 'check': RuntimeError"):
        here.client.check("c0ffee", seconds=1)
    assert "can't allocate memory" in capfd.readouterr().err
    assert here.client.encode(["a"])


def test_somebody_who_says_nothing_holds_up_nobody(run):
    here = run()
    silent = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(10)]
    for one in silent:
        one.connect(str(here.path))
    began = time.monotonic()
    assert here.client.encode(["a"])
    assert time.monotonic() - began < 3
    for one in silent:
        one.close()


def test_many_may_ask_at_once(run):
    here = run()
    found: list[bool] = []

    def ask(number):
        texts = [f"{number} {place}" for place in range(5)]
        found.append(here.client.encode(texts) == HashEncoder().encode(texts))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [True] * 40


def test_there_is_one_for_each_workspace(run, tmp_path, model):
    here = run()
    assert MemoryServer(Fake(model), state=tmp_path / "state", idle=1).serve() is False
    assert here.client.encode(["a"])


def test_it_ends_when_asked_and_when_nobody_asks(run):
    asked, idle = run(), None
    asked.client.quit()
    assert asked.ended()
    idle = run(idle=0.2)
    assert idle.ended()
    assert idle.client.status()["state"] == "absent"


def test_it_ends_when_its_place_is_gone(run):
    here = run()
    here.path.unlink()
    assert here.ended()


def test_a_process_that_dies_before_it_is_ready_is_not_started_for_ever(tmp_path, model):
    place = MemoryLocation(
        root=tmp_path,
        state=tmp_path / "state",
        config=MemoryConfig(),
        entry="engine.testing.nothing_of_this_name",
    )
    starts, now = place.folder / "starts", [0.0]
    for _ in range(MAX_STARTS):
        # Each a command of its own.
        with pytest.raises(TransientError):
            MemoryClient(place, now=lambda: starts.stat().st_mtime).encode(["a"])
    client = MemoryClient(place, now=lambda: now[0])
    now[0] = starts.stat().st_mtime
    with pytest.raises(PermanentError) as refused:
        client.encode(["a"])
    assert (refused.value.code, f"{MAX_STARTS} times" in refused.value.message) == ("no-memory", True)
    client = MemoryClient(place, now=lambda: now[0])
    now[0] += 601
    with pytest.raises(TransientError):
        client.encode(["a"])
    assert starts.stat().st_size == 1


def test_a_long_path_has_its_socket_elsewhere(tmp_path):
    assert protocol.address(Path("/s")) == Path("/s/memory.sock")
    long = tmp_path / ("x" * 200)
    assert len(os.fsencode(protocol.address(long))) < 100
    assert protocol.address(long) == protocol.address(long)
    assert protocol.address(long) != protocol.address(tmp_path / ("y" * 200))
    assert stat.S_IMODE(protocol.address(long).parent.stat().st_mode) == 0o700


def test_a_place_for_sockets_that_others_can_write_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = tmp_path / f"steward-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(PermanentError, match="yours alone"):
        protocol.address(Path("/" + "x" * 200))


def test_without_a_model_nothing_is_started(tmp_path):
    place = MemoryLocation(root=tmp_path, state=tmp_path, config=MemoryConfig(model="none"), entry="nothing")
    client = MemoryClient(place, now=lambda: 0.0)
    with pytest.raises(PermanentError) as refused:
        client.encode(["a"])
    assert refused.value.code == "no-memory"
    assert client.status()["state"] == "absent"
