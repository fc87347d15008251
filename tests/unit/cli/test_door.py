"""Nothing passes the door of the notebooks' server without the token, from another page, or to a path that nobody needs."""

import asyncio
import os
import threading
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.cli.notebooks import prerender as behind
from engine.cli.notebooks.auth_middleware import ENTER, AuthMiddleware
from engine.cli.notebooks.prerender import PrerenderedPage
from engine.cli.notebooks.server import build_app
from engine.model.errors import EngineError
from engine.testing.scenario import Scenario
from tests.counterparts import need_module

HOST = "127.0.0.1:4321"
ORIGIN = f"http://{HOST}"
TOKEN = "t" * 43
COOKIE = f"steward-4321={TOKEN}"
HEADERS = {"host": HOST, "cookie": COOKIE, "origin": ORIGIN}
"""What the person's own browser sends."""

UNTOKENED = {
    "no token": {"host": HOST, "origin": ORIGIN},
    "wrong token": HEADERS | {"cookie": f"steward-4321={'x' * 43}"},
    "the token of another port": HEADERS | {"cookie": f"steward-1={TOKEN}"},
    "the token in the address": HEADERS | {"cookie": ""},
    "two tokens": HEADERS | {"cookie": f"steward-4321=x; {COOKIE}"},
    "two tokens, the right one first": HEADERS | {"cookie": f"{COOKIE};steward-4321=x"},
    "the token under a longer name": HEADERS | {"cookie": f"x-{COOKIE}"},
    "the token under no name": HEADERS | {"cookie": f"={TOKEN}"},
    "a name of ours": HEADERS | {"host": "localhost:4321"},
    "no port": HEADERS | {"host": "127.0.0.1"},
    "another host": HEADERS | {"host": "evil.example"},
    "no host": {name: value for name, value in HEADERS.items() if name != "host"},
    "another origin": HEADERS | {"origin": "http://evil.example"},
    "another port's origin": HEADERS | {"origin": "http://127.0.0.1:4322"},
    "a name's origin": HEADERS | {"origin": "http://localhost:4321"},
    "a file's origin": HEADERS | {"origin": "null"},
    "a longer origin": HEADERS | {"origin": f"{ORIGIN}.evil.example"},
    "from another site": HEADERS | {"sec-fetch-site": "cross-site"},
    "from another port": HEADERS | {"sec-fetch-site": "same-site"},
}
TRICKS = (
    "{}/health", "{}/..", "{}/../../health", "/x{}", "/{}", "{}//", "{}/%2e%2e/health", "{};/health", "{}/.", "{}\\..\\health", "{}%00",
    "{}/today/", "{} ",
)  # fmt: skip


class Behind:
    """The app behind: it answers everything, and remembers that it was asked."""

    def __init__(self):
        self.asked = []

    async def __call__(self, scope, receive, send):
        self.asked.append(scope["path"])
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        page = b"<html><script>one()</script><script src='x.js'></script></html>"
        headers = [
            (b"content-type", b"text/html"),
            (b"access-control-allow-origin", b"*"),
            (b"set-cookie", b"a=b"),
            (b"ETag", b"x"),
            (b"Cache-Control", b"max-age=60"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page[:10], "more_body": True})
        await send({"type": "http.response.body", "body": page[10:]})


def door(app=None, code="c" * 43):
    return AuthMiddleware(app=app or Behind(), host=HOST, token=TOKEN, code=code)


def ask(app, path, headers, method="GET", query="", *, leaves=False):
    """(status, headers, body): 101 for an accepted websocket, 403 for one that was closed before. `leaves`: before it has everything."""
    kind = "websocket" if method == "WEBSOCKET" else "http"
    scope = {
        "type": kind, "path": path, "raw_path": path.encode(), "root_path": "", "query_string": query.encode(), "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "scheme": "http" if kind == "http" else "ws",
        "server": ("127.0.0.1", 4321), "client": ("127.0.0.1", 5), "subprotocols": [],
    }  # fmt: skip
    if kind == "http":
        scope["method"] = method
    sent = []
    asked = [{"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": b""}]

    async def receive():
        if asked:
            return asked.pop()
        return {"type": "http.disconnect"} if leaves else await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    first = sent[0]
    if kind == "websocket":
        return (101 if first["type"] == "websocket.accept" else 403), {}, b""
    return first["status"], dict(first["headers"]), b"".join(one.get("body", b"") for one in sent[1:])


def walk(app, before=""):
    """(method, path) of every route of an app, with a word for each of its blanks."""
    for route in app.routes:
        path = before + route.path.replace("{filename_and_length:path}", "10-a.js")
        path = path.replace("{filepath:path}", "a.js").replace("{path:path}", "other")
        if hasattr(route, "app") and hasattr(route, "routes") and route.routes:
            yield from walk(route, path)
        elif hasattr(route, "methods"):
            yield from ((method, path) for method in sorted(route.methods or {"GET"}))
        else:
            yield ("WEBSOCKET" if type(route).__name__ == "WebSocketRoute" else "GET"), path


@pytest.fixture(scope="module")
def routes(tmp_path_factory):
    """Every route of the real notebooks' server."""
    need_module("marimo")
    before, here = dict(os.environ), Path.cwd()
    company = Scenario.make(tmp_path_factory.mktemp("door") / "company")
    try:
        return sorted(set(walk(build_app(company.workspace()))))
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)


def test_every_route_refuses_whoever_is_not_the_person(routes):
    assert len(routes) > 150
    assert {method for method, _ in routes} >= {"GET", "POST", "WEBSOCKET"}
    behind = Behind()
    app = door(behind)
    passed = [
        (method, path, why)
        for method, path in routes
        for why, headers in UNTOKENED.items()
        if ask(app, path, headers, method, query=f"token={TOKEN}&access_token={TOKEN}")[0] != 403
    ]
    assert passed == []
    assert behind.asked == []


def test_no_trick_with_a_path_finds_a_way(routes):
    behind = Behind()
    app = door(behind)
    for method, path in [*routes, ("GET", ENTER)]:
        for trick in TRICKS:
            tricked = trick.format(path)
            assert ask(app, tricked, UNTOKENED["no token"], method)[0] == 403, tricked
    assert behind.asked == []


def test_with_the_token_only_what_the_notebooks_need_is_reached(routes):
    behind = Behind()
    app = door(behind)
    reached = {(method, path) for method, path in routes if ask(app, path, HEADERS, method)[0] != 403}
    assert {(m, p) for m, p in reached if p.startswith("/today")} == {
        ("GET", "/today/"),
        ("HEAD", "/today/"),
        ("GET", "/today/health"),
        ("HEAD", "/today/health"),
        ("GET", "/today/@file/10-a.js"),
        ("HEAD", "/today/@file/10-a.js"),
        ("POST", "/today/api/kernel/instantiate"),
        ("POST", "/today/api/kernel/set_ui_element_value"),
        ("POST", "/today/api/kernel/set_model_value"),
        ("POST", "/today/api/kernel/function_call"),
        ("WEBSOCKET", "/today/ws"),
    }
    assert all("/.." not in path for path in behind.asked)


@pytest.mark.parametrize("method", ["POST", "WEBSOCKET"])
def test_what_can_change_something_must_say_where_it_comes_from(method):
    path = {"POST": "/today/api/kernel/function_call", "WEBSOCKET": "/today/ws"}[method]
    unsaid = {name: value for name, value in HEADERS.items() if name != "origin"}
    assert ask(door(), path, unsaid, method)[0] == 403
    assert ask(door(), path, HEADERS, method)[0] in {101, 200}


def test_a_path_written_in_another_way_is_another_path():
    scope_path = "/today/"
    app = door()

    async def encoded():
        sent = []

        async def send(message):
            sent.append(message)

        headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        await app(
            {"type": "http", "method": "GET", "path": scope_path, "raw_path": b"/tod%61y/", "query_string": b"", "headers": headers},
            None,
            send,
        )  # fmt: skip
        return sent[0]["status"]

    assert asyncio.run(encoded()) == 403
    assert ask(app, scope_path, HEADERS)[0] == 200


def test_a_code_counts_once_and_gives_a_cookie_no_script_or_other_site_can_use():
    app = door()
    bare = {"host": HOST, "sec-fetch-site": "cross-site"}
    assert ask(app, ENTER, bare, query="code=wrong")[0] == 403
    assert ask(app, ENTER, bare)[0] == 403
    assert ask(app, ENTER, bare, method="POST", query=f"code={'c' * 43}")[0] == 403
    assert ask(app, ENTER, bare | {"host": "localhost:4321"}, query=f"code={'c' * 43}")[0] == 403
    status, headers, body = ask(app, ENTER, bare, query=f"code={'c' * 43}")
    assert status == 200
    cookie, *attributes = headers[b"set-cookie"].decode().split("; ")
    assert (cookie, {one.lower() for one in attributes}) == (
        COOKIE,
        {"path=/", "httponly", "samesite=strict"},
    )
    assert b"url=/today/" in body
    assert TOKEN.encode() not in body
    assert ask(app, ENTER, bare, query=f"code={'c' * 43}")[0] == 403
    assert ask(app, ENTER, bare, query="code=")[0] == 403


def test_an_answer_names_its_own_scripts_and_lets_nobody_else_read_it():
    status, headers, body = ask(door(), "/today/", HEADERS)
    policy = headers[b"content-security-policy"].decode()
    assert status == 200
    assert body.startswith(b"<html><script>one()")
    assert "default-src 'none'" in policy
    assert policy.count("sha256-") == 1
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.partition("style-src")[0]
    assert b"access-control-allow-origin" not in headers
    assert b"set-cookie" not in headers
    assert headers[b"cache-control"] == b"no-store"
    assert b"etag" not in headers


DRAWN = b"<div id='steward-first'>the day</div>"


class Page(Behind):
    """A page of the notebooks, as their server sends it."""

    async def __call__(self, scope, receive, send):
        page = b'<html><script>one()</script><body><div id="root"></div></body></html>'
        headers = [(b"content-type", b"text/html"), (b"Content-Length", b"%d" % len(page))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page})


def drawing(drawn):
    return AuthMiddleware(app=Page(), host=HOST, token=TOKEN, code="c" * 43, drawn=drawn, script="away()")


def test_the_first_page_brings_the_drawn_day_once_and_names_its_script():
    async def drawn():
        return DRAWN

    app = drawing(drawn)
    _, headers, body = ask(app, ENTER, {"host": HOST}, query=f"code={'c' * 43}")
    assert body.endswith(DRAWN)
    assert b"url=/today/" in body
    assert "sha256-" not in headers[b"content-security-policy"].decode()
    for wrong in UNTOKENED.values():
        assert ask(app, "/today/", wrong)[2] == b"refused\n"
    assert DRAWN not in ask(app, "/run/", HEADERS)[2]
    status, headers, body = ask(app, "/today/", HEADERS)
    assert status == 200
    assert body.count(DRAWN + b"<script>away()</script>") == 1
    assert body.index(DRAWN) < body.index(b'<div id="root">')
    assert b"content-length" not in headers
    policy = headers[b"content-security-policy"].decode()
    assert policy.count("sha256-") == 2
    assert "'unsafe-inline'" not in policy.partition("style-src")[0]
    assert DRAWN not in ask(app, "/today/", HEADERS)[2]


@pytest.mark.parametrize("trouble", [EngineError("no DuckDB", code="no-history"), RuntimeError("x")])
def test_a_day_that_can_t_be_drawn_is_left_to_the_notebook(trouble):
    def draw():
        raise trouble

    status, _, body = ask(drawing(PrerenderedPage(draw)), "/today/", HEADERS)
    assert status == 200
    assert body.endswith(b'<body><script>away()</script><div id="root"></div></body></html>')


def test_a_day_drawn_long_ago_is_drawn_anew(monkeypatch):
    seen = []

    def draw():
        seen.append(1)
        return b"%d" % len(seen)

    drawn = PrerenderedPage(draw)
    assert asyncio.run(drawn()) == b"1"
    monkeypatch.setattr(behind, "FRESH_SECONDS", -1.0)
    assert asyncio.run(drawn()) == b"2"


def test_a_browser_that_goes_on_while_the_day_is_drawn_finds_it_on_the_page():
    ready = threading.Event()
    drawn = PrerenderedPage(lambda: DRAWN if ready.wait(20) else b"")
    app = drawing(drawn)
    _, _, body = ask(app, ENTER, {"host": HOST}, query=f"code={'c' * 43}", leaves=True)
    assert DRAWN not in body
    ready.set()
    assert DRAWN in ask(app, "/today/", HEADERS)[2]


def test_files_are_handed_out_by_name_alone(tmp_path, monkeypatch):
    folder = tmp_path / "marimo" / "_static" / "assets"
    folder.mkdir(parents=True)
    (tmp_path / "marimo" / "__init__.py").touch()
    (tmp_path / "marimo" / "secret.js").write_text("secret")
    (folder / "index-1.js").write_text("one()")
    (folder / "inner").mkdir()
    monkeypatch.setattr(
        behind, "find_spec", lambda _: SimpleNamespace(origin=str(tmp_path / "marimo" / "__init__.py"))
    )
    made: Future[Any] = Future()
    made.set_result(other := Behind())
    app = behind.AssetServer(made)
    (folder / "later.js").write_text("not when it began")
    status, headers, body = ask(app, "/today/assets/index-1.js", HEADERS)
    assert (status, headers[b"content-type"], body) == (200, b"text/javascript", b"one()")
    assert ask(app, "/run/assets/index-1.js", HEADERS, method="HEAD")[2] == b""
    assert other.asked == []
    for name in (
        "../../secret.js",
        "..",
        "inner",
        "inner/x.js",
        "",
        "/etc/passwd",
        "index-1.js/",
        "missing.js",
    ):
        assert b"secret" not in ask(app, f"/today/assets/{name}", HEADERS)[2]
    assert len(other.asked) == 8


def test_notebooks_that_can_t_be_made_say_why_in_a_line():
    made: Future[Any] = Future()
    made.set_exception(EngineError("marimo is not installed here", code="no-notebooks"))
    status, headers, body = ask(behind.AssetServer(made), "/today/", HEADERS)
    assert (status, headers[b"content-type"]) == (500, b"text/plain; charset=utf-8")
    assert b"marimo is not installed here" in body
    assert ask(behind.AssetServer(made), "/today/ws", HEADERS, method="WEBSOCKET")[0] == 403
