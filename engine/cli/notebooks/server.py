"""open: the shipped notebooks, and those a person accepted, in a browser, for the person who typed it alone."""

import argparse
import os
import socket
import threading
import time
import webbrowser
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from engine.app.commands import command_bus, notebook_decisions
from engine.app.setup import starter_files
from engine.app.workspace import trusted_notebooks
from engine.app.workspace.clock import present
from engine.app.workspace.workspace import Workspace
from engine.cli import context
from engine.cli.notebooks.auth_middleware import ENTER, AuthMiddleware
from engine.cli.notebooks.prerender import AssetServer, PrerenderedPage, start_in_thread
from engine.cli.output import agreed, err
from engine.model.errors import INSTALL_AGAIN, EngineError, UsageError
from engine.observe import html, today_page

if TYPE_CHECKING:
    from starlette.applications import Starlette

NOTEBOOKS = ("today", "run")
_PATIENCE_SECONDS = 10.0


def open_notebook(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    workspace = context.workspace()
    if args.accept:
        return _accept(workspace, args.accept)
    _installed()
    if args.what in NOTEBOOKS:
        return _open(workspace, _first(workspace, args.what, args.id), {}, browser=not args.no_browser)
    with trusted_notebooks.accepted(workspace, args.what) as (name, copy):
        return _open(workspace, f"/{name}/", {name: copy}, browser=not args.no_browser)


def _accept(workspace: Workspace, path: str) -> int:
    """Show the notebook, explain the trust it gets, and ask once. Exactly the bytes read here are accepted."""
    from engine.cli.commands.approvals import carry_out

    context.need_person("open --accept")
    notebook = trusted_notebooks.read(workspace, path)
    err(f"{notebook.path}, {len(notebook.text.splitlines())} lines")
    err(f"  SHA-256 {notebook.digest}")
    err(
        "  It is a program. Once opened it runs as you: it can read and change your files, use the network, and decide cards of strength 1."
    )
    err("  Only these very bytes are accepted; after any change it is asked again. Read it first.")
    if not agreed("accept exactly these bytes? [y/N] "):
        err("nothing was accepted")
        return 0
    asked = command_bus.request(
        "accept",
        actor=context.actor(),
        target=notebook.path,
        digest=notebook.digest,
        body={"text": notebook.text},
    )
    code = carry_out(workspace, asked)
    if code == 0:
        err(f"  steward open {notebook.name}")
    return code


def _open(workspace: Workspace, first: str, extra: Mapping[str, Path], *, browser: bool) -> int:
    # Bound before any output, to the loopback address and any free port.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Accepted sockets inherit it. Without it each response's body waits 40 ms for the browser to acknowledge its head.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        day = PrerenderedPage(partial(_day, workspace)) if first == "/today/" else None

        def build() -> "Starlette":
            if day is not None:
                day.over()
            return build_app(workspace, extra)

        behind = AssetServer(start_in_thread(build))
        door = AuthMiddleware(
            app=behind, host=host, token=notebook_decisions.fresh(), code=notebook_decisions.fresh(), first=first, drawn=day,
            names=(*NOTEBOOKS, *extra), script=html.GIVES_WAY,
        )  # fmt: skip
        letter = workspace.state.make().path / f"open-{os.getpid()}.html"
        door.on_entered = lambda: letter.unlink(missing_ok=True)
        try:
            _show(f"http://{host}{ENTER}?code={door.code}", letter, browser=browser)
            _serve(door, behind, listening)
        finally:
            letter.unlink(missing_ok=True)
    err("closed")
    return 0


def _installed() -> None:
    """Raises EngineError when marimo is missing."""
    if find_spec("marimo") is None:
        raise EngineError(
            "marimo is not installed here",
            code="no-notebooks",
            now_true="Nothing is lost: steward queue, log and why say the same.",
            way_out=INSTALL_AGAIN,
        )


def _first(workspace: Workspace, page: str, id: str) -> str:
    """The path a browser begins at. Raises UsageError."""
    if page == "today" or not id:
        return f"/{page}/"
    with today_page.look(workspace.state) as seen:
        rows = seen.history.rows("SELECT run FROM runs WHERE starts_with(run, ?) LIMIT 2", id.lower())
    if len(rows) != 1:
        raise UsageError(f"no single run begins with {id}", code="not-found", way_out="steward log")
    return f"/run/?id={rows[0]['run']}"


def build_app(workspace: Workspace, extra: Mapping[str, Path] = MappingProxyType({})) -> "Starlette":
    """The shipped notebooks as an ASGI app of paths ``/today`` and ``/run``, and `more` by name, without any protection of its own."""
    folder = starter_files.source() / "notebooks"
    os.environ[notebook_decisions.WORKSPACE] = os.fspath(workspace.root)
    os.environ["MARIMO_SKIP_UPDATE_CHECK"] = "1"
    # marimo reads settings and an .env file from its start folder: it must not be the workspace.
    os.chdir(folder)
    import marimo

    building = marimo.create_asgi_app(include_code=False, quiet=True)
    for name in NOTEBOOKS:
        building = building.with_app(path=f"/{name}", root=os.fspath(folder / f"{name}.py"))
    for name, file in extra.items():
        building = building.with_app(path=f"/{name}", root=os.fspath(file))
    app: Starlette = building.build()
    return app


def _show(address: str, letter: Path, *, browser: bool) -> None:
    """Open a browser where there is a display; else say the address, once.

    Other users of this machine can read a process's arguments, so the browser gets a file that only its owner can read.
    """
    if browser and (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.uname().sysname == "Darwin"
    ):
        letter.unlink(missing_ok=True)
        handle = os.open(letter, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(
                f'<!doctype html><title>Steward</title><meta http-equiv="refresh" content="0;url={address}">'
            )
        if webbrowser.open(letter.as_uri()):
            err("opened in your browser; Ctrl-C here closes it (no window? steward open --no-browser)")
            return
        letter.unlink(missing_ok=True)
    err("open this address, once, in a browser on this machine; Ctrl-C here closes it")
    err(f"  {address}")


def _day(workspace: Workspace) -> bytes:
    """Today's page as it is now, to be seen before the notebook is there."""
    now, zone = present(), workspace.config.time_zone
    page = notebook_decisions.day(workspace, now)
    return html.first(page.rows, page.spent, now, zone).encode()


def _serve(door: AuthMiddleware, behind: AssetServer, listening: socket.socket) -> None:
    import uvicorn

    class Server(uvicorn.Server):  # type: ignore[misc]  # its types may not be installed
        """Ends the threads of the pages with the connections they belong to."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            if behind.app.done() and behind.app.exception() is None:
                await _end_sessions(behind.app.result())
            await super().shutdown(sockets)

    # No access log: it would hold the code. What is wrong is shown on the page.
    config = uvicorn.Config(
        door, lifespan="off", log_level="critical", access_log=False, server_header=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    earlier = set(threading.enumerate())
    try:
        Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        # uvicorn has closed everything and hands the Ctrl-C on.
        pass
    # Threads that still serve a page may finish: the process would abort if it ended under them.
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for thread in set(threading.enumerate()) - earlier:
        thread.join(max(0.0, deadline - time.monotonic()))


async def _end_sessions(app: "Starlette") -> None:
    """Let each open page's thread end once it has done what it is at: a decision that is being carried out is not cut in half."""
    for route in app.routes:
        state = getattr(getattr(route, "app", None), "state", None)
        sessions = getattr(state, "session_manager", None)
        if sessions is not None:
            await sessions.shutdown()
