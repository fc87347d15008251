"""The morning brief leaves the machine once a day, by the second channel when the first is down; nobody told is an alarm."""

import json
import re
import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from engine.app.health import doctor
from engine.model.events.alarms import AlarmCleared, AlarmRaised
from engine.testing.scenario import Scenario
from tests.campaigns.standin import DIED, ending
from tests.meta.sources import ROOT

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
BRIEF = (ROOT / "playbooks/morning-brief.yaml").read_text(encoding="utf-8")


class Chat:
    """An address that takes words; `down`: it refuses every connection."""

    def __init__(self):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.took: list[str] = []
        self.http: ThreadingHTTPServer | None = None

    def up(self):
        took = self.took

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                took.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def down(self):
        if self.http is not None:
            self.http.shutdown()
            self.http.server_close()
            self.http = None


@pytest.fixture
def chats():
    made = Chat(), Chat()
    yield made
    for one in made:
        one.down()


@pytest.fixture
def company(tmp_path, chats):
    made = Scenario.make(tmp_path / "company", files={"playbooks/morning-brief.yaml": BRIEF}, bare=True)
    first, second = chats
    settings = (made.root / "steward.yaml").read_text(encoding="utf-8")
    channels = f"connectors:\n  notify:\n    channels:\n      - {{ to: ntfy, url: {first.url} }}\n      - {{ to: post, url: {second.url} }}\n"
    made.commit({"steward.yaml": f"{settings}\n{channels}"})
    made.run()
    return made


def findings(company):
    with company.reading() as reading:
        return doctor.examine(
            company.workspace(), reading, now=company.clock.now(), level=lambda: 3, memory=dict
        )


def test_the_brief_goes_by_the_second_channel_when_the_first_is_down_and_once_a_day(company, chats):
    chats[1].up()
    company.later(DAY)
    company.run()
    (words,) = chats[1].took
    assert words.startswith(
        "Done: nothing ended.\nWaits for you: nothing.\nFailed: nothing.\nAbsent: morning-brief (2026-03-03 07:00"
    )
    assert "Spent: 0.00 USD." in words
    assert not re.search(r"\d:\d\dZ", words), "moments are by the operator's clock"
    assert "the repository has no remote" in words
    (run,) = company.runs()
    assert (run.status, run.step("tell").provider) == ("succeeded", "post")
    assert any("did not take it" in one.said for one in findings(company))
    company.later(DAY)
    assert len(chats[1].took) == 2


def test_when_no_channel_takes_it_an_alarm_stays_until_one_does(company, chats):
    chats[1].up()
    company.later(DAY)
    chats[1].took.clear()
    chats[1].down()
    company.later(DAY)
    for _ in range(4):
        company.later(timedelta(hours=1))
    run = company.runs()[-1]
    assert (run.waiting, run.step("tell").status, run.step("tell").code) == ("retry", "deferred", "untold")
    assert [one.kind for one in company.book().alarms.values() if not one.cleared] == ["untold"]
    (said,) = [one for one in findings(company) if one.name == "untold"]
    assert said.grade == "ill"
    assert "a notice to you went nowhere" in said.said
    chats[1].up()
    company.later(DAY)
    assert any("went nowhere" in text for text in chats[1].took)
    assert company.book().runs[run.id].status == "succeeded", "what had waited reached them, too"
    company.run()
    assert not [one for one in company.book().alarms.values() if not one.cleared]
    raised = [one.body for one in company.events() if isinstance(one.body, AlarmRaised | AlarmCleared)]
    assert len({one.alarm for one in raised}) == len(raised) / 2


def test_a_process_that_died_after_telling_tells_nobody_twice(company, chats):
    chats[1].up()
    company.clock.advance(DAY)
    assert ending(company, "run", point="call:after") == DIED
    assert len(chats[1].took) == 1
    company.run()
    (run,) = company.runs()
    assert (run.status, run.step("tell").provider, len(chats[1].took)) == ("succeeded", "post", 1)
