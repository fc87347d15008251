"""Approve, edit, reject, snooze, expire, stop, undo: what a person decides is what happens, once, and silence is a no."""

import base64
from datetime import timedelta

import pytest

from engine.cli.main import main
from engine.ledger import Keys
from engine.model.events import events as e
from engine.model.values import ids
from engine.testing.scenario import PASSPHRASE, letter

ASKED = """\
name: Asked
stage: approval
on: { manual: {} }
steps:
  - id: tell
    uses: provider/customer
    with: { text: the first words }
"""
HELD = """\
name: Held
stage: approval
on: { manual: {} }
steps:
  - id: tell
    uses: provider/customer
    with: { text: held for a while }
    undo-within: 20s
"""
LEGAL = ASKED.replace("provider/customer", "provider/legal")
SHADOW = ASKED.replace("stage: approval", "stage: shadow")
BUSY = """\
name: Busy
stage: approval
on: { manual: {} }
steps:
  - id: tell
    uses: provider/idempotent
    with: { text: later }
    retry: { attempts: 2, backoff: constant, base: 1h, max: 1h }
"""
SORRY = HELD.replace("on:", "if-failed: undo\non:").replace(
    "steps:\n", "steps:\n  - id: done\n    uses: provider/idempotent\n    with: { text: done at once }\n"
)
BOTH = """\
name: Both
stage: approval
on: { email: { mailbox: leads } }
gates:
  both: { title: Both }
steps:
  - id: first
    uses: email/reply
    with: { body: the first words }
    gate: both
  - id: second
    needs: []
    uses: email/reply
    with: { body: the second words }
    gate: both
    undo-within: 20s
"""
QUESTION = letter("Website check", "Could you give us a quote for a website check?", id="one@example.org")
MORE = letter("Re: Website check", "And one more thing.", id="two@example.org", answers="one@example.org")


@pytest.fixture
def asked(supplied):
    company = supplied(asked=ASKED)
    company.start("asked")
    return company


def sent(company) -> int:
    return sum(isinstance(event.body, e.EffectSucceeded) for event in company.events())


def test_nothing_leaves_before_somebody_said_so(asked, provider):
    asked.run()
    asked.later(timedelta(days=1))
    assert provider.calls() == {}


def test_approve_releases_exactly_the_shown_bytes_once(asked, provider):
    (shown,) = asked.cards()
    proposal = asked.value(asked.runs()[0].step("tell").proposal)
    assert asked.approve(shown).verdict == "accepted"
    asked.run()
    assert list(provider.effects().values()) == [1]
    assert list(provider.bodies().values()) == [digest(proposal)]


def digest(proposal) -> str:
    import hashlib

    return hashlib.sha256(base64.b64decode(proposal["preview"]["body"])).hexdigest()


def test_a_second_press_changes_nothing(asked, provider):
    (shown,) = asked.cards()
    asked.approve(shown)
    again = asked.approve(shown)
    assert (again.verdict, again.exit) == ("noop", 0)
    assert list(provider.calls().values()) == [1]


def test_a_second_press_off_a_terminal_says_that_it_is_done(company, monkeypatch, capsys):
    """It once said that there is no terminal to ask on, as if nothing had left."""
    company.drop("letter", QUESTION)
    company.run()
    card = ids.short(company.cards()[0].card.id)
    monkeypatch.chdir(company.root)
    for name, value in company.env.items():
        monkeypatch.setenv(name, value)
    assert main(["approve", card]) == 2
    assert "Nothing was decided" in capsys.readouterr().err
    company.approve(company.cards()[0])
    assert main(["approve", card]) == 0
    shown = capsys.readouterr()
    assert "already" in shown.out + shown.err


@pytest.mark.parametrize("method", ["fingerprint", "Passphrase"])
def test_only_what_proves_a_person_is_enrolled(asked, monkeypatch, capsys, method):
    monkeypatch.chdir(asked.root)
    monkeypatch.setattr("engine.cli.context.need_person", lambda _verb: None)
    for name, value in asked.env.items():
        monkeypatch.setenv(name, value)
    assert main(["secrets", "enrol", method]) == 2
    assert "steward secrets enrol passphrase" in capsys.readouterr().err
    keys = Keys.open(asked.workspace().state)
    assert keys.get_secret("strength-totp") is None
    keys.close()


def test_another_digest_than_the_shown_one_approves_nothing(asked, provider):
    (shown,) = asked.cards()
    said = asked.ask("approve", target=shown.card.id, digest="0" * 64)
    assert (said.verdict, said.exit) == ("refused", 5)
    assert asked.cards()
    assert provider.calls() == {}


def test_reject_sends_nothing_and_ends_the_run_cancelled(asked, provider):
    (shown,) = asked.cards()
    asked.ask("reject", target=shown.card.id)
    (run,) = asked.runs()
    assert (run.status, provider.calls()) == ("cancelled", {})
    late = asked.approve(shown)
    assert (late.verdict, late.exit) == ("refused", 5)
    assert provider.calls() == {}


def test_silence_is_a_no(asked, provider):
    (shown,) = asked.cards()
    asked.clock.advance(timedelta(days=7))
    said = asked.approve(shown)
    assert (said.verdict, said.exit) == ("refused", 5)
    assert "expired" in said.message
    assert (asked.runs()[0].status, provider.calls()) == ("cancelled", {})


def test_a_card_expires_by_itself(asked, provider):
    asked.later(timedelta(days=7))
    assert asked.cards() == []
    assert [shown.card.status for shown in asked.cards(status="expired")] == ["expired"]
    assert provider.calls() == {}


def test_a_snooze_hides_and_moves_no_expiry(asked):
    (before,) = asked.cards()
    asked.ask("snooze", target=before.card.id, body={"until": "2026-03-04T09:00:00.000000Z"})
    (after,) = asked.cards()
    assert asked.queue() == []
    assert after.card.expires == before.card.expires
    asked.clock.advance(timedelta(days=2))
    assert [one.id for one in asked.queue()] == [before.card.id]
    asked.ask("snooze", target=before.card.id, body={"until": "2027-01-01T00:00:00.000000Z"})
    asked.later(timedelta(days=5))
    assert asked.cards(status="expired")


def test_an_edit_shows_the_difference_and_binds_the_new_bytes(asked, provider):
    (first,) = asked.cards()
    said = asked.edit(first, "other words")
    (second,) = asked.cards()
    assert (said.verdict, said.card) == ("accepted", second.card.id)
    assert (second.text, second.card.replaces) == ("other words", first.card.id)
    assert second.digest != first.digest
    old = asked.approve(first)
    assert (old.verdict, old.exit, provider.calls()) == ("refused", 5, {})
    crossed = asked.ask("approve", target=second.card.id, digest=first.digest)
    assert (crossed.verdict, provider.calls()) == ("refused", {})
    asked.approve(second)
    proposal = asked.value(asked.runs()[0].step("tell").proposal)
    assert proposal["revision"] == 2
    assert list(provider.bodies().items()) == [(proposal["key"], digest(proposal))]


def test_each_revision_has_a_key_of_its_own(asked):
    (first,) = asked.cards()
    asked.edit(first, "other words")
    (second,) = asked.cards()
    asked.edit(second, "still others")
    keys = [event.body.key for event in asked.events() if isinstance(event.body, e.EffectProposed)]
    assert len(set(keys)) == len(keys) == 3


def test_strength_2_needs_the_passphrase(supplied, provider):
    company = supplied(legal=LEGAL)
    company.start("legal")
    (shown,) = company.cards()
    assert shown.card.strength == 2
    for given in ("", "a wrong passphrase"):
        said = company.ask("approve", target=shown.card.id, digest=shown.digest, passphrase=given)
        assert (said.verdict, said.exit) == ("refused", 5)
    assert provider.calls() == {}
    assert company.approve(shown, passphrase=PASSPHRASE).verdict == "accepted"
    assert list(provider.calls().values()) == [1]


def test_a_proof_counts_for_its_own_request_only(supplied, provider):
    """Taken from one request and put on another, over another card, it proves nothing."""
    from dataclasses import replace

    from engine.app.commands import command_bus
    from engine.governance import second_factor
    from engine.ledger import Keys, Ledger

    company = supplied(legal=LEGAL)
    company.start("legal")
    company.start("legal")
    one, two = company.cards()
    state = company.workspace().state
    keys = Keys.open(state)
    given = command_bus.request("approve", actor="robin", target=one.card.id, digest=one.digest)
    proof = second_factor.prove_passphrase(keys, PASSPHRASE, given)
    stolen = command_bus.request("approve", actor="eve", target=two.card.id, digest=two.digest)
    ledger = Ledger.open(state, keys=keys, owner=None)
    ledger.ask(replace(stolen, strength=2, proof=proof))
    company.run()
    decided = ledger.decided(stolen.id)
    ledger.close()
    keys.close()
    assert decided is not None
    assert (decided.verdict, provider.calls()) == ("refused", {})


def test_an_approval_in_shadow_executes_nothing(supplied, provider):
    company = supplied(asked=SHADOW)
    company.start("asked")
    assert company.cards() == []
    assert company.runs()[0].step("tell").status == "previewed"
    assert (company.runs()[0].status, provider.calls()) == ("succeeded", {})


def test_a_changed_thread_asks_again_and_sends_nothing(company):
    company.drop("one", QUESTION)
    company.run()
    (first,) = company.cards()
    left = len(company.outbox())
    company.drop("two", MORE)
    said = company.approve(first)
    assert (said.verdict, said.exit, len(company.outbox())) == ("refused", 5, left)
    mine = [shown for shown in company.cards() if shown.card.replaces == first.card.id]
    assert len(mine) == 1
    assert mine[0].digest != first.digest
    again = company.approve(first)
    assert (again.verdict, again.exit, len(company.outbox())) == ("refused", 5, left)
    assert company.approve(mine[0]).verdict == "accepted"
    assert len(company.outbox()) == left + 1


def test_what_changes_between_approval_and_release_asks_again(company):
    """The thread is looked at once more before the intent, not only when the button is pressed."""
    held = company.root / "playbooks" / "lead-capture.yaml"
    company.commit(
        {
            "playbooks/lead-capture.yaml": held.read_text().replace(
                "    gate: offer\n", "    gate: offer\n    undo-within: 20s\n", 1
            )
        }
    )
    company.drop("one", QUESTION)
    company.run()
    (first,) = company.cards()
    left = len(company.outbox())
    company.ask("approve", target=first.card.id, digest=first.digest, quietly=True)
    assert company.runs()[0].step("reply").status == "held"
    company.drop("two", MORE)
    company.later(timedelta(minutes=1))
    assert len(company.outbox()) == left
    assert [shown.card.replaces for shown in company.cards() if shown.card.run == first.card.run] == [
        first.card.id
    ]


def test_what_has_left_is_not_asked_about_again(company):
    """One card, two letters; the first is gone when the thread changes under the second."""
    company.commit({"playbooks/lead-capture.yaml": BOTH})
    company.drop("one", QUESTION)
    company.run()
    (shown,) = company.cards()
    company.ask("approve", target=shown.card.id, digest=shown.digest, quietly=True)
    (run,) = company.runs()
    assert (run.step("first").status, run.step("second").status) == ("succeeded", "held")
    company.drop("two", MORE)
    company.later(timedelta(minutes=1))
    again = [one for one in company.cards() if one.card.run == run.id]
    assert [[member["step"] for member in one.content["members"]] for one in again] == [["second"]]
    company.approve(again[0])
    left = [data for data in company.outbox().values() if b"the first words" in data]
    assert (len(left), len(company.outbox())) == (1, 2)


def test_held_means_it_can_be_withdrawn(supplied, provider):
    company = supplied(held=HELD)
    company.start("held")
    (shown,) = company.cards()
    company.ask("approve", target=shown.card.id, digest=shown.digest, quietly=True)
    (run,) = company.runs()
    assert run.step("tell").status == "held"
    said = company.ask("undo", target=run.id)
    assert said.verdict == "accepted"
    company.later(timedelta(minutes=1))
    assert (company.runs()[0].status, provider.calls()) == ("cancelled", {})


def test_held_and_left_alone_it_leaves(supplied, provider):
    company = supplied(held=HELD)
    company.start("held")
    (shown,) = company.cards()
    company.approve(shown)
    assert list(provider.effects().values()) == [1]


def test_after_it_left_undo_takes_it_back(asked, provider):
    (shown,) = asked.cards()
    asked.approve(shown)
    (run,) = asked.runs()
    assert asked.ask("undo", target=run.id).verdict == "accepted"
    assert provider.effects()[f"undo {run.step('tell').key}"] == 1
    assert asked.ask("undo", target=run.id).verdict == "refused"


def test_stop_denies_what_was_approved_and_what_comes(supplied, provider):
    company = supplied(held=HELD, asked=ASKED)
    company.start("held")
    (shown,) = company.cards()
    company.ask("approve", target=shown.card.id, digest=shown.digest, quietly=True)
    company.ask("stop", quietly=True)
    company.later(timedelta(minutes=1))
    (run,) = company.runs()
    assert (run.status, run.step("tell").code) == ("failed", "denied: stop")
    company.start("asked")
    assert company.runs()[-1].step("tell").code == "denied: stop"
    assert provider.calls() == {}


def test_an_open_card_can_not_be_approved_while_stopped(asked, provider):
    (shown,) = asked.cards()
    asked.ask("stop")
    said = asked.approve(shown)
    assert (said.verdict, said.exit, provider.calls()) == ("refused", 5, {})
    assert asked.cards()


def test_an_edit_while_stopped_costs_neither_card_nor_run(asked, provider):
    (shown,) = asked.cards()
    asked.ask("stop")
    said = asked.edit(shown, "other words")
    assert (said.verdict, said.exit) == ("refused", 5)
    assert [one.card.id for one in asked.cards()] == [shown.card.id]
    assert not asked.runs()[0].terminal
    assert provider.calls() == {}


def test_a_stop_keeps_what_was_done_although_the_run_fails(supplied, provider):
    """A denied effect fails its run, and `if-failed: undo` would touch the world again."""
    company = supplied(sorry=SORRY)
    company.start("sorry")
    (shown,) = company.cards()
    company.ask("approve", target=shown.card.id, digest=shown.digest, quietly=True)
    company.ask("stop", quietly=True)
    company.later(timedelta(minutes=1))
    (run,) = company.runs()
    assert (run.status, run.step("tell").code) == ("failed", "denied: stop")
    assert not [key for key in provider.effects() if key.startswith("undo ")]
    assert not run.step("done").undone


def test_only_the_passphrase_lifts_a_stop(asked, provider):
    (shown,) = asked.cards()
    asked.ask("stop")
    assert asked.ask("resume").verdict == "refused"
    assert asked.ask("resume", passphrase="not the one").verdict == "refused"
    assert asked.approve(shown).verdict == "refused"
    assert asked.ask("resume", passphrase=PASSPHRASE).verdict == "accepted"
    assert asked.approve(shown).verdict == "accepted"
    assert list(provider.calls().values()) == [1]


def test_the_flag_file_stops_as_well(asked, provider):
    (shown,) = asked.cards()
    (asked.workspace().state.path / "stop").write_text("stopped\n")
    assert asked.approve(shown).verdict == "refused"
    assert provider.calls() == {}


def test_what_is_due_when_the_stop_is_lifted_leaves_in_the_same_pass(supplied, provider):
    company = supplied(busy=BUSY)
    provider.behave("429")
    company.start("busy")
    (company.workspace().state.path / "stop").write_text("stopped\n")
    company.ask("stop")
    company.clock.advance(timedelta(hours=2))
    assert company.ask("resume", passphrase=PASSPHRASE).verdict == "accepted"
    assert company.runs()[0].status == "succeeded"
    assert list(provider.effects().values()) == [1]
    assert not (company.workspace().state.path / "stop").exists()


def test_nothing_is_taken_back_while_stopped(asked, provider):
    (shown,) = asked.cards()
    asked.approve(shown)
    asked.ask("stop")
    said = asked.ask("undo", target=asked.runs()[0].id)
    assert (said.verdict, said.exit) == ("refused", 5)
    assert not [key for key in provider.effects() if key.startswith("undo ")]


def test_a_decision_survives_the_process_that_took_it(asked):
    (shown,) = asked.cards()
    one = asked.ask("approve", id="pressed", target=shown.card.id, digest=shown.digest)
    two = asked.ask("approve", id="pressed", target=shown.card.id, digest=shown.digest)
    assert one == two
    assert sent(asked) == 1
