"""Watches a Python process from its first moment: what it starts, with which arguments and environment, and which files it removes.

Python imports a module of this name at start-up when it finds one on its path. Audit events come before the act, so a temporary file
is copied before it is gone, without racing it.
"""

import itertools
import os
import shutil
import sys
from typing import Any

_FOLDER = os.environ.pop("STEWARD_WITNESS", "")
_WATCHED = os.environ.pop("STEWARD_WITNESS_WATCH", "")
_COUNT = itertools.count()


def _note(kind: str, data: bytes) -> None:
    os.makedirs(os.path.join(_FOLDER, kind), exist_ok=True)
    with open(os.path.join(_FOLDER, kind, f"{os.getpid()}-{next(_COUNT)}"), "wb") as file:
        file.write(data)


def _environment(env: Any) -> bytes:
    items = env.items() if hasattr(env, "items") else [pair.partition(b"=")[::2] for pair in env or ()]
    return b"\n".join(os.fsencode(name) + b"=" + os.fsencode(value) for name, value in items)


def _seen(event: str, args: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen":
        _, argv, _, env = args
        _note("argv", b"\0".join(os.fsencode(one) for one in argv))
        _note("environ", _environment(os.environ if env is None else env))
    elif event in {"os.exec", "os.posix_spawn"}:
        _, argv, env = args
        _note("argv", b"\0".join(os.fsencode(one) for one in argv))
        _note("environ", _environment(os.environ if env is None else env))
    elif event in {"os.remove", "os.rename"} and isinstance(args[0], str | bytes):
        path = os.path.abspath(os.fsdecode(args[0]))
        if path.startswith(_WATCHED) and os.path.isfile(path):
            _note("removed", os.fsencode(path) + b"\n")
            with open(path, "rb") as file:
                _note("removed", file.read())
    elif event == "shutil.rmtree" and isinstance(args[0], str | bytes):
        path = os.path.abspath(os.fsdecode(args[0]))
        if path.startswith(_WATCHED):
            shutil.copytree(
                path, os.path.join(_FOLDER, "removed", f"{os.getpid()}-{next(_COUNT)}"), symlinks=True
            )


if _FOLDER:
    with open("/proc/self/cmdline", "rb") as own:
        _note("cmdline", own.read())
    sys.addaudithook(_seen)
