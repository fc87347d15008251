"""The playbooks and SOPs a new workspace begins with: they compile, their tests pass, and no step or branch is left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.app.adapters import registry
from engine.app.setup import starter_files
from engine.app.workspace import check
from engine.app.workspace.action_catalog import declared, unperformed
from engine.cli.main import main
from engine.model.definitions.diagnostics import Severity
from engine.model.definitions.plan import Stage
from engine.model.errors import PermanentError
from engine.testing.cases.suite import Tests
from engine.vault import commit_all, init_repository

ROOT = Path(starter_files.source())
TESTS = Tests(ROOT)
PLANS = TESTS.folder.plans
FILES = {file.playbook: file for file in TESTS.files()}
LATER = {
    plan.id
    for plan in PLANS.values()
    if any(node.action is not None and node.action.name in unperformed() for node in plan.nodes)
}


def test_there_are_twelve_playbooks_and_no_error_in_them():
    playbooks = [plan for plan in PLANS.values() if plan.source == "playbook"]

    assert len(playbooks) == 12
    assert TESTS.folder.broken == frozenset()


def test_the_only_warnings_are_about_actions_that_nothing_performs():
    found = check.compile_folder(ROOT).diagnostics

    assert {(one.code, one.severity) for one in found} == {("SW307", Severity.WARNING)}
    assert {Path(one.span.path).stem for one in found} == LATER


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PLANS))
def test_every_case_passes_and_every_step_and_branch_is_gone_through(name):
    file = FILES[name]
    results = [TESTS.run(file, case) for case in file.runnable]
    (covered,) = TESTS.coverage([file])

    assert file.diagnostics == ()
    assert [(one.case, one.failures) for one in results if not one.passed] == []
    assert [part.name for part in covered.missing] == []


@pytest.mark.parametrize("name", sorted(PLANS))
def test_it_is_short_says_what_it_is_for_and_goes_no_further_than_approval(name):
    plan = PLANS[name]

    assert len(plan.nodes) <= 15
    assert plan.description
    assert plan.stage in {Stage.SHADOW, Stage.APPROVAL}


def test_every_file_says_which_schema_it_has():
    for path in (ROOT / "playbooks").glob("*.yaml"):
        assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=../schemas/"), (
            path
        )


def test_a_new_workspace_reads_its_leads_with_one_playbook_only():
    readers = [
        plan.id
        for plan in PLANS.values()
        for trigger in plan.triggers
        if trigger.kind == "email" and dict(trigger.params)["mailbox"] == "leads"
    ]

    assert readers == ["lead-capture"]


def test_what_nothing_performs_starts_by_hand_and_stays_in_shadow():
    assert sorted(LATER) == ["month-end-invoices", "overdue-reminders", "refund-handling"]
    for name in LATER:
        assert PLANS[name].stage is Stage.SHADOW
        assert {trigger.kind for trigger in PLANS[name].triggers} == {"manual"}


def test_every_template_is_used_by_a_starter_or_is_a_reply():
    used = {path for plan in PLANS.values() for path, _ in plan.files}
    templates = {path.relative_to(ROOT).as_posix() for path in (ROOT / "vault/templates").rglob("*.md")}

    assert templates - used == set()


def test_nothing_that_is_declared_only_is_performed_by_a_connector_of_the_same_name():
    some: Any = object()
    wired = registry.ConnectorRegistry(
        connectors={"email": some}, readers={"stripe": some}, specs=declared(), unperformed=unperformed()
    )

    assert wired.connector("email/reply") is some
    for ask, action in ((wired.connector, "email/send"), (wired.reader, "stripe/invoices")):
        with pytest.raises(PermanentError, match="do it by hand") as caught:
            ask(action)
        assert caught.value.code == "no-connector"
        assert caught.value.now_true
        assert caught.value.way_out == "steward explain SW307"


@pytest.mark.parametrize("name", ["month-end-invoices", "overdue-reminders", "refund-handling"])
def test_run_for_real_it_fails_before_anything_and_says_what_to_do(name, tmp_path, monkeypatch, capsys):
    starter_files.write(tmp_path / "w", id="012345678901")
    init_repository(tmp_path / "w", "R", "r@example.com")
    commit_all(tmp_path / "w", "one")
    monkeypatch.chdir(tmp_path / "w")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    main(["run", name, *(["charge=ch-1"] if name == "refund-handling" else [])])
    (run,) = {one["run"] for one in logged(capsys) if one["run"]}
    main(["show", run])

    told = capsys.readouterr().out
    assert "failed" in told
    assert "by hand (steward explain SW307)" in told
    assert not [one for one in logged(capsys) if one["type"].startswith("effect.")]


def logged(capsys):
    capsys.readouterr()
    main(["log", "--json"])
    return json.loads(capsys.readouterr().out)["data"]


@pytest.mark.parametrize("name", sorted(unperformed()))
def test_a_declared_action_says_everything_a_reader_asks(name):
    spec = declared()[name]

    assert all(param.description for param in spec.params)
    assert all(field.description for field in spec.outputs)
    if spec.kind.acts:
        assert spec.undo.action or spec.undo.none
        assert spec.undo.action is None or spec.undo.action in unperformed()
