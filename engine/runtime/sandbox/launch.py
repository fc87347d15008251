"""How a zygote is started at each level: which command, which places it may read. The engine's side."""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import engine

_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_LINKER = "/etc/ld.so.cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchCommand:
    """What to run: `command`, to be started with an empty environment."""

    command: tuple[str, ...]


def start(
    level: int, *, program: str, code: Iterable[str], control: int, env: Mapping[str, str]
) -> LaunchCommand:
    """The command for `program` (a module's name) at `level`, speaking on descriptor `control`. Raises OSError when a tool is missing."""
    source = str(Path(engine.__file__).resolve().parent)
    packages = tuple(folder for folder in sys.path if folder.endswith(("site-packages", "dist-packages")))
    path = (*dict.fromkeys((os.path.dirname(source), *packages, *code)),)
    interpreter = os.path.realpath(sys.executable)
    library = os.path.join(sys.base_prefix, "lib")
    readable = [path_ for path_ in (interpreter, library, source, *packages, *code) if os.path.exists(path_)]
    system = [path_ for path_ in (*_SYSTEM, _LINKER) if os.path.exists(path_)]
    orders = {
        "level": level, "control": control, "path": path, "program": program,
        "readable": [os.path.realpath(path_) for path_ in (*readable, *system, *_DEVICES)],
    }  # fmt: skip
    script = str(Path(__file__).resolve().with_name("zygote_main.py"))
    python = (interpreter, "-I", "-S", "-B", "-X", "utf8", script, json.dumps(orders))
    match level:
        case 3:
            return LaunchCommand(command=(*_bubblewrap(readable, env), *python))
        case 2 if sys.platform == "darwin":
            return LaunchCommand(
                command=(_tool("sandbox-exec", env), "-p", seatbelt(orders["readable"]), *python)
            )
        case _:
            return LaunchCommand(command=python)


def _tool(name: str, env: Mapping[str, str]) -> str:
    tool = shutil.which(name, path=env.get("PATH", os.defpath))
    if tool is None:
        raise FileNotFoundError(f"{name} is not on PATH")
    return tool


def _bubblewrap(readable: Iterable[str], env: Mapping[str, str]) -> list[str]:
    """Nothing but code, read-only; no /proc, no /tmp, no home, no network; an init that takes everything with it."""
    options = [_tool("bwrap", env), "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    options += ["--unshare-cgroup-try", "--die-with-parent", "--new-session"]
    if os.geteuid() == 0:
        # Root needs no user namespace to build the room, and keeps just the capabilities to become another user in it.
        options += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        options += ["--unshare-user"]
    for path in _SYSTEM:
        if os.path.islink(path):
            options += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            options += ["--ro-bind", path, path]
    options += ["--ro-bind-try", _LINKER, _LINKER]
    for device in _DEVICES:
        options += ["--dev-bind-try", device, device]
    for path in sorted({*readable, *(os.path.realpath(path_) for path_ in readable)}):
        options += ["--ro-bind", path, path]
    return [*options, "--remount-ro", "/", "--chdir", "/"]


def seatbelt(readable: Iterable[str]) -> str:
    """A profile for macOS: everything is denied but running Python and reading code."""
    places = " ".join(f"(subpath {json.dumps(path)})" for path in readable)
    system = '(subpath "/usr/lib") (subpath "/System/Library") (subpath "/private/var/db/dyld")'
    return "\n".join(
        (
            "(version 1)",
            "(deny default)",
            "(deny network*)",
            "(deny file-write*)",
            "(allow process-fork)",
            "(allow process-exec* (literal " + json.dumps(os.path.realpath(sys.executable)) + "))",
            "(allow signal (target same-sandbox))",
            "(allow sysctl-read)",
            f"(allow file-read-metadata) (allow file-read* {places} {system})",
            '(allow file-read* (literal "/dev/null") (literal "/dev/urandom") (literal "/dev/random"))',
            '(allow file-write-data (literal "/dev/null"))',
        )
    )
