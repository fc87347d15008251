"""Looking at a hostile workspace with the real command runs nothing of it, reads nothing outside of it and hangs on nothing."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.corpus.hostile import PYTHON, SECRET, Canaries, build, environment, git, naive
from tests.counterparts import need_module

pytestmark = pytest.mark.slow

STEWARD = [sys.executable, "-P", "-m", "engine.cli.main"]
"""As its entry point starts it: the folder one stands in is not on Python's path."""

LOOKING = (
    ["check"],
    ["check", "--json"],
    ["check", "--sarif"],
    ["plan"],
    ["plan", "--json"],
    ["plan", "--mermaid"],
    ["plan", "--diff", "main"],
    ["plan", "--diff", "main~1", "main"],
    ["plan", "--diff", "odd"],
    ["explain"],
    ["explain", "SW014"],
    ["schema"],
    ["schema", "playbook"],
    ["status"],
    ["queue"],
    ["log"],
    ["verify"],
    ["test"],
)


@pytest.fixture
def canaries(tmp_path) -> Canaries:
    return Canaries(tmp_path / "canaries")


@pytest.fixture
def hostile(tmp_path, canaries) -> Path:
    root = tmp_path / "hostile"
    root.mkdir()
    build(root, canaries)
    canaries.ran()
    return root


def typed(words, cwd) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*STEWARD, *words],
        cwd=cwd,
        env=environment(cwd.parent),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def all_typed(commands, cwd) -> "list[subprocess.CompletedProcess[str]]":
    """Commands one after another in one process that begins in `cwd`: what each loads is looked for there, and the start is paid once."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _ALL, json.dumps(commands)], cwd=cwd, env=environment(cwd.parent), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return [subprocess.CompletedProcess(words, *rest) for words, *rest in json.loads(done.stdout)]


_ALL = """
import contextlib, io, json, sys
from engine.cli.main import main
ended = []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
    ended.append([words, code, out.getvalue(), err.getvalue()])
print(json.dumps(ended))
"""


def settled(done: "subprocess.CompletedProcess[str]") -> None:
    """An exit code that means something, no traceback, nothing from outside of the workspace."""
    said = done.stdout + done.stderr
    assert done.returncode in {0, 1, 2, 3, 4, 5}, said
    assert "Traceback" not in said
    assert "fault in steward itself" not in said, said
    assert SECRET not in said
    assert "root:x:0" not in said


def test_no_command_that_looks_runs_anything(hostile, canaries):
    outside = {one: one.read_bytes() for one in (hostile.parent / "outside").iterdir()}
    for done in all_typed(LOOKING, hostile):
        settled(done)
    assert canaries.ran() == set()
    assert {one: one.read_bytes() for one in (hostile.parent / "outside").iterdir()} == outside

    # The same marks show what plain tools run of it.
    for words in naive(hostile):
        subprocess.run(
            words, cwd=hostile, env=environment(hostile.parent), stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
        )  # fmt: skip
    found = canaries.ran()
    assert {
        "core.fsmonitor", "filter.trap.clean", "filter.procs.process", "gpg.program", "alias.hi", "included", "core.editor", ".envrc",
        "engine", "hook-pre-commit", "hook-post-index-change", "diff.trap.textconv", "filter.trap.smudge",
    } <= found  # fmt: skip
    assert {name.replace("/", "_") for name in PYTHON} <= found


def test_check_names_what_is_never_read(hostile):
    found = json.loads(typed(["check", "--json"], hostile).stdout)["data"]
    told = {one["path"]: one["message"] for one in found if one["code"] == "SW015"}

    links = {
        "playbooks/link.yaml", "vault/intents/passwd.yaml", "vault/knowledge/folder", "vault/knowledge/link.md", "vault/knowledge/round",
        "vault/knowledge/up", "vault/knowledge/zero.md", "vault/sops/link.md", "vault/templates/link.md",
    }  # fmt: skip
    assert told.keys() == links | {"vault/knowledge/pipe.md"}
    assert {told[one] for one in links} == {"this is never read: a symbolic link"}


def test_a_link_that_is_taken_out_is_not_remembered(hostile):
    """The answer of an unchanged folder is kept; a link is part of what it depends on."""
    typed(["check"], hostile)
    (hostile / "playbooks" / "link.yaml").unlink()

    assert "playbooks/link.yaml" not in typed(["check"], hostile).stdout


def test_a_pass_over_it_runs_steps_and_no_code(hostile, canaries):
    """`run` acts, but only what the deployed playbooks say through connectors."""
    settled(typed(["run"], hostile))

    assert canaries.ran() == set()


def test_the_day_opened_in_it_runs_the_notebooks_that_came_with_steward_alone(hostile, canaries):
    """The page is entered as a browser would, which begins its session and runs the notebook's cells; then it is closed."""
    need_module("marimo")
    from websockets.sync import client

    settled(typed(["open", "cash"], hostile))  # a notebook of the workspace's own
    process = subprocess.Popen(
        [*STEWARD, "open", "--no-browser"], cwd=hostile, env=environment(hostile.parent), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    watch = threading.Timer(60, process.kill)
    watch.start()
    assert process.stderr is not None
    try:
        address = next((found[0] for line in process.stderr if (found := re.search(r"http://\S+", line))), "")
        host = urlsplit(address).netloc
        cookie = str(answer(host, address.removeprefix(f"http://{host}"))[0]).partition(";")[0]
        assert answer(host, "/today/", cookie)[1] == 200
        said = ""
        connection = client.connect(
            f"ws://{host}/today/ws?session_id=s_abc123",
            origin=f"http://{host}",
            additional_headers={"Cookie": cookie},
            max_size=None,
            proxy=None,
        )
        with connection as page:
            while "completed-run" not in (last := str(page.recv(timeout=30))):
                said += last
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert "Traceback" not in process.stderr.read()
    finally:
        watch.cancel()
        process.kill()
        process.wait()
        process.stderr.close()
    assert "Nothing waits" in said
    assert SECRET not in said
    assert canaries.ran() == set()


def answer(host: str, path: str, cookie: str = "") -> tuple[str | None, int]:
    """The cookie the page's server gives for one request, and its status."""
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request("GET", path, headers={"Cookie": cookie})
    said = connection.getresponse()
    said.read()
    connection.close()
    return said.getheader("set-cookie"), said.status


WHO = ("--name", "Robin", "--email", "robin@example.com")


def test_init_into_it_beside_it_and_below_it(hostile, canaries):
    outside = (hostile.parent / "outside" / "letter.md").read_bytes()
    assert typed(["init", "."], hostile).returncode == 2  # it is a workspace already
    settled(typed(["init", "../beside", *WHO], hostile))
    settled(typed(["demo", "../shown"], hostile))
    (hostile / "steward.yaml").unlink()
    for name in ("policy.yaml", "templates/got-it.md"):
        (hostile / "vault" / name).unlink()
        (hostile / "vault" / name).symlink_to(hostile.parent / "outside" / "new")
    before = git(hostile, "rev-parse", "HEAD")

    done = typed(["init", ".", *WHO], hostile)

    settled(done)
    assert done.returncode == 0, done.stderr
    assert canaries.ran() == set()
    assert not (hostile.parent / "outside" / "new").exists()
    assert (hostile.parent / "outside" / "letter.md").read_bytes() == outside
    names = subprocess.run(
        ["git", "cat-file", "-p", "HEAD"], cwd=hostile, env=environment(hostile.parent), capture_output=True, check=False
    )  # fmt: skip
    assert b"parent" in names.stdout
    assert (
        hostile / ".git" / "refs" / "heads" / "main"
    ).read_text().strip() != before  # committed, by our own plumbing


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "huge", "binary"])
def test_settings_that_are_no_file_are_told_and_not_followed(hostile, kind):
    place = hostile / "steward.yaml"
    place.unlink()
    match kind:
        case "link":
            place.symlink_to(hostile.parent / "outside" / "playbook.yaml")
        case "pipe":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
        case "huge":
            place.write_bytes(b"# " + b"x" * 6_000_000 + b"\n")
        case _:
            place.write_bytes(bytes(range(256)) * 9)
    for done in all_typed([["check"], ["plan"], ["status"], ["plan", "--diff", "main"]], hostile):
        settled(done)


def test_started_as_a_module_in_it_its_python_is_not_imported(hostile, canaries):
    """`python -m` looks in the folder one stands in first; `-P` and the entry point keep it from that."""
    env = environment(hostile.parent)
    for path in hostile.glob("*.py"):
        path.write_text(canaries.python(path.name))
    subprocess.run(
        [sys.executable, "-P", "-m", "engine.cli.main", "check"],
        cwd=hostile,
        env=env,
        check=False,
        capture_output=True,
    )
    assert canaries.ran() == set()
    (hostile / "engine" / "__init__.py").unlink()  # without it, the installed engine is found even so
    (hostile / "engine").rmdir()
    subprocess.run(
        [sys.executable, "-m", "engine.cli.main", "check"],
        cwd=hostile,
        env=env,
        check=False,
        capture_output=True,
    )
    assert canaries.ran() == set()
