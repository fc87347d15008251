"""Every ill of docs/reference/doctor.md, made to happen, and named in plain words by `doctor` and the morning brief."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest

from engine.app.adapters.registry import front_matter
from engine.app.health import daily_brief, doctor
from engine.app.setup.new_workspace import LETTERS
from engine.app.workspace import sealed_secrets
from engine.cli.main import main
from engine.ledger import Keys
from engine.memory.client import MemoryClient, MemoryLocation
from engine.memory.server import MemoryServer
from engine.memory.service import MemoryService
from engine.model.definitions.settings import MemoryConfig
from engine.model.errors import PermanentError
from engine.model.values.timestamps import stamp
from engine.testing.encoder import HashEncoder
from engine.testing.scenario import Scenario
from engine.vault import GitTree
from tests.counterparts import need, need_module
from tests.simulate.terminal import environment, plainly
from tests.simulate.test_recovery import ONE, dead
from tests.unit.connectors.test_remote import Moody

pytestmark = pytest.mark.slow

LETTER = (LETTERS / "04-support.eml").read_bytes()
SCHEDULED = """\
name: Nightly
stage: auto
on:
  schedule: { cron: "0 3 * * *" }
steps:
  - { id: tell, uses: notify/me, with: { text: Good night } }
"""
FAILING = """\
name: Failing
stage: auto
on:
  manual: {}
steps:
  - { id: list, uses: stripe/invoices, with: { status: overdue } }
"""
MAILBOX = """\
connectors:
  email:
    imap-host: 127.0.0.1
    imap-port: %d
    imap-tls: none
    user: robin@example.com
    password: ${{ secrets.MAIL }}
    mailboxes: { leads: INBOX }
"""
HEALTHY = {"state": "absent"}


def examined(company, *, later=timedelta(0), level=3, memory=HEALTHY):
    now = company.clock.now() + later
    with company.reading() as reading:
        found = doctor.examine(
            company.workspace(), reading, now=now, level=lambda: level, memory=lambda: memory
        )
        return found, daily_brief.render_brief(
            found, reading, now=now, since=now - timedelta(days=1), zone="UTC"
        ).text


def named(company, name, words, **more):
    """The one finding of this name and what the brief says, which has to be the same."""
    found, brief = examined(company, **more)
    said = [one for one in found if one.name == name and one.grade != "ok"]
    assert any(words in one.said for one in said), found
    assert words in brief
    assert all(one.way_out for one in said)


def letter(n: int) -> bytes:
    lines = [one for one in LETTER.splitlines() if not one.lower().startswith(b"message-id:")]
    return b"\r\n".join([b"Message-ID: <ill-%d@example.com>" % n, *lines])


@pytest.fixture
def bare(tmp_path):
    def make(**playbooks: str) -> Scenario:
        files = {f"playbooks/{name}.yaml": text for name, text in playbooks.items()}
        return Scenario.make(tmp_path / "company", files=files, bare=True)

    return make


def test_the_healthy_company_has_nothing_ill(company):
    company.run()
    found, brief = examined(company)
    assert [one for one in found if one.grade == "ill"] == []
    assert "Failed: nothing." in brief


def test_1_a_firing_that_did_not_come(bare):
    company = bare(nightly=SCHEDULED)
    company.run()
    named(company, "absent", "nightly should have run at", later=timedelta(days=2, hours=12))
    company.later(timedelta(days=3))
    assert not [one for one in examined(company)[0] if one.name == "absent"]


def test_2_a_trigger_gone_silent(company):
    for n in range(7):
        company.drop(f"letter-{n}", letter(n))
        company.later(timedelta(hours=2))
    assert not [one for one in examined(company, later=timedelta(hours=12))[0] if one.name == "silent"]
    named(company, "silent", "nothing for 3 d, usually something every 2 h", later=timedelta(days=3))


def test_3_a_secret_that_is_nowhere(company):
    settings = (company.root / "steward.yaml").read_text()
    company.commit(
        {"steward.yaml": f'{settings}\nconnectors: {{ email: {{ password: "${{{{ secrets.LOST }}}}" }} }}\n'}
    )
    named(company, "secret", "the secret LOST is nowhere")


@pytest.mark.parametrize(("days", "words"), [(4, "has waited for 4 d"), (6.5, "silence means no")])
def test_4_a_card_that_waits_too_long(company, days, words):
    company.drop("letter", letter(1))
    company.run()
    named(company, "card", words, later=timedelta(days=days))


def test_5_a_disk_that_is_nearly_full(company):
    """A file system of 150 MB of its own, mounted where the state lies."""
    state = company.workspace().state.path
    moved = state.with_name("moved")
    options = ["-t", "tmpfs", "-o", "size=150m,mode=700", "tmpfs", state]
    shutil.move(state, moved)
    state.mkdir()
    need(
        sys.platform == "linux" and subprocess.run(["mount", *options], check=False).returncode == 0,
        "a mount of one's own",
    )
    try:
        shutil.copytree(moved, state, dirs_exist_ok=True)
        named(company, "disk", "MB are left where the state lies")
        assert [one.grade for one in examined(company)[0] if one.name == "disk"] == ["ill"]
    finally:
        subprocess.run(["umount", "-l", state], check=True)


def test_6_a_clock_before_the_last_event(company):
    company.run()
    named(
        company, "clock", "the clock stands 2 h before the last event", later=timedelta(hours=-2, minutes=-1)
    )


class Encoder(HashEncoder):
    """Passes for the model of a version; loading it may fail."""

    def __init__(self, version, trouble):
        super().__init__(version)
        self.trouble = trouble

    def load(self):
        if self.trouble:
            raise self.trouble


@contextlib.contextmanager
def remembering(company, trouble=None):
    """The memory process of the company's workspace, in a thread: its own server, keeper and index, and the client that asks it."""
    need_module("txtai")
    state = company.workspace().state.path
    place = MemoryLocation(
        root=company.root, state=state, config=MemoryConfig(), entry="nothing.of.this.name"
    )
    client = MemoryClient(place, now=lambda: 0.0)
    keeper = MemoryService(
        folder=state / "memory", encoder=Encoder(client.version, trouble), reading=front_matter,
        tree=lambda commit: contextlib.closing(GitTree.named(company.root, commit)),
    )  # fmt: skip
    server = MemoryServer(keeper, state=state, idle=60.0)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        until = time.monotonic() + 30
        while client.status()["state"] in {"absent", "warming"} and time.monotonic() < until:
            time.sleep(0.01)
        yield keeper, client
    finally:
        server.end()
        thread.join(10)


def test_7_an_index_that_does_not_follow(company):
    with remembering(company) as (keeper, client):
        before = company.workspace().tree.commit
        keeper.answer("sync", {"commit": before})
        assert [
            one.grade for one in examined(company, memory=client.status())[0] if one.name == "memory"
        ] == ["ok"]
        company.commit({"vault/knowledge/new.md": "# New\n\nA price.\n"})
        named(company, "memory", f"the index is of commit {before[:8]}", memory=client.status())


def test_7_an_index_that_failed(company):
    with remembering(company, PermanentError("the model was altered", code="no-memory")) as (_, client):
        named(
            company,
            "memory",
            "full text answers, not the index: the model was altered",
            memory=client.status(),
        )


def test_7_a_model_that_is_not_installed(company):
    absent = {"state": "not installed", "because": "no weights are here", "way-out": "steward memory install"}
    (finding,) = [one for one in examined(company, memory=absent)[0] if one.name == "memory"]
    assert (finding.grade, finding.way_out) == ("look", "steward memory install")
    assert finding.said == "full text answers, not the index: no weights are here"


def test_7_a_note_that_nothing_recalls(company):
    company.commit({"vault/knowledge/long.md": "word " * 250_000, "vault/knowledge/old.md": "\0\1\2 binary"})
    with remembering(company) as (keeper, client):
        keeper.answer("sync", {"commit": company.workspace().tree.commit})
        named(
            company,
            "memory",
            "not or not wholly remembered: vault/knowledge/long.md (",
            memory=client.status(),
        )


def test_8_an_agent_without_a_room(company):
    settings = (company.root / "steward.yaml").read_text()
    company.commit(
        {
            "steward.yaml": f"{settings}\nmodels: {{ default: {{ uses: openai, model: m, key: '${{{{ secrets.K }}}}' }} }}\n"
        }
    )
    named(company, "isolation", "agents have no room", level=0)


def test_9_effects_are_stopped(company):
    company.run()
    company.ask("stop")
    named(company, "stop", "effects are stopped")


def test_10_nobody_knows_whether_it_happened(supplied):
    company = dead(supplied, "opaque", "call:after")
    company.run()
    named(company, "unknown", "nobody knows whether it happened")


def test_11_a_tip_that_does_not_compile(company):
    company.run()
    company.commit({"playbooks/lead-capture.yaml": "name: [broken"})
    named(company, "deployed", "does not compile")


def test_12_a_playbook_that_keeps_failing(bare):
    company = bare(failing=FAILING)
    for _ in range(2):
        company.start("failing")
    assert not [one for one in examined(company)[0] if one.name == "failing"]
    company.start("failing")
    named(company, "failing", "failing failed 3 times in a row")


def test_13_nothing_leaves_the_machine(company):
    named(company, "backup", "no remote")


def test_14_a_connector_that_does_not_answer(supplied, provider):
    """An open breaker hurts now; being asked to wait is only looked at."""
    company = supplied(one=ONE.format(kind="idempotent"))
    provider.behave("429", wait_seconds=3600)
    company.start("one")
    named(company, "limit", "provider asked to wait")
    assert [one.grade for one in examined(company)[0] if one.name == "limit"] == ["look"]
    company.later(timedelta(hours=2))
    provider.behave("503", times=50)
    for _ in range(5):
        company.start("one")
        company.later(timedelta(minutes=2))
    named(company, "breaker", "provider does not answer (unavailable)", later=-timedelta(minutes=2))


def test_15_a_mailbox_that_cannot_be_read(company, monkeypatch):
    """A refused password is an ill; a server that is away is looked at, and keeps nothing else from being examined."""
    server = Moody()
    server.letters.append(letter(1))
    block = MAILBOX % server.port
    company.commit({"steward.yaml": (company.root / "steward.yaml").read_text() + block})
    monkeypatch.setenv("MAIL", "what it was")
    assert [one.grade for one in examined(company)[0] if one.name == "mailbox"] == ["ok"]
    server.password = "another"
    named(company, "mailbox", "leads: 127.0.0.1 refused robin@example.com or its password")
    server.close()
    named(company, "mailbox", "can't be reached")
    found, _ = examined(company)
    assert [one.grade for one in found if one.name == "mailbox"] == ["look"]
    assert {"disk", "isolation", "deployed"} <= {one.name for one in found}


def test_16_a_notice_that_went_nowhere(bare):
    company = bare(nightly=SCHEDULED)
    with_channels(company, "{ to: post, url: http://127.0.0.1:1/hook }")
    company.run()
    company.later(timedelta(days=1))
    named(company, "untold", "a notice to you went nowhere")


def test_17_a_channel_that_takes_no_notice(bare):
    company = bare(nightly=SCHEDULED)
    with_channels(company, "{ to: ntfy, url: http://ntfy.example.com/robin }", "{ to: email }")
    named(company, "notify", "the channel ntfy takes no notice: url is an https address")
    named(company, "notify", "the channel email takes no notice: letters leave this machine only")


def test_17_nowhere_to_be_told(bare):
    named(bare(nightly=SCHEDULED), "notify", "notices to you stay on this machine")


def with_channels(company, *channels):
    settings = (company.root / "steward.yaml").read_text()
    listed = "".join(f"      - {one}\n" for one in channels)
    company.commit({"steward.yaml": f"{settings}\nconnectors:\n  notify:\n    channels:\n{listed}"})


def test_18_a_secret_that_is_older_than_a_year(bare):
    company = bare(nightly=SCHEDULED)
    settings = (company.root / "steward.yaml").read_text().replace("secrets: [env]", "secrets: [keyring]")
    company.commit(
        {"steward.yaml": f'{settings}\nconnectors: {{ email: {{ password: "${{{{ secrets.MAIL }}}}" }} }}\n'}
    )
    company.run()
    keys = Keys.open(company.workspace().state)
    sealed_secrets.keep(keys, "MAIL", "hunter2", now=stamp(company.clock.now()))
    keys.close()
    (said,) = [one.said for one in examined(company, later=timedelta(days=9))[0] if one.name == "secret"]
    assert said == "MAIL is in keyring, set 9 d ago, not used yet"
    named(company, "secret", "MAIL is in keyring, set 366 d ago", later=timedelta(days=366))


def test_19_a_replica_that_stopped(company):
    company.run()
    state = company.workspace().state
    taken = state.path / ".ledger.db-litestream" / "ltx" / "0"
    taken.mkdir(parents=True)
    (said,) = [one for one in examined(company)[0] if one.said == "Litestream follows the ledger"]
    assert said.grade == "ok"
    written = state.ledger.stat().st_mtime
    os.utime(taken, (written - 3600, written - 3600))
    named(company, "backup", "Litestream has taken nothing of the ledger for 1 h")


TOLD = """\
name: Told
stage: approval
on: { email: { mailbox: leads } }
steps:
  - { id: tell, uses: provider/idempotent, with: { text: hello } }
"""


def test_20_a_run_that_failed_with_a_letter_in_hand(supplied, provider):
    """From the first one."""
    company = supplied(told=TOLD)
    provider.behave("400")
    company.drop("letter", letter(1))
    company.run()
    named(company, "failed", "told failed at `tell` failed: http-400")


def test_21_something_that_waits_for_another_try(supplied, provider):
    company = supplied(told=TOLD)
    provider.behave("503", times=10**6)
    company.drop("letter", letter(1))
    company.run(quietly=True)
    named(company, "waiting", "the provider can do nothing now; next try")


def test_22_a_letter_that_was_not_acknowledged(company):
    company.commit({"vault/policy.yaml": "deny: [email/acknowledge]\n"})
    company.drop("letter", letter(1), mailbox="support")
    company.run()
    named(company, "left-out", "not acknowledged in a day: 1 letters (denied: deny email/acknowledge)")


def test_what_is_looked_at_is_told_when_all_is_well(company):
    company.drop("letter", letter(1))
    company.run()
    found, _ = examined(company)
    told = {one.name: one.said for one in found if one.grade == "ok"}
    assert {"stop", "deployed", "trigger", "queue", "clock", "disk", "isolation"} <= set(told)
    said = [one.said for one in found if one.name == "trigger"]
    assert "email → lead-capture: the last one 20 s ago, too few to know a usual gap" in said
    assert any(one.startswith("morning-brief (0 7 * * *): next at 2026-03-03T06:00Z") for one in said)
    assert told["queue"].startswith("1 wait for you, the oldest for ")


def test_others_can_look_at_the_world_beside_it(company):
    def mailbox(workspace, reading):
        yield doctor.HealthFinding(
            name="mailbox", grade="ill", said="INBOX does not answer", way_out="steward log"
        )

    with company.reading() as reading:
        found = doctor.examine(
            company.workspace(),
            reading,
            now=company.clock.now(),
            level=lambda: 3,
            memory=dict,
            probes=(mailbox,),
        )
    assert found[0].said == "INBOX does not answer"


def everything(company):
    """Every file of the repository and the state, with its bytes and when it was last written."""
    files = [one for one in company.folder.rglob("*") if one.is_file()]
    return {one: (one.stat().st_mtime_ns, one.read_bytes()) for one in files}


def test_looking_changes_no_byte_of_the_repository_or_the_state(company, monkeypatch, capsys):
    company.run()
    # A commit that nothing has run yet: to remember it is the owner's business.
    company.commit({"vault/knowledge/new.md": "# New\n"})
    for name, value in {**company.env, "STEWARD_MEMORY": "off"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(company.root)
    # What `verify` found is written down for every later command; here it looked before.
    main(["verify"])
    before = {path: content for path, content in everything(company).items() if path.name != "health"}
    for verb in ("doctor", "doctor --brief", "status", "queue", "verify"):
        main(verb.split())
        assert "".join(capsys.readouterr())
        after = {path: content for path, content in everything(company).items() if path.name != "health"}
        assert after == before, verb


def test_the_command_says_it_and_its_exit_code_too(bare):
    company = bare(failing=FAILING)
    env = environment(company.env, STEWARD_MEMORY="off")
    well = plainly(["doctor", "--json"], cwd=company.root, env=env)
    assert well.code == 0, well.text
    assert {"name", "grade", "said", "way_out"} == set(json.loads(well.text)["data"][0])
    company.ask("stop")
    assert not company.book().runs
    ill = plainly(["doctor"], cwd=company.root, env=env)
    assert ill.code == 1
    assert "steward resume" in ill.text
    assert "effects are stopped" in plainly(["doctor", "--brief"], cwd=company.root, env=env).text
