"""What is in a room stays there, and what is outside is not seen from it. The same detector sees a program that runs bare."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from engine.runtime.sandbox import SandboxPool
from engine.runtime.sandbox.seccomp import filter_of
from tests.counterparts import LINUX, need
from tests.unit.runtime.rooms import BRIEF, PROGRAMS, at

pytestmark = LINUX

WORD = "canary-51c07"
PLANTED = "planted-secret-e2b9"
WAYS = {"tcp", "udp", "dns", "tcp6", "unix", "abstract", "unix datagram", "pair", "program"}


class Listener:
    """Hears on every kind of socket, and keeps what it heard by the kind."""

    def __init__(self, folder):
        self.heard = {}
        self.unix = str(folder / "canary.sock")
        self.abstract = f"steward-canary-{folder}"
        stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM
        self.sockets = {
            "tcp": self._open(socket.AF_INET, stream, ("127.0.0.1", 0)),
            "udp": self._open(socket.AF_INET, datagram, ("127.0.0.1", 0)),
            "dns": self._open(socket.AF_INET, datagram, ("127.0.0.1", 0)),
            "tcp6": self._open(socket.AF_INET6, stream, ("::1", 0)),
            "unix": self._open(socket.AF_UNIX, stream, self.unix),
            "abstract": self._open(socket.AF_UNIX, stream, "\0" + self.abstract),
            "unix datagram": self._open(socket.AF_UNIX, datagram, self.unix + ".dgram"),
        }
        os.chmod(self.unix, 0o777)
        os.chmod(self.unix + ".dgram", 0o777)
        self.over = False
        self.threads = [threading.Thread(target=self._hear, args=pair) for pair in self.sockets.items()]
        for one in self.threads:
            one.start()

    def _open(self, family, kind, address):
        made = socket.socket(family, kind)
        made.bind(address)
        if kind == socket.SOCK_STREAM:
            made.listen()
        return made

    def _hear(self, name, one):
        while not self.over:
            try:
                if one.type == socket.SOCK_DGRAM:
                    said = one.recv(4096)
                else:
                    caller, _ = one.accept()
                    with caller:
                        said = caller.recv(4096)
            except OSError:
                return
            if not self.over:
                self.heard.setdefault(name, []).append(said)

    def places(self):
        ports = {name: self.sockets[name].getsockname()[1] for name in ("tcp", "udp", "dns", "tcp6")}
        return {**ports, "unix": self.unix, "abstract": self.abstract}

    def close(self):
        self.over = True
        for one in self.sockets.values():
            # Closing alone would leave whoever waits on it waiting.
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for one in self.threads:
            one.join()
        for one in self.sockets.values():
            one.close()


@pytest.fixture
def listener(tmp_path):
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    made = Listener(tmp_path)
    yield made
    made.close()


def given(listener, folder):
    """A secret in a file and in the environment of the engine, and the way to every canary."""
    file = folder / "keys.db"
    file.write_text(PLANTED)
    file.chmod(0o644)
    environs = [f"/proc/{os.getpid()}/environ", "/proc/self/environ", "/proc/1/environ"]
    return {
        **listener.places(),
        "word": WORD,
        "planted": PLANTED,
        "file": str(file),
        "environs": environs,
        "do": "exfiltrate",
    }


@pytest.mark.parametrize("level", [3, 2, 1])
def test_nothing_leaves_a_room_and_no_secret_is_seen_in_it(level, listener, tmp_path, monkeypatch):
    monkeypatch.setenv("PLANTED", PLANTED)
    room = at(level)
    worked = room.run("hostile", given(listener, tmp_path), serve=lambda one: one, limits=BRIEF, needs=1)
    room.close()
    assert worked == []
    assert listener.heard == {}


def test_the_same_program_without_a_room_is_heard_on_every_way(listener, tmp_path):
    """Else the silence above would prove nothing."""
    told = given(listener, tmp_path)
    code = f"import sys, json; sys.path.insert(0, {PROGRAMS!r}); import hostile; print(json.dumps(hostile.main(json.loads(sys.argv[1]), None)))"
    command = [sys.executable, "-c", code, json.dumps(told)]
    env = {**os.environ, "PLANTED": PLANTED}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    worked = set(json.loads(done.stdout))
    deadline = time.monotonic() + 2
    while set(listener.heard) != set(listener.sockets) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert worked >= WAYS | {f"read {told['file']}", "read the environment", "read /proc/self/environ"}
    assert set(listener.heard) == set(listener.sockets)
    assert all(WORD.encode() in said[0] for said in listener.heard.values())


AS_SOMEBODY = """
import sys
sys.path.insert(0, sys.argv[1])
from engine.model.ports import Limits
from engine.runtime.sandbox import SandboxPool
for most in (3, 2, 1):
    room = SandboxPool({"hostile": "hostile"}, code=(sys.argv[2],), max_level=most)
    made = -1
    if room.level == most:
        made = room.run("hostile", {"do": "bomb"}, serve=None, limits=Limits(seconds=5.0, processes=8), needs=1)
    print(most, room.level, made)
    room.close()
"""


def test_an_ordinary_user_has_the_same_rooms():
    """The tests may run as root; the product mostly doesn't. The system's own Python can be read by everybody."""
    need(os.geteuid() == 0, "root, who can become an ordinary user")
    python, root = "/usr/bin/python3", PROGRAMS.partition("/tests/")[0]
    script = ["-B", "-c", AS_SOMEBODY, root, PROGRAMS]
    newer = [
        python,
        "-c",
        f"import sys; assert sys.version_info >= (3, 11); open({PROGRAMS + '/hostile.py'!r})",
    ]
    try:
        subprocess.run(
            newer, check=True, capture_output=True, cwd="/", user=1234, group=1234, extra_groups=()
        )
    except (OSError, subprocess.CalledProcessError):
        need(None, "a Python 3.11 and a checkout that every user can read")
    done = subprocess.run(
        [python, *script],
        check=True,
        capture_output=True,
        text=True,
        cwd="/",
        user=1234,
        group=1234,
        extra_groups=(),
    )
    rows = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    for most, level, made in rows:
        if level != most:
            need(None, f"a room of level {most} for an ordinary user")
        assert made == 0 if most == 1 else 1 <= made <= 8


def test_root_that_can_t_become_somebody_else_gets_no_room():
    """Inside a user namespace without other users: rather none than one with root in it."""
    program = f"import sys; sys.path.insert(0, {PROGRAMS.partition('/tests/')[0]!r}); from engine.runtime.sandbox import SandboxPool; print(SandboxPool({{}}).level)"
    command = ["unshare", "-Ur", sys.executable, "-c", program]
    try:
        subprocess.run(["unshare", "-Ur", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        need(None, "unshare and user namespaces")
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "0"


def test_the_filter_is_well_formed_for_both_architectures():
    """Each instruction is eight bytes, and every jump ends inside the program."""
    for machine in ("x86_64", "aarch64"):
        for child in (False, True):
            code = filter_of(machine, child=child)
            assert len(code) % 8 == 0
            steps = [code[at : at + 8] for at in range(0, len(code), 8)]
            assert len(steps) < 4096
            for at_, step in enumerate(steps):
                assert at_ + 1 + max(step[2], step[3]) < len(steps) or step[0] == 6
    with pytest.raises(OSError, match="no table"):
        filter_of("riscv64", child=True)


def test_a_system_that_can_t_fork_has_no_room(monkeypatch):
    monkeypatch.setattr("engine.runtime.sandbox.pool.os.name", "nt")
    room = SandboxPool({})
    assert room.level == 0
    assert room.report()[0].why
