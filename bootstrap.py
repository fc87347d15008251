"""Set up Steward in `.venv` beside this file, then do what was asked.

    python3 bootstrap.py demo [ARGS]            the demo
    python3 bootstrap.py run -- ARGS            steward ARGS
    python3 bootstrap.py test [--fast] [ARGS]   the whole check; ARGS go to pytest
    python3 bootstrap.py sweeps [--minutes N]   the long random campaigns

Nothing is asked: what will be loaded and how big it is, is printed first, and Ctrl-C stops. Needs Python 3.11 and
git, and nothing else; where uv is found it does the loading.

`.venv/steward.json` says which parts are in. A part is written there only when it is complete, and what was begun
is written before it begins: whatever is interrupted is done again by the next run.
"""

import ast
import contextlib
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

if sys.version_info < (3, 11):  # noqa: UP036 - older ones are told, not met with a syntax error
    _newer = [name for name in ("python3.13", "python3.12", "python3.11") if shutil.which(name)]
    sys.exit(
        "bootstrap: Steward needs Python 3.11 or newer; this is {}.{}.\n".format(*sys.version_info[:2])
        + (
            "Type: {} {}".format(_newer[0], " ".join(sys.argv))
            if _newer
            else "Install a newer one (Debian, Ubuntu: apt install python3.11; macOS: brew install python@3.12; "
            "Windows: winget install Python.Python.3.12) and call this file with it."
        )
    )

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
STATE = os.path.join(VENV, "steward.json")
LOG = os.path.join(VENV, "install.log")
LOCKS = os.path.join(ROOT, "requirements")
WINDOWS = os.name == "nt"
BIN = os.path.join(VENV, "Scripts" if WINDOWS else "bin")
EXE = ".exe" if WINDOWS else ""
PYTHON = os.path.join(BIN, "python" + EXE)
STEWARD = os.path.join(BIN, "steward" + EXE)
OWN_UV = os.path.join(BIN, "uv" + EXE)
WEIGHTS = os.path.join(ROOT, "engine", "memory", "weights.txt")
PARTS = ("uv", "install", "runtime", "weights", "steward", "dev")
HEARTBEAT = 15

NO_SPACE = ("No space left on device", "Errno 28", "not enough space on the disk", "os error 28")
NO_NETWORK = (
    "NewConnectionError", "Failed to establish a new connection", "name resolution", "Name or service not known",
    "getaddrinfo failed", "nodename nor servname", "Network is unreachable", "dns error", "error sending request",
    "Failed to fetch", "ConnectTimeoutError", "ReadTimeoutError", "ProxyError", "Connection refused",
    "(from versions: none)",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One piece of the installation: complete when the record holds the digest of what defines it."""

    name: str
    digest: str


class InstallError(Exception):
    """An installation step failed; the message says what is true now and what to type."""


def say(text: str) -> None:
    """Talk to stderr: stdout belongs to the command."""
    print(f"bootstrap: {text}", file=sys.stderr, flush=True)


# ---------------------------------------------------------------- what is in


def digest_of(path: str) -> str:
    """Name a file's content."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def wanted(*, dev: bool) -> list[Part]:
    """The parts a command needs, in the order they go in, after the installer."""
    return [part(name) for name in PARTS if name != "uv" and (name != "dev" or dev)]


def part(name: str) -> Part:
    """A part as it is defined now."""
    return Part(name, project_digest() if name == "steward" else digest_of(lock_of(name)))


def lock_of(name: str) -> str:
    """The file that pins a part's packages by hash."""
    return WEIGHTS if name == "weights" else os.path.join(LOCKS, f"{name}.txt")


def found_uv() -> str:
    """The uv of this machine; empty when there is none."""
    return shutil.which("uv") or ""


def project_digest() -> str:
    """What decides how the project itself is installed: its [project] table and version, not the tools' settings."""
    import tomllib

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        data = tomllib.load(file)
    version = digest_of(os.path.join(ROOT, "engine", "__init__.py"))
    return hashlib.sha256(json.dumps([data["project"], data["build-system"], version]).encode()).hexdigest()


def identity() -> dict[str, str]:
    """What an environment is bound to; another Python or a moved folder needs a new one."""
    return {"python": "{}.{}".format(*sys.version_info[:2]), "root": ROOT}


def read_state() -> dict[str, dict[str, str]]:
    """The record of what is in: `made_for`, `done` and `begun`. Unreadable means nothing is in."""
    try:
        with open(STATE, encoding="utf-8") as file:
            state = json.load(file)
        return {key: dict(state[key]) for key in ("made_for", "done", "begun")}
    except (OSError, ValueError, KeyError, TypeError):
        return {"made_for": {}, "done": {}, "begun": {}}


def write_state(state: dict[str, dict[str, str]]) -> None:
    """Replace the record in one move."""
    with open(STATE + ".new", "w", encoding="utf-8") as file:
        json.dump(state, file, indent=1)
    os.replace(STATE + ".new", STATE)


def missing(parts: Sequence[Part]) -> list[Part]:
    """The parts still to be installed. No process is started: this is all a second run costs."""
    state = read_state()
    if state["made_for"] != identity() or not os.path.exists(PYTHON):
        return list(parts)
    done = state["done"] if os.path.exists(STEWARD) else state["done"] | {"steward": ""}
    return [part for part in parts if done.get(part.name) != part.digest]


# ---------------------------------------------------------------- what pip is configured with


def pip_settings(python: str = PYTHON) -> dict[str, list[str]]:
    """Ask pip: environment over [install] over [global], each value a list, names with underscores."""
    lines = capture([python, "-m", "pip", "config", "list"]).splitlines()
    found: dict[str, dict[str, list[str]]] = {}
    for line in lines:
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        with contextlib.suppress(ValueError, SyntaxError):
            found.setdefault(section, {})[option.replace("-", "_")] = str(ast.literal_eval(value)).split()
    settings: dict[str, list[str]] = {}
    for section in ("global", "install", ":env:"):
        settings |= found.get(section, {})
    return {name: values for name, values in settings.items() if values not in ([], ["false"], ["0"])}


def uv_environment(settings: dict[str, list[str]]) -> dict[str, str]:
    """Say the same to uv, which reads none of pip's configuration. What is set for uv already stays."""
    said: dict[str, str] = {}
    for name, variable, between in (
        ("find_links", "UV_FIND_LINKS", ","),
        ("index_url", "UV_DEFAULT_INDEX", " "),
        ("extra_index_url", "UV_INDEX", " "),
        ("trusted_host", "UV_INSECURE_HOST", " "),
        ("timeout", "UV_HTTP_TIMEOUT", " "),
        ("cert", "SSL_CERT_FILE", " "),
        ("client_cert", "SSL_CLIENT_CERT", " "),
        ("proxy", "ALL_PROXY", " "),
        ("keyring_provider", "UV_KEYRING_PROVIDER", " "),
    ):
        if settings.get(name):
            said[variable] = between.join(settings[name])
    if "default_timeout" in settings:
        said.setdefault("UV_HTTP_TIMEOUT", settings["default_timeout"][0])
    if "no_index" in settings:
        said["UV_NO_INDEX"] = "1"
    # pip looks at all indexes at once; uv would stop at the first that knows a name. The hashes make it safe.
    said |= {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_PYTHON_DOWNLOADS": "never"}
    return {name: value for name, value in said.items() if name not in os.environ}


# ---------------------------------------------------------------- running things


def capture(argv: Sequence[str], *, stdin: str | None = None) -> str:
    """Give a command's stdout, or nothing when it fails."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def wait_for(process: "subprocess.Popen[bytes]", what: str) -> int:
    """Wait with a line now and then; a Ctrl-C or SIGTERM ends the process before it goes on upwards."""
    begun = time.monotonic()
    try:
        while True:
            try:
                return process.wait(HEARTBEAT)
            except subprocess.TimeoutExpired:
                say(f"  … {what}: {time.monotonic() - begun:.0f} s so far")
    except (KeyboardInterrupt, SystemExit):
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


def logged(argv: Sequence[str], what: str, extra: dict[str, str] | None = None) -> str | None:
    """Run a quiet installer; on failure give what it said, else nothing."""
    with open(LOG, "ab") as log:
        log.write(f"\n$ {shlex.join(argv)}\n".encode())
        log.flush()
        start = log.tell()
        env = os.environ | {"PIP_USER": "0", "PYTHONUTF8": "1"} | (extra or {})
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env) as process:
            if wait_for(process, what) == 0:
                return None
    with open(LOG, "rb") as log:
        log.seek(start)
        return log.read().decode("utf-8", "replace")


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Let two commands typed at once install one after the other."""
    with open(os.path.join(ROOT, ".venv.lock"), "a+b") as file:
        if WINDOWS:
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another bootstrap is installing here; waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


# ---------------------------------------------------------------- saying what will be loaded


def announce(parts: Sequence[Part]) -> None:
    """Print what will be loaded and how big, and stop here where the disk can't hold it."""
    with open(os.path.join(LOCKS, "sizes.json"), encoding="utf-8") as file:
        sizes = json.load(file)
    disk = 0
    say("these parts go into .venv beside this file:")
    for size in (sizes[part.name] for part in parts if part.name in sizes):
        disk += size["disk"]
        say(
            f"  {size['load'] / 1e6:4.0f} MB to load, {size['disk'] / 1e6:4.0f} MB on disk: {size['packages']} packages, {size['about']}"
        )
    free = shutil.disk_usage(ROOT).free
    say(f"  about {disk / 1e9:.1f} GB on disk in all; {free / 1e9:.1f} GB are free")
    if free < disk:
        raise InstallError("the disk is too full; nothing was loaded. Free some space.")
    say("Ctrl-C stops; the same command continues later")


# ---------------------------------------------------------------- installing


def made_with() -> str:
    """Which Python an environment somebody else made belongs to, as far as it says."""
    try:
        with open(os.path.join(VENV, "pyvenv.cfg"), encoding="utf-8") as file:
            pairs = dict(line.replace(" ", "").strip().split("=", 1) for line in file if "=" in line)
    except (OSError, ValueError):
        return ""
    return ".".join(pairs.get("version", pairs.get("version_info", "")).split(".")[:2])


def make_environment(state: dict[str, dict[str, str]]) -> None:
    """Create .venv, or a new one when this Python or this folder isn't the one it was made for."""
    here = identity()
    outgrown = {**state["done"], **state["begun"]}.keys() - set(PARTS)
    if state["made_for"] == here and os.path.exists(PYTHON) and not outgrown:
        return
    old = state["made_for"] or {"python": made_with() or here["python"], "root": ROOT}
    clear = old != here or bool(outgrown)
    if clear:
        why = f"it was made for Python {old['python']} in {old['root']}"
        if old == here:
            why = f"it holds what an older version needed ({', '.join(sorted(outgrown))})"
        say(f"making .venv anew: {why}")
        state["done"], state["begun"] = {}, {}
    os.makedirs(VENV, exist_ok=True)
    base = getattr(sys, "_base_executable", None) or sys.executable
    argv = [base, "-m", "venv", *(["--clear"] if clear else []), VENV]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        text = done.stdout + done.stderr
        if "ensurepip" in text:
            raise InstallError("this Python has no venv module. Debian, Ubuntu: apt install python3-venv")
        raise InstallError(f"no environment could be made in .venv:\n{text.strip()}")
    state["made_for"] = here
    write_state(state)


def commands(
    part: Part, *, again: bool, settings: dict[str, list[str]]
) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The ways to install a part, best first: each an argv and what to add to the environment."""
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q"]
    pip += ["--force-reinstall"] if again else []
    what = (
        ["--no-build-isolation", "--editable", ROOT]
        if part.name == "steward"
        else ["--require-hashes", "-r", lock_of(part.name)]
    )
    uv = OWN_UV if os.path.exists(OWN_UV) else found_uv()
    if part.name != "uv" and uv:
        yield (
            [uv, "pip", "install", "--quiet", "--python", PYTHON, "--no-deps"]
            + (["--reinstall"] if again else [])
            + (["--no-build-isolation-package", "authres"] if part.name == "runtime" else [])
            + what,
            uv_environment(settings),
        )
    isolation = ["--no-build-isolation"] if part.name == "runtime" else []
    yield [*pip, "--no-deps", *isolation, *what], {}


def install(part: Part, state: dict[str, dict[str, str]], settings: dict[str, list[str]]) -> None:
    """Put one part in. Begun is written before, done after: nothing half-done looks complete."""
    again = part.name in state["begun"]
    state["begun"][part.name] = part.digest
    state["done"].pop(part.name, None)
    write_state(state)
    began = time.monotonic()
    said: str | None = None
    for argv, extra in commands(part, again=again, settings=settings):
        say(f"installing {part.name} with {'pip' if '-m' in argv else 'uv'}")
        said = logged(argv, part.name, extra)
        if said is None or any(sign in said for sign in NO_SPACE):
            break
    if said is not None:
        raise InstallError(explain(part, said, state))
    del state["begun"][part.name]
    state["done"][part.name] = part.digest
    write_state(state)
    say(f"  {part.name} is in ({time.monotonic() - began:.0f} s)")


def drop_uv(state: dict[str, dict[str, str]]) -> None:
    """Take our uv away again, 40 MB that nothing needs until the next installation; with the checks it stays, they use it."""
    del state["done"]["uv"]
    write_state(state)
    logged([PYTHON, "-m", "pip", "uninstall", "-q", "-y", "uv"], "uv")


def explain(part: Part, said: str, state: dict[str, dict[str, str]]) -> str:
    """What is true now and what to type, from what the installer said."""
    if any(sign in said for sign in NO_SPACE):
        cause, remedy = "the disk is full", "Free some space and type the same command again"
    elif any(sign in said for sign in NO_NETWORK):
        cause, remedy = (
            "the package index can't be reached, or lacks this part",
            "Type the same command again when there is a network",
        )
    else:
        tail = "\n".join(f"    {line}" for line in said.strip().splitlines()[-12:])
        cause, remedy = f"the installer failed and said:\n{tail}\n ", "Type the same command again to retry"
    complete = ", ".join(state["done"]) or "nothing yet"
    return (
        f"{part.name} is not installed: {cause}.\n"
        f"Complete: {complete}. What was begun is done again by the next run.\n"
        f"{remedy}. Everything said: .venv/install.log"
    )


def ensure(parts: Sequence[Part]) -> None:
    """Install what is missing; costs a few file reads when nothing is."""
    if not missing(parts):
        return
    with only_one():
        state = read_state()
        make_environment(state)
        left = missing(parts)
        if not (found_uv() or os.path.exists(OWN_UV)):
            left = [part("uv"), *left]
        settings = pip_settings()
        if any(needed.name != "steward" for needed in left):
            announce(left)
        try:
            for needed in left:
                install(needed, state, settings)
            if "uv" in state["done"] and "dev" not in state["done"]:
                drop_uv(state)
        except KeyboardInterrupt:
            say(
                f"stopped. Complete: {', '.join(state['done']) or 'nothing yet'}; the same command goes on from there"
            )
            raise
        say("everything is in; the next run starts at once")


# ---------------------------------------------------------------- the commands


def hand_over(argv: Sequence[str]) -> NoReturn:
    """Become the command; Windows has no way to, so there it is run and its answer given on."""
    if WINDOWS:
        sys.exit(subprocess.run(argv, check=False).returncode)
    os.execv(argv[0], list(argv))  # noqa: S606 - no shell is the point


def check(arguments: Sequence[str]) -> int:
    """Run every check, pytest last; the exit code is the first failure's."""
    tool = {name: os.path.join(BIN, name + EXE) for name in ("ruff", "mypy", "lint-imports")}
    fast = "--fast" in arguments
    rest = [argument for argument in arguments if argument != "--fast"]
    # Two workers for two cores; a file's tests stay together, so that fixtures of a file are made once. The order is tests/conftest.py's.
    workers = (
        []
        if any(one.startswith(("-n", "-p", "-x", "--pdb", "-s")) for one in rest)
        else ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    )
    pytest = [PYTHON, "-m", "pytest", *workers, *(["-m", "not slow"] if fast else []), *rest]
    steps = [
        [tool["ruff"], "format", "--check", "."],
        [tool["ruff"], "check", "."],
        [tool["mypy"]],
        [tool["lint-imports"]],
        pytest,
    ]
    failed: list[tuple[str, int]] = []
    for argv in steps:
        name = "pytest" if argv is pytest else " ".join([os.path.basename(argv[0]), *argv[1:]])
        if argv is pytest and failed:
            say("FAILED before pytest: " + "; ".join(step for step, _ in failed))
        say(name)
        code = subprocess.run(argv, check=False, cwd=ROOT).returncode
        if code != 0:
            failed.append((name, code))
    return failed[0][1] if failed else 0


def main(argv: Sequence[str]) -> int:
    """Read the command, install what it needs, do it."""
    cut = list(argv).index("--") if "--" in argv else len(argv)
    before, after = argv[:cut], argv[cut + 1 :]
    command, rest = (before[0], before[1:]) if before else ("", [])
    if command not in {"demo", "run", "test", "sweeps"}:
        print(__doc__, file=sys.stdout if command in {"-h", "--help"} else sys.stderr)
        return 0 if command in {"-h", "--help"} else 2
    if shutil.which("git") is None:
        raise InstallError(
            "git is missing; Steward keeps its workspace in a git repository. Nothing was changed.\n"
            "Debian, Ubuntu: apt install git; macOS: xcode-select --install; Windows: winget install Git.Git"
        )
    ensure(wanted(dev=command in {"test", "sweeps"}))
    arguments = [*rest, *after]
    if command in {"test", "sweeps"}:
        # They start thousands of processes; each would compile the engine anew if nothing compiled were kept.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if command == "demo":
        hand_over([STEWARD, "demo", *arguments])
    if command == "run":
        hand_over([STEWARD, *arguments])
    if command == "sweeps":
        return subprocess.run([PYTHON, "-m", "tests.campaigns", *arguments], check=False, cwd=ROOT).returncode
    return check(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except InstallError as problem:
        say(str(problem))
        sys.exit(1)
    except OSError as problem:
        hint = "free some space and type the same command again" if problem.errno == 28 else "see above"
        say(f"{problem.strerror or problem}: {problem.filename or ''} ({hint})")
        sys.exit(1)
