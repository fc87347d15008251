"""Triggers that nothing can fire are named, with the way out; those that something can are not."""

from datetime import UTC, datetime

import pytest

from engine.app.commands import command_bus
from engine.app.health import doctor
from engine.app.setup import new_workspace
from engine.app.workspace import check, unfired_triggers
from engine.app.workspace.workspace import open_workspace
from engine.vault import commit_all

HEAD = "name: A\nstage: approval\non:\n  {on}\nsteps:\n  - {{ id: tell, uses: notify/me, with: {{ text: hi }} }}\n"
HOOK = '{ path: lead, secret: "${{ secrets.FORM }}" }'
DEAD = {
    "a mailbox nobody has": ("email: { mailbox: laeds }", "SW412", "did you mean `leads`?"),
    "a mailbox in another case": ("email: { mailbox: Leads }", "SW412", "did you mean `leads`?"),
    "a mailbox like a path": ("email:\n    mailbox: vault/inbox/leads", "SW412", "connectors.email.mailboxes"),
    "a mailbox whose folder is not there": ("email: { mailbox: billing }", "SW412", "make the folder vault/inbox/billing"),
    "a mailbox in quotes": ('email: { mailbox: "sales" }', "SW412", "vault/inbox/sales"),
    "a webhook": (f"webhook: {HOOK}", "SW413", "until then"),
    "an event nobody sends": ("event: { type: stripe/invoice.paid }", "SW413", "until then"),
}  # fmt: skip
ALIVE = ["email: { mailbox: leads }", "email: { mailbox: support }", "event: { type: email/sent }", "manual: {}",
         'schedule: { cron: "0 7 * * 1" }', "file: { path: vault/inbox/receipts/*.pdf }"]  # fmt: skip


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    new_workspace.make(tmp_path / "w", name="Uma", email="uma@example.org")
    return tmp_path / "w"


def found(root, tmp_path):
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    return [one for one in check.diagnostics(root, env) if one.code in {"SW412", "SW413"}]


@pytest.mark.parametrize("name", DEAD)
def test_check_and_doctor_name_what_never_comes(name, workspace, tmp_path):
    on, code, way = DEAD[name]
    (workspace / "playbooks" / "a.yaml").write_text(HEAD.format(on=on))
    (one,) = found(workspace, tmp_path)
    assert (one.code, one.span.path, one.severity) == (code, "playbooks/a.yaml", "warning")
    assert way in one.hint
    assert "mailbox:" in one.source or "webhook:" in one.source or "event:" in one.source
    assert (one,) == tuple(found(workspace, tmp_path))  # from the cache

    commit_all(workspace, "one more")
    opened = open_workspace(workspace, {"XDG_STATE_HOME": str(tmp_path / "state")})
    opened.state.make()
    reading = command_bus.open_reader(opened)
    try:
        told = doctor.examine(opened, reading, now=datetime.now(UTC), level=lambda: 3, memory=dict, probes=())
    finally:
        reading.close()
    said = [f"{each.grade} {each.said} {each.way_out}" for each in told if each.said.startswith("a: ")]
    assert len(said) == 1
    assert said[0].startswith("look ")
    if code == "SW413" and "webhook" in on:
        assert any(each.name == "secret" and "FORM" in each.said and "FORM" in each.way_out for each in told)


@pytest.mark.parametrize("on", ALIVE)
def test_what_something_can_fire_is_not_named(on, workspace, tmp_path):
    (workspace / "playbooks" / "a.yaml").write_text(HEAD.format(on=on))
    assert found(workspace, tmp_path) == []


def test_a_folder_that_is_made_makes_the_mailbox(workspace, tmp_path):
    (workspace / "playbooks" / "a.yaml").write_text(HEAD.format(on="email: { mailbox: billing }"))
    assert len(found(workspace, tmp_path)) == 1
    (workspace / "vault" / "inbox" / "billing").mkdir()
    assert found(workspace, tmp_path) == []


def test_named_mailboxes_are_the_only_ones(workspace, tmp_path):
    settings = workspace / "steward.yaml"
    block = "connectors:\n  email:\n    mailboxes: { office: vault/inbox/office }\n"
    settings.write_text(settings.read_text() + block)
    names = sorted(one.message.split("`")[1] for one in found(workspace, tmp_path))
    assert names == ["leads", "support"]


def test_a_starter_listens_to_nothing_that_is_not_there(workspace, tmp_path):
    assert found(workspace, tmp_path) == []
    config = open_workspace(workspace, {"XDG_STATE_HOME": str(tmp_path / "state")}).config
    assert unfired_triggers.mailboxes(config, workspace) == {"leads", "support"}
