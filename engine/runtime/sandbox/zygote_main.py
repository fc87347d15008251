"""The program of a zygote, started by `exec` with nothing: confines itself, imports, then forks once an attempt. See the package.

Run as a script: ``python -I -S -B -X utf8 zygote_main.py '{"level": …, "control": …, "path": […], "readable": […], "program": …}'``.
"""

import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # nothing of the engine can be found before the path is set
    from engine.model.values.canonical_json import Json

NOBODY = 65534
FILES = 64
_GRACE = 1


class StartOrders:
    """The engine's orders at the start: the level, the control descriptor, the code path, the readable paths, and the program."""

    def __init__(self, text: str) -> None:
        orders = json.loads(text)
        self.level: int = orders["level"]
        self.control = socket.socket(fileno=orders["control"])
        self.path: list[str] = orders["path"]
        self.readable: list[str] = orders["readable"]
        self.program: str = orders["program"]
        self.hook: Any = None


def main() -> None:
    """Confine, import, serve. Whatever goes wrong before serving is told over the control socket."""
    orders = StartOrders(sys.argv[1])
    sys.path[:0] = orders.path
    try:
        program = _settle(orders)
    except BaseException:
        orders.control.sendall(json.dumps({"failed": traceback.format_exc()[-2000:]}).encode())
        os._exit(1)
    # Until here 2 was where a failing start could say why; 0 is the null device.
    os.dup2(0, 2)
    orders.control.sendall(b'{"ready":true}')
    _serve(orders, program)


def _settle(orders: StartOrders) -> ModuleType:
    from engine.runtime.sandbox import linux, seccomp

    os.chdir("/")
    os.environ.clear()
    linux.die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if orders.level == 1:
        from engine.runtime.sandbox.audit_hook import Hook

        orders.hook = Hook(orders.readable)
        orders.hook.install()
    elif sys.platform == "linux":
        if orders.level == 2:
            _move_out(orders)
            linux.no_new_privileges()
            linux.landlock(orders.readable)
        seccomp.restrict(child=False)
    linux.undumpable()
    program = importlib.import_module(orders.program)
    getattr(program, "warm", lambda: None)()
    gc.collect()
    # Pages that the collector never touches again stay shared between all attempts.
    gc.freeze()
    return program


def _move_out(orders: StartOrders) -> None:
    """Into namespaces of our own; the process namespace holds from the next fork on, so a second process becomes the zygote."""
    from engine.runtime.sandbox import linux

    own = linux.NEWNET | linux.NEWPID | linux.NEWIPC | linux.NEWUTS
    user, group = os.geteuid(), os.getegid()
    linux.unshare(own if user == 0 else own | linux.NEWUSER)
    if user:
        # A user without a name in a namespace may create none below it, and each attempt needs its own.
        for name, line in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(line)
    # New credentials took it back.
    linux.die_with_parent()
    child = os.fork()
    if child:
        orders.control.close()
        os.waitpid(child, 0)
        os._exit(0)
    linux.die_with_parent()


def _serve(orders: StartOrders, program: ModuleType) -> None:
    """Fork a keeper for each request: JSON with the limits, and three descriptors. Ends when the engine does."""
    # Waited for, not ignored: only so does what attempts used count as used by the zygote.
    signal.signal(signal.SIGCHLD, _reap)
    while True:
        try:
            text, fds, _, _ = socket.recv_fds(orders.control, 4096, 3)
        except OSError:
            os._exit(0)
        if not text:
            os._exit(0)
        try:
            keeper = os.fork()
        except OSError:
            keeper = -1
        if keeper == 0:
            try:
                orders.control.close()
                _keep(orders, program, json.loads(text), *fds)
            finally:
                os._exit(1)
        for fd in fds:
            os.close(fd)
        orders.control.sendall(b"y" if keeper > 0 else b"n")


def _reap(*_: object) -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _keep(
    orders: StartOrders, program: ModuleType, limits: dict[str, Any], down: int, up: int, word: int
) -> None:
    """Be the child's parent: it ends when the time is over, or when the engine hangs up, with everything it started."""
    from engine.runtime.sandbox import linux

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    alone = orders.level > 1 and _own_processes()
    linux.die_with_parent()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            os.close(word)
            _live(orders, program, limits, down, up, alone=alone)
        finally:
            os._exit(1)
    os.close(down)
    os.close(up)
    over = _wait(child, word, started + limits["seconds"])
    # The first process of a namespace takes all others with it; without a namespace of its own it could start none.
    os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    signalled = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    report = {
        "over": over,
        "signal": signalled,
        "cpu": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss,
    }
    os.write(word, json.dumps(report).encode())
    os._exit(0)


def _own_processes() -> bool:
    from engine.runtime.sandbox import linux

    if sys.platform != "linux":
        return False
    try:
        linux.unshare(linux.NEWUSER | linux.NEWPID)
    except OSError:
        return False
    return True


def _wait(child: int, word: int, deadline: float) -> bool:
    """Until the child is dead or the engine hangs up (False), or the time is over (True)."""
    opened = getattr(os, "pidfd_open", None)
    ended = opened(child) if opened is not None else -1
    watched = select.poll()
    watched.register(word, select.POLLIN)
    if ended >= 0:
        watched.register(ended, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        # Where a process can't be watched, it is looked at.
        if watched.poll(left * 1000 if ended >= 0 else 20):
            return False
        if ended < 0 and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return False
    return True


def _live(
    orders: StartOrders, program: ModuleType, limits: dict[str, Any], down: int, up: int, *, alone: bool
) -> None:
    """Be the child: lose what is left, read, work, answer, die."""
    from engine.runtime.sandbox import linux, protocol, seccomp

    down, up = _only(down, up)
    linux.die_with_parent()
    _limit(limits, alone=alone)
    if orders.level > 1 and sys.platform == "linux":
        linux.drop_capabilities()
        seccomp.restrict(child=True)
    max_bytes = limits["output"]
    ask = _asker(down, up, max_bytes)
    if orders.hook is not None:
        orders.hook.tighten()
    try:
        arguments = protocol.receive(down, max_bytes=protocol.MAX_DOWN)
        reply = {"done": program.main(arguments, ask)}
    except MemoryError:
        reply = {"failed": "memory"}
    except Exception as error:
        reply = {"failed": f"{type(error).__name__}: {error}"[:500].encode("utf-8", "replace").decode()}
    try:
        protocol.send(up, reply, max_bytes=max_bytes)
    except protocol.Broken:
        protocol.send(up, {"failed": "output"}, max_bytes=max_bytes)
    os._exit(0)


def _only(down: int, up: int) -> tuple[int, int]:
    """Close every descriptor but the two pipes. 0, 1 and 2 are the null device since the start."""
    low = os.dup2(os.dup(down), 200), os.dup2(os.dup(up), 201)
    os.closerange(3, 200)
    os.closerange(202, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 65536))
    pipes = os.dup2(low[0], 3), os.dup2(low[1], 4)
    os.closerange(5, 202)
    return pipes


def _limit(limits: dict[str, Any], *, alone: bool) -> None:
    def fixed(name: str, soft: int, hard: int | None = None) -> None:
        which = getattr(resource, name, None)
        if which is not None:
            resource.setrlimit(which, (soft, soft if hard is None else hard))

    fixed("RLIMIT_CPU", limits["cpu"], limits["cpu"] + _GRACE)
    fixed("RLIMIT_NOFILE", FILES)
    fixed("RLIMIT_MEMLOCK", 0)
    fixed("RLIMIT_MSGQUEUE", 0)
    # The keeper shares the namespace's count. Limits of a user hold for all that the user runs: without a namespace, none is left.
    fixed("RLIMIT_NPROC", limits["processes"] + 1 if alone else 0)
    try:
        fixed("RLIMIT_AS", limits["memory"])
    except (OSError, ValueError):
        # macOS refuses it; the data segment is the nearest thing there.
        fixed("RLIMIT_DATA", limits["memory"])


def _asker(down: int, up: int, max_bytes: int) -> "Callable[[Json], Json]":
    from engine.runtime.sandbox import protocol

    def ask(question: "Json") -> "Json":
        protocol.send(up, {"ask": question}, max_bytes=max_bytes)
        return protocol.receive(down, max_bytes=protocol.MAX_DOWN)

    return ask


if __name__ == "__main__":
    main()
