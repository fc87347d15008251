"""Both notebooks in a real browser: the day loads, is filtered, a card is approved, and its letter leaves; nobody else gets in."""

import http.client
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from benchmarks.showing import fill
from engine.app.setup.new_workspace import LETTERS
from engine.app.workspace.clock import present
from engine.model.values.canonical_json import sha256
from engine.model.values.timestamps import stamp
from engine.observe import today_page
from engine.testing.clock import VirtualClock
from engine.testing.scenario import Scenario
from tests.browser import chromium
from tests.counterparts import need, need_module
from tests.simulate.terminal import environment
from tests.warm import COLD

pytestmark = pytest.mark.slow
EVENTS = int(os.environ.get("STEWARD_LONG_PAST", "60000"))
"""How many events a long past has here."""
HARMLESS = re.compile(
    r"manifest\.json|favicon\.ico|bad HTTP response code \(403\) was received when fetching the script"
)
"""What the pages ask for and nobody needs: a manifest, an icon, a service worker."""


@pytest.fixture(scope="session")
def needed():
    """A browser and marimo; a skip that says what is missing, a failure where everything must be there."""
    need(chromium.found(), "chromium")
    need_module("marimo")


@contextmanager
def opened(company, *words):
    """The address `steward open` says, while it serves."""
    process = subprocess.Popen(
        [*COLD, "open", *words, "--no-browser"], cwd=company.root, env=environment(company.env), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    watch = threading.Timer(240, process.kill)
    watch.start()
    assert process.stderr is not None
    try:
        address = next((found[0] for line in process.stderr if (found := re.search(r"http://\S+", line))), "")
        assert address, "it never said an address"
        yield address
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr.read().endswith("closed\n")
    finally:
        watch.cancel()
        process.kill()
        process.wait()
        process.stderr.close()


def made(folder, *, letters=True):
    """The demo's company a few minutes ago."""
    company = Scenario.make(folder)
    company.clock = VirtualClock(present() - timedelta(minutes=5))
    company.enrol()
    for file in sorted(LETTERS.glob("*.eml")) if letters else ():
        company.drop(file.stem, file.read_bytes())
    if letters:
        company.run()
    return company


@pytest.fixture(scope="module")
def full(tmp_path_factory, needed):
    return made(tmp_path_factory.mktemp("browser") / "company")


@pytest.fixture
def company(full, tmp_path):
    return Scenario.at(shutil.copytree(full.folder, tmp_path / "company", symlinks=True))


def company_run(company):
    """A run of the company's own."""
    with today_page.look(company.workspace().state) as seen:
        rows = seen.history.rows(
            "SELECT run FROM approvals WHERE gate = 'offer' AND run NOT LIKE '000%' ORDER BY seq LIMIT 1"
        )
    return rows[0]["run"]


def asked(address, path, **headers):
    host = urlsplit(address).netloc
    line = http.client.HTTPConnection(host, timeout=20)
    line.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = line.getresponse()
    answer.read()
    line.close()
    return answer.status, answer.getheader("set-cookie")


def test_the_day_loads_is_filtered_and_a_card_approved_there_leaves(company):
    before = len(company.outbox())
    waiting = len(company.queue())
    shown = next(one for one in company.cards() if one.card.strength == 1)
    money = next(one for one in company.cards() if one.card.strength == 2)
    with opened(company) as address, chromium.Browser() as browser:
        browser.go(address)
        browser.sees(f"{waiting}\nwaits for you")
        browser.until("steward.find('button', 'Look again') && !document.getElementById('steward-first')")
        browser.sees(f"{waiting}\nwaits for you")
        browser.choose("state", "failed")
        browser.sees("Nothing waits, ran, failed or is absent today.")
        browser.choose("state", "waits")
        browser.sees(shown.card.id[:8])
        for one, yes in ((money, False), (shown, True)):
            row = f"steward.all().find(e => e.matches('tr') && e.textContent.includes({one.card.id[:8]!r}))"
            browser.until(f"!!({row} && {row}.querySelector('[role=checkbox], [role=radio]'))")
            browser.ask(f"{row}.querySelector('[role=checkbox], [role=radio]').click()")
            browser.sees(one.digest[:16])
            browser.sees(
                "approve: exactly these bytes leave" if yes else f"steward approve {one.card.id[:8]}"
            )
            assert (f"steward approve {one.card.id[:8]}" in browser.text()) is not yes
            assert ("approve: exactly these bytes leave" in browser.text()) is yes
        browser.press("label", "approve")
        browser.press("button", "Decide")
        browser.sees("approved")
        browser.sees(f"{waiting - 1}\nwaits for you")
        assert shown.card.id[:8] not in browser.text()
        assert len(company.outbox()) == before + 1
        assert company.book().cards[shown.card.id].status == "approved"

        browser.go(f"http://{urlsplit(address).netloc}/run/?id={shown.card.run}")
        browser.sees("shown, approved and sent are the same bytes")
        browser.until("!!steward.all().find(e => e.matches('svg[aria-roledescription^=flowchart]'))")
        browser.press("button", "why")
        browser.sees(f"card {shown.card.id[:8]} by")
        assert {urlsplit(one).hostname for one in browser.addresses if urlsplit(one).hostname} == {
            "127.0.0.1"
        }
        assert [one for one in browser.complaints if not HARMLESS.search(one)] == []


def test_an_empty_workspace_is_an_empty_day(needed, tmp_path):
    company = made(tmp_path / "company", letters=False)
    with opened(company) as address, chromium.Browser() as browser:
        browser.go(address)
        browser.sees("Nothing waits, ran, failed or is absent today.")
        browser.until("steward.find('button', 'Look again') && !document.getElementById('steward-first')")
        browser.sees("Nothing waits, ran, failed or is absent today.")
        browser.go(f"http://{urlsplit(address).netloc}/run/")
        browser.sees("Nothing has run yet.")


def test_a_long_past_is_shown_like_a_short_one(company):
    state = company.workspace().state
    fill(state, EVENTS, present())
    run = company_run(company)
    with today_page.look(state) as seen:
        waiting = len(list(seen.waiting(now=stamp(present()))))
    assert waiting >= 10
    with opened(company) as address, chromium.Browser() as browser:
        day = f"http://{urlsplit(address).netloc}/today/"
        for what, where in (("new browser, new server", address), ("again", day), ("and again", day)):
            began = time.monotonic()
            browser.go(where)
            browser.sees(f"{waiting}\nwaits for you")
            shown = time.monotonic() - began
            browser.until("steward.find('button', 'Look again') && !document.getElementById('steward-first')")
            print(
                f"{EVENTS} events, {what}: seen after {shown:.2f} s, at hand after {time.monotonic() - began:.2f} s"
            )
        browser.choose("state", "absent")
        browser.sees("Nothing waits, ran, failed or is absent today.")
        browser.go(f"http://{urlsplit(address).netloc}/run/?id={run}")
        browser.sees("Approved against sent")


def test_the_running_server_lets_in_one_browser_once(company):
    with opened(company, "run") as address:
        code = urlsplit(address)
        for path in ("/today/", "/run/", "/run/health", "/", "/enter", "/enter?code=x", "/today/ws"):
            assert asked(address, path)[0] == 403
        assert asked(address, f"{code.path}?{code.query}", Origin="http://evil.example")[0] == 403
        status, cookie = asked(address, f"{code.path}?{code.query}")
        assert status == 200
        assert asked(address, f"{code.path}?{code.query}") == (403, None)
        ours = cookie.partition(";")[0]
        assert asked(address, "/today/", Cookie=ours)[0] == 200
        assert asked(address, "/today/", Cookie=ours, Host="localhost")[0] == 403
        assert asked(address, "/today/api/version", Cookie=ours)[0] == 403
        assert asked(address, "/today/", Cookie=f"{ours}x")[0] == 403


def test_a_websocket_without_the_token_is_not_accepted(company):
    need_module("websockets.sync.client")
    from websockets import exceptions
    from websockets.sync import client

    with opened(company) as address:
        host = urlsplit(address).netloc
        _, cookie = asked(address, f"/enter?{urlsplit(address).query}")
        ours = {"Cookie": cookie.partition(";")[0]}
        for headers, origin in (({}, f"http://{host}"), (ours, "http://evil.example"), (ours, None)):
            with pytest.raises(exceptions.InvalidStatus) as refused:
                client.connect(
                    f"ws://{host}/today/ws?session_id=s_abcdef",
                    additional_headers=headers,
                    origin=origin,
                    proxy=None,
                )
            assert refused.value.response.status_code == 403
        with client.connect(
            f"ws://{host}/today/ws?session_id=s_abcdef",
            additional_headers=ours,
            origin=f"http://{host}",
            proxy=None,
        ) as line:
            assert line.recv(timeout=30)


MINE = """import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo

    mo.md(f"a page of my own, {20 + 3}")
    return


if __name__ == "__main__":
    app.run()
"""


def test_a_notebook_of_the_workspace_is_served_once_its_very_bytes_are_accepted(company):
    mine = company.root / "notebooks" / "mine.py"
    mine.write_text(MINE)

    def refused():
        return subprocess.run(
            [*COLD, "open", "mine", "--no-browser"], cwd=company.root, env=environment(company.env), capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    first = refused()
    assert (first.returncode, first.stdout) == (5, "")
    assert "nobody has vouched for" in first.stderr
    assert "steward open --accept notebooks/mine.py" in first.stderr
    company.ask("accept", target="notebooks/mine.py", digest=sha256(MINE.encode()), body={"text": MINE})
    with opened(company, "mine") as address, chromium.Browser() as browser:
        mine.write_text(MINE.replace("my own", "somebody"))
        browser.go(address)
        browser.sees("a page of my own, 23")
    assert "is not what was accepted" in refused().stderr
